"""What changed between two images of a record, as history keeps it: by path, before and after, as JSON text."""

import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from syncd.domain.canonical import same
from syncd.domain.record import Record
from syncd.domain.resource import Resource


def differences(resource: Resource, before: Record | None, after: Record | None) -> dict[str, tuple[str, str]]:
    """What changed between two images of a record, by path, as JSON text; lists as a whole where they differ."""
    if after is None:
        return {}
    was = before.fields if before is not None else {}
    found = {
        name: (_text(was.get(name)), _text(value))
        for name, value in after.fields.items()
        if name in resource.by_name and name != resource.stamp
        if not same(resource.by_name[name].kind, was.get(name), value)
    }
    for name, elements in after.children.items():
        earlier = before.children.get(name, ()) if before is not None else ()
        one, other = [dict(e.fields) for e in earlier], [dict(e.fields) for e in elements]
        if one != other:
            found[name] = (_text(one), _text(other))
    return found


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no plain form")
