"""A record as every part of syncd sees it: canonical values, and the difference between missing and null.

A key that is absent from `Record.fields` (or `children`) is *missing*: this shape of the record does not carry it, and
what we have stays. A key whose value is None is *null*. Must not know how values are sent or stored.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

Json = None | bool | int | float | str | list[Any] | dict[str, Any]
Value = None | bool | int | str | Decimal | datetime | list[Any] | dict[str, Any]


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a child list. `row_id` is the mirror row that holds it, None for one that has no row yet; it is
    a place, not content, and takes no part in comparisons."""

    fields: Mapping[str, Value]
    extra: Mapping[str, Json] = field(default_factory=dict)
    row_id: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Record:
    """One record, or the part of it that was seen. `extra` holds fields that no description names."""

    fields: Mapping[str, Value]
    children: Mapping[str, tuple[Element, ...]] = field(default_factory=dict)
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Item:
    """A record as it came in an answer, not decoded yet.

    `fingerprint` is the hash of its bytes; equal fingerprints of one shape mean equal content. `stamp` is the shop's
    changed-at, where the shape carries one. `wire` is the parsed object.
    """

    key: str
    fingerprint: bytes
    stamp: datetime | None
    wire: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Broken:
    """A record that cannot be taken: `path` is where it failed, `sample` a short harmless excerpt.

    `key` is empty where even the key is missing."""

    key: str
    path: str
    reason: str
    sample: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a listing. `ticket` is the budget ticket of the read; `served_at` the server's own time."""

    items: tuple[Item | Broken, ...]
    ticket: int
    served_at: datetime | None = None
    total: int | None = None
    digest: bytes = b""  # hash of the whole page's keys and fingerprints: tells a repeated page


@dataclass(frozen=True, slots=True)
class Shape:
    """What one shape of a resource (its list form, its detail form) has been seen to carry.

    A field that a shape carries but one record lacks is empty in that record; a field that it never carries is missing.
    """

    fields: frozenset[str] = frozenset()
    children: frozenset[str] = frozenset()

    def widened(self, record: Record) -> "Shape":
        """The shape after `record` was seen in it."""
        if self.fields.issuperset(record.fields) and self.children.issuperset(record.children):
            return self
        return Shape(self.fields | record.fields.keys(), self.children | record.children.keys())

    def covers(self, other: "Shape") -> bool:
        """Whether everything that `other` carries is carried here too."""
        return self.fields >= other.fields and self.children >= other.children


def filled(record: Record, shape: Shape) -> Record:
    """`record` with null for every field, and no elements for every list, that its shape carries and it lacks."""
    fields: dict[str, Value] = dict(record.fields)
    for name in sorted(shape.fields - fields.keys()):
        fields[name] = None
    children = dict(record.children)
    for name in sorted(shape.children - children.keys()):
        children[name] = ()
    return replace(record, fields=fields, children=children)
