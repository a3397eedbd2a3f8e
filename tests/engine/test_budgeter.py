"""The call budget of a shop, shared by tasks and processes: never over-granted, nothing starves, all is accounted."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil

import pytest

from syncd.domain.budget import CallClass
from syncd.engine.budget_transactions import BudgetRules, Spent, bucket_now, spent
from syncd.engine.budgeter import Budgeter
from syncd.errors import DatabaseBusy
from syncd.ports import Purpose
from syncd.store.disk import StoreDisk, open_disk
from tests.engine.faults import Fuse, FusedWriter, no_pause
from tests.engine.virtual import LoopClock, SeededDice, simulate
from tests.support.databases import TestDatabase
from tests.support.ready import make_ready

BUCKET = "syncd.test/1202"
BACKFILL = Purpose(CallClass.BACKFILL, "pull", "list")
PUSH = Purpose(CallClass.PUSH, "push", "write")


@dataclass
class StrictServer:
    """The shop's own bucket: it leaks, it counts, and it refuses what overflows."""

    clock: LoopClock
    size: float = 40.0
    leak: float = 2.0
    level: float = 0.0
    at_s: float = 0.0
    served: int = 0
    refused: int = 0

    def call(self) -> tuple[bool, int]:
        now_s = self.clock.monotonic()
        self.level = max(0.0, self.level - self.leak * (now_s - self.at_s))
        self.at_s = now_s
        fits = self.level + 1 <= self.size + 1e-9
        self.level += fits
        self.served += fits
        self.refused += not fits
        return fits, ceil(self.level)


@dataclass
class Desk:
    """The row that is shared, and processes that share it."""

    disk: StoreDisk
    clock: LoopClock
    fuse: Fuse = field(default_factory=Fuse)

    def process(self, seed: int = 1, *, rules: BudgetRules | None = None, floor: int = 0) -> Budgeter:
        return Budgeter(
            1,
            BUCKET,
            state=FusedWriter(self.disk.state, self.fuse),
            clock=self.clock,
            dice=SeededDice(seed),
            rules=rules,
            floor=floor,
        )

    async def level(self) -> float:
        bucket = await self.disk.state.run(lambda tx: bucket_now(tx, BUCKET))
        assert bucket is not None
        return bucket.level

    async def spent(self, hours: int = 1) -> list[Spent]:
        return await self.disk.state.run(lambda tx: spent(tx, 1, hours))

    async def emptied(self) -> Budgeter:
        """A process whose bucket has leaked away since its first call."""
        process = self.process()
        await process.ticket(BACKFILL)
        await self.clock.sleep(60)
        return process


@contextmanager
def _desk(url: str) -> Iterator[Desk]:
    make_ready(url)
    clock = LoopClock()
    disk = open_disk(url, clock=clock, inline_pause=no_pause)
    try:
        yield Desk(disk, clock)
    finally:
        disk.close()


@pytest.fixture
def at(database: TestDatabase) -> Iterator[Desk]:
    with _desk(database.url) as opened:
        yield opened


@pytest.fixture
def here(make_database: Callable[[str], TestDatabase]) -> Iterator[Desk]:
    with _desk(make_database("sqlite").url) as opened:
        yield opened


async def _calls(at: Desk, process: Budgeter, server: StrictServer, purpose: Purpose, until_s: float) -> None:
    """A task that calls the shop without a pause, and passes on what each answer says."""
    while at.clock.monotonic() < until_s:
        ticket = await process.ticket(purpose)
        await at.clock.sleep(0.1)
        fits, used = server.call()
        await at.clock.sleep(0.1)
        await process.heard(ticket, used, server.size)
        if not fits:
            await process.refused(None, had_header=True)


# --- sharing ---


def test_two_processes_use_the_whole_leak_and_are_never_refused(at: Desk) -> None:
    async def scene() -> None:
        server = StrictServer(at.clock)
        async with asyncio.TaskGroup() as group:
            for process in (at.process(1), at.process(2)):
                for _ in range(3):
                    group.create_task(_calls(at, process, server, BACKFILL, 300))
        assert server.refused == 0
        assert server.served >= 0.98 * 2 * 300
        assert sum(line.calls for line in await at.spent()) == server.served

    simulate(scene)


def test_pushes_find_room_at_once_while_backfills_take_all_that_is_left(here: Desk) -> None:
    async def scene() -> None:
        server = StrictServer(here.clock)
        processes = [here.process(1), here.process(2)]
        waits: list[float] = []

        async def pushes() -> None:
            for n in range(15):
                await here.clock.sleep(10)
                asked_s = here.clock.monotonic()
                await processes[n % 2].ticket(PUSH, 2)
                waits.append(here.clock.monotonic() - asked_s)
                server.call()
                server.call()

        async with asyncio.TaskGroup() as group:
            for process in processes:
                group.create_task(_calls(here, process, server, BACKFILL, 150))
                group.create_task(_calls(here, process, server, Purpose(CallClass.SWEEP, "sweep"), 150))
            group.create_task(pushes())
        assert server.refused == 0
        assert max(waits[2:]) < 0.1
        jobs = {line.job: line.calls for line in await here.spent()}
        assert jobs["push"] == 30
        assert min(jobs["pull"], jobs["sweep"]) > 50, "nothing starves"

    simulate(scene)


def test_however_many_wait_one_of_a_class_asks_the_database(here: Desk) -> None:
    async def scene() -> None:
        process = here.process()
        async with asyncio.TaskGroup() as group:
            for _ in range(60):
                group.create_task(process.ticket(BACKFILL))
        asked = len(here.fuse.seen)
        assert asked <= 60 * 2.5

    simulate(scene)


def test_tickets_only_grow_and_follow_the_calls(here: Desk) -> None:
    async def scene() -> None:
        process = here.process(floor=1000)
        tickets = [await process.ticket(PUSH), await process.ticket(PUSH, 2), await here.process().ticket(PUSH)]
        assert tickets == [1001, 1002, 1004]

    simulate(scene)


def test_the_mark_is_the_last_ticket_of_any_process_and_counts_nothing(at: Desk) -> None:
    async def scene() -> None:
        process = at.process(floor=7)
        assert await process.mark() == 7
        await process.ticket(PUSH, 2)
        await at.process().ticket(PUSH)
        before = await at.level()
        assert [await process.mark(), await process.mark()] == [10, 10]
        assert await at.level() <= before
        assert sum(line.calls for line in await at.spent()) == 3
        at.fuse = Fuse(1, make=lambda: DatabaseBusy("busy"))
        with pytest.raises(DatabaseBusy):
            await at.process().mark()

    simulate(scene)


def test_a_bucket_too_small_for_both_calls_of_a_push_gives_them_one_by_one(here: Desk) -> None:
    async def scene() -> None:
        process = here.process(rules=BudgetRules(size=1, leak=1))
        assert await process.ticket(PUSH, 2) == 1
        assert [line.calls for line in await here.spent()] == [2]

    simulate(scene)


def test_a_caller_that_goes_away_holds_nobody_up(here: Desk) -> None:
    async def scene() -> None:
        process = here.process()
        gone = asyncio.ensure_future(process.ticket(BACKFILL))
        waiting = asyncio.ensure_future(process.ticket(BACKFILL))
        await here.clock.sleep(0.5)
        gone.cancel()
        await waiting
        assert [line.calls for line in await here.spent()] == [1]

    simulate(scene)


def test_a_clock_that_is_set_ahead_empties_no_bucket(here: Desk) -> None:
    async def scene() -> None:
        server = StrictServer(here.clock)
        process, beside = here.process(1), here.process(2)
        async with asyncio.TaskGroup() as group:
            for each in (process, beside):
                for _ in range(3):
                    group.create_task(_calls(here, each, server, PUSH, 300))
            for step_s in (3600.0, -7200.0, 60.0, 30.0):
                await here.clock.sleep(50)
                here.clock.step(step_s)
        assert server.refused == 0
        assert server.served >= 0.98 * 2 * 300

    simulate(scene)


def test_a_block_lasts_as_long_as_the_shop_said_whatever_the_clock_shows(here: Desk) -> None:
    async def scene() -> None:
        process = await here.emptied()
        await process.refused(120.0, had_header=True)
        begun_s = here.clock.monotonic()
        here.clock.step(3600.0)
        await process.ticket(PUSH)
        assert 120 <= here.clock.monotonic() - begun_s <= 150

    simulate(scene)


# --- what answers teach ---


def test_a_first_row_is_full_so_that_a_start_never_bursts(here: Desk) -> None:
    async def scene() -> None:
        process = here.process()
        await process.ticket(PUSH)
        assert here.clock.monotonic() >= 1.0
        assert await here.level() > 37

    simulate(scene)


def test_a_header_is_taken_over_with_its_size(here: Desk) -> None:
    async def scene() -> None:
        process = await here.emptied()
        ticket = await process.ticket(BACKFILL)
        await process.heard(ticket, 9.0, 10.0)
        assert await here.level() == pytest.approx(9.0)
        began_s = here.clock.monotonic()
        await process.ticket(BACKFILL)
        assert here.clock.monotonic() - began_s > 1.5, "it waits until a share of 10 has room"

    simulate(scene)


def test_an_answer_that_overtook_another_does_not_hide_it(here: Desk) -> None:
    """The level is judged by the oldest call under way: it may have arrived after the one that answers."""

    async def scene() -> None:
        process = await here.emptied()
        tickets = [await process.ticket(PUSH) for _ in range(10)]
        await process.heard(tickets[-1], 1.0, 40.0)
        assert await here.level() == pytest.approx(10.0)
        for ticket in tickets[:-1]:
            await process.heard(ticket, 1.0, 40.0)
        assert await here.level() <= 3.0

    simulate(scene)


@pytest.mark.parametrize("after_s", [None, 30.0])
def test_a_refusal_stops_every_process(here: Desk, after_s: float | None) -> None:
    async def scene() -> None:
        process, other = await here.emptied(), here.process(2)
        await process.refused(after_s, had_header=False)
        began_s = here.clock.monotonic()
        await other.ticket(PUSH)
        assert here.clock.monotonic() - began_s >= (after_s or 1.0)

    simulate(scene)


@pytest.mark.parametrize("after_s", [None, 20.0])
def test_a_shop_out_of_service_is_left_alone_for_a_while(here: Desk, after_s: float | None) -> None:
    async def scene() -> None:
        process = await here.emptied()
        await process.unserved(after_s)
        began_s = here.clock.monotonic()
        await here.process(2).ticket(PUSH)
        assert here.clock.monotonic() - began_s >= (after_s or BudgetRules().pause_s)

    simulate(scene)


def test_an_answer_is_not_lost_because_its_figure_could_not_be_written(here: Desk) -> None:
    async def scene() -> None:
        process = await here.emptied()
        ticket = await process.ticket(BACKFILL)
        here.fuse.at, here.fuse.make = len(here.fuse.seen) + 1, lambda: DatabaseBusy("locked")
        await process.heard(ticket, 30.0, 40.0)
        assert here.fuse.blown == ["state"]
        assert await here.level() < 2
        await process.ticket(PUSH)
        assert await here.level() == pytest.approx(31.0, abs=0.5), "it is made up for before the next ticket"

    simulate(scene)


# --- settings and accounts ---


def test_another_leak_in_the_settings_holds_from_the_next_start(here: Desk) -> None:
    async def scene() -> None:
        await here.emptied()
        faster = here.process(rules=BudgetRules(leak=20.0))
        began_s = here.clock.monotonic()
        for _ in range(200):
            await faster.ticket(BACKFILL)
        assert here.clock.monotonic() - began_s < 12

    simulate(scene)


def test_a_larger_size_in_the_settings_is_taken_over_without_a_burst(here: Desk) -> None:
    async def scene() -> None:
        process = await here.emptied()
        ticket = await process.ticket(PUSH)
        await process.heard(ticket, 1.0, 10.0)  # the truth, which the settings do not know
        server = StrictServer(here.clock, size=10, at_s=here.clock.monotonic(), level=1)
        restarted = here.process(2)
        for _ in range(12):
            await restarted.ticket(PUSH)
            assert server.call()[0]

    simulate(scene)


def test_the_accounts_say_where_the_budget_went(at: Desk) -> None:
    async def scene() -> None:
        process = await at.emptied()
        for _ in range(3):
            await process.ticket(PUSH, 2)
        await process.ticket(Purpose(CallClass.USER, "look", "one"))
        lines = await at.spent()
        assert [(line.job, line.klass, line.word, line.calls) for line in lines] == [
            ("push", CallClass.PUSH, "write", 6),
            ("look", CallClass.USER, "one", 1),
            ("pull", CallClass.BACKFILL, "list", 1),
        ]
        assert lines[2].waited_s > 5, "the first row was full"
        assert process.waited["pull"].waited_s == pytest.approx(lines[2].waited_s)
        await at.clock.sleep(7200)
        assert await at.spent(hours=1) == []
        assert len(await at.spent(hours=4)) == 3

    simulate(scene)
