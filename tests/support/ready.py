"""A database at the newest revision, copied from one that this process made: migrations have tests of their own."""

import atexit
import os
import shutil
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

from syncd.store.migrate import upgrade
from tests.support.postgres import admin_connection


def make_ready(url: str) -> None:
    """Bring the empty database at `url` (SQLite: the file that is to be, its state.db beside it) to the newest
    revision."""
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        mirror = Path(address.database or "")
        shutil.copy2(_files() / "mirror.db", mirror)
        shutil.copy2(_files() / "state.db", mirror.with_name("state.db"))
    else:
        _copy_database(_database(address.set(database="postgres")), address)


@cache
def _files() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="syncd-template-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    upgrade(f"sqlite:///{folder / 'mirror.db'}")
    return folder


@cache
def _database(server: URL) -> str:
    name = f"syncd_test_template_{os.getpid()}"
    with admin_connection(server) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
    atexit.register(_drop, server, name)
    upgrade(server.set(database=name).render_as_string(hide_password=False))
    return name


def _drop(server: URL, name: str) -> None:
    with suppress(psycopg.OperationalError), admin_connection(server) as connection:  # a server of ours is gone by now
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _copy_database(template: str, to: URL) -> None:
    target = sql.Identifier(to.database or "")
    with admin_connection(to.set(database="postgres")) as connection:
        connection.execute(sql.SQL("DROP DATABASE {}").format(target))
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(target, sql.Identifier(template)))
