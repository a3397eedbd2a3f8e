"""What befalls the machine and the shops of a simulated day at moments that its plan names."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from syncd.simulator.world import SimWorld
from tests.sim.chronicle import Chronicle
from tests.sim.lives import Machine
from tests.sim.loop import VirtualLoop
from tests.sim.world import Plan, Stop


class Troubles:
    """The troubles of one run. Must not know who works there."""

    def __init__(self, loop: VirtualLoop, world: SimWorld, machine: Machine, chronicle: Chronicle) -> None:
        self._loop = loop
        self._world = world
        self._machine = machine
        self._chronicle = chronicle

    def of(self, plan: Plan) -> list[Coroutine[Any, Any, None]]:
        """Each trouble of the plan; all of them go on side by side."""
        return [
            *map(self._outage, plan.outages),
            *map(self._revocation, plan.revoked),
            *map(self._jump, plan.jumps),
            *map(self._stop, plan.stops),
        ]

    async def _until(self, at: float) -> None:
        await asyncio.sleep(max(0.0, at - self._loop.time()))

    async def _outage(self, outage: tuple[float, float, str]) -> None:
        begins, ends, name = outage
        await self._until(begins)
        weather = self._machine.weather
        weather.down = (*weather.down, name)
        self._chronicle.write("world", f"nobody reaches {name}")
        await self._until(ends)
        weather.down = tuple(each for each in weather.down if each != name)
        self._chronicle.write("world", f"{name} is back")

    async def _revocation(self, revocation: tuple[float, str]) -> None:
        at, name = revocation
        await self._until(at)
        self._machine.traffic.doubts[name] += 1  # explains the quarantine that follows
        self._world.shops[name].revoke()
        self._chronicle.write("world", f"the owner of {name} takes the permission away")

    async def _jump(self, jump: tuple[float, float]) -> None:
        at, by_s = jump
        await self._until(at)
        self._machine.wall.set_by(by_s)
        self._chronicle.write("world", f"somebody sets the clock by {by_s:.0f} s")

    async def _stop(self, stop: Stop) -> None:
        await self._until(stop.at)
        life = self._machine.living(stop.who)
        if life is not None:
            life.process.stops_within(stop.steps, stop.for_s, writing=stop.writing)
            what = f"{life.process.name} is to be stopped for {stop.for_s:.0f} s, {stop.steps} steps from here"
            self._chronicle.write("world", what)
