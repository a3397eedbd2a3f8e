"""Troubles of the world around a daemon, on simulated time: each ends by itself, with one line that says so."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
import structlog

from syncd.domain.resources import BY_NAME
from syncd.errors import DiskProblem
from syncd.service import daemon
from syncd.simulator.shop import SimShop
from syncd.simulator.transport import Faults
from syncd.simulator.world import SimWorld
from syncd.store.database import sqlite_module
from syncd.store.disk import StoreDisk
from tests.sim import people
from tests.sim.chronicle import Chronicle
from tests.sim.doors import EPOCH
from tests.sim.judge import Judge
from tests.sim.lives import Life, Machine, Weather
from tests.sim.loop import VirtualLoop
from tests.sim.machine import install_at
from tests.support.equality import differences

HOUR = 3600.0
QUICK_S = 120.0
USED = ("products", "orders", "currency_rates")


@dataclass
class Story:
    """A daemon that works one shop, and what its log said."""

    shop: SimShop
    machine: Machine
    judge: Judge
    chronicle: Chronicle
    lines: list[str]
    full: dict[str, bool] = field(default_factory=dict)
    life: Life | None = None

    def said(self, event: str) -> list[dict[str, str]]:
        """The facts of every line of this event."""
        found = [line.split(f" {event} ", 1)[1] for line in self.lines if f" {event} " in line and " log " in line]
        return [dict(part.split("=", 1) for part in text.split(" ") if "=" in part) for text in found]

    def recovered(self, what: str, *, lasted_s: tuple[float, float]) -> None:
        """It was said once that this is over, and how long it lasted."""
        (line,) = self.said("recovered")
        assert line["what"] == what
        assert lasted_s[0] <= float(line["lasted_s"]) <= lasted_s[1]
        began = [each for each in self.said("outage.began") if each["what"] == what]
        assert len(began) == (what != "clock")

    async def until_equal(self, within_s: float) -> None:
        """Whatever was missed arrives within so many seconds."""
        for _ in range(int(within_s / 30)):
            if not self.unequal():
                return
            await asyncio.sleep(30)
        assert self.unequal() == []

    def unequal(self) -> list[str]:
        """Where mirror and shop differ."""
        dump, url = self.shop.dump(USED), self.judge.loaded.mirror_url
        return [what for name in USED for what in differences(url, 1, BY_NAME[name], dump[name], empties_alike=False)]

    def exchanges(self, since_s: float) -> int:
        """How often somebody asked for tokens since then, by the shop's clock."""
        calls = [line.split() for line in self.lines if " call " in line and "POST /token" in line]
        return sum(EPOCH.timestamp() + float(words[0]) >= since_s for words in calls)

    def edit(self) -> None:
        """Somebody changes a title in the shop."""
        key = self.shop.keys("products")[0]
        self.shop.edit("products", key, {"title": f"Written at {self.shop.clock():.0f}"})


@dataclass(frozen=True)
class _Full:
    """A writer whose disk is full as long as `full` says so."""

    inner: Any
    name: str
    full: dict[str, bool]

    async def run(self, f: Callable[[Any], Any]) -> Any:
        if self.full.get(self.name):
            raise DiskProblem("the database says: database or disk is full")
        return await self.inner.run(f)

    def close(self) -> None:
        self.inner.close()


@contextmanager
def story(folder: Path, **wanted: Any) -> Iterator[tuple[Story, VirtualLoop]]:
    loop, lines = VirtualLoop(), list[str]()
    records = {"products": 8, "orders": 12, "customers": 4} | wanted
    shop = SimShop(now=lambda: EPOCH.timestamp() + loop.time(), bucket_size=40, leak=10, **records)
    chronicle = Chronicle(loop.time, watch=lines.append)
    pull = {"quick_s": QUICK_S, "walk_s": 2400.0, "looks_s": 60.0}
    few = {name: {"enabled": name in USED} for name in BY_NAME}
    sections = {"budget": {"size": 40, "leak_per_s": 10}, "pull": pull, "push": {"every_s": 60.0}, "resources": few}
    loaded = install_at(folder, sections)
    full: dict[str, bool] = {}

    def alter(disk: StoreDisk) -> StoreDisk:
        return replace(disk, mirror=_Full(disk.mirror, "mirror", full), state=_Full(disk.state, "state", full))  # type: ignore[arg-type]

    machine = Machine(loop, loaded, SimWorld([shop]), chronicle, Random(1), alter)
    judge = Judge(loaded, {shop.name: shop}, machine.traffic, chronicle, Random(1), machine.wall)
    chronicle.take_log()
    try:
        yield Story(shop, machine, judge, chronicle, lines, full), loop
    finally:
        judge.files.close()
        structlog.reset_defaults()
        loop.close()


def told(folder: Path, trouble: Callable[[Story], Awaitable[None]]) -> None:
    """A daemon fills its mirror, meets the trouble, and is drained: it never ended by itself, and all is equal."""
    with story(folder) as (it, loop):

        async def whole() -> None:
            try:
                await day()
            finally:
                await it.machine.end_all()

        async def day() -> None:
            first = it.machine.start("command", partial(people.add, it.shop))
            assert await it.machine.ended(first) == []
            it.life = it.machine.start("daemon", daemon.run)
            await asyncio.sleep(120)
            await it.until_equal(600)
            await trouble(it)
            await it.until_equal(1500)
            assert not it.life.process.ended.is_set(), it.life.problem
            assert await it.machine.drained(it.life) == []
            assert it.life.problem is None
            it.judge.after_life()
            assert it.judge.breaches == []

        loop.run_until_complete(asyncio.wait_for(whole(), 86_400))


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param(Faults(unavailable=1.0), id="503"),
        pytest.param(Faults(connect_failed=1.0), id="no connection", marks=pytest.mark.soak),
        pytest.param(Faults(timed_out=1.0), id="no answer", marks=pytest.mark.soak),
    ],
)
def test_a_shop_that_is_away_for_an_hour(tmp_path: Path, faults: Faults) -> None:
    async def trouble(it: Story) -> None:
        since_s = it.shop.clock()
        it.machine.weather = Weather(faults)
        it.edit()
        await asyncio.sleep(HOUR)
        it.machine.weather = Weather()
        await asyncio.sleep(1200)
        # From the first look that failed to the first that did not: waits between looks grow to a quarter of an hour.
        it.recovered("shop", lasted_s=(HOUR - QUICK_S * 2, HOUR + 960))
        assert "shop" in it.said("recovered")[0]
        assert it.exchanges(since_s) <= 40  # not one by each job that falls due

    told(tmp_path, trouble)


def test_a_database_that_is_away_for_a_minute(tmp_path: Path) -> None:
    async def trouble(it: Story) -> None:
        it.machine.weather = Weather(busy=1.0)
        it.edit()
        await asyncio.sleep(60)
        it.machine.weather = Weather()
        await asyncio.sleep(300)
        it.recovered("database", lasted_s=(50, 130))

    told(tmp_path, trouble)


@pytest.mark.parametrize(
    "houses",
    [
        pytest.param(("mirror", "state"), id="both"),
        pytest.param(("mirror",), id="mirror", marks=pytest.mark.soak),
        pytest.param(("state",), id="state", marks=pytest.mark.soak),
    ],
)
def test_a_disk_that_is_full_for_an_hour(tmp_path: Path, houses: tuple[str, ...]) -> None:
    async def trouble(it: Story) -> None:
        it.full.update(dict.fromkeys(houses, True))
        it.edit()
        await asyncio.sleep(HOUR)
        it.full.clear()
        await asyncio.sleep(1200)
        it.recovered("disk", lasted_s=(HOUR - QUICK_S * 2, HOUR + 960))

    told(tmp_path, trouble)


@pytest.mark.parametrize("step_s", [-6 * HOUR, -HOUR, 6 * HOUR])
def test_a_clock_that_was_set(tmp_path: Path, step_s: float) -> None:
    async def trouble(it: Story) -> None:
        it.machine.wall.set_by(step_s)
        it.edit()
        await asyncio.sleep(10)
        it.recovered("clock", lasted_s=(0, 10))
        await it.until_equal(QUICK_S * 1.5)  # nobody waits for the old time to come again

    told(tmp_path, trouble)


def test_a_clock_that_was_set_back_while_no_daemon_ran(tmp_path: Path) -> None:
    """What was put off by the old time is sent within an hour or so, not most of a day later."""
    with story(tmp_path) as (it, loop):

        async def whole() -> None:
            first = it.machine.start("command", partial(people.add, it.shop))
            assert await it.machine.ended(first) == []
            life = it.machine.start("daemon", daemon.run)
            await it.until_equal(600)
            it.machine.weather = Weather(Faults(timed_out=1.0))
            _typed(tmp_path, "UPDATE products SET title = 'Typed here' WHERE row_id = 1")
            await asyncio.sleep(600)
            assert await it.machine.drained(life) == []
            it.machine.wall.set_by(-20 * HOUR)
            it.machine.weather = Weather()
            life = it.machine.start("daemon", daemon.run)
            await it.until_equal(1.5 * HOUR)
            assert await it.machine.drained(life) == []

        loop.run_until_complete(asyncio.wait_for(whole(), 86_400))


def _typed(folder: Path, statement: str) -> None:
    connection = sqlite_module().connect(folder / "mirror.db")
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_fill_that_was_drained_goes_on_at_the_next_start(tmp_path: Path) -> None:
    """Not at the next beat of its walk, which is most of an hour away."""
    with story(tmp_path, orders=1500) as (it, loop):

        async def whole() -> None:
            first = it.machine.start("command", partial(people.add, it.shop))
            assert await it.machine.ended(first) == []
            life = it.machine.start("daemon", daemon.run)
            for _ in range(600):
                if it.judge.files.rows("mirror", "SELECT count(*) FROM orders")[0][0] >= 100:
                    break
                await asyncio.sleep(0.1)
            assert await it.machine.drained(life) == []
            assert it.unequal() != []
            life = it.machine.start("daemon", daemon.run)
            await it.until_equal(300)
            assert await it.machine.drained(life) == []

        loop.run_until_complete(asyncio.wait_for(whole(), 3600))
