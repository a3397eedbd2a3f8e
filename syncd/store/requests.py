"""`sync_requests`: what commands ask of the daemon that works a shop.

Must not know what the jobs are, nor who may carry them out.
"""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update

from syncd.domain.request import Request
from syncd.store.bell import ring
from syncd.store.schema import REQUESTS, SHOPS

_R = REQUESTS.c
_NEWEST = select(func.max(_R.seq)).where(_R.shop_id == SHOPS.c.id).scalar_subquery()
_NEWS = select(SHOPS.c.id, SHOPS.c.state, _NEWEST)
_REQUEST = tuple(field.name for field in fields(Request))
_OPEN = _R.ended_at.is_(None)


class Requests:
    """`ports.RequestTable` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, shop_id: int, job: str, wish: str, asked_by: str, at: datetime) -> Request:
        """Ask; the daemon hears of it as soon as this is committed."""
        row = {"shop_id": shop_id, "job": job, "wish": wish, "asked_by": asked_by, "asked_at": at}
        new = REQUESTS.insert().values(row | {"taken_by": "", "answer": ""}).returning(_R.seq)
        seq = self._connection.execute(new).scalar_one()
        ring(self._connection)
        return Request(seq, shop_id, job, wish, asked_by, at)

    def load(self, seq: int) -> Request | None:
        """One request; None where it was withdrawn, or forgotten."""
        found = self._read(_R.seq == seq)
        return found[0] if found else None

    def open(self, shop_id: int) -> list[Request]:
        """What is asked of a shop and not ended, the oldest first."""
        return self._read(_R.shop_id == shop_id, _OPEN)

    def _read(self, *conditions: Any) -> list[Request]:
        wanted = select(*(_R[name] for name in _REQUEST)).where(*conditions).order_by(_R.seq)
        return [_request(row) for row in self._connection.execute(wanted)]

    def take(self, request: Request, by: str, at: datetime) -> bool:
        """Take a request that still stands as it was read."""
        same = (_R.seq == request.seq, _R.taken_by == request.taken_by, _OPEN)
        return self._changed(update(REQUESTS).where(*same).values(taken_by=by, taken_at=at, answer=""))

    def tell(self, seq: int, by: str, words: str) -> bool:
        """Say how far it is."""
        return self._changed(update(REQUESTS).where(_R.seq == seq, _R.taken_by == by, _OPEN).values(answer=words))

    def end(self, seq: int, by: str, answer: str, at: datetime) -> bool:
        """Answer it."""
        mine = (_R.seq == seq, _R.taken_by == by, _OPEN)
        return self._changed(update(REQUESTS).where(*mine).values(answer=answer, ended_at=at))

    def give_back(self, seq: int, by: str) -> None:
        """Leave it to whoever comes next."""
        mine = (_R.seq == seq, _R.taken_by == by, _OPEN)
        self._connection.execute(update(REQUESTS).where(*mine).values(taken_by="", taken_at=None, answer=""))

    def withdraw(self, seq: int) -> bool:
        """Take it back; False where it has ended by now."""
        return self._changed(delete(REQUESTS).where(_R.seq == seq, _OPEN))

    def purge(self, before: datetime) -> int:
        """Forget what ended before, and what was asked before and never taken up; returns how many."""
        old = func.coalesce(_R.ended_at, _R.asked_at) < before
        return int(self._connection.execute(delete(REQUESTS).where(old)).rowcount)

    def news(self) -> Mapping[int, object]:
        """Of each shop its state and the place of its newest request."""
        return {row[0]: (row[1], row[2]) for row in self._connection.execute(_NEWS)}

    def _changed(self, statement: Any) -> bool:
        return bool(self._connection.execute(statement).rowcount == 1)


def _request(row: Row[Any]) -> Request:
    return Request(**dict(zip(_REQUEST, row, strict=True)))
