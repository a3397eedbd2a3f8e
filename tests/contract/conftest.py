"""One store on one real database, with people beside it who write plain SQL."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from syncd.store.database import sqlite_module
from syncd.store.disk import MirrorTransaction, StateTransaction, StoreDisk, open_disk
from syncd.store.migrate import upgrade
from syncd.store.schema import MIRROR, STATE
from tests.support.databases import KINDS, TestDatabase, postgres_database

T = TypeVar("T")
AT = datetime(2026, 11, 2, 9, 30, 15, tzinfo=UTC)


class StillClock:
    """A clock that stands still."""

    def now(self) -> datetime:
        return AT

    def wall(self) -> float:
        return AT.timestamp()

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("the store does not sleep")


@dataclass
class Store:
    """The disk with its loop: `write`, `read` and `state` run a transaction each; `people` and `ask` are plain SQL."""

    database: TestDatabase
    disk: StoreDisk
    engine: Engine

    def write(self, f: Callable[[MirrorTransaction], T]) -> T:
        return asyncio.run(self.disk.mirror.run(f))

    def read(self, f: Callable[[MirrorTransaction], T]) -> T:
        return asyncio.run(self.disk.reader.run(f))

    def state(self, f: Callable[[StateTransaction], T]) -> T:
        return asyncio.run(self.disk.state.run(f))

    def people(self, statement: str, **values: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement), values)

    def ask(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement), values)]


def people_engine(database: TestDatabase) -> Engine:
    """How a person's own tool connects: none of the store's settings."""
    url = make_url(database.url)
    if database.is_sqlite:
        return create_engine(url, module=sqlite_module())
    return create_engine(url.set(drivername="postgresql+psycopg"))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both files at the newest revision, to be copied: migrations have tests of their own."""
    folder = tmp_path_factory.mktemp("template")
    upgrade(f"sqlite:///{folder / 'mirror.db'}")
    return folder


@pytest.fixture(scope="session")
def postgres_home(postgres_url: str) -> Iterator[TestDatabase]:
    """One database at the newest revision, emptied before each test."""
    with postgres_database(postgres_url) as database:
        upgrade(database.url)
        yield database


@pytest.fixture
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], Store]]:
    """`make_store("sqlite" | "postgresql")`: an empty store at the newest revision."""
    made: list[Store] = []

    def make(kind: str) -> Store:
        if kind == "sqlite":
            folder = tmp_path / f"store-{len(made)}"
            shutil.copytree(request.getfixturevalue("sqlite_template"), folder)
            database = TestDatabase("sqlite", f"sqlite:///{folder / 'mirror.db'}")
        else:
            database = request.getfixturevalue("postgres_home")
        engine = people_engine(database)
        if kind == "postgresql":
            with engine.begin() as connection:
                names = [f'"{name}"' for name in MIRROR.tables] + [f"syncd_state.{name}" for name in STATE.tables]
                connection.execute(text(";".join(f"DELETE FROM {name}" for name in names)))
        made.append(Store(database, open_disk(database.url, clock=StillClock()), engine))
        return made[-1]

    yield make
    for store in made:
        store.engine.dispose()
        store.disk.close()


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, make_store: Callable[[str], Store]) -> Store:
    """An empty store; the test runs once on SQLite and once on PostgreSQL."""
    return make_store(request.param)
