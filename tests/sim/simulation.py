"""One seed from beginning to end: a day with faults, edits and deaths, then peace until everything is equal."""

import asyncio
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

import structlog

from syncd.service import daemon
from syncd.simulator.courier import Mishaps
from tests.sim import people
from tests.sim.beside import Beside, worked_twice
from tests.sim.chronicle import Chronicle
from tests.sim.commands import Commands
from tests.sim.desk import Desk, told_of
from tests.sim.doors import EPOCH, Process
from tests.sim.judge import Judge
from tests.sim.lives import Life, Machine, Weather, is_wanted
from tests.sim.loop import VirtualLoop
from tests.sim.machine import Alter, install_at
from tests.sim.post import Post
from tests.sim.traces import Traces
from tests.sim.troubles import Troubles
from tests.sim.typists import Typists
from tests.sim.witness import Witness
from tests.sim.world import Plan, draw, sections

WALKS_MAX: Final = 8
"""So many complete looks may pass in peace; what is unequal then is a breach."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a seed ended: well where there is no breach. `last` are the last lines of its story."""

    seed: int
    breaches: tuple[str, ...]
    digest: str
    facts: dict[str, int]
    last: tuple[str, ...]


def simulate(
    seed: int, *, plan: Plan | None = None, alter: Alter | None = None, watch: Callable[[str], None] | None = None
) -> Verdict:
    """Run one seed; `alter` plants a bug into the disk of every program, `watch` hears every line of the story."""
    loop = VirtualLoop()
    chronicle = Chronicle(loop.time, watch=watch)
    chronicle.take_log()
    try:
        with tempfile.TemporaryDirectory(prefix="syncd-sim-") as folder:
            run = Simulation(plan or draw(seed), loop, Path(folder), chronicle, alter)
            loop.run_until_complete(run.all())
            return run.verdict()
    finally:
        structlog.reset_defaults()
        loop.close()


class _Breached(Exception):
    """The rest of the run would tell nothing more."""


class Simulation:
    """The world around the machine: shops, their staff, the network, an owner, the judge."""

    def __init__(self, plan: Plan, loop: VirtualLoop, folder: Path, chronicle: Chronicle, alter: Alter | None) -> None:
        self._plan = plan
        self._loop = loop
        self._chronicle = chronicle
        self._luck = Random(f"run/{plan.seed}")
        self._world = Witness(each.build(self._wall, plan.bucket) for each in plan.shops)
        self._loaded = install_at(folder, sections(plan))
        self._machine = Machine(loop, self._loaded, self._world, chronicle, self._luck, alter)
        self._judge = Judge(
            self._loaded, self._world.shops, self._machine.traffic, chronicle, Random(plan.seed), self._machine.wall
        )
        self._machine.glance = self._judge.glance
        self._machine.wronged = self._judge.breach
        self._desk = Desk(self._machine, self._judge, self._world)
        self._typists: Typists | None = None
        self._commands: Commands | None = None
        if plan.typing is not None:
            luck = Random(f"typists/{plan.seed}")
            self._typists = Typists(plan.typing, self._loaded, self._world, chronicle, luck)
            self._judge.traces = Traces(self._loaded, self._world, self._typists.book)
            self._machine.fate = partial(self._fate, Random(f"fate/{plan.seed}"))
            if plan.commands_every_s is not None:
                hands = Random(f"commands/run/{plan.seed}")
                self._commands = Commands(
                    plan.commands_every_s,
                    self._world,
                    self._typists.book,
                    self._desk.run,
                    self._judge.files.rows,
                    chronicle,
                    hands,
                )
        self._post = Post(self._world, chronicle, Random(f"post/{plan.seed}"), plan.webhooks or Mishaps())
        self._machine.has_stops = bool(plan.stops)
        self._beside: Beside | None = None
        if plan.beside is not None:
            self._machine.has_replicas = True
            self._beside = Beside(self._machine, plan.beside, Random(f"beside/run/{plan.seed}"))
        self._crashes = 0
        self._daemons = 0
        loop.set_exception_handler(self._complained)

    def _wall(self) -> float:
        return EPOCH.timestamp() + self._loop.time()

    async def all(self) -> None:
        """The whole run."""
        for plan in self._plan.shops:
            await self._desk.run(partial(people.add, self._world.shops[plan.name]))
        self._machine.weather = Weather(self._plan.faults, self._plan.busy, bells=self._plan.bells)
        standing = [self._desk.owner()]
        troubles = Troubles(self._loop, self._world, self._machine, self._chronicle).of(self._plan)
        if self._typists is not None:
            troubles.append(self._typists.work())
        if self._commands is not None:
            standing.append(self._commands.work())
        if self._plan.webhooks is not None:
            troubles.append(self._post.work())
        begun = [self._loop.create_task(each) for each in (*standing, self._edits(), *troubles)]
        try:
            if self._beside is not None:
                begun.insert(0, self._loop.create_task(self._beside.work()))
            life = await self._day()
            for task in begun[-len(troubles) - 1 :]:
                task.cancel()
            self._machine.weather = Weather()
            self._machine.fate = lambda _: None
            self._chronicle.write("world", "peace")
            if self._commands is not None:
                self._commands.is_over = True
            await self._apart()
            await self._peace(life)
        except _Breached:
            await self._machine.end_all()
        for task in begun:
            task.cancel()
        await asyncio.wait(begun)
        for task in begun:
            if not task.cancelled() and (problem := task.exception()) is not None:
                raise problem

    def verdict(self) -> Verdict:
        """The judgement of the run that has ended."""
        self._judge.read_log(self._plan.day_s)
        for line in self._judge.files.content():
            self._chronicle.add(line.encode())
        facts = {
            "shops": len(self._world.shops),
            "records": sum(len(shelf) for shop in self._world.shops.values() for shelf in shop.shelves.values()),
            "calls": sum(len(times) for times in self._machine.traffic.times.values()),
            "faults": sum(self._machine.traffic.struck.values()),
            "edits": sum(len(shop.books.writes) for shop in self._world.shops.values()),
            "crashes": self._crashes,
            "doubts": sum(self._machine.traffic.doubts.values()),
            "told": self._post.told,
        }
        if self._typists is not None:
            facts |= {"commands": 0 if self._commands is None else self._commands.done}
            facts |= {"typed": self._typists.book.edits, "pushed": len(self._world.taken)}
        self._judge.files.close()
        return Verdict(
            self._plan.seed, tuple(self._judge.breaches), self._chronicle.digest(), facts, tuple(self._chronicle.last)
        )

    # --- the day -----------------------------------------------------------------------------------------------------

    async def _day(self) -> Life:
        """Daemon after daemon until the evening; the last one goes on living."""
        deaths = iter(self._plan.deaths)
        while True:
            life = self._start(next(deaths, None))
            try:
                async with asyncio.timeout_at(self._plan.day_s):
                    await life.process.ended.wait()
            except TimeoutError:
                return life
            await self._end(life)
            await asyncio.sleep(self._luck.choice((1.0, 30.0, 1200.0)))

    def _fate(self, luck: Random, process: Process) -> None:
        """A write leaves: its program may die at any of its next steps."""
        typing = self._plan.typing
        if typing is not None and luck.random() < typing.dying:
            process.dies_within(luck.randrange(typing.steps))

    def _start(self, dies_at: int | None) -> Life:
        self._daemons += 1
        self._post.daemon = self._machine.start(f"daemon-{self._daemons}", daemon.run, dies_at)
        return self._post.daemon

    async def _end(self, life: Life) -> None:
        """A daemon has ended, or does soon: look at what it leaves."""
        wrong = await self._machine.ended(life)
        self._crashes += life.process.dead
        self._look_at(life, wrong)

    def _look_at(self, life: Life, wrong: list[str]) -> None:
        if not life.process.dead and life.problem is not None:
            wrong.append(f"{life.process.name} ended with {told_of(life.problem)}")
        for what in wrong:
            self._judge.breach(what)
        if self._beside is None or self._beside.is_gone:  # else somebody is amid his work
            self._judge.after_life()
        else:
            self._judge.lives += 1
        if self._judge.breaches:
            raise _Breached

    async def _apart(self) -> None:
        """The second daemon leaves; none of both worked a shop while the other did."""
        if self._beside is not None:
            await self._beside.leave()
            self._judge.lives += self._beside.lives
            lease_s = self._loaded.settings.replicas.lease_s
            for what in (*self._beside.wrong, *worked_twice(self._machine.traffic.workers, lease_s / 3)):
                self._judge.breach(what)

    async def _edits(self) -> None:
        """What the staff of the shops do."""
        luck = Random(f"edits/{self._plan.seed}")
        names = sorted(self._world.shops)
        while True:
            await asyncio.sleep(luck.expovariate(1 / self._plan.edit_every_s))
            shop = self._world.shops[luck.choice(names)]
            write = shop.random_edit(luck)
            self._chronicle.write("staff", f"{write.verb} {shop.name} {write.resource}/{write.key}")

    # --- peace -------------------------------------------------------------------------------------------------------

    async def _peace(self, life: Life) -> None:
        """No fault and no edit from here on: within a few complete looks everything is equal."""
        unequal: list[str] = []
        for walks in range(2, WALKS_MAX + 1, 2):
            await asyncio.sleep(self._plan.walk_s * 2.3)
            async with self._desk.lock:
                self._look_at(life, await self._machine.drained(life))
                unequal = [*self._judge.unequal(), *self._judge.untombed(), *self._judge.untraced()]
            if not unequal:
                self._chronicle.write("world", "equal", walks=walks)
                return
            self._chronicle.write("world", "not equal yet", differences=len(unequal))
            life = self._start(None)
        await self._machine.drained(life)
        for what in unequal:
            self._judge.breach(what)

    def _complained(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not is_wanted(context):
            problem = context.get("exception")
            self._judge.breach(f"the loop complains: {context['message']} {told_of(problem) if problem else ''}")
