"""Small tables, one row a fact: upserts that work alike on both databases. Must not know what the rows mean."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, Table, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite


@cache
def by(table: Table, *keys: str, of: tuple[str, ...] = (), order: tuple[str, ...] = ()) -> Select[Any]:
    """The rows where these columns are equal to parameters of their names; `of` are the columns wanted, all if none.

    Built once: to build and look up such a statement costs more than to run it."""
    columns: list[Any] = [table.c[name] for name in of] or [table]
    wanted = select(*columns).where(*(table.c[name] == bindparam(name) for name in keys))
    return wanted.order_by(*(table.c[name] for name in order)) if order else wanted


@cache
def _upsert(table: Table, dialect: str) -> Any:
    build: Any = sqlite.insert if dialect == "sqlite" else postgresql.insert
    statement = build(table)
    keys = [column.name for column in table.primary_key]
    rest = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=rest)


def save(connection: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Write one whole row under its primary key, new or known."""
    connection.execute(_upsert(table, connection.dialect.name), dict(row))
