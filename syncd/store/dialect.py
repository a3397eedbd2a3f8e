"""The few things that SQLite and PostgreSQL do differently on the hot path, behind one face.

Statements are SQL texts made once per table and run by the driver itself: SQLAlchemy's own machinery costs two to forty
times as much per row. Must not know resources.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import Connection

from syncd.domain.resource import Kind
from syncd.store.kinds import POSTGRES_ENCODE, SQLITE_ENCODE, Encode

Row = tuple[Any, ...]


def quoted(names: Iterable[str]) -> str:
    """Column names for a statement; all quoted, for some are words of SQL."""
    return ", ".join(f'"{name}"' for name in names)


class Dialect(Hashable, Protocol):
    """`mark` stands for a parameter, `differs` compares with NULLs as values, `hold` keeps rows till the end of a
    transaction and skips those that others hold, `encode` says what a kind needs before the driver takes it."""

    mark: str
    differs: str
    hold: str
    encode: Mapping[Kind, Encode]

    def among(self, column: str, kind: Kind = Kind.INT) -> str:
        """A condition with one parameter, made by `listed`: the column is one of many values."""
        ...

    def listed(self, values: Sequence[Any]) -> Any:
        """The parameter for `among`."""
        ...

    def plain(self, column: str, kind: Kind) -> str:
        """A column in a form that can be compared and decoded."""
        ...

    def insert(self, connection: Connection, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Insert rows, their own keys included."""
        ...

    def many(self, connection: Connection, statement: str, rows: Sequence[Row]) -> None:
        """Run one statement for each row of parameters."""
        ...

    def new_ids(self, connection: Connection, table: str, count: int) -> Sequence[int]:
        """Reserve row ids that are not in use, rising; never used before, unless people chose some by hand."""
        ...

    def rows(self, connection: Connection, statement: str, parameters: Row) -> Sequence[Any]:
        """The rows of a query. Raises what the driver raises."""
        ...

    def cannot_read(self, error: Exception) -> bool:
        """Whether the driver says that it cannot turn a value that people stored into one of its own."""
        ...

    def read_as_text(self, connection: Connection, statement: str, parameters: Row) -> Sequence[Any]:
        """The rows all the same, with what the driver cannot read in a form that no kind has."""
        ...


class Sqlite:
    """SQLite: `executemany`, and row ids from its table of sequences (the transaction is the only writer)."""

    mark = "?"
    differs = "IS NOT"
    hold = ""
    encode = SQLITE_ENCODE

    def among(self, column: str, kind: Kind = Kind.INT) -> str:  # noqa: ARG002
        return f"{column} IN (SELECT value FROM json_each(?))"  # noqa: S608

    def listed(self, values: Sequence[Any]) -> Any:
        return SQLITE_ENCODE[Kind.JSON](list(values))

    def plain(self, column: str, kind: Kind) -> str:  # noqa: ARG002
        return column

    def insert(self, connection: Connection, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        if rows:
            marks = ", ".join("?" * len(columns))
            statement = f'INSERT INTO "{table}" ({quoted(columns)}) VALUES ({marks})'  # noqa: S608
            connection.exec_driver_sql(statement, rows if isinstance(rows, list) else list(rows))

    def many(self, connection: Connection, statement: str, rows: Sequence[Row]) -> None:
        if rows:
            connection.exec_driver_sql(statement, list(rows))

    def new_ids(self, connection: Connection, table: str, count: int) -> Sequence[int]:
        # A number that somebody gave to a row by UPDATE is not in the sequence.
        highest = f'SELECT max(row_id) FROM "{table}"'  # noqa: S608
        given = "SELECT seq FROM sqlite_sequence WHERE name = ?"
        wanted = f"SELECT max(coalesce(({given}), 0), coalesce(({highest}), 0))"
        last = int(connection.exec_driver_sql(wanted, (table,)).scalar_one())
        return range(last + 1, last + 1 + count)

    def rows(self, connection: Connection, statement: str, parameters: Row) -> Sequence[Any]:
        return _cursor(connection).execute(statement, parameters).fetchall()  # type: ignore[no-any-return]

    def cannot_read(self, error: Exception) -> bool:
        return "Could not decode to UTF-8" in str(error)

    def read_as_text(self, connection: Connection, statement: str, parameters: Row) -> Sequence[Any]:
        raw: Any = connection.connection.driver_connection
        usual, raw.text_factory = raw.text_factory, _text_or_bytes
        try:
            return connection.exec_driver_sql(statement, parameters).fetchall()
        finally:
            raw.text_factory = usual


class Postgres:
    """PostgreSQL: COPY for new rows, pipelined statements for the rest, row ids from the column's own sequence."""

    mark = "%s"
    differs = "IS DISTINCT FROM"
    hold = " FOR UPDATE SKIP LOCKED"
    encode = POSTGRES_ENCODE

    def among(self, column: str, kind: Kind = Kind.INT) -> str:
        return f"{column} = ANY(%s::{'bigint' if kind is Kind.INT else 'text'}[])"

    def listed(self, values: Sequence[Any]) -> Any:
        return list(values)

    def plain(self, column: str, kind: Kind) -> str:
        return f"{column}::text" if kind is Kind.JSON else column

    def insert(self, connection: Connection, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        if not rows:
            return
        statement = f'COPY "{table}" ({quoted(columns)}) FROM STDIN'
        with _cursor(connection) as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)

    def many(self, connection: Connection, statement: str, rows: Sequence[Row]) -> None:
        if rows:
            with _cursor(connection) as cursor:
                cursor.executemany(statement, rows)

    def new_ids(self, connection: Connection, table: str, count: int) -> Sequence[int]:
        free: list[int] = []
        while len(free) < count:
            rows = connection.exec_driver_sql(
                "SELECT nextval(pg_get_serial_sequence(%s, 'row_id')) FROM generate_series(1, %s)",
                (table, count - len(free)),
            )
            new = [row[0] for row in rows]
            there = f'SELECT row_id FROM "{table}" WHERE row_id = ANY(%s)'  # noqa: S608
            taken = {row[0] for row in connection.exec_driver_sql(there, (new,))}  # OVERRIDING SYSTEM VALUE
            free += [number for number in new if number not in taken]
        return sorted(free)

    def rows(self, connection: Connection, statement: str, parameters: Row) -> Sequence[Any]:
        with _cursor(connection) as cursor:
            return cursor.execute(statement, parameters).fetchall()  # type: ignore[no-any-return]

    def cannot_read(self, error: Exception) -> bool:
        return type(getattr(error, "orig", error)).__name__ == "DataError" and not _state(error)

    def read_as_text(self, connection: Connection, statement: str, parameters: Row) -> Sequence[Any]:
        from psycopg.types.string import TextLoader  # noqa: PLC0415  slow to load, and SQLite does without

        with _cursor(connection) as cursor:
            for kind in ("timestamptz", "timestamp", "date"):  # infinity, and years that Python has not
                cursor.adapters.register_loader(kind, TextLoader)
            cursor.execute(statement, parameters)
            return list(cursor.fetchall())


def _state(error: Exception) -> str | None:
    return getattr(getattr(error, "orig", error), "sqlstate", None)


def _text_or_bytes(raw: bytes) -> str | bytes:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


def _cursor(connection: Connection) -> Any:
    """A cursor of the driver itself, inside the transaction that SQLAlchemy began."""
    return connection.connection.cursor()


SQLITE: Dialect = Sqlite()
POSTGRES: Dialect = Postgres()


def dialect_of(connection: Connection) -> Dialect:
    """The dialect that a connection speaks."""
    return SQLITE if connection.dialect.name == "sqlite" else POSTGRES
