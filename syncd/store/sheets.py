"""One mirror table and its twin as SQL texts, and the codec between their rows and a record's fields.

Made once per table and database. Must not decide anything: what is written is what it is told.
"""

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from syncd.domain.record import Json, Value
from syncd.domain.resource import Child, Field, Kind
from syncd.domain.resources import BY_NAME
from syncd.store.dialect import Dialect, Row
from syncd.store.kinds import DECODE, Unreadable, as_object, json_text
from syncd.store.schema import base_name

PARENT_LEAD = ("row_id", "shop_id")
CHILD_LEAD = (*PARENT_LEAD, "parent_row_id", "ordinal")
DATES = ("deleted_at", "synced_at")


class Sheet:
    """A table: `columns` are those that mirror and twin share, in the order of `pack` after the lead columns."""

    def __init__(self, table: str, fields: Sequence[Field], lead: tuple[str, ...], dialect: Dialect) -> None:
        self.table = table
        self.twin = base_name(table)
        self.lead = lead
        self.columns = (*lead, *(field.name for field in fields), "extra")
        self._dialect = dialect
        self._names = tuple(field.name for field in fields)
        self._kinds = {field.name: field.kind for field in fields} | {"extra": Kind.JSON}
        self._encode = [
            (place, dialect.encode[field.kind]) for place, field in enumerate(fields) if field.kind in dialect.encode
        ]
        self._decode = [*((field.name, DECODE[field.kind]) for field in fields), ("extra", as_object)]
        self._selects: dict[tuple[object, ...], str] = {}

    def pack(self, fields: Mapping[str, Value], extra: Mapping[str, Json]) -> Row:
        """The values of a row, without its lead; missing fields are NULL."""
        row: list[Any] = [*map(fields.get, self._names), json_text(extra) if extra else None]
        for place, encode in self._encode:
            value = row[place]
            if value is not None:
                row[place] = encode(value)
        return tuple(row)

    def pack_one(self, name: str, value: Value | Mapping[str, Json]) -> Any:
        """One value of a row, `extra` too."""
        if value is None or (name == "extra" and not value):
            return None
        encode = self._dialect.encode.get(self._kinds[name])
        return encode(value) if encode else value

    def unpack(
        self, row: Sequence[Any], unreadable: MutableMapping[str, str] | None = None, prefix: str = ""
    ) -> tuple[dict[str, Value], dict[str, Json]]:
        """Fields and extra of a row without its lead. What does not decode is left out and named in `unreadable`;
        raises Unreadable where that is not given."""
        fields: dict[str, Value] = {}
        for (name, decode), found in zip(self._decode, row, strict=True):
            try:
                fields[name] = None if found is None else decode(found)
            except Unreadable as error:
                if unreadable is None:
                    raise
                unreadable[prefix + name] = str(error)
        extra = fields.pop("extra", None)
        return fields, extra if isinstance(extra, dict) else {}

    def select(self, table: str, by: str, *, more: tuple[str, ...] = (), hold: bool = False) -> str:
        """Lead, fields and `more` of the rows whose column `by` is among those listed; children in their order."""
        wanted = (table, by, more, hold)
        if wanted not in self._selects:
            self._selects[wanted] = self._select(table, by, more, hold=hold)
        return self._selects[wanted]

    def _select(self, table: str, by: str, more: tuple[str, ...], *, hold: bool) -> str:
        columns = [self._dialect.plain(f'"{name}"', self._kinds.get(name, Kind.INT)) for name in self.columns]
        order = "parent_row_id, ordinal IS NULL, ordinal, row_id" if "ordinal" in self.lead else "row_id"
        return (
            f'SELECT {", ".join([*columns, *more])} FROM "{table}" WHERE {self._dialect.among(by)}'  # noqa: S608
            f" ORDER BY {order}{self._dialect.hold if hold else ''}"
        )

    def update(self, table: str, names: Sequence[str], by: str = "row_id") -> str:
        """Set the named columns of one row."""
        mark = self._dialect.mark
        sets = ", ".join(f'"{name}" = {mark}' for name in names)
        return f'UPDATE "{table}" SET {sets} WHERE {by} = {mark}'  # noqa: S608

    def differing(self) -> str:
        """A condition: mirror row m and twin row b do not hold the same. Places among siblings do not count."""
        lead = ("parent_row_id",) if "parent_row_id" in self.lead else ("shop_id",)
        parts = []
        for name in (*lead, *self._names, "extra"):
            kind = self._kinds.get(name, Kind.INT)
            left, right = (self._dialect.plain(f'{side}."{name}"', kind) for side in "mb")
            parts.append(f"{left} {self._dialect.differs} {right}")
        return " OR ".join(parts)


@dataclass(frozen=True, slots=True)
class Family:
    """The sheet of a resource with those of its child lists."""

    parent: Sheet
    children: Mapping[str, tuple[Child, Sheet]]
    changed: str


@cache
def family(resource: str, dialect: Dialect) -> Family:
    """The sheets of a resource by its name."""
    known = BY_NAME[resource]
    parent = Sheet(known.table, known.fields, PARENT_LEAD, dialect)
    children = {child.name: (child, Sheet(child.table, child.fields, CHILD_LEAD, dialect)) for child in known.children}
    parts = [_changed(parent, "row_id", dialect)]
    parts += [_changed(sheet, "parent_row_id", dialect) for _, sheet in children.values()]
    return Family(parent, children, " UNION ".join(parts) + " ORDER BY 1")


def _changed(sheet: Sheet, of: str, dialect: Dialect) -> str:
    """The records within a range of row ids that differ in this table. Six parameters: shop, low, high, twice."""
    where = f"shop_id = {dialect.mark} AND {{}}.{of} BETWEEN {dialect.mark} AND {dialect.mark}"
    mirror, twin = f'"{sheet.table}"', f'"{sheet.twin}"'
    same_row = f"m.row_id = b.row_id AND m.{of} = b.{of}"
    return (
        f"SELECT m.{of} FROM {mirror} m LEFT JOIN {twin} b ON b.row_id = m.row_id"  # noqa: S608
        f" WHERE m.{where.format('m')} AND (b.row_id IS NULL OR {sheet.differing()})"
        f" UNION SELECT b.{of} FROM {twin} b LEFT JOIN {mirror} m ON {same_row}"
        f" WHERE b.{where.format('b')} AND (m.row_id IS NULL OR m.shop_id <> b.shop_id)"
    )
