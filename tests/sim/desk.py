"""The desk at which people run commands beside the daemon, one at a time; and an owner who does what needs a person."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Final

from syncd.domain.shop import ShopState
from syncd.errors import SyncdError
from syncd.service import jobs, outbox
from syncd.service.wire import House
from syncd.simulator.world import SimWorld
from tests.sim import people
from tests.sim.judge import Judge
from tests.sim.lives import Machine

OWNER_S: Final = 600.0
"""How often somebody looks whether anything needs a person."""


class Desk:
    """Who has `lock` works beside the daemon, or sees to it that nobody does."""

    def __init__(self, machine: Machine, judge: Judge, world: SimWorld) -> None:
        self.lock = asyncio.Lock()
        self._machine = machine
        self._judge = judge
        self._world = world

    async def run(self, job: Callable[[House], Awaitable[object]]) -> None:
        """Somebody runs a command. A fault may spoil it; then it is tried again later."""
        async with self.lock:
            life = self._machine.start("command", job)
            wrong = await self._machine.ended(life)
        self._judge.lives += life.process.dead
        if life.problem is not None and not life.process.dead and not _is_in_order(life.problem):
            wrong.append(f"a command ended with {told_of(life.problem)}")
        for what in wrong:
            self._judge.breach(what)

    async def owner(self) -> None:
        """Does what the daemon says that a person must do: authorise again, let go what the brakes hold."""
        while True:
            await asyncio.sleep(OWNER_S)
            rows = self._judge.files.rows
            aside = rows("mirror", "SELECT name FROM shops WHERE state = ?", ShopState.QUARANTINED.value)
            for (name,) in aside:
                await self.run(partial(people.login, self._world.shops[name]))
            if rows("mirror", "SELECT 1 FROM sync_brakes WHERE NOT approved"):
                await self.run(lambda house: jobs.sweep(house, jobs.Wish(approve=True)))
            if rows("mirror", "SELECT 1 FROM sync_outbox WHERE state = 'held'"):
                await self.run(lambda house: outbox.approve(house, outbox.Selection(everything=True)))


def _is_in_order(problem: BaseException) -> bool:
    """Whether the command line tells people of it."""
    if isinstance(problem, BaseExceptionGroup):
        return all(_is_in_order(each) for each in problem.exceptions)
    return isinstance(problem, SyncdError)


def told_of(problem: BaseException) -> str:
    """An exception in words, with those inside it and where it came from."""
    if isinstance(problem, BaseExceptionGroup):
        return " and ".join(told_of(each) for each in problem.exceptions)
    trace, where = problem.__traceback__, ""
    while trace is not None:
        code = trace.tb_frame.f_code
        where = f"{Path(code.co_filename).name}:{trace.tb_lineno} in {code.co_name}"
        trace = trace.tb_next
    return f"{type(problem).__name__}: {problem} ({where})"
