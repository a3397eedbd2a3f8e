"""The border where database exceptions become syncd's own errors, sorted by what happens next.

Nothing else in the house knows what a driver raises. What is not on these lists is a bug and goes through as it is.
"""

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from syncd.errors import DatabaseBusy, DiskProblem, RowRefused, SchemaProblem, SettingsProblem, SyncdError

if TYPE_CHECKING:
    import psycopg

UPGRADE = "Bring the database to the newest revision: syncd db upgrade"
_BUSY = "Another program holds the database; it is tried again by itself. See who: syncd doctor"
_DISK = "Look at free space and permissions, then: syncd doctor"
_ROW = "A constraint, index or trigger of your own may stand in its way. See what is parked: syncd status"
_ADDRESS = "Check database.url (SYNCD_DATABASE_URL), then: syncd db check"

_SQLITE: tuple[tuple[str, type[SyncdError], str], ...] = (
    ("is locked", DatabaseBusy, _BUSY),
    ("database is busy", DatabaseBusy, _BUSY),
    ("disk is full", DiskProblem, _DISK),
    ("readonly database", DiskProblem, _DISK),
    ("disk I/O error", DiskProblem, _DISK),
    ("unable to open", DiskProblem, _DISK),
    ("malformed", DiskProblem, "Restore the file from a backup, then: syncd doctor"),
    ("not a database", DiskProblem, _ADDRESS),
    ("no such table", SchemaProblem, UPGRADE),
    ("no such column", SchemaProblem, UPGRADE),
    ("has no column", SchemaProblem, UPGRADE),
)

#: A constraint or a RAISE of somebody's trigger; a value that is too large.
_SQLITE_ROW = {"IntegrityError", "DataError"}

# SQLSTATE prefixes, the longer ones first.
_POSTGRES: tuple[tuple[str, type[SyncdError], str], ...] = (
    ("55P03", DatabaseBusy, _BUSY),  # lock_timeout
    ("40", DatabaseBusy, _BUSY),  # deadlock, serialisation
    ("57014", DatabaseBusy, _BUSY),  # statement_timeout
    ("57P", DatabaseBusy, _BUSY),  # shutting down, starting up
    ("53100", DiskProblem, _DISK),
    ("53", DatabaseBusy, _BUSY),  # out of connections or memory
    ("08", DatabaseBusy, _BUSY),  # connection lost
    ("25P03", DatabaseBusy, _BUSY),  # a transaction that stood still
    ("25006", DiskProblem, _DISK),  # read-only
    ("25P", DatabaseBusy, _BUSY),  # idle too long inside a transaction, and what follows
    ("22", RowRefused, _ROW),  # out of range, not of this type, a NUL character
    ("23", RowRefused, _ROW),  # a constraint
    ("44", RowRefused, _ROW),  # a view's own check
    ("54", RowRefused, _ROW),  # too long for an index
    ("P0", RowRefused, _ROW),  # a trigger of somebody raises
    ("58", DiskProblem, _DISK),
    ("42P01", SchemaProblem, UPGRADE),
    ("42703", SchemaProblem, UPGRADE),
    ("3F000", SchemaProblem, UPGRADE),
    ("3D000", SettingsProblem, _ADDRESS),
    ("28", SettingsProblem, _ADDRESS),
    ("42501", SettingsProblem, "Grant the role what it lacks, then: syncd db check"),
)


class StatementRefused(RuntimeError):
    """The database does not take a statement: a bug of syncd. Tells no values; PostgreSQL's own text would."""


@contextmanager
def border() -> Iterator[None]:
    """Translate what the database raises inside the block."""
    try:
        yield
    except DBAPIError as error:
        found = _translated(error.orig)
        if found is None and isinstance(error, OperationalError) and error.connection_invalidated:
            found = DatabaseBusy("the connection to the database was lost", hint=_BUSY)
        if found is None:
            raise StatementRefused(f"{_primary(error.orig)} [{error.statement}]") from None
        raise found from error
    except PoolTimeout as error:
        raise DatabaseBusy("no database connection became free", hint=_BUSY) from error
    except _postgres_errors() as error:
        found = _translated(error)
        if found is None:
            raise StatementRefused(_primary(error)) from None
        raise found from error
    except _sqlite_errors() as error:
        found = _translated(error)
        if found is None:
            raise StatementRefused(_primary(error)) from None
        raise found from error


def _sqlite_errors() -> tuple[type[Exception], ...]:
    """What SQLite's driver raises where nothing stands between it and us: at the beginning of a transaction."""
    bundled = sys.modules.get("pysqlite3.dbapi2")
    return (sqlite3.Error,) if bundled is None else (sqlite3.Error, bundled.Error)


def _postgres_errors() -> tuple[type[Exception], ...]:
    """What PostgreSQL's driver raises; nothing where it was never loaded: that is slow, and SQLite does without."""
    driver = sys.modules.get("psycopg")
    return () if driver is None else (driver.Error,)


def _primary(error: BaseException | None) -> str:
    """The first line of what the driver says: details and contexts below it show values."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _translated(error: BaseException | None) -> SyncdError | None:
    if isinstance(error, _postgres_errors()):
        return _from_postgres(error)  # type: ignore[arg-type]
    # pysqlite3 has exception classes of its own, with the same names and words.
    if isinstance(error, sqlite3.Error) or type(error).__module__.startswith("pysqlite3"):
        for words, kind, hint in _SQLITE:
            if words in str(error):
                return kind(f"the database says: {error}", hint=hint)
        if type(error).__name__ in _SQLITE_ROW:
            return RowRefused(f"the database says: {error}", hint=_ROW)
    return None


def _unvalued(error: "psycopg.Error") -> str:
    """Why a row is refused, without what is in it."""
    what = error.diag.constraint_name or error.diag.column_name or error.diag.table_name
    return f"the database refuses the row: {type(error).__name__}{f' ({what})' if what else ''}"


def _from_postgres(error: "psycopg.Error") -> SyncdError | None:
    import psycopg  # loaded already, or there was no such error

    text = _primary(error)
    for prefix, kind, hint in _POSTGRES:
        if error.sqlstate and error.sqlstate.startswith(prefix):
            return kind(_unvalued(error) if kind is RowRefused else f"the database says: {text}", hint=hint)
    if isinstance(error, psycopg.DataError):
        return RowRefused(_unvalued(error), hint=_ROW)
    if error.sqlstate or not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return None
    # A connection that never stood has no SQLSTATE, only words.
    refused = any(words in str(error) for words in ("does not exist", "authentication failed", "no pg_hba"))
    if refused:
        return SettingsProblem(f"the database refuses us: {text}", hint=_ADDRESS)
    return DatabaseBusy(f"the database is out of reach: {text}", hint=_ADDRESS)
