"""The queue of hints: "look at this record".

A hint that is left again takes a new place and keeps its age, its tries and its due time. So whoever settles the hint
that was taken does not throw away one that came while the record was looked at. Must not know what a look is.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, func, or_, select, update

from syncd.domain.ledger import Hint, HintSource
from syncd.domain.resource import Kind
from syncd.store.dialect import dialect_of
from syncd.store.schema import HINTS, LEDGER

_H = HINTS.c
#: Sources whose hints may know only the row.
_BY_ROW = (HintSource.LOCAL, HintSource.SCAN)


class Hints:
    """`ports.HintQueue` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._dialect = dialect_of(connection)

    def leave(self, shop_id: int, resource: str, keys: Iterable[str], source: HintSource, at: datetime) -> None:
        """Leave a hint for each key; one of the same source that still waits is replaced."""
        wanted = list(dict.fromkeys(keys))
        if not wanted:
            return
        mark, encode = self._dialect.mark, self._dialect.encode.get(Kind.TIME)
        now = encode(at) if encode else at
        same = f"shop_id = {mark} AND resource = {mark} AND key = {mark} AND source = {mark}"
        # PostgreSQL does not guess the type of a bare parameter in a list of results.
        number, word, moment = ("{}", "{}", "{}") if mark == "?" else ("{}::bigint", "{}::text", "{}::timestamptz")
        number, word, moment = (form.format(mark) for form in (number, word, moment))
        add = (
            "INSERT INTO sync_hints (shop_id, resource, key, source, left_at, due_at, attempts)"  # noqa: S608
            f" SELECT {number}, {word}, {word}, {word}, coalesce(min(left_at), {moment}),"
            f" coalesce(max(due_at), {moment}), coalesce(max(attempts), 0) FROM sync_hints WHERE {same}"
        )
        drop = f"DELETE FROM sync_hints WHERE {same} AND seq < (SELECT max(seq) FROM sync_hints WHERE {same})"  # noqa: S608
        places = [(shop_id, resource, key, source.value) for key in wanted]
        self._dialect.many(self._connection, add, [(*place, now, now, *place) for place in places])
        self._dialect.many(self._connection, drop, [(*place, *place) for place in places])

    def take(
        self, shop_id: int, resource: str | None, sources: Sequence[HintSource], limit: int, at: datetime
    ) -> list[Hint]:
        """Up to `limit` due hints, source by source in the order given, oldest first. They stay until settled.

        A hint that only knows the row gets its key from the ledger; the key is empty for a row that has none."""
        found: list[Hint] = []
        wanted = {"shop": shop_id, "at": at} | ({} if resource is None else {"resource": resource})
        for source in sources:
            if len(found) >= limit:
                break
            statement = _due(by_row=source in _BY_ROW, of_resource=resource is not None)
            most = {"source": source.value, "most": limit - len(found)}
            found += [_hint(tuple(row), at) for row in self._connection.execute(statement, {**wanted, **most})]
        return found

    def settle(self, shop_id: int, seqs: Sequence[int]) -> None:
        """Forget hints that were acted on."""
        if seqs:
            statement = f"DELETE FROM sync_hints WHERE shop_id = {self._dialect.mark} AND {self._dialect.among('seq')}"  # noqa: S608
            self._connection.exec_driver_sql(statement, (shop_id, self._dialect.listed(seqs)))

    def put_off(self, shop_id: int, seq: int, until: datetime) -> None:
        """A try failed: not before `until` again."""
        self._connection.execute(
            update(HINTS).where(_H.shop_id == shop_id, _H.seq == seq).values(due_at=until, attempts=_H.attempts + 1)
        )

    def hasten(self, shop_id: int, by: datetime) -> None:
        """What was put off longer is due at `by`."""
        self._connection.execute(update(HINTS).where(_H.shop_id == shop_id, _H.due_at > by).values(due_at=by))

    def depth(self, shop_id: int) -> dict[tuple[str, str], int]:
        """How many wait, by (resource, source)."""
        counted = (
            select(_H.resource, _H.source, func.count())
            .where(_H.shop_id == shop_id)
            .group_by(_H.resource, _H.source)
            .order_by(_H.resource, _H.source)
        )
        return {(row[0], row[1]): row[2] for row in self._connection.execute(counted)}


@cache  # to build it costs more than to run it
def _due(*, by_row: bool, of_resource: bool) -> Select[Any]:
    """The hints of one source that are due, with their keys."""
    key = func.coalesce(_H.key, LEDGER.c.key, "")
    line = and_(LEDGER.c.shop_id == _H.shop_id, LEDGER.c.resource == _H.resource, LEDGER.c.row_id == _H.row_id)
    wanted = (
        select(_H.seq, _H.resource, key, _H.source, _H.left_at, _H.attempts)
        .select_from(HINTS.outerjoin(LEDGER, line))
        .where(_H.shop_id == bindparam("shop"), _H.source == bindparam("source"))
        .where(or_(_H.due_at.is_(None), _H.due_at <= bindparam("at")))
        .order_by(_H.left_at, _H.seq)
        .limit(bindparam("most"))
    )
    if not by_row:
        wanted = wanted.where(_H.row_id.is_(None))  # for SQLite's index, which has only these
    return wanted.where(_H.resource == bindparam("resource")) if of_resource else wanted


def _hint(row: Sequence[Any], at: datetime) -> Hint:
    seq, resource, key, source, left_at, attempts = row
    return Hint(seq, resource, key, HintSource(source), left_at or at, attempts)
