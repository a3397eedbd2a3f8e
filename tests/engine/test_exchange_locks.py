"""One exchange at a time per shop: both locks exclude each other, give way, and die with their holder."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from syncd.errors import DatabaseBusy
from syncd.host.clock import SystemClock
from syncd.host.lock import ExchangeLocks
from syncd.ports import ExchangeLock
from syncd.store.database import address
from syncd.store.pglock import HeldSession, PostgresExchangeLocks
from tests.support.databases import TestDatabase

Open = Callable[[], ExchangeLock]


@pytest.fixture
def opened(database: TestDatabase, tmp_path: Path) -> Open:
    """A function that opens the locks as one more process would."""
    if database.is_sqlite:
        return lambda: ExchangeLocks(tmp_path, SystemClock().sleep)
    where = address(database.url).state
    return lambda: PostgresExchangeLocks(where, SystemClock().sleep)


def test_one_holds_it_while_others_wait(opened: Open) -> None:
    inside: list[int] = []
    most: list[int] = []

    async def one(lock: ExchangeLock, number: int) -> None:
        async with lock.hold(1):
            inside.append(number)
            most.append(len(inside))
            for _ in range(20):
                await asyncio.sleep(0)
            inside.remove(number)

    async def scene() -> None:
        locks = [opened(), opened()]
        async with asyncio.TaskGroup() as group:
            for number in range(6):
                group.create_task(one(locks[number % 2], number))

    asyncio.run(scene())
    assert most == [1] * 6


def test_shops_do_not_wait_for_each_other(opened: Open) -> None:
    async def scene() -> None:
        lock = opened()
        async with asyncio.timeout(10), lock.hold(1), lock.hold(2), opened().hold(3):
            pass

    asyncio.run(scene())


def test_a_wait_can_be_called_off(opened: Open) -> None:
    async def scene() -> None:
        lock = opened()
        async with lock.hold(1):
            waiting = asyncio.ensure_future(_hold(opened()))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await asyncio.shield(waiting)
            waiting.cancel()
            await asyncio.wait([waiting])
            assert waiting.cancelled()
        async with asyncio.timeout(10), opened().hold(1):
            pass

    asyncio.run(scene())


def test_an_error_inside_gives_it_back(opened: Open) -> None:
    async def scene() -> None:
        with pytest.raises(DatabaseBusy):
            async with opened().hold(1):
                raise DatabaseBusy("away")
        async with asyncio.timeout(10), opened().hold(1):
            pass

    asyncio.run(scene())


def test_it_ends_with_the_session_that_held_it(make_database: Callable[[str], TestDatabase]) -> None:
    where = address(make_database("postgresql").url).state

    async def scene() -> None:
        held = PostgresExchangeLocks(where, SystemClock().sleep).hold(1)
        await held.__aenter__()
        with create_engine(where, poolclass=NullPool).connect() as killer:
            ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'syncd exchange'"
            killer.execute(text(f"{ended} AND datname = current_database()"))
        async with asyncio.timeout(10), PostgresExchangeLocks(where, SystemClock().sleep).hold(1):
            pass
        await held.__aexit__(None, None, None)

    asyncio.run(scene())


def test_a_server_out_of_reach_is_a_reason_to_try_later() -> None:
    where = address("postgresql://nobody@127.0.0.1:1/nothing").state

    async def scene() -> None:
        with pytest.raises(DatabaseBusy):
            await _hold(PostgresExchangeLocks(where, SystemClock().sleep))

    asyncio.run(scene())


async def _hold(lock: ExchangeLock) -> None:
    async with lock.hold(1):
        pass


def test_a_newer_lease_ends_the_session_of_an_older_one_and_no_other(
    make_database: Callable[[str], TestDatabase],
) -> None:
    where = address(make_database("postgresql").url).mirror

    async def scene() -> None:
        def hold(generation: int) -> HeldSession:
            return PostgresExchangeLocks(where, SystemClock().sleep, generation).hold(-1)

        async with hold(2):  # stands still from here on
            for other in (0, 1, 2):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.5), hold(other):
                        pytest.fail(f"generation {other} came in")
            async with asyncio.timeout(10), hold(3):
                pass
        async with asyncio.timeout(10), hold(0):  # a command that has no lease
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5), hold(9):
                    pytest.fail("a holder without a lease was ended")

    asyncio.run(scene())
