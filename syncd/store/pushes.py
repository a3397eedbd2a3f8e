"""The push journal, written before a write leaves and again with its answer; and sealed passwords of new customers.

Lies in the state database, which survives a power cut and a mirror that was restored from a backup. Must not know how
a password is sealed.
"""

from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from syncd.domain.change import JournalLine, Verb
from syncd.store.rows import save
from syncd.store.schema import PASSWORDS, PUSHES

_P = PUSHES.c
_LINE = tuple(field.name for field in fields(JournalLine))
_CHANGE = (_P.shop_id == bindparam("of_shop"), _P.change_id == bindparam("of_change"))
_ITSELF = (
    *_CHANGE,
    _P.step == bindparam("of_step"),
    _P.digest == bindparam("of_digest"),
    _P.generation == bindparam("of_generation"),
)
#: For each write that leaves: to build them costs more than to run them.
_ADDED, _ANSWERED = PUSHES.insert(), update(PUSHES).where(*_ITSELF)
_WITHDRAWN, _ENDED = delete(PUSHES).where(*_ITSELF), delete(PUSHES).where(*_CHANGE)


class Pushes:
    """`ports.PushJournal` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def begin(self, shop_id: int, line: JournalLine) -> None:
        """A write is about to leave. The same one, sent again under the same lease, has one line."""
        self.withdraw(shop_id, line)
        self._connection.execute(_ADDED, _row(line) | {"shop_id": shop_id})

    def answered(self, shop_id: int, line: JournalLine) -> None:
        """Its answer came."""
        self._connection.execute(_ANSWERED, _row(line) | _names(shop_id, line))

    def withdraw(self, shop_id: int, line: JournalLine) -> None:
        """It did not leave after all."""
        self._connection.execute(_WITHDRAWN, _names(shop_id, line))

    def end(self, shop_id: int, change_id: int) -> None:
        """The change is settled: its lines go."""
        self._connection.execute(_ENDED, {"of_shop": shop_id, "of_change": change_id})

    def open(self, shop_id: int) -> list[JournalLine]:
        """The lines of all changes that are not settled, in the order in which they left."""
        rows = select(*(_P[name] for name in _LINE)).where(_P.shop_id == shop_id).order_by(_P.seq)
        return [_line(row) for row in self._connection.execute(rows).mappings()]

    def seal_password(self, shop_id: int, row_id: int, sealed: str) -> None:
        """Keep a sealed password for the customer of this row, until it is created."""
        save(self._connection, PASSWORDS, {"shop_id": shop_id, "row_id": row_id, "sealed": sealed})

    def password(self, shop_id: int, row_id: int) -> str | None:
        """The sealed password of a row."""
        kept = select(PASSWORDS.c.sealed).where(PASSWORDS.c.shop_id == shop_id, PASSWORDS.c.row_id == row_id)
        return self._connection.execute(kept).scalar()

    def forget_password(self, shop_id: int, row_id: int) -> None:
        """It was used, or is not wanted any more."""
        gone = delete(PASSWORDS).where(PASSWORDS.c.shop_id == shop_id, PASSWORDS.c.row_id == row_id)
        self._connection.execute(gone)


def _names(shop_id: int, line: JournalLine) -> dict[str, Any]:
    """One step of one change, sent under one lease: whoever was stopped and continued touches no line of another's.
    Numbers of changes may come again in a mirror that was restored: hence the digest."""
    return {
        "of_shop": shop_id,
        "of_change": line.change_id,
        "of_step": line.step,
        "of_digest": line.digest,
        "of_generation": line.generation,
    }


def _row(line: JournalLine) -> dict[str, Any]:
    return {name: getattr(line, name) for name in _LINE} | {"verb": line.verb.value}


def _line(row: Any) -> JournalLine:
    return JournalLine(**dict(row) | {"verb": Verb(row["verb"])})
