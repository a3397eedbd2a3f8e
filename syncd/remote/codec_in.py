"""From an answer's bytes to records: tolerant of how a shop writes, strict about what comes in, by description.

`split` finds the records of an answer and hashes them without decoding; `decode` makes a `Record` of one. What cannot
be taken becomes `Broken` with the path that failed, and the rest goes on. Secrets that no description names are dropped
here, at every depth, so that nothing behind this line ever sees them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

from syncd.domain.record import Broken, Element, Item, Json, Record, Value
from syncd.domain.resource import Child, Field, Kind, Resource
from syncd.errors import NotUnderstood
from syncd.remote.envelope import Envelope, Row, text_of, unwrap
from syncd.remote.settings import RemoteSettings
from syncd.remote.values import Reader, Unfit, check_names, clean, readers, secret_name

#: api2 puts the sold product whole into a line item, under this key; the line item's own columns are taken from it.
EMBEDDED: Final = "project"
KEY_CHARS_MAX: Final = 200
_API2_NAMES: Final = ("entries", "list", "entry")


@dataclass(frozen=True, slots=True)
class _Plan:
    """A description made ready for reading: which wire key goes to which column, and how."""

    flat: tuple[tuple[str, str, Reader], ...]
    aliased: tuple[tuple[str, tuple[str, ...], Reader], ...]
    nested: tuple[tuple[str, tuple[tuple[str, tuple[str, ...], Reader], ...]], ...]
    known: frozenset[str]
    borrowed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Sheet:
    """The plans of a resource and of its child lists."""

    own: _Plan
    lists: tuple[tuple[Child, tuple[str, ...], _Plan], ...]
    known: frozenset[str]


class Codec:
    """Reads answers of one shop. Compiles each description once."""

    def __init__(self, settings: RemoteSettings) -> None:
        self._chars_max = settings.text_chars_max
        self._readers = readers(settings.tz, settings.text_chars_max)
        self._sheets: dict[str, _Sheet] = {}
        self._plans: dict[str, _Plan] = {}

    def split(self, resource: Resource, body: bytes) -> tuple[Envelope, tuple[Item | Broken, ...] | None]:
        """The records of an answer, not decoded; None where the answer holds no list and no record.

        Raises NotUnderstood where the answer is not JSON."""
        text = text_of(body)
        names = tuple(dict.fromkeys((resource.plural, resource.singular, *_API2_NAMES)))
        envelope = unwrap(text, names, resource.key)
        if envelope.rows is None:
            return envelope, None
        raw = body if len(text) == len(body) else None
        return envelope, tuple(self._item(resource, text, raw, row) for row in envelope.rows)

    def decode(self, resource: Resource, item: Item) -> Record | Broken:
        """The record of an item. Never raises."""
        sheet = self._sheet(resource)
        try:
            fields, extra = self._fields(sheet.own, item.wire, sheet.known)
            children = {}
            for child, keys, plan in sheet.lists:
                for key in keys:
                    if key in item.wire:
                        children[child.name] = self._elements(child, key, plan, item.wire[key])
                        break
        except Unfit as problem:
            return Broken(item.key, problem.path or resource.singular, problem.reason, problem.sample)
        return Record(fields, children, extra)

    def elements(self, child: Child, body: bytes) -> tuple[Element, ...] | Broken:
        """A child list that has an address of its own. Raises NotUnderstood where the answer holds none."""
        names = [child.name, *child.aliases, child.name.removesuffix("s"), child.name.removesuffix("es")]
        envelope = unwrap(text_of(body), tuple(dict.fromkeys((*names, *_API2_NAMES))), "id")
        if envelope.rows is None and not envelope.is_empty:
            raise NotUnderstood(f"The shop's answer holds no {child.name}.")
        rows = envelope.rows or []
        for row in rows:
            if row.failure:
                return Broken("", row.place, row.failure)
        try:
            return self._elements(child, child.name, self._plan(child), [row.value for row in rows])
        except Unfit as problem:
            return Broken("", problem.path, problem.reason, problem.sample)

    def _item(self, resource: Resource, text: str, raw: bytes | None, row: Row) -> Item | Broken:
        if row.failure:
            return Broken("", row.place, row.failure)
        if not isinstance(row.value, dict):
            return Broken("", row.place, "an object was expected", Unfit("", row.value).sample)
        key, problem = self._key(resource, row.value)
        if problem:
            place = f"{row.place}.{problem.path}" if row.place else problem.path
            return Broken("", place, problem.reason, problem.sample)
        if raw is not None:
            slice_ = raw[row.start : row.end]
        else:
            slice_ = text[row.start : row.end].encode("utf-8", "surrogateescape")
        print_ = blake2b(slice_, digest_size=16).digest()
        return Item(key, print_, self._stamp(resource, row.value), row.value)

    def _key(self, resource: Resource, wire: Mapping[str, Any]) -> tuple[str, Unfit | None]:
        field = resource.by_name[resource.key]
        raw = wire.get(resource.key)
        if raw is None:
            return "", Unfit("the record has no key", path=resource.key)
        try:
            value = self._readers[field.kind](raw)
        except Unfit as problem:
            return "", problem.under(resource.key)
        key = "" if value is None else str(value)
        if not key.strip():
            return "", Unfit("the record has no key", path=resource.key)
        if len(key) > KEY_CHARS_MAX:
            return "", Unfit(f"the key is longer than {KEY_CHARS_MAX} characters", path=resource.key)
        return key, None

    def _stamp(self, resource: Resource, wire: Mapping[str, Any]) -> datetime | None:
        """The changed-at. One that cannot be read is none; `decode` will say what is wrong with it."""
        raw = wire.get(resource.stamp) if resource.stamp else None
        try:
            moment = self._readers[Kind.TIME](raw) if raw is not None else None
        except Unfit:
            return None
        return moment if isinstance(moment, datetime) else None

    def _fields(
        self, plan: _Plan, wire: Mapping[str, Any], known: frozenset[str]
    ) -> tuple[dict[str, Value], dict[str, Json]]:
        """The columns of one object and what no column takes. Raises Unfit."""
        fields: dict[str, Value] = {}
        extra: dict[str, Json] = {}
        check_names(wire)
        key = ""
        try:
            for name, key, read in plan.flat:
                if key in wire:
                    raw = wire[key]
                    fields[name] = None if raw is None else read(raw)
            for name, keys, read in plan.aliased:
                for key in keys:
                    if key in wire and name not in fields:
                        raw = wire[key]
                        fields[name] = None if raw is None else read(raw)
            for key, inner in plan.nested:
                if key in wire:
                    rest = self._embedded(inner, wire[key], fields)
                    if rest:
                        extra[key] = rest
            for key in wire:
                if key not in known and not secret_name(key):
                    extra[key] = clean(wire[key], self._chars_max, 1)
        except Unfit as problem:
            raise problem.under(key) from None
        return fields, extra

    def _embedded(
        self, inner: tuple[tuple[str, tuple[str, ...], Reader], ...], raw: Any, fields: dict[str, Value]
    ) -> Json:
        """Flatten an embedded object into columns; what no column takes is given back. Null is null in every column."""
        if raw is not None and not isinstance(raw, dict):
            raise Unfit("an object was expected", raw)
        check_names(raw or {})
        taken = set()
        for name, path, read in inner:
            value: Any = raw
            for step in path:
                value = value.get(step, _MISSING) if isinstance(value, dict) else value
            if value is not _MISSING:
                try:
                    fields[name] = None if value is None else read(value)
                except Unfit as problem:
                    raise problem.under(".".join(path)) from None
                if len(path) == 1:
                    taken.add(path[0])
        return clean({k: v for k, v in raw.items() if k not in taken}, self._chars_max, 1) if raw else None

    def _elements(self, child: Child, key: str, plan: _Plan, raw: Any) -> tuple[Element, ...]:
        """The elements of a list; a list of one may come as that one object."""
        if isinstance(raw, dict):
            raw = [raw]
        elif raw is None and child.single:
            return ()
        elif not isinstance(raw, list):
            raise Unfit("a list was expected", raw, path=key)
        found = []
        for place, wire in enumerate(raw):
            if not isinstance(wire, dict):
                raise Unfit("an object was expected", wire, path=f"{key}[{place}]")
            try:
                fields, extra = self._fields(plan, _unwrapped(plan, wire), plan.known)
            except Unfit as problem:
                raise problem.under(f"{key}[{place}]") from None
            found.append(Element(fields, extra))
        return tuple(found)

    def _sheet(self, resource: Resource) -> _Sheet:
        sheet = self._sheets.get(resource.name)
        if sheet is None:
            own = self._compiled(resource.fields)
            lists = tuple((c, (c.name, *c.aliases), self._plan(c)) for c in resource.children)
            known = own.known.union(*(keys for _, keys, _ in lists))
            sheet = self._sheets[resource.name] = _Sheet(own, lists, known)
        return sheet

    def _plan(self, child: Child) -> _Plan:
        plan = self._plans.get(child.table)
        if plan is None:
            plan = self._plans[child.table] = self._compiled(child.fields, borrows=True)
        return plan

    def _compiled(self, fields: tuple[Field, ...], *, borrows: bool = False) -> _Plan:
        read = self._readers
        flat = tuple((f.name, f.wire_path[0], read[f.kind]) for f in fields if len(f.wire_path) == 1)
        aliased = tuple((f.name, f.aliases, read[f.kind]) for f in fields if f.aliases)
        deep: dict[str, list[tuple[str, tuple[str, ...], Reader]]] = {}
        for f in fields:
            if len(f.wire_path) > 1:
                deep.setdefault(f.wire_path[0], []).append((f.name, f.wire_path[1:], read[f.kind]))
        nested = tuple((key, tuple(inner)) for key, inner in deep.items())
        known = frozenset((*(key for _, key, _ in flat), *(a for f in fields for a in f.aliases), *deep))
        borrowed = tuple(f.name for f in fields if f.name != "id") if borrows and EMBEDDED not in known else ()
        return _Plan(flat, aliased, nested, known, borrowed)


_MISSING: Final = object()


def _unwrapped(plan: _Plan, wire: dict[str, Any]) -> dict[str, Any]:
    """An element whose columns partly lie in an embedded product: they are lifted out, the rest stays under its key."""
    inner = wire.get(EMBEDDED)
    if not isinstance(inner, dict) or not plan.borrowed:
        return wire
    lifted = {name: inner[name] for name in plan.borrowed if name in inner and name not in wire}
    return {**wire, **lifted, EMBEDDED: {k: v for k, v in inner.items() if k not in lifted}}


@lru_cache(maxsize=64)
def codec_for(settings: RemoteSettings) -> Codec:
    """The codec of these settings: shops with equal settings share its compiled descriptions."""
    return Codec(settings)
