"""The daemon hears of people's edits soon, once, and without asking all the time."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

from syncd.domain.shop import Shop
from syncd.host.clock import SystemClock
from syncd.store.disk import StoreDisk, open_disk
from syncd.store.local_signal import SIMULATED_POLL_S, PollingSignal
from tests.contract.conftest import AT, Store
from tests.support.databases import KINDS

SHOP = Shop(0, "demo", "https://shop.test", "https://oauth.test", "app", "http://127.0.0.1:8765/", ("orders",))


class Hand:
    """A clock that is moved on by those who sleep; `during` happens in the first sleep."""

    def __init__(self, during: Callable[[], None] | None = None) -> None:
        self.at = 0.0
        self.slept: list[float] = []
        self._during = during

    def now(self) -> datetime:
        return AT

    def wall(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds
        self.slept.append(seconds)
        if self._during is not None:
            self._during()
            self._during = None


async def no_pause() -> None:
    """Inline transactions take no time here."""


def add_shops(store: Store, count: int = 1) -> list[int]:
    return [store.write(lambda tx, n=n: tx.books.add_shop(replace(SHOP, name=f"shop-{n}"))).id for n in range(count)]


def edit(store: Store, shop_id: int) -> None:
    store.people("INSERT INTO orders (shop_id) VALUES (:shop)", shop=shop_id)


@pytest.fixture(params=[f"{kind}-{how}" for kind in KINDS for how in ("real", "simulated")])
def heard(request: pytest.FixtureRequest, make_store: Callable[[str], Store]):  # type: ignore[no-untyped-def]
    """A store and a disk on it: on real time with its own threads, or inline on simulated time."""
    kind, how = request.param.split("-")
    store = make_store(kind)
    if how == "real":
        disk = open_disk(store.database.url, clock=SystemClock())
    else:
        disk = open_disk(store.database.url, clock=Hand(), inline_pause=no_pause)
    yield store, disk
    disk.close()


def test_it_names_the_shops_once_until_more_comes(heard: tuple[Store, StoreDisk]) -> None:
    store, disk = heard
    first, second, quiet = add_shops(store, 3)
    edit(store, second)
    edit(store, first)

    async def told() -> None:
        assert await disk.local_signal.wait(5) == [first, second]
        assert await disk.local_signal.wait(0.05) == []
        edit(store, second)
        assert await disk.local_signal.wait(5) == [second]
        await disk.mirror.run(lambda tx: tx.local.touched(first, AT, 10))
        assert await disk.local_signal.wait(0.05) == []
        store.people("INSERT INTO sync_hints (shop_id, resource, source) VALUES (:s, 'orders', 'scan')", s=quiet)
        assert quiet in await disk.local_signal.wait(5)

    asyncio.run(told())


def test_the_daemons_own_commits_do_not_ring(heard: tuple[Store, StoreDisk]) -> None:
    store, disk = heard
    (shop,) = add_shops(store)

    async def told() -> list[int]:
        await disk.mirror.run(lambda tx: tx.books.unpark(shop, "orders", ["5"]))
        return await disk.local_signal.wait(0.05)

    assert asyncio.run(told()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_an_edit_is_heard_within_a_second_of_real_time(kind: str, make_store: Callable[[str], Store]) -> None:
    store = make_store(kind)
    (shop,) = add_shops(store)
    disk = open_disk(store.database.url, clock=SystemClock())
    clock = SystemClock()

    async def told() -> float:
        assert await disk.local_signal.wait(0.2) == []
        writer = threading.Timer(0.1, edit, (store, shop))
        began = clock.monotonic()
        writer.start()
        try:
            assert await disk.local_signal.wait(5) == [shop]
        finally:
            writer.join()
        return clock.monotonic() - began

    try:
        assert asyncio.run(told()) < 1.1
    finally:
        disk.close()


def test_on_sqlite_nothing_is_asked_while_nobody_commits(make_store: Callable[[str], Store]) -> None:
    store = make_store("sqlite")
    (shop,) = add_shops(store)
    asked = []

    class Reader:
        async def run(self, f):  # type: ignore[no-untyped-def]
            asked.append(f)
            return await store.disk.reader.run(f)

    signal = store.disk.local_signal
    clock = Hand()
    counting = PollingSignal(Reader(), clock, 1.0, signal._version)
    assert asyncio.run(counting.wait(100)) == []
    assert (len(asked), len(clock.slept)) == (1, 100)
    edit(store, shop)
    assert asyncio.run(counting.wait(100)) == [shop]
    assert len(asked) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_on_simulated_time_it_comes_at_the_next_look(kind: str, make_store: Callable[[str], Store]) -> None:
    store = make_store(kind)
    (shop,) = add_shops(store)
    clock = Hand(during=lambda: edit(store, shop))
    disk = open_disk(store.database.url, clock=clock, inline_pause=no_pause)
    try:
        assert asyncio.run(disk.local_signal.wait(60)) == [shop]
        assert clock.slept == [SIMULATED_POLL_S]
    finally:
        disk.close()


def test_on_postgresql_a_lost_listener_comes_back(make_store: Callable[[str], Store]) -> None:
    store = make_store("postgresql")
    (shop,) = add_shops(store)
    disk = open_disk(store.database.url, clock=SystemClock())

    async def told() -> list[int]:
        assert await disk.local_signal.wait(0.1) == []
        store.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'syncd listen'")
        edit(store, shop)
        assert await disk.local_signal.wait(5) == [shop]
        task = asyncio.ensure_future(disk.local_signal.wait(60))
        done, _ = await asyncio.wait([task], timeout=0.1)
        assert not done
        task.cancel()
        await asyncio.wait([task])
        edit(store, shop)
        return await disk.local_signal.wait(5)

    try:
        assert asyncio.run(told()) == [shop]
    finally:
        disk.close()
