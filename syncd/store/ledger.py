"""The ledger's lines: where each record's row is, and what was last seen of it by which read.

On the hot path (every page reads and writes here), so its statements are texts for the driver. Must not know records.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import Connection

from syncd.domain.ledger import Known
from syncd.domain.resource import Kind
from syncd.store.dialect import dialect_of, quoted
from syncd.store.kinds import moment_of

_COLUMNS = tuple(field.name for field in fields(Known))
_MOMENTS = tuple(place for place, name in enumerate(_COLUMNS) if name in {"stamp", "compared_at", "gone_at"})
_PRINTS = tuple(place for place, name in enumerate(_COLUMNS) if name.endswith("_print"))


class Ledger:
    """`ports.LedgerTable` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._dialect = dialect_of(connection)

    def find(self, shop_id: int, resource: str, keys: Sequence[str]) -> dict[str, Known]:
        """The lines of those of the keys that have one."""
        if not keys:
            return {}
        among = self._dialect.among("key", Kind.TEXT)
        rows = self._read(shop_id, resource, f" AND {among}", self._dialect.listed(keys))
        return {line.key: line for line in rows}

    def keys(self, shop_id: int, resource: str) -> list[Known]:
        """Every line of a resource, tombstones too, in the order of keys."""
        return sorted(self._read(shop_id, resource, ""), key=_by_key)

    def put(self, shop_id: int, resource: str, lines: Iterable[Known]) -> None:
        """Write whole lines, new or known."""
        mark = self._dialect.mark
        marks = ", ".join([mark] * (2 + len(_COLUMNS)))
        sets = ", ".join(f'"{name}" = excluded."{name}"' for name in _COLUMNS if name != "key")
        statement = (
            f"INSERT INTO sync_ledger (shop_id, resource, {quoted(_COLUMNS)}) VALUES ({marks})"  # noqa: S608
            f" ON CONFLICT (shop_id, resource, key) DO UPDATE SET {sets}"
        )
        encode = self._dialect.encode.get(Kind.TIME)
        rows = [(shop_id, resource, *_packed(line, encode)) for line in lines]
        self._dialect.many(self._connection, statement, rows)

    def walked(self, shop_id: int, resource: str, missed: Sequence[str], seen: Sequence[str]) -> None:
        """A walk that proves something ended: it did not show `missed` (one more miss each), it showed `seen`."""
        self._set(shop_id, resource, "missed = missed + 1", (), missed)
        self._set(shop_id, resource, "missed = 0", (), seen, " AND missed <> 0")

    def sightings(self, shop_id: int, resource: str, keys: Sequence[str], ticket: int) -> None:
        """A listing read under `ticket` showed these records as the ledger has them."""
        mark = self._dialect.mark
        newer = f"as_of = CASE WHEN as_of < {mark} THEN {mark} ELSE as_of END, missed = 0"
        self._set(shop_id, resource, newer, (ticket, ticket), keys)

    def highest_ticket(self, shop_id: int) -> int:
        """The newest ticket that any line rests on; 0 for a shop without lines."""
        statement = f"SELECT max(as_of) FROM sync_ledger WHERE shop_id = {self._dialect.mark}"  # noqa: S608
        return int(self._connection.exec_driver_sql(statement, (shop_id,)).scalar() or 0)

    def alone(self, shop_id: int, resource: str) -> bool:
        """Let nobody else find out which records of a resource are new until the end of this transaction. SQLite has
        one writer anyway; elsewhere what was read before may be outdated now: True."""
        if not self._dialect.hold:
            return False
        lock = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
        self._connection.exec_driver_sql(lock, (f"syncd new {shop_id} {resource}",))
        return True

    def _set(
        self, shop_id: int, resource: str, change: str, values: tuple[Any, ...], keys: Sequence[str], more: str = ""
    ) -> None:
        if not keys:
            return
        mark, among = self._dialect.mark, self._dialect.among("key", Kind.TEXT)
        statement = f"UPDATE sync_ledger SET {change} WHERE shop_id = {mark} AND resource = {mark} AND {among}{more}"  # noqa: S608
        parameters = (*values, shop_id, resource, self._dialect.listed(keys))
        self._connection.exec_driver_sql(statement, parameters)

    def _read(self, shop_id: int, resource: str, condition: str, *values: Any) -> list[Known]:
        mark = self._dialect.mark
        statement = (
            f"SELECT {quoted(_COLUMNS)} FROM sync_ledger"  # noqa: S608
            f" WHERE shop_id = {mark} AND resource = {mark}{condition}"
        )
        rows = self._connection.exec_driver_sql(statement, (shop_id, resource, *values))
        return [_unpacked(row) for row in rows]


def _by_key(line: Known) -> str:
    return line.key


def _packed(line: Known, encode: Callable[[Any], Any] | None) -> tuple[Any, ...]:
    values = [getattr(line, name) for name in _COLUMNS]
    if encode is not None:
        for place in _MOMENTS:
            if values[place] is not None:
                values[place] = encode(values[place])
    return tuple(values)


def _unpacked(row: Sequence[Any]) -> Known:
    values = list(row)
    for place in _MOMENTS:
        if values[place] is not None:
            values[place] = moment_of(values[place])
    for place in _PRINTS:
        if values[place] is not None:
            values[place] = bytes(values[place])
    return Known(*values)
