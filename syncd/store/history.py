"""History: a row for every field that changed in a change of a record, so that SQL can ask what it was on a date.

Written in one statement for many lines; what before and after are is told by who writes. Must not know records.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, Select, bindparam, delete, or_, select

from syncd.domain.change import HistoryLine, Origin
from syncd.domain.resource import Kind
from syncd.store.dialect import dialect_of
from syncd.store.schema import HISTORY

_H = HISTORY.c
_COLUMNS = ("shop_id", "resource", "key", "row_id", "at", "origin", "path", "before", "after")


def _of() -> Select[Any]:
    """The lines of a record, the oldest first; those from before it had a key too."""
    key: BindParameter[str] = bindparam("key")
    record = (_H.shop_id == bindparam("shop"), _H.resource == bindparam("resource"))
    rows_of_it = select(_H.row_id).where(*record, _H.key == key)
    named = or_(_H.key == key, (_H.key == "") & _H.row_id.in_(rows_of_it))
    return select(*(_H[name] for name in _COLUMNS[1:])).where(*record, named).order_by(_H.at, _H.seq)


#: Asked before each write: to build it costs more than to run it.
_OF = _of()


class History:
    """`ports.HistoryTable` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def write(self, shop_id: int, lines: Sequence[HistoryLine]) -> None:
        """Add lines; one without a change adds nothing."""
        dialect = dialect_of(self._connection)
        encode = dialect.encode.get(Kind.TIME)
        rows = [
            (shop_id, line.resource, line.key, line.row_id, at, line.origin.value, path, before, after)
            for line in lines
            for at in (encode(line.at) if encode else line.at,)
            for path, (before, after) in line.changes.items()
        ]
        dialect.insert(self._connection, HISTORY.name, _COLUMNS, rows)

    def of(self, shop_id: int, resource: str, key: str) -> list[HistoryLine]:
        """The lines of a record, the oldest first; those from before it had a key too."""
        return _lines(self._connection.execute(_OF, {"shop": shop_id, "resource": resource, "key": key}))

    def purge(self, shop_id: int, before: datetime) -> int:
        """Forget what is older; returns how many fields that was."""
        return self._connection.execute(delete(HISTORY).where(_H.shop_id == shop_id, _H.at < before)).rowcount


def _lines(rows: Iterable[Sequence[Any]]) -> list[HistoryLine]:
    """Fields that changed together are one line again."""
    lines: list[HistoryLine] = []
    changes: dict[str, tuple[str, str]] = {}
    last: tuple[Any, ...] | None = None
    for resource, key, row_id, at, origin, path, before, after in rows:
        if (resource, key, row_id, at, origin) != last or path in changes:
            last, changes = (resource, key, row_id, at, origin), {}
            lines.append(HistoryLine(resource, key, row_id, at, Origin(origin), changes))
        changes[path] = (before, after)
    return lines
