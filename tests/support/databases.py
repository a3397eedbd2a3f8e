"""A fresh, empty database for each test that asks: a SQLite file, or a database on a real PostgreSQL server.

Knows nothing of syncd's schema: whoever needs tables runs the migrations on what comes from here.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import ClassVar

from psycopg import sql
from sqlalchemy import make_url

from tests.support.postgres import admin_connection

KINDS = ("sqlite", "postgresql")
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class TestDatabase:
    """An empty database. `url` is what SYNCD_DATABASE_URL takes; SQLite keeps state.db beside it."""

    __test__: ClassVar[bool] = False  # pytest would take it for a class of tests

    kind: str
    url: str

    @property
    def is_sqlite(self) -> bool:
        return self.kind == "sqlite"


@contextmanager
def sqlite_database(folder: Path) -> Iterator[TestDatabase]:
    """A file that does not exist yet, alone in a folder of its own, so that its state.db meets no other."""
    home = folder / f"database-{next(_numbers)}"
    home.mkdir()
    yield TestDatabase("sqlite", f"sqlite:///{home / 'mirror.db'}")


@contextmanager
def postgres_database(server_url: str) -> Iterator[TestDatabase]:
    """A database of its own on that server, dropped at the end whoever is still connected."""
    server = make_url(server_url)
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    name = f"syncd_test_{worker}_{os.getpid()}_{next(_numbers)}"
    with admin_connection(server) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(name))
        )
    try:
        yield TestDatabase("postgresql", server.set(database=name).render_as_string(hide_password=False))
    finally:
        with admin_connection(server) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
