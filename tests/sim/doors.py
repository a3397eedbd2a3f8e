"""The doors of one simulated process: clock, dice, alarm, wire and the pauses of its disk, each a place to die at.

A process counts its steps through the doors; at the chosen step it is dead, and from then on no door lets it do
anything any more, as if it had been killed there. Must not know what a daemon does.
"""

import asyncio
from collections.abc import Callable
from contextvars import Context, ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

from tests.sim.clocks import WallClock
from tests.sim.loop import SimTask, VirtualLoop

EPOCH: Final = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)
PROCESS: ContextVar["Process | None"] = ContextVar("process", default=None)
ROUNDS_TO_DIE: Final = 400


def is_stopped(context: Context) -> bool:
    """Whether what runs in this context belongs to a process that is stopped."""
    process = context.get(PROCESS)
    return process is not None and process.stopped


class Crash(BaseException):
    """The process is dead from here on. No Exception, so that nobody takes it for a fault."""


@dataclass(frozen=True, slots=True)
class Bells:
    """The chances that a ring of the alarm is lost, comes late by up to `late_s`, or comes twice."""

    lost: float = 0.0
    late: float = 0.0
    doubled: float = 0.0
    late_s: float = 600.0


class Process:
    """One life of a program on the simulated machine. It dies at its step number `dies_at`, or lives on."""

    def __init__(
        self,
        name: str,
        loop: VirtualLoop,
        luck: Random,
        dies_at: int | None = None,
        glance: Callable[[], None] = lambda: None,
        bells: Callable[[], Bells] = Bells,
        wall: WallClock | None = None,
    ) -> None:
        self.name = name
        self.loop = loop
        self.dead = False
        self.stopped = False  # as by SIGSTOP: nothing of it runs until it is continued
        self.steps = 0
        self.ended = asyncio.Event()  # dead, or its main task is done
        self.clock = SimClock(loop, self.step, wall or WallClock(loop))
        self.dice = SimDice(Random(luck.getrandbits(64)))
        self.alarm = SimAlarm(self, Random(f"bells/{luck.getrandbits(64)}"), bells)
        self._luck = Random(luck.getrandbits(64))
        self._dies_at = dies_at
        self._glance = glance
        self._tasks: list[SimTask] = []
        self._stops_at = 0
        self._stops_for_s = 0.0  # 0: it will not be stopped
        self._stops_writing = False

    def step(self) -> None:
        """Go through a door. Raises Crash in a process that is dead, or dies here."""
        self.steps += 1
        if self._dies_at is not None and self.steps >= self._dies_at and not self.dead:
            self.dead = True
            self.ended.set()
        if self.dead:
            raise Crash(self.name)
        if not self._stops_writing:
            self._stop_if_due()

    def stops_within(self, steps: int, for_s: float, *, writing: bool = False) -> None:
        """Let it be stopped so many steps from here: at its next await after that nothing of it runs for a while.
        `writing`: not before it is about to write into the mirror."""
        self._stops_at, self._stops_for_s, self._stops_writing = self.steps + steps, for_s, writing

    async def about_to_write(self) -> None:
        """Everything is said and done but the transaction."""
        self._stop_if_due()
        if self.stopped:
            await asyncio.sleep(0)

    def _stop_if_due(self) -> None:
        if self._stops_for_s and self.steps >= self._stops_at and not self.stopped:
            self.loop.call_later(self._stops_for_s, self.go_on, context=Context())
            self._stops_for_s, self.stopped = 0.0, True

    def go_on(self) -> None:
        """It is continued, if it was stopped."""
        if self.stopped:
            self.stopped = False
            self.loop.resume()

    def dies_within(self, steps: int) -> None:
        """Let it die so many steps from here, or earlier where that was said before."""
        self._dies_at = min(self.steps + steps, self._dies_at or self.steps + steps)

    async def pause(self) -> None:
        """What a transaction takes, half before it and half after; most take no time that matters.

        `glance` may look at the files then: what others see of them now is what is committed."""
        self.step()
        if self.stopped:
            await asyncio.sleep(0)
        self._glance()
        if self._luck.random() < 0.2:
            await asyncio.sleep(self._luck.uniform(0.0005, 0.02))
            self.step()

    def adopt(self, task: SimTask) -> None:
        """A task that was started by this process."""
        if len(self._tasks) > 500:
            self._tasks = [each for each in self._tasks if not each.done()]
        self._tasks.append(task)

    async def left_over(self) -> list[str]:
        """The tasks that still live a moment after the main one has ended; they are taken apart."""
        for _ in range(20):
            await asyncio.sleep(0)
        names = [repr(task.get_coro()) for task in self._tasks if not task.done()]
        if names:
            await self.bury()
        return names

    async def bury(self) -> None:
        """Take a dead process apart: its tasks unwind behind closed doors; locks on files go, as with a kernel."""
        self.dead = True
        self.go_on()
        for number in range(ROUNDS_TO_DIE):
            left = [task for task in self._tasks if not task.done()]
            if not left:
                break
            if number % 20 == 0:
                for task in left:
                    task.cancel()
            await asyncio.sleep(0)
        else:
            raise AssertionError(f"{self.name} does not end when it is cancelled: {left}")
        for task in self._tasks:
            if not task.cancelled():
                task.exception()  # looked at, so that nobody complains about a death that was wanted


class SimClock:
    """`ports.Clock` on the loop's time and the machine's wall clock."""

    def __init__(self, loop: VirtualLoop, step: Callable[[], None], wall: WallClock) -> None:
        self._wall = wall
        self._loop = loop
        self._step = step

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self._loop.time() + self._wall.ahead_s)

    def wall(self) -> float:
        return EPOCH.timestamp() + self._loop.time() + self._wall.ahead_s

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        self._step()
        await asyncio.sleep(max(0.0, seconds))
        self._step()


class SimDice:
    """`ports.Dice` that always fall the same way."""

    def __init__(self, luck: Random) -> None:
        self._luck = luck

    def random(self) -> float:
        return self._luck.random()

    def uniform(self, low: float, high: float) -> float:
        return self._luck.uniform(low, high)

    def token(self, nbytes: int) -> str:
        return f"{self._luck.getrandbits(8 * nbytes):0{2 * nbytes}x}"

    def new_id(self) -> str:
        return f"{self._luck.getrandbits(128):032x}"


class SimAlarm:
    """`ports.Alarm` on the loop's timers, and with what befalls its rings. Never rings early; rings nobody who is
    dead."""

    def __init__(self, process: Process, luck: Random, bells: Callable[[], Bells] = Bells) -> None:
        self._process = process
        self._luck = luck
        self._bells = bells
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def start(self) -> None:
        """Nothing to begin: the loop rings by itself."""

    def ring_at(self, key: str, when: datetime, call: Callable[[], None]) -> None:
        self.cancel(key)
        # A moment has whole microseconds, the loop has not: without the slack it would ring a moment early.
        wait_s = max(0.0, (when - self._process.clock.now()).total_seconds()) + 2e-6
        self._timers[key] = self._process.loop.call_later(wait_s, self._ring, key, call)

    def cancel(self, key: str) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()

    async def stop(self) -> None:
        for key in list(self._timers):
            self.cancel(key)

    def _ring(self, key: str, call: Callable[[], None]) -> None:
        self._timers.pop(key, None)
        if self._process.dead:
            return
        bells, drawn = self._bells(), self._luck.random()
        if drawn < bells.lost:
            return
        if drawn < bells.lost + bells.late:
            self._later(key, call, self._luck.uniform(0, bells.late_s))
            return
        if drawn < bells.lost + bells.late + bells.doubled:
            self._later(f"{key} again", call, self._luck.uniform(0, bells.late_s))
        call()

    def _later(self, key: str, call: Callable[[], None], wait_s: float) -> None:
        def ring() -> None:
            self._timers.pop(key, None)
            if not self._process.dead:
                call()

        self.cancel(key)
        self._timers[key] = self._process.loop.call_later(wait_s, ring)
