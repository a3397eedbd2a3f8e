"""Rows with the remote id of another row: people delete and insert anew (`REPLACE`, a reloaded export), or copy a row.

Where the row that held the id is gone and exactly one new row has it, that one is the same record: base, ledger and all
that is known of it move over. A second living row with a held id is parked and never pushed (design section 9).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select, update

from syncd.domain.change import ChangeState, Rekeyed
from syncd.domain.record import Broken
from syncd.domain.resource import Resource
from syncd.store.books import Books
from syncd.store.dialect import dialect_of
from syncd.store.guard import own_writes
from syncd.store.ledger import Ledger
from syncd.store.schema import CONFLICTS, HINTS, HISTORY, MIRROR, OUTBOX, REFUSALS, REFUSED_EDITS, base_name

_UNDER_WAY = (ChangeState.SENDING.value, ChangeState.IN_DOUBT.value)


def rekeyed(connection: Connection, shop_id: int, resource: Resource, row_ids: Sequence[int], at: datetime) -> Rekeyed:
    """Look at touched rows; see `ports.LocalTable`."""
    if not row_ids:
        return Rekeyed(frozenset(), frozenset())
    return _Rekeying(connection, shop_id, resource).all(row_ids, at)


class _Rekeying:
    def __init__(self, connection: Connection, shop_id: int, resource: Resource) -> None:
        self._connection = connection
        self._dialect = dialect_of(connection)
        self._shop_id = shop_id
        self._resource = resource
        self._kind = resource.by_name[resource.key].kind

    def all(self, row_ids: Sequence[int], at: datetime) -> Rekeyed:
        """Move what is the same record, park what is a second one."""
        claimants, holders = self._claimants(row_ids)
        doubles: dict[int, tuple[str, int]] = {}
        later: set[int] = set()
        moved: list[int] = []
        for key, rows in claimants.items():
            holder, is_there = holders[key]
            if is_there or len(rows) > 1:
                doubles |= {row_id: (key, holder) for row_id in rows if not self._under_way(row_id)}
            elif self._under_way(holder, rows[0]):
                later |= {holder, rows[0]}
            else:
                self._move(key, holder, rows[0])
                moved.append(rows[0])
        books, name = Books(self._connection), self._resource.name
        single = [row_id for row_id in (*row_ids, *moved) if row_id not in doubles]
        books.unpark(self._shop_id, name, [_place(row_id) for row_id in single])
        broken = [
            Broken(_place(row_id), self._resource.key, f"row {holder} has this {self._resource.key} already", key)
            for row_id, (key, holder) in doubles.items()
        ]
        books.park(self._shop_id, name, broken, at)
        return Rekeyed(frozenset(doubles), frozenset(later))

    def _claimants(self, row_ids: Sequence[int]) -> tuple[dict[str, list[int]], dict[str, tuple[int, bool]]]:
        """By key: the living rows without base that have it, and the row that the ledger gives it to, with whether that
        row is there. Only keys that a living record has."""
        mirror, twin = self._resource.table, base_name(self._resource.table)
        asked = self._keys(mirror, "row_id", row_ids)
        agreed = self._keys(twin, "row_id", row_ids)
        keys = [key for row_id, key in {**asked, **agreed}.items() if (row_id in asked) != (row_id in agreed)]
        keys = list(dict.fromkeys(keys))
        lines = Ledger(self._connection).find(self._shop_id, self._resource.name, [str(key) for key in keys])
        held = {key: line.row_id for key, line in lines.items() if line.gone_at is None}
        wanted = [key for key in keys if str(key) in held]
        living = self._keys(mirror, self._resource.key, wanted, " AND deleted_at IS NULL")
        based = self._keys(twin, "row_id", [*living])
        claimants: defaultdict[str, list[int]] = defaultdict(list)
        for row_id, key in living.items():
            if row_id not in based and row_id != held[str(key)]:
                claimants[str(key)].append(row_id)
        there = self._keys(mirror, "row_id", [held[key] for key in claimants], key_needed=False)
        return dict(claimants), {key: (held[key], held[key] in there) for key in claimants}

    def _keys(
        self, table: str, by: str, values: Sequence[Any], more: str = "", *, key_needed: bool = True
    ) -> dict[int, Any]:
        """Row id to remote id of this shop's rows whose column `by` is among the values, by row id."""
        if not values:
            return {}
        mark = self._dialect.mark
        among = self._dialect.among("row_id") if by == "row_id" else self._dialect.among(f'"{by}"', self._kind)
        wanted = (
            f'SELECT row_id, "{self._resource.key}" FROM "{table}"'  # noqa: S608
            f" WHERE shop_id = {mark} AND {among}{more} ORDER BY row_id"
        )
        rows = self._connection.exec_driver_sql(wanted, (self._shop_id, self._dialect.listed(values)))
        return {row[0]: row[1] for row in rows if row[1] is not None or not key_needed}

    def _under_way(self, *row_ids: int) -> bool:
        place = (OUTBOX.c.shop_id == self._shop_id, OUTBOX.c.resource == self._resource.name)
        changes = select(OUTBOX.c.id).where(*place, OUTBOX.c.row_id.in_(row_ids), OUTBOX.c.state.in_(_UNDER_WAY))
        return self._connection.execute(changes.limit(1)).first() is not None

    def _move(self, key: str, old: int, new: int) -> None:
        """The record of row `old` is in row `new` now, with all that is known of it."""
        own_writes(self._connection)
        self._set(MIRROR.tables[base_name(self._resource.table)], "row_id", old, new)
        for child in self._resource.children:
            table, twin = MIRROR.tables[child.table], MIRROR.tables[base_name(child.table)]
            own = select(table.c.row_id).where(table.c.parent_row_id == new).limit(1)
            if self._connection.execute(own).first() is None:
                self._set(table, "parent_row_id", old, new)
            else:  # the new row came with elements of its own
                self._connection.execute(delete(table).where(table.c.parent_row_id == old))
            self._set(twin, "parent_row_id", old, new)
        line = Ledger(self._connection).find(self._shop_id, self._resource.name, [key])[key]
        Ledger(self._connection).put(self._shop_id, self._resource.name, [replace(line, row_id=new)])
        for table in (OUTBOX, CONFLICTS, REFUSALS):
            # What was made of the new row while nobody knew whose it is.
            self._connection.execute(delete(table).where(*self._of(table, new)))
        for table in (OUTBOX, CONFLICTS, REFUSALS, REFUSED_EDITS, HISTORY, HINTS):
            self._connection.execute(update(table).where(*self._of(table, old)).values(row_id=new))

    def _set(self, table: Any, column: str, old: int, new: int) -> None:
        self._connection.execute(update(table).where(table.c[column] == old).values({column: new}))

    def _of(self, table: Any, row_id: int) -> tuple[Any, ...]:
        return (table.c.shop_id == self._shop_id, table.c.resource == self._resource.name, table.c.row_id == row_id)


def _place(row_id: int) -> str:
    """How a row is parked that has no key of its own."""
    return f"row_id={row_id}"
