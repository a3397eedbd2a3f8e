"""Small tables, one row a fact: upserts that work alike on both databases. Must not know what the rows mean."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


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
