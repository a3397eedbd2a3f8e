"""One store on one real database, with people beside it who write plain SQL."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from syncd.store.database import sqlite_module
from syncd.store.disk import MirrorTransaction, StateTransaction, StoreDisk, open_disk
from syncd.store.migrate import upgrade
from tests.support.databases import TestDatabase

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
    """The disk with its loop: `write`, `read` and `state` run one transaction each; `people` and `ask` are plain SQL."""

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


def open_store(database: TestDatabase) -> Store:
    upgrade(database.url)
    return Store(database, open_disk(database.url, clock=StillClock()), people_engine(database))


@pytest.fixture
def store(database: TestDatabase) -> Iterator[Store]:
    """A store at the newest revision; the test runs once on SQLite and once on PostgreSQL."""
    made = open_store(database)
    try:
        yield made
    finally:
        made.engine.dispose()
        made.disk.close()
