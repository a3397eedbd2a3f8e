"""The rows of the call budget, and the accounts of calls. One transaction a call of any shop, so texts for the driver.

Must not know when a call is admitted.
"""

from dataclasses import fields
from typing import Any

from sqlalchemy import Connection

from syncd.domain.budget import Bucket
from syncd.store.dialect import dialect_of, quoted

_COLUMNS = tuple(field.name for field in fields(Bucket))
_ACCOUNT = ("shop_id", "hour", "job", "class", "word", "calls", "waited_s")


class Buckets:
    """`ports.BudgetTable` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._dialect = dialect_of(connection)

    def load(self, bucket: str) -> Bucket | None:
        """The bucket's row, held until the end of the transaction; so is the place of one that is not there yet."""
        found = self._row(bucket)
        if found is None and self._dialect.hold:
            lock = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
            self._connection.exec_driver_sql(lock, (f"syncd bucket {bucket}",))
            found = self._row(bucket)
        return None if found is None else Bucket(*found)

    def _row(self, bucket: str) -> Any:
        # Here the row is waited for: skipping one that is held would grant without looking.
        hold = " FOR UPDATE" if self._dialect.hold else ""
        statement = f"SELECT {quoted(_COLUMNS)} FROM sync_buckets WHERE bucket = {self._dialect.mark}{hold}"  # noqa: S608
        return self._connection.exec_driver_sql(statement, (bucket,)).first()

    def save(self, bucket: str, state: Bucket) -> None:
        """Write the bucket's row."""
        marks = ", ".join([self._dialect.mark] * (1 + len(_COLUMNS)))
        sets = ", ".join(f'"{name}" = excluded."{name}"' for name in _COLUMNS)
        statement = (
            f"INSERT INTO sync_buckets (bucket, {quoted(_COLUMNS)}) VALUES ({marks})"  # noqa: S608
            f" ON CONFLICT (bucket) DO UPDATE SET {sets}"
        )
        self._connection.exec_driver_sql(statement, (bucket, *(getattr(state, name) for name in _COLUMNS)))

    def account(self, shop_id: int, job: str, klass: str, word: str, calls: int, waited_s: float, hour: int) -> None:
        """Add calls to the account of an hour (hours since 1970)."""
        marks = ", ".join([self._dialect.mark] * len(_ACCOUNT))
        statement = (
            f"INSERT INTO sync_calls AS a ({quoted(_ACCOUNT)}) VALUES ({marks})"  # noqa: S608
            ' ON CONFLICT (shop_id, hour, job, "class", word) DO UPDATE'
            " SET calls = a.calls + excluded.calls, waited_s = a.waited_s + excluded.waited_s"
        )
        self._connection.exec_driver_sql(statement, (shop_id, hour, job, klass, word, calls, waited_s))

    def spent(self, shop_id: int, since_hour: int) -> list[tuple[int, str, str, str, int, float]]:
        """(hour, job, class, word, calls, seconds waited) from that hour on."""
        mark = self._dialect.mark
        statement = (
            f"SELECT {quoted(_ACCOUNT[1:])} FROM sync_calls"  # noqa: S608
            f' WHERE shop_id = {mark} AND hour >= {mark} ORDER BY hour, job, "class", word'
        )
        rows = self._connection.exec_driver_sql(statement, (shop_id, since_hour))
        return [(row[0], row[1], row[2], row[3], row[4], row[5]) for row in rows]

    def spent_by_all(self, since_hour: int) -> list[tuple[int, int, str, str, str, int, float]]:
        """(shop, hour, job, class, word, calls, seconds waited) of every shop from that hour on."""
        statement = (
            f"SELECT {quoted(_ACCOUNT)} FROM sync_calls"  # noqa: S608
            f' WHERE hour >= {self._dialect.mark} ORDER BY shop_id, hour, job, "class", word'
        )
        rows = self._connection.exec_driver_sql(statement, (since_hour,))
        return [(row[0], row[1], row[2], row[3], row[4], row[5], row[6]) for row in rows]

    def purge(self, before_hour: int) -> int:
        """Forget the accounts of earlier hours; returns how many."""
        statement = f"DELETE FROM sync_calls WHERE hour < {self._dialect.mark}"  # noqa: S608
        return int(self._connection.exec_driver_sql(statement, (before_hour,)).rowcount)
