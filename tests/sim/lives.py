"""The lives of programs on the simulated machine: started in a house of their own, drained, killed, taken apart.

The house is built by the real composition root. Must not know what the programs do, nor who judges them.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from typing import Any, Final

from syncd.service.doors import Doors
from syncd.service.settings import Loaded
from syncd.service.wire import House, open_house
from syncd.simulator.transport import Faults
from syncd.simulator.world import SimWorld
from tests.sim.chronicle import Chronicle
from tests.sim.clocks import WallClock
from tests.sim.doors import PROCESS, Bells, Crash, Process, is_stopped
from tests.sim.fences import watched
from tests.sim.loop import SimTask, VirtualLoop
from tests.sim.machine import Alter, open_files
from tests.sim.wire import SimWire, Traffic

Job = Callable[[House], Awaitable[object]]
DRAIN_S: Final = 900.0
"""How long a program that was asked to stop may take: a page in hand, and the tries that its calls still have."""


@dataclass(slots=True)
class Weather:
    """The troubles of the moment, for every program at once."""

    faults: Faults = field(default_factory=Faults.none)
    busy: float = 0.0
    down: tuple[str, ...] = ()
    bells: Bells = field(default_factory=Bells)

    @property
    def now(self) -> Faults:
        """The faults of the network, outages included."""
        return replace(self.faults, down=self.down)


@dataclass(slots=True)
class Life:
    """One program from its start to its end."""

    process: Process
    task: SimTask | None = None
    house: House | None = None
    opened: asyncio.Event = field(default_factory=asyncio.Event)  # its house is there, or it has ended before

    @property
    def problem(self) -> BaseException | None:
        """What it ended with, after it ended by itself."""
        return None if self.task is None or self.task.cancelled() else self.task.exception()


class Machine:
    """Where programs live. `luck` decides everything that happens to them."""

    def __init__(
        self,
        loop: VirtualLoop,
        loaded: Loaded,
        world: SimWorld,
        chronicle: Chronicle,
        luck: Random,
        alter: Alter | None,
    ) -> None:
        self.traffic = Traffic()
        self.wall = WallClock(loop)
        self.weather = Weather()
        self._loop = loop
        self._loaded = loaded
        self._world = world
        self._chronicle = chronicle
        self._luck = luck
        self._alter = alter
        self.glance: Callable[[], None] = lambda: None
        self.fate: Callable[[Process], None] = lambda _: None
        """Hears of every write that leaves, and may decide when the program dies."""
        self.wronged: Callable[[str], None] = lambda _: None
        """Hears of what a daemon writes under a lease that it does not hold."""
        self._living: list[Life] = []
        self.has_replicas = False
        self.has_stops = False  # some programs are stopped and continued; then the network does without them
        loop.on_task = _adopt
        loop.is_stopped = is_stopped

    def start(self, name: str, job: Job, dies_at: int | None = None) -> Life:
        """Start a program that does `job` in a house of its own, and dies at its step `dies_at`."""
        process = Process(name, self._loop, self._luck, dies_at, self.glance, lambda: self.weather.bells, self.wall)
        life = Life(process)
        self._living = [each for each in self._living if not each.process.ended.is_set()] + [life]
        context = copy_context()
        context.run(PROCESS.set, process)
        life.task = self._loop.create_task(self._live(life, job), context=context)  # type: ignore[assignment]
        process.adopt(life.task)  # type: ignore[arg-type]
        life.task.add_done_callback(lambda _: process.ended.set())  # type: ignore[union-attr]
        self._chronicle.write(name, "starts")
        return life

    async def _live(self, life: Life, job: Job) -> None:
        process, luck = life.process, Random(self._luck.getrandbits(64))
        wire = SimWire(self._world, process, luck, lambda: self.weather.now, self._chronicle, self.traffic, self.fate)
        wire.is_apart = self.has_stops
        disk = open_files(self._loaded, process, luck, lambda: self.weather.busy, self._alter)
        if self.has_stops and process.name != "command":
            disk = watched(disk, process, lambda: _owner(life), partial(self._wronged, process))
        try:
            doors = Doors(process.clock, process.dice, wire, disk, process.alarm, replicas=self.has_replicas)
            async with open_house(self._loaded, doors) as life.house:
                life.opened.set()
                await job(life.house)
        finally:
            life.opened.set()
            disk.close()

    def _wronged(self, process: Process, what: str) -> None:
        self.wronged(f"{process.name} {what}")

    def living(self, name: str) -> Life | None:
        """The program of that kind (`daemon` of `daemon-3`) that lives now, if any."""
        lives = [each for each in self._living if each.process.name.partition("-")[0] == name]
        return next((each for each in reversed(lives) if not each.process.ended.is_set()), None)

    async def ended(self, life: Life) -> list[str]:
        """Wait until the program has ended, and clear away what is left of it; returns what was wrong about its end."""
        await life.process.ended.wait()
        if life.process.dead:
            self._chronicle.write(life.process.name, "dies", step=life.process.steps)
            await life.process.bury()
            return []
        left = await life.process.left_over()
        return [f"{life.process.name} left a task behind: {name}" for name in left]

    async def end_all(self) -> None:
        """Kill whatever lives."""
        for life in self._living:
            await life.process.bury()

    async def drained(self, life: Life) -> list[str]:
        """Ask the program to stop, as SIGTERM does, and wait until it has; returns what was wrong about it."""
        try:
            async with asyncio.timeout(DRAIN_S):
                await life.opened.wait()
                if life.house is not None:
                    life.house.drain()
                await life.process.ended.wait()
        except TimeoutError:
            await life.process.bury()
            return [f"{life.process.name} was asked to stop, and did not within {DRAIN_S:.0f} s"]
        return await self.ended(life)


def _owner(life: Life) -> str:
    return life.house.leases.owner if life.house is not None else ""


def _adopt(task: SimTask) -> None:
    process = PROCESS.get()
    if process is not None:
        process.adopt(task)


def is_wanted(context: dict[str, Any]) -> bool:
    """Whether what the loop complains about comes of a death that was wanted."""
    process = PROCESS.get()
    return isinstance(context.get("exception"), Crash) or (process is not None and process.dead)
