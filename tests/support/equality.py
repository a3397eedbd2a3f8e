"""Is the mirror what the shop is? Compares the simulated shop's own dump with the tables, by plain SQL.

Independent of syncd's codec and store on purpose: values are read with plain SQL and compared in a form of this file's
own. For a shop that leaves empties out, empty, null and left out are alike (`empties_alike`).
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from sqlalchemy import Connection, create_engine, make_url, text

from syncd.domain.resource import Child, Field, Kind, Resource
from syncd.store.database import sqlite_module

Wire = Mapping[str, Any]
Plain = Callable[[Kind, Any], Any]


def differences(
    url: str,
    shop_id: int,
    resource: Resource,
    dump: Mapping[str, Wire],
    *,
    empties_alike: bool = False,
    at_most: int = 10,
) -> list[str]:
    """What differs between the live mirror rows of a resource and the shop's dump (key -> full record), in words."""
    address = make_url(url)
    # Two SQLite libraries on one file in one process undo each other's locks: this must be the one that syncd uses.
    sqlite = {"module": sqlite_module()} if address.get_backend_name() == "sqlite" else {}
    engine = create_engine(address, **sqlite)
    plain = _alike if empties_alike else _plain
    try:
        with engine.connect() as connection:
            return list(islice(_differences(connection, shop_id, resource, dump, plain), at_most))
    finally:
        engine.dispose()


def _differences(
    connection: Connection, shop_id: int, resource: Resource, dump: Mapping[str, Wire], plain: Plain
) -> Iterable[str]:
    rows = connection.execute(
        text(f"SELECT * FROM {resource.table} WHERE shop_id = :shop AND deleted_at IS NULL"), {"shop": shop_id}
    )
    mirror: dict[str, Mapping[str, Any]] = {}
    for row in rows.mappings():
        key = str(row[resource.key])
        if key in mirror:
            yield f"{resource.name}/{key} stands twice in the mirror"
        mirror[key] = row
    for key in sorted(dump.keys() - mirror.keys()):
        yield f"{resource.name}/{key} is missing in the mirror"
    for key in sorted(mirror.keys() - dump.keys()):
        yield f"{resource.name}/{key} is not in the shop"
    children = {child.name: _children(connection, shop_id, child) for child in resource.children}
    for key in sorted(dump.keys() & mirror.keys()):
        yield from _record(resource, key, dump[key], mirror[key], children, plain)


def _children(connection: Connection, shop_id: int, child: Child) -> dict[int, list[Mapping[str, Any]]]:
    found: dict[int, list[Mapping[str, Any]]] = {}
    rows = connection.execute(
        text(f"SELECT * FROM {child.table} WHERE shop_id = :shop ORDER BY parent_row_id, ordinal"), {"shop": shop_id}
    )
    for row in rows.mappings():
        found.setdefault(row["parent_row_id"], []).append(row)
    return found


def _record(
    resource: Resource,
    key: str,
    wire: Wire,
    row: Mapping[str, Any],
    children: Mapping[str, Mapping[int, Sequence[Mapping[str, Any]]]],
    plain: Plain,
) -> Iterable[str]:
    place = f"{resource.name}/{key}"
    yield from _fields(place, resource.fields, wire, row, plain)
    for child in resource.children:
        theirs = [element for element in (wire.get(child.name) or []) if element]
        ours = list(children[child.name].get(row["row_id"], ()))
        if len(theirs) != len(ours):
            yield f"{place}.{child.name}: the shop has {len(theirs)}, the mirror {len(ours)}"
            continue
        left = sorted((_image(child.fields, element, plain, wire=True) for element in theirs), key=repr)
        right = sorted((_image(child.fields, element, plain, wire=False) for element in ours), key=repr)
        for one, other in zip(left, right, strict=True):
            if one != other:
                yield f"{place}.{child.name}: {one} became {other}"
    yield from _extras(place, resource, wire, row)


def _extras(place: str, resource: Resource, wire: Wire, row: Mapping[str, Any]) -> Iterable[str]:
    """Top-level scalars that no description names are kept in `extra`."""
    extra = row["extra"]
    kept = json.loads(extra) if isinstance(extra, str) else (extra or {})
    named = {field.wire_path[0] for field in resource.fields} | {child.name for child in resource.children}
    secret = ("token", "secret", "password", "key")
    for name, value in wire.items():
        plain = isinstance(value, (str, int, float, bool)) and value != ""
        if name in named or not plain or any(part in name.lower() for part in secret):
            continue
        if kept.get(name) != value:
            yield f"{place}.extra.{name}: {value!r} became {kept.get(name)!r}"


def _fields(place: str, fields: Sequence[Field], wire: Wire, row: Mapping[str, Any], plain: Plain) -> Iterable[str]:
    for field in fields:
        theirs, ours = plain(field.kind, _at(wire, field.wire_path)), plain(field.kind, row[field.name])
        if theirs != ours:
            yield f"{place}.{field.name}: {theirs!r} became {ours!r}"


def _image(fields: Sequence[Field], source: Mapping[str, Any], plain: Plain, *, wire: bool) -> list[Any]:
    return [plain(f.kind, _any(source, f) if wire else source[f.name]) for f in fields]


def _any(wire: Wire, field: Field) -> Any:
    value = _at(wire, field.wire_path)
    for alias in field.aliases:
        value = wire.get(alias) if value is None else value
    return value


def _at(wire: Any, path: Sequence[str]) -> Any:
    for step in path:
        wire = wire.get(step) if isinstance(wire, Mapping) else None
    return wire


def _alike(kind: Kind, value: Any) -> Any:
    """One form for what means the same, where a shop leaves empties out: those of every kind become None."""
    return _plain(kind, value) or None


def _plain(kind: Kind, value: Any) -> Any:
    """One form for what means the same."""
    if value is None or (value == "" and kind is not Kind.TEXT):
        return None
    match kind:
        case Kind.FLAG:
            return bool(int(value))
        case Kind.INT:
            return int(value)
        case Kind.DECIMAL:
            return Decimal(str(value)).normalize()
        case Kind.TIME:
            return _moment(value)
        case Kind.JSON:
            return json.loads(value) if isinstance(value, str) else value
        case Kind.TEXT:
            return str(value)


def _moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        at = value
    else:
        whole, dot, rest = str(value).partition(".")
        digits = "".join(character for character in rest[:7] if character.isdigit())
        zone = rest[len(digits) :] if dot else ""
        at = datetime.fromisoformat(f"{whole}{zone}")
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)
