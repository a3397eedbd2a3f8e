"""What an answer says as a whole: how many records there are, a digest that tells a repeated page, the one meant."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from hashlib import blake2b
from typing import Any

from syncd.domain.record import Broken, Item
from syncd.remote.values import Unfit, read_int

_TOTALS = ("total", "count")


def digest(items: Iterable[Item | Broken]) -> bytes:
    """The hash of a page's keys and contents, in order: equal for the same page asked for again."""
    page = blake2b(digest_size=16)
    for item in items:
        mark = item.fingerprint if isinstance(item, Item) else item.reason.encode()
        page.update(f"{item.key}\0{len(mark)}\0".encode("utf-8", "surrogatepass"))
        page.update(mark)
    return page.digest()


def picked(items: tuple[Item | Broken, ...], key: str) -> Item | Broken | None:
    """The record that was asked for. A single broken one without a key can be no other."""
    for item in items:
        if item.key == key:
            return item
    if len(items) == 1 and isinstance(items[0], Broken) and not items[0].key:
        return replace(items[0], key=key)
    return None


def total_of(facts: Mapping[str, Any]) -> int | None:
    """How many records there are in all, from the members of an api2 envelope or of count.json, or from a bare number.

    None where it does not say, or says something that is no count."""
    for name in (*_TOTALS, ""):
        if name in facts:
            try:
                total = read_int(facts[name])
            except Unfit:
                return None
            return total if total is not None and total >= 0 else None
    return None
