"""The virtual loop and the doors of a simulated process do what the simulation rests on."""

import asyncio
from contextvars import copy_context
from datetime import timedelta
from random import Random

import pytest

from tests.sim.doors import EPOCH, PROCESS, Crash, Process, is_stopped
from tests.sim.loop import SimTask, Stuck, VirtualLoop


@pytest.fixture
def loop() -> VirtualLoop:
    return VirtualLoop()


@pytest.fixture(autouse=True)
def _closed(loop: VirtualLoop) -> object:
    yield
    loop.close()


def test_a_year_of_waiting_takes_no_time(loop: VirtualLoop) -> None:
    async def wait() -> float:
        await asyncio.sleep(365 * 86_400)
        return loop.time()

    assert loop.run_until_complete(wait()) == pytest.approx(365 * 86_400)


def test_time_passes_in_the_order_of_timers(loop: VirtualLoop) -> None:
    async def note(after_s: float) -> None:
        await asyncio.sleep(after_s)
        heard.append(after_s)

    async def all_of_them() -> None:
        async with asyncio.TaskGroup() as group:
            for after_s in (3.0, 1.0, 2.0):
                group.create_task(note(after_s))

    heard: list[float] = []
    loop.run_until_complete(all_of_them())
    assert heard == [1.0, 2.0, 3.0]


def test_a_program_that_waits_for_nothing_is_told_so(loop: VirtualLoop) -> None:
    with pytest.raises(Stuck, match="everybody waits"):
        loop.run_until_complete(asyncio.Event().wait())
    for task in asyncio.all_tasks(loop):
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(next(iter(asyncio.all_tasks(loop))))


def test_a_program_that_spins_is_told_so(loop: VirtualLoop) -> None:
    async def spin() -> None:
        while True:  # noqa: ASYNC110  spinning is what it is for
            await asyncio.sleep(0)

    task = loop.create_task(spin())
    with pytest.raises(Stuck, match="spins"):
        loop.run_until_complete(task)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)


def test_tasks_are_hashed_by_the_order_in_which_they_were_made(loop: VirtualLoop) -> None:
    async def nothing() -> None:
        return None

    made = [loop.create_task(nothing()) for _ in range(3)]
    assert [hash(task) for task in made] == [1, 2, 3]
    assert all(isinstance(task, SimTask) for task in made)
    for task in made:
        loop.run_until_complete(task)


def test_a_dead_process_goes_through_no_door(loop: VirtualLoop) -> None:
    async def live() -> list[str]:
        process = Process("p", loop, Random(1), dies_at=3)
        rung: list[str] = []
        process.alarm.ring_at("k", process.clock.now() + timedelta(seconds=5), lambda: rung.append("k"))
        await process.clock.sleep(1.0)
        with pytest.raises(Crash):
            await process.clock.sleep(1.0)
        with pytest.raises(Crash):
            await process.pause()
        await asyncio.sleep(10)
        return rung

    assert loop.run_until_complete(live()) == []


def test_the_unwinding_of_a_dead_process_does_nothing_more(loop: VirtualLoop) -> None:
    async def stubborn(process: Process) -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            await process.pause()
            written.append("after death")

    async def live() -> None:
        process = Process("p", loop, Random(1))
        task = loop.create_task(stubborn(process))
        process.adopt(task)  # type: ignore[arg-type]
        await asyncio.sleep(1)
        await process.bury()
        assert isinstance(task.exception(), Crash)

    written: list[str] = []
    loop.run_until_complete(live())
    assert not written


def test_an_alarm_never_rings_early(loop: VirtualLoop) -> None:
    async def live() -> None:
        process = Process("p", loop, Random(1))
        for micros in (1, 333_333, 999_999):
            when = process.clock.now() + timedelta(microseconds=micros)
            rung = asyncio.Event()
            process.alarm.ring_at("k", when, rung.set)
            await rung.wait()
            assert process.clock.now() >= when

    loop.run_until_complete(live())


def test_the_clock_tells_one_time_in_three_forms(loop: VirtualLoop) -> None:
    async def live() -> None:
        clock = Process("p", loop, Random(1)).clock
        await clock.sleep(90.5)
        assert clock.monotonic() == pytest.approx(90.5)
        assert clock.now() == EPOCH + timedelta(seconds=90.5)
        assert clock.wall() == pytest.approx(EPOCH.timestamp() + 90.5)

    loop.run_until_complete(live())


def test_nothing_of_a_stopped_process_runs_until_it_is_continued(loop: VirtualLoop) -> None:
    async def live(process: Process) -> None:
        while True:
            await process.clock.sleep(1.0)
            seen.append(loop.time())

    async def day() -> None:
        process = Process("p", loop, Random(1))
        context = copy_context()
        context.run(PROCESS.set, process)
        task = loop.create_task(live(process), context=context)
        process.adopt(task)  # type: ignore[arg-type]
        await asyncio.sleep(2.5)
        process.stops_within(1, 30.0)
        await asyncio.sleep(40)
        await process.bury()

    seen: list[float] = []
    loop.is_stopped = is_stopped
    loop.run_until_complete(day())
    assert seen[:4] == pytest.approx([1.0, 2.0, 3.0, 33.0])
    assert seen[-1] == pytest.approx(42.0)
