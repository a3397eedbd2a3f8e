"""Real processes on one shop: killed at any moment they lose no token, and together they stay within its call limit."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from syncd.domain.secret import Secret
from syncd.host.clock import SystemClock
from syncd.simulator.server import SimServer
from syncd.simulator.shop import SimShop
from syncd.simulator.world import SimWorld
from tests.process.caller import CLIENT, Orders, opened
from tests.support.databases import TestDatabase
from tests.support.ready import make_ready

ROOT = Path(__file__).parents[2]
FEW, MANY = 6, 60


@pytest.fixture
def sim() -> Iterator[SimServer]:
    """A shop that forgives nothing: a refresh token that was used is dead at once."""
    shop = SimShop(now=SystemClock().wall, products=3, orders=3, customers=3, bucket_size=40, leak=20)
    with SimServer(SimWorld([shop])) as server:
        yield server


def _orders(database: TestDatabase, folder: Path, sim: SimServer, job: str) -> Orders:
    return Orders(database.url, str(folder), sim.url, job)


def _started(orders: Orders) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.process.caller", orders.written()]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def _authorise(orders: Orders, shop: SimShop) -> None:
    make_ready(orders.url)

    async def first() -> None:
        async with opened(orders) as works:
            await works.tokens.first_exchange(Secret(shop.authorise(CLIENT)))

    asyncio.run(first())


def _only(sim: SimServer) -> SimShop:
    (shop,) = sim.world.shops.values()
    return shop


def test_processes_killed_while_they_exchange_lose_no_token(
    database: TestDatabase, tmp_path: Path, sim: SimServer
) -> None:
    _kill_at_random(database, tmp_path, sim, FEW)


@pytest.mark.soak
def test_processes_killed_many_times_while_they_exchange_lose_no_token(
    database: TestDatabase, tmp_path: Path, sim: SimServer
) -> None:
    _kill_at_random(database, tmp_path, sim, MANY)


def _kill_at_random(database: TestDatabase, tmp_path: Path, sim: SimServer, kills: int) -> None:
    shop, luck = _only(sim), Random(4)
    orders = replace(_orders(database, tmp_path, sim, "refresh"), exchanges=10_000)
    _authorise(orders, shop)
    for _ in range(kills):
        process = _started(orders)
        assert process.stdout is not None
        for _ in range(luck.randint(1, 4)):
            assert process.stdout.readline(), "it starts again by itself after every kill"
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=luck.uniform(0, 0.05))
        process.kill()
        process.communicate()

    async def last() -> int:
        async with opened(orders) as works:
            await works.tokens.refresh()
            health = await works.tokens.health()
            assert health is not None
            assert (await works.tokens.inspect()).scopes
            return health.generation

    generation = asyncio.run(last())
    assert shop.books.refresh_reused == []
    assert generation >= kills


def test_two_processes_on_one_shop_are_never_refused(database: TestDatabase, tmp_path: Path, sim: SimServer) -> None:
    shop = _only(sim)
    orders = replace(_orders(database, tmp_path, sim, "pull"), calls=30, exchanges=5)
    _authorise(orders, shop)
    processes = [_started(orders) for _ in range(2)]
    for process in processes:
        process.communicate()
    assert [process.returncode for process in processes] == [0, 0]
    assert shop.books.refused == 0
    assert shop.books.admitted == 2 * orders.calls
    assert shop.books.refresh_reused == []
