"""Records, patches and parts of them as JSON text, and back: how the outbox and conflicts keep them.

The text is canonical (keys sorted, no spaces), so equal values have equal texts. Decimals are written as text, times as
ISO 8601 in UTC; the resource's description says what they were. Must not know tables.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from syncd.domain.decision import Absent, Part
from syncd.domain.patch import Act, ElementChange, Patch
from syncd.domain.record import Element, Record, Value
from syncd.domain.resource import Child, Field, Kind, Resource
from syncd.store.kinds import json_text


def part_text(part: Part) -> str:
    """A part of a record (or all of it) for people and for keeps; empty where there is none."""
    return "" if isinstance(part, Absent) else json_text(_shown(part))


def _shown(part: Any) -> Any:
    if isinstance(part, Record):
        lists = {name: [_shown(element) for element in elements] for name, elements in part.children.items()}
        return {**_values(part.fields), **lists, **({"extra": part.extra} if part.extra else {})}
    if isinstance(part, Element):
        return {**_values(part.fields), **({"extra": part.extra} if part.extra else {})}
    return _value(part)


def record_text(record: Record) -> str:
    """A record whole, row ids of its elements included."""
    return json_text(_record(record))


def read_record(resource: Resource, text: str) -> Record:
    """The record of `record_text`."""
    wire = json.loads(text)
    children = {
        name: tuple(_read_element(resource.child_by_name.get(name), each) for each in elements)
        for name, elements in wire["children"].items()
    }
    return Record(_read(resource.by_name, wire["fields"]), children, wire["extra"])


def patch_text(patch: Patch) -> str:
    """A patch whole."""
    children = {name: [_change(change) for change in changes] for name, changes in patch.children.items()}
    return json_text({"fields": _values(patch.fields), "children": children})


def read_patch(resource: Resource, text: str) -> Patch:
    """The patch of `patch_text`."""
    wire = json.loads(text)
    children = {
        name: tuple(_read_change(resource.child_by_name.get(name), each) for each in changes)
        for name, changes in wire["children"].items()
    }
    return Patch(_read(resource.by_name, wire["fields"]), children)


# --- out --------------------------------------------------------------------------------------------------------------


def _record(record: Record) -> dict[str, Any]:
    lists = {name: [_element(element) for element in elements] for name, elements in record.children.items()}
    return {"fields": _values(record.fields), "children": lists, "extra": record.extra}


def _element(element: Element) -> dict[str, Any]:
    return {"fields": _values(element.fields), "extra": element.extra, "row_id": element.row_id}


def _change(change: ElementChange) -> dict[str, Any]:
    return {
        "act": change.act.value,
        "path": change.path,
        "fields": _values(change.fields),
        "before": None if change.before is None else _element(change.before),
        "after": None if change.after is None else _element(change.after),
    }


def _values(fields: Mapping[str, Value]) -> dict[str, Any]:
    return {name: _value(value) for name, value in fields.items()}


def _value(value: Value) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return str(value) if isinstance(value, Decimal) else value


# --- in ---------------------------------------------------------------------------------------------------------------


def _read(described: Mapping[str, Field], values: Mapping[str, Any]) -> dict[str, Value]:
    return {name: _typed(described[name].kind, value) if name in described else value for name, value in values.items()}


def _typed(kind: Kind, value: Any) -> Value:
    if isinstance(value, str) and kind is Kind.DECIMAL:
        return Decimal(value)
    if isinstance(value, str) and kind is Kind.TIME:
        return datetime.fromisoformat(value).astimezone(UTC)
    return value  # type: ignore[no-any-return]


def _read_element(child: Child | None, wire: Mapping[str, Any]) -> Element:
    return Element(_read(child.by_name if child else {}, wire["fields"]), wire["extra"], wire["row_id"])


def _read_change(child: Child | None, wire: Mapping[str, Any]) -> ElementChange:
    return ElementChange(
        Act(wire["act"]),
        wire["path"],
        _read(child.by_name if child else {}, wire["fields"]),
        None if wire["before"] is None else _read_element(child, wire["before"]),
        None if wire["after"] is None else _read_element(child, wire["after"]),
    )
