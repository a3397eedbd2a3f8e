"""The shops, watched: what clients wrote into them, under which names records were made, and over whose values.

A value that the shop's own people set may be written over only by somebody who had seen it: in the mirror when he
typed (`seen`), or not at all where it came in the gap between the last look at the record and the write.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

import orjson

from syncd.simulator.shop import SimShop
from syncd.simulator.wire import Reply, Request
from syncd.simulator.world import SimWorld

ENVELOPES: Final = {
    "product": ("products", "title"),
    "category": ("categories", "title"),
    "customer": ("customers", "email"),
    "order": ("orders", "order_number"),
}
TYPED: Final = re.compile(r"\bL\d+\.")
"""What people here type: every value is written once in a run."""
THEIRS: Final = re.compile(r"R\d+\.$")
"""The same of the shop's own people."""
_VALUE: Final = re.compile(r'"([^"]*)"')
_RECORD: Final = re.compile(r"/api2?/(\w+)/([^/]+)\.json")


class Witness(SimWorld):
    """A world that remembers. `seen` is what a typed value stood over, in the mirror, when it was typed."""

    def __init__(self, shops: Iterable[SimShop]) -> None:
        super().__init__(shops)
        self.taken: list[str] = []
        self.made: Counter[str] = Counter()
        self.seen: dict[str, str] = {}
        self.chosen: set[str] = set()  # typed values that a person decided for in a conflict
        self.wished: list[tuple[str, str]] = []  # as JSON: what stood there, and what a person wants there instead
        self.set_at: dict[str, float] = {}  # when the shop's people set a value, by that value
        self.unseen: list[str] = []
        self._looked: dict[tuple[str, str, str], float] = {}

    def answer(self, request: Request) -> Reply:
        """The shop's reply, after which the witness knows more."""
        shop, inner = self.route(request)
        if shop is None or not inner.path.startswith("/api"):
            return super().answer(request)
        place = _RECORD.fullmatch(inner.path)
        before = _flat(shop, place.group(1), place.group(2)) if place and inner.method == "PUT" else {}
        reply = super().answer(request)
        if reply.status < 300:
            if inner.method == "GET":
                if place:
                    self._looked[shop.name, place.group(1), place.group(2)] = shop.clock()
            else:
                self._note(shop, inner, before)
        return reply

    def _note(self, shop: SimShop, request: Request, before: dict[str, Any]) -> None:
        body = request.body.decode()
        self.taken.append(body)
        content = orjson.loads(body) if body else {}
        if request.method == "POST" and isinstance(content, dict):
            self._count(shop.name, request.path, content, body)
        place = _RECORD.fullmatch(request.path)
        if place and request.method == "PUT":
            at = self._looked.get((shop.name, place.group(1), place.group(2)), 0.0)
            for field, old, new in _overwritten(content, before):
                if self.set_at.get(old, at) < at and not self._knew(new, old):
                    self.unseen.append(f"{shop.name}: {request.path} {field}: {new} over {old}, which nobody had seen")

    def _count(self, shop: str, path: str, content: dict[str, Any], body: str) -> None:
        for envelope, (resource, name) in ENVELOPES.items():
            record = content.get(envelope)
            if isinstance(record, dict) and path.removeprefix("/api").removeprefix("2") == f"/{resource}.json":
                self.made[f"{shop} {resource} {record.get(name)}"] += 1
                return
        for value in TYPED.findall(body):
            self.made[f"{shop} {path} {value}"] += 1

    def _knew(self, new: str, old: str) -> bool:
        """Whether whoever wants `new` stood before `old`, or before what somebody wanted who did."""
        if TYPED.match(new) and new in self.chosen:
            return True
        reached, latest = {new}, [new]
        while latest:
            value = latest.pop()
            below = {self.seen[value]} - {""} if TYPED.match(value) and value in self.seen else set()
            for was, again in self.wished:
                if f'"{value}"' in again:
                    below |= set(_VALUE.findall(was))
            latest += sorted(below - reached)
            reached |= below
        return old in reached - {new}


def _flat(shop: SimShop, resource: str, key: str) -> dict[str, Any]:
    return (shop.record(resource, key) or {}) if resource in shop.shelves else {}


def _overwritten(content: Any, before: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The fields of a body that replace a value of the shop's people: name, their value, the new one."""
    for inside in content.values() if isinstance(content, dict) else ():
        for name, new in inside.items() if isinstance(inside, dict) else ():
            old = before.get(name)
            if isinstance(old, str) and THEIRS.fullmatch(old) and new != old:
                yield name, old, str(new)
