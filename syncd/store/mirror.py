"""The mirror tables and their base twins: records in and out, whole, with their child rows.

Knows rows and SQL, not which of the two images is right: what to write is decided before and handed in. Runs inside a
transaction that somebody else began.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection

from syncd.domain.ledger import Images
from syncd.domain.record import Element, Record
from syncd.domain.resource import Kind, Resource
from syncd.store.dialect import Row, dialect_of
from syncd.store.elements import placed
from syncd.store.guard import own_writes
from syncd.store.images import Reading
from syncd.store.sheets import DATES, Family, Sheet, family


class Mirror:
    """`ports.MirrorTable` on one connection. `hold` keeps loaded rows until the end of the transaction."""

    def __init__(self, connection: Connection, *, hold: bool) -> None:
        self._connection = connection
        self._dialect = dialect_of(connection)
        self._hold = hold

    # --- new records ---------------------------------------------------------------------------------------------

    def insert(self, shop_id: int, resource: Resource, records: Sequence[Record], at: datetime) -> list[int]:
        """Write new records to mirror and base alike; returns their row ids, in order."""
        if not records:
            return []
        own_writes(self._connection)
        known = family(resource.name, self._dialect)
        sheet = known.parent
        row_ids = self._dialect.new_ids(self._connection, sheet.table, len(records))
        rows = [
            (row_id, shop_id, *sheet.pack(record.fields, record.extra))
            for row_id, record in zip(row_ids, records, strict=True)
        ]
        self._insert(sheet.twin, sheet.columns, rows)
        dates = (None, self._moment(at))
        self._insert(sheet.table, (*sheet.columns, *DATES), [row + dates for row in rows])
        for name, (_, lines) in known.children.items():
            self._insert_elements(shop_id, name, lines, row_ids, records)
        return list(row_ids)

    def _insert_elements(
        self, shop_id: int, name: str, sheet: Sheet, row_ids: Sequence[int], records: Sequence[Record]
    ) -> None:
        found = [
            (row_id, ordinal, element)
            for row_id, record in zip(row_ids, records, strict=True)
            for ordinal, element in enumerate(record.children.get(name, ()))
        ]
        if not found:
            return
        own_ids = self._dialect.new_ids(self._connection, sheet.table, len(found))
        rows = [
            (own_id, shop_id, row_id, ordinal, *sheet.pack(element.fields, element.extra))
            for own_id, (row_id, ordinal, element) in zip(own_ids, found, strict=True)
        ]
        self._insert(sheet.twin, sheet.columns, rows)
        self._insert(sheet.table, sheet.columns, rows)

    def load(self, shop_id: int, resource: Resource, row_ids: Sequence[int]) -> dict[int, Images]:
        """Both images of each row. A row that somebody else holds is left out; one that is nowhere has none."""
        known = family(resource.name, self._dialect)
        return Reading(self._connection, self._dialect, known, hold=self._hold).load(shop_id, row_ids)

    # --- changes -------------------------------------------------------------------------------------------------

    def write(
        self,
        shop_id: int,
        resource: Resource,
        before: Images,
        local: Record | None,
        base: Record | None,
        at: datetime,
    ) -> None:
        """Make the two images `local` and `base`; only what differs from `before` is written.

        None means that this image is not there: a row that was is removed, one that was not is not made. A field or
        list that is missing in a new image stays as it is."""
        own_writes(self._connection)
        known = family(resource.name, self._dialect)
        changes = self._row_changes(known.parent, before.local, local)
        if local is not None and "shop_id" in before.unreadable:
            changes["shop_id"] = shop_id
        dates = {"synced_at": self._moment(at)}
        self._write_row(known, known.parent.table, (shop_id, before.row_id), before.local, local, changes, dates)
        changes = self._row_changes(known.parent, before.base, base)
        self._write_row(known, known.parent.twin, (shop_id, before.row_id), before.base, base, changes, {})
        if local is None and base is None:
            # A user who deletes a record leaves its elements behind; with its base they go too.
            for _, sheet in known.children.values():
                self._remove(sheet.table, "parent_row_id", [before.row_id])
            return
        for name, (child, sheet) in known.children.items():
            old_local = before.local.children.get(name, ()) if before.local else ()
            old_base = before.base.children.get(name, ()) if before.base else ()
            new_local = local.children.get(name) if local else None
            new_base = base.children.get(name) if base else None
            if new_local is None and new_base is None:
                continue
            barred = self._moved_away(sheet, old_local, new_local or ())
            new_local, new_base = placed(child, new_local, new_base, barred, partial(self._new_ids, sheet.table))
            place = (shop_id, before.row_id)
            self._write_elements(sheet, sheet.table, place, old_local, new_local)
            self._write_elements(sheet, sheet.twin, place, old_base, new_base)

    def _row_changes(self, sheet: Sheet, old: Record | Element | None, new: Record | Element | None) -> dict[str, Any]:
        """Column values that the row lacks."""
        if old is None or new is None:
            return {}
        changes = {
            name: sheet.pack_one(name, value)
            for name, value in new.fields.items()
            if name not in old.fields or old.fields[name] != value
        }
        if old.extra != new.extra:
            changes["extra"] = sheet.pack_one("extra", new.extra)
        return changes

    def _write_row(
        self,
        known: Family,
        table: str,
        place: tuple[int, int],
        old: Record | None,
        new: Record | None,
        changes: dict[str, Any],
        dates: dict[str, Any],
    ) -> None:
        sheet, row_id = known.parent, place[1]
        twin = table == sheet.twin
        if new is None and old is None:
            return
        if new is None or old is None:
            # Child rows may have outlived a row that a user deleted; a new row starts without them.
            for _, child in known.children.values():
                self._remove(child.twin if twin else child.table, "parent_row_id", [row_id])
        if new is None:
            self._remove(table, "row_id", [row_id])
        elif old is None:
            row = (*place[::-1], *sheet.pack(new.fields, new.extra), *dates.values())
            self._insert(table, (*sheet.columns, *dates), [row])
        elif changes:
            values = changes | dates
            self._connection.exec_driver_sql(sheet.update(table, tuple(values)), (*values.values(), row_id))

    def _moved_away(self, sheet: Sheet, old: Sequence[Element], new: Sequence[Element]) -> frozenset[int]:
        """The numbers in `new` that hold an element of another record: a user moved it there, and there it stays."""
        known = {element.row_id for element in old}
        asked = [e.row_id for e in new if e.row_id is not None and e.row_id not in known]
        if not asked:
            return frozenset()
        there = f'SELECT row_id FROM "{sheet.table}" WHERE {self._dialect.among("row_id")}'  # noqa: S608
        return frozenset(row[0] for row in self._rows(there, (self._dialect.listed(asked),)))

    def _write_elements(
        self,
        sheet: Sheet,
        table: str,
        place: tuple[int, int],
        old: Sequence[Element],
        new: Sequence[Element] | None,
    ) -> None:
        if new is None:
            return
        shop_id, row_id = place
        known = {element.row_id: element for element in old}
        kept = {element.row_id for element in new}
        self._remove(table, "row_id", [e.row_id for e in old if e.row_id is not None and e.row_id not in kept])
        rows: list[Row] = []
        for ordinal, element in enumerate(new):
            before = known.get(element.row_id)
            if before is None:
                values = sheet.pack(element.fields, element.extra)
                rows.append((element.row_id, shop_id, row_id, ordinal, *values))
            elif changes := self._row_changes(sheet, before, element):
                statement = sheet.update(table, tuple(changes))
                self._connection.exec_driver_sql(statement, (*changes.values(), element.row_id))
        self._insert(table, sheet.columns, rows)
        if [element.row_id for element in old] != [element.row_id for element in new]:
            mark = self._dialect.mark
            moved = f"{sheet.update(table, ('ordinal',))} AND ordinal {self._dialect.differs} {mark}"
            orders = [(ordinal, element.row_id, ordinal) for ordinal, element in enumerate(new)]
            self._dialect.many(self._connection, moved, orders)

    # --- tombstones, counts, comparison --------------------------------------------------------------------------

    def bury(self, shop_id: int, resource: Resource, row_ids: Sequence[int], at: datetime) -> None:
        """Mark rows as gone from the shop. They stay, with their last content; base stays too."""
        moment = self._moment(at)
        self._mark_deleted(shop_id, resource, row_ids, (moment, moment), "IS NULL")

    def revive(self, shop_id: int, resource: Resource, row_ids: Sequence[int], at: datetime) -> None:
        """Take the mark away: the shop shows them again."""
        self._mark_deleted(shop_id, resource, row_ids, (None, self._moment(at)), "IS NOT NULL")

    def _mark_deleted(self, shop_id: int, resource: Resource, row_ids: Sequence[int], dates: Row, now: str) -> None:
        if not row_ids:
            return
        own_writes(self._connection)
        mark, among = self._dialect.mark, self._dialect.among("row_id")
        statement = (
            f'UPDATE "{resource.table}" SET deleted_at = {mark}, synced_at = {mark}'  # noqa: S608
            f" WHERE shop_id = {mark} AND {among} AND deleted_at {now}"
        )
        self._connection.exec_driver_sql(statement, (*dates, shop_id, self._dialect.listed(row_ids)))

    def count(self, shop_id: int, resource: Resource) -> int:
        """Rows that are no tombstones."""
        statement = (
            f'SELECT count(*) FROM "{resource.table}"'  # noqa: S608
            f" WHERE shop_id = {self._dialect.mark} AND deleted_at IS NULL"
        )
        return int(self._rows(statement, (shop_id,))[0][0])

    def changed(self, shop_id: int, resource: Resource, low_row_id: int, high_row_id: int) -> list[int]:
        """The row ids from low to high, both included, where mirror and base are not the same."""
        known = family(resource.name, self._dialect)
        tables = 1 + len(known.children)
        parameters = (shop_id, low_row_id, high_row_id) * 2 * tables
        return [row[0] for row in self._rows(known.changed, parameters)]

    # --- SQL -----------------------------------------------------------------------------------------------------

    def _rows(self, statement: str, parameters: Row) -> Sequence[Any]:
        return self._connection.exec_driver_sql(statement, parameters).fetchall()

    def _insert(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        self._dialect.insert(self._connection, table, columns, rows)

    def _remove(self, table: str, by: str, row_ids: Sequence[int]) -> None:
        if row_ids:
            statement = f'DELETE FROM "{table}" WHERE {self._dialect.among(by)}'  # noqa: S608
            self._connection.exec_driver_sql(statement, (self._dialect.listed(row_ids),))

    def _new_ids(self, table: str, count: int) -> Sequence[int]:
        return self._dialect.new_ids(self._connection, table, count)

    def _moment(self, at: datetime) -> Any:
        encode = self._dialect.encode.get(Kind.TIME)
        return encode(at) if encode else at
