"""What runs beside the shops' own work waits out a database that refuses us, as they do: nobody ends because of it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import make_url

from syncd.engine.inbox import Word
from syncd.host.clock import SystemClock
from syncd.service.doors import Doors
from syncd.service.settings import Loaded, Settings
from syncd.service.tending import Tender
from syncd.service.upkeep import clear_away, keep_up
from syncd.service.wire import House, open_house
from syncd.store.migrate import upgrade
from tests.support.databases import TestDatabase
from tests.support.postgres import admin_connection

Work = Callable[[House], Awaitable[None]]


class _Beat(Exception):
    """Whoever worked waits for the next beat."""


class _NoSleep(SystemClock):
    async def sleep(self, seconds: float) -> None:
        raise _Beat(seconds)


@contextmanager
def _renamed(database: TestDatabase) -> Iterator[None]:
    """There is no database of this name for a while, as after a wrong hand at the server."""
    url = make_url(database.url)
    name = str(url.database)

    def rename(old: str, new: str) -> None:
        with admin_connection(url.set(database="postgres")) as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (old,))
            connection.execute(f'ALTER DATABASE "{old}" RENAME TO "{new}"')  # type: ignore[arg-type]

    rename(name, f"{name}_away")
    try:
        yield
    finally:
        rename(f"{name}_away", name)


@pytest.mark.parametrize("work", [keep_up, lambda house: Tender(house).run()], ids=["upkeep", "tending"])
def test_who_tends_and_who_clears_away_wait(
    make_database: Callable[[str], TestDatabase], tmp_path: Path, work: Work
) -> None:
    database = make_database("postgresql")
    upgrade(database.url)

    async def go() -> None:
        loaded = Loaded(Settings(database={"url": database.url}), None, tmp_path)  # type: ignore[arg-type]
        async with open_house(loaded, Doors(clock=_NoSleep())) as house:
            with _renamed(database), pytest.raises(_Beat):
                await work(house)
            await clear_away(house)

    asyncio.run(go())


def test_a_delivery_is_to_come_again(make_database: Callable[[str], TestDatabase], tmp_path: Path) -> None:
    database = make_database("postgresql")
    upgrade(database.url)

    async def go() -> None:
        loaded = Loaded(Settings(database={"url": database.url}), None, tmp_path)  # type: ignore[arg-type]
        async with open_house(loaded) as house:
            with _renamed(database):
                assert (await house.inbox.receive("token", b"{}")).word is Word.AWAY
            house.inbox.forget_doors()
            assert (await house.inbox.receive("token", b"{}")).word is Word.UNKNOWN

    asyncio.run(go())
