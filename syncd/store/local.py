"""Local edits: the hints that triggers left, grouped by record, and the slow comparison that finds what no trigger saw.

A hint of a trigger has no date: whoever notices it first stamps it. A hint without row and key asks for a scan of its
resource. Must not know what an edit leads to.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, case, func, literal, or_, select, update

from syncd.domain.change import ChangeState, Rekeyed, Touch
from syncd.domain.ledger import HintSource, Images
from syncd.domain.record import Element
from syncd.domain.resource import Kind, Resource
from syncd.store import loose
from syncd.store.dialect import dialect_of
from syncd.store.hints import Hints
from syncd.store.mirror import Mirror
from syncd.store.rekeying import rekeyed
from syncd.store.schema import HINTS, LEDGER, OUTBOX, SHOPS, base_name

_H = HINTS.c
_EDITS = (HintSource.LOCAL.value, HintSource.SCAN.value)
_TOLD = (*_EDITS, HintSource.PERSON.value)
_HIGHEST = 2**63 - 1
_O = OUTBOX.c
_TO_LEAVE = (ChangeState.HELD.value, ChangeState.READY.value)

_LINE = and_(
    _H.row_id.is_(None), LEDGER.c.shop_id == _H.shop_id, LEDGER.c.resource == _H.resource, LEDGER.c.key == _H.key
)
_ROW = func.coalesce(_H.row_id, LEDGER.c.row_id)


class Local:
    """`ports.LocalTable` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._dialect = dialect_of(connection)

    def touched(self, shop_id: int, at: datetime, limit: int) -> list[Touch]:
        """Up to `limit` rows that were edited, the longest waiting first; hints not noticed before are stamped."""
        fresh = (_H.shop_id == shop_id, _H.source.in_(_EDITS), _H.left_at.is_(None))
        named = or_(_H.row_id.is_not(None), _H.key.is_not(None))
        self._connection.execute(update(HINTS).where(*fresh, named).values(left_at=at))
        seqs = func.aggregate_strings(func.cast(_H.seq, HINTS.c.resource.type), ",")
        edits = func.sum(case((_H.source == HintSource.LOCAL.value, 1), else_=0))
        # On PostgreSQL people may commit more hints between these two statements: those are noticed now as well.
        left_at = func.coalesce(_H.left_at, literal(at, _H.left_at.type))
        wanted = _waiting(shop_id, _H.resource, _ROW, func.max(left_at, type_=_H.left_at.type), seqs, edits)
        ordered = wanted.group_by(_H.resource, _ROW).order_by(func.min(_H.left_at), func.min(_H.seq)).limit(limit)
        return [
            Touch(resource, row_id, last_at, tuple(sorted(map(int, seqs.split(",")))), edits > 0)
            for resource, row_id, last_at, seqs, edits in self._connection.execute(ordered)
        ]

    def count_touched(self, shop_id: int) -> dict[str, int]:
        """How many rows of each resource were edited and are not settled."""
        counted = _waiting(shop_id, _H.resource, func.count(_ROW.distinct())).group_by(_H.resource)
        return {row[0]: row[1] for row in self._connection.execute(counted.order_by(_H.resource))}

    def settle(self, shop_id: int, seqs: Sequence[int]) -> None:
        """Forget hints that were acted on."""
        Hints(self._connection).settle(shop_id, seqs)

    def rekeyed(self, shop_id: int, resource: Resource, row_ids: Sequence[int], at: datetime) -> Rekeyed:
        """Match rows that people inserted with the remote id of a row that they deleted; park second holders."""
        return rekeyed(self._connection, shop_id, resource, row_ids, at)

    def unclaimed(self, shop_id: int, resource: Resource) -> list[Images]:
        """New rows that were edited, are not agreed on with the shop, and have no change in the outbox."""
        mark, mirror, twin = self._dialect.mark, f'"{resource.table}"', f'"{base_name(resource.table)}"'
        wanted = (
            f"SELECT DISTINCT h.row_id FROM sync_hints h JOIN {mirror} m"  # noqa: S608
            " ON m.row_id = h.row_id AND m.shop_id = h.shop_id"
            f" WHERE h.shop_id = {mark} AND h.resource = {mark} AND h.source IN ('local', 'scan')"
            f" AND m.deleted_at IS NULL AND NOT EXISTS (SELECT 1 FROM {twin} b WHERE b.row_id = h.row_id)"
            " AND NOT EXISTS (SELECT 1 FROM sync_outbox o WHERE o.shop_id = h.shop_id AND o.resource = h.resource"
            " AND o.row_id = h.row_id) ORDER BY 1"
        )
        rows = self._rows(wanted, (shop_id, resource.name))
        images = Mirror(self._connection, hold=False).load(shop_id, resource, rows)
        return [images[row_id] for row_id in rows if row_id in images]

    def loose(self, shop_id: int, resource: Resource, row_id: int) -> list[tuple[str, Element]]:
        """The elements, by list, of a row that is nowhere."""
        return loose.loose(self._connection, shop_id, resource, row_id)

    def clear(self, shop_id: int, resource: Resource, row_id: int) -> None:
        """Take those elements away."""
        loose.clear(self._connection, shop_id, resource, row_id)

    def fresh(self, after: int) -> dict[int, tuple[int, int]]:
        """Of each shop with hints behind `after` that nobody noticed yet: how many, and the place of the newest."""
        return {row[0]: (row[1], row[2]) for row in self._connection.execute(_fresh(), {"after": after})}

    # --- the slow comparison -------------------------------------------------------------------------------------

    def scan_wanted(self, shop_id: int) -> list[str]:
        """The resources of which a scan was asked for."""
        asked = (_H.shop_id == shop_id, _H.source == HintSource.SCAN.value, _H.row_id.is_(None), _H.key.is_(None))
        rows = select(_H.resource).where(*asked).distinct().order_by(_H.resource)
        return list(self._connection.execute(rows).scalars())

    def scan(self, shop_id: int, resource: Resource, low_row_id: int, rows: int, at: datetime) -> int | None:
        """Leave a hint for every row that differs from base, in a range of about `rows` rows from `low_row_id` on, but
        for those whose change is still to leave: they are compared then.

        Returns where the next range starts, None after the last. A start at 0 or below is the beginning, and answers
        what asked for the scan."""
        if low_row_id <= 0:
            low_row_id = -_HIGHEST
            self._answer(shop_id, resource)
        ends = (self._end(table, low_row_id, rows) for table in (resource.table, base_name(resource.table)))
        following = min((end for end in ends if end is not None), default=None)
        high = _HIGHEST if following is None else following - 1
        place = (shop_id, low_row_id, high)
        found = {*Mirror(self._connection, hold=False).changed(shop_id, resource, low_row_id, high)}
        found |= {*self._rows(_misdated(resource, self._dialect.mark), (resource.name, *place) * 2)}
        if found:
            there = (*place * (1 + len(resource.children)), *place, resource.name)
            found &= {*self._rows(self._there(resource), there)}
        if found:
            found -= {*self._connection.execute(_waiting(shop_id, _ROW).where(_H.resource == resource.name)).scalars()}
        if found:
            # Thousands that the brake holds would otherwise be weighed anew at each scan, for nothing.
            claimed = (_O.shop_id == shop_id, _O.resource == resource.name, _O.state.in_(_TO_LEAVE))
            found -= {*self._connection.execute(select(_O.row_id).where(*claimed)).scalars()}
        self._leave(shop_id, resource, sorted(found), at)
        return following

    def _answer(self, shop_id: int, resource: Resource) -> None:
        asked = (_H.shop_id == shop_id, _H.resource == resource.name, _H.source == HintSource.SCAN.value)
        self._connection.execute(HINTS.delete().where(*asked, _H.row_id.is_(None), _H.key.is_(None)))

    def _end(self, table: str, low: int, rows: int) -> int | None:
        mark = self._dialect.mark
        nth = f'SELECT row_id FROM "{table}" WHERE row_id >= {mark} ORDER BY row_id LIMIT 1 OFFSET {mark}'  # noqa: S608
        found = self._rows(nth, (low, max(rows, 1)))
        return found[0] if found else None

    def _there(self, resource: Resource) -> str:
        """The rows of a range of which a decision can be made, those without a record of which elements lie about among
        them: not another shop's records, not tombstones that people cleared away."""
        mark = self._dialect.mark
        within = f"shop_id = {mark} AND {{0}}.row_id BETWEEN {mark} AND {mark}"
        mirror, twin = f'"{resource.table}"', f'"{base_name(resource.table)}"'
        other = f"SELECT 1 FROM {twin} b WHERE b.row_id = m.row_id AND b.shop_id <> m.shop_id"  # noqa: S608
        gone = (
            "SELECT 1 FROM sync_ledger l WHERE l.shop_id = b.shop_id AND l.row_id = b.row_id"  # noqa: S608
            f" AND l.resource = {mark} AND l.gone_at IS NOT NULL"
            f" AND NOT EXISTS (SELECT 1 FROM {mirror} m WHERE m.row_id = b.row_id)"
        )
        alone = "".join(f"{each} UNION " for each in loose.parents(resource, self._dialect))
        return (
            f"{alone}SELECT m.row_id FROM {mirror} m WHERE m.{within.format('m')} AND NOT EXISTS ({other})"  # noqa: S608
            f" UNION SELECT b.row_id FROM {twin} b WHERE b.{within.format('b')} AND NOT EXISTS ({gone})"
        )

    def _leave(self, shop_id: int, resource: Resource, row_ids: Sequence[int], at: datetime) -> None:
        encode = self._dialect.encode.get(Kind.TIME)
        moment = encode(at) if encode else at
        rows = [(shop_id, resource.name, row_id, HintSource.SCAN.value, moment) for row_id in row_ids]
        marks = ", ".join([self._dialect.mark] * 5)
        statement = f"INSERT INTO sync_hints (shop_id, resource, row_id, source, left_at) VALUES ({marks})"  # noqa: S608
        self._dialect.many(self._connection, statement, rows)

    def _rows(self, statement: str, parameters: tuple[Any, ...]) -> list[int]:
        return [row[0] for row in self._connection.exec_driver_sql(statement, parameters)]


@cache  # asked at every commit of anybody: to build it costs more than to run it
def _fresh() -> Select[Any]:
    """Hints behind a place that nobody noticed yet: by shop how many, and the place of the newest."""
    new = and_(_H.shop_id == SHOPS.c.id, _H.source.in_(_TOLD), _H.left_at.is_(None), _H.seq > bindparam("after"))
    counted = select(SHOPS.c.id, func.count(), func.max(_H.seq)).select_from(SHOPS.join(HINTS, new))
    return counted.group_by(SHOPS.c.id).order_by(SHOPS.c.id)


def _waiting(shop_id: int, *columns: Any) -> Select[Any]:
    """From the hints of local edits whose row is known, by number or by the ledger's key."""
    edits = (_H.shop_id == shop_id, _H.source.in_(_EDITS), _ROW.is_not(None))
    return select(*columns).select_from(HINTS.outerjoin(LEDGER, _LINE)).where(*edits)


def _misdated(resource: Resource, mark: str) -> str:
    """Rows that people marked as deleted, or no longer: the ledger says otherwise."""
    line = f"l.shop_id = m.shop_id AND l.resource = {mark} AND l.row_id = m.row_id AND l.gone_at IS NOT NULL"
    within = f"m.shop_id = {mark} AND m.row_id BETWEEN {mark} AND {mark}"
    table = f'"{resource.table}" m'
    return (
        f"SELECT m.row_id FROM {table} LEFT JOIN sync_ledger l ON {line}"  # noqa: S608
        f" WHERE {within} AND m.deleted_at IS NOT NULL AND l.key IS NULL"
        f" UNION SELECT m.row_id FROM {table} JOIN sync_ledger l ON {line} WHERE {within} AND m.deleted_at IS NULL"
    )
