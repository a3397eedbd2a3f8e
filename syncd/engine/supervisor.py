"""All shops of this process, each on its own timetable: due times are ours and stored, the alarm only rings.

One shop's trouble never stops another's: a fault waits with backoff, a revoked grant quarantines its shop and says what
a person must do, and a bug comes out and ends the process loudly (design section 10).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from syncd.domain.backoff import delay
from syncd.domain.cadence import Cadence, due_at_start, next_due
from syncd.domain.resource import Resource
from syncd.domain.run import Outcome, Run
from syncd.domain.shop import Shop, ShopState
from syncd.engine.rules import PullRules
from syncd.engine.worker import ShopWorker
from syncd.errors import NeedsPerson, Retry
from syncd.ports import Alarm, Clock, Dice, Disk, Log, MirrorTx

SHOPS_S = 5.0
"""How often the table of shops is read for new, paused and released ones."""


@dataclass(frozen=True, slots=True)
class Job:
    """Something that falls due again and again for one shop."""

    name: str  # look:*, quick:orders, walk:orders
    resource: Resource | None
    quick: bool
    cadence: Cadence


def timetable(resources: Sequence[Resource], rules: PullRules) -> list[Job]:
    """The jobs of a shop: answering hints, and for each resource the quick and the complete look."""
    jobs = [Job("looks", None, quick=True, cadence=Cadence(rules.looks_s))]
    for resource in resources:
        cadence = rules.cadence(resource.name)
        jobs.append(Job(f"quick:{resource.name}", resource, quick=True, cadence=Cadence(cadence.quick_s)))
        jobs.append(Job(f"walk:{resource.name}", resource, quick=False, cadence=Cadence(cadence.walk_s)))
    return jobs


class Supervisor:
    """Runs until `drain` is set. `open_worker` builds the worker of a shop (its tokens, budget and wire)."""

    def __init__(
        self,
        *,
        disk: Disk,
        clock: Clock,
        dice: Dice,
        alarm: Alarm,
        log: Log,
        rules: PullRules,
        resources: Sequence[Resource],
        open_worker: Callable[[Shop], Awaitable[ShopWorker]],
    ) -> None:  # fmt: skip
        self.disk = disk
        self.clock = clock
        self.dice = dice
        self.alarm = alarm
        self.log = log
        self.rules = rules
        self.resources = resources
        self.open_worker = open_worker
        self._rung = asyncio.Event()

    async def run(self, drain: asyncio.Event) -> None:
        """Work every active shop until `drain` is set, then let each finish the page in hand and return.

        Raises what is a bug (as an exception group) and DiskProblem or SchemaProblem."""
        working: dict[int, _ShopLife] = {}
        self.alarm.start()
        try:
            async with asyncio.TaskGroup() as group:
                watch = group.create_task(self._watch_drain(drain))
                while not drain.is_set():
                    await self._match_shops(group, working)
                    await self._until_rung(SHOPS_S)
                for life in working.values():
                    life.stop()
                await watch
        finally:
            await self.alarm.stop()

    async def _watch_drain(self, drain: asyncio.Event) -> None:
        await drain.wait()
        self._rung.set()

    async def _until_rung(self, seconds: float) -> None:
        self.alarm.ring_at("shops", self.clock.now() + timedelta(seconds=seconds), self._rung.set)
        await self._rung.wait()
        self._rung.clear()

    async def _match_shops(self, group: asyncio.TaskGroup, working: dict[int, "_ShopLife"]) -> None:
        """Begin what became active, stop what no longer is. The database may be away for a while: then all stays."""
        try:
            shops = await self.disk.reader.run(_shops)
        except Retry as problem:
            self.log.warning("shops.unread", message=problem.message)
            return
        active = {shop.id: shop for shop in shops if shop.state is ShopState.ACTIVE}
        for shop_id in [shop_id for shop_id in working if shop_id not in active or working[shop_id].ended]:
            working.pop(shop_id).stop()
        for shop_id, shop in active.items():
            if shop_id not in working:
                life = _ShopLife(self, shop)
                working[shop_id] = life
                group.create_task(life.live())

    # --- what a shop's life needs of the house ----------------------------------------------------------------------

    async def quarantine(self, shop: Shop, problem: NeedsPerson) -> None:
        """Set the shop aside with what the person must do; everything local stays readable and editable."""
        reason = f"{problem.message}. {problem.hint}".strip()
        aside = replace(shop, state=ShopState.QUARANTINED, reason=reason)
        await self.disk.mirror.run(lambda tx: tx.books.save_shop(aside))
        self.log.error("shop.quarantined", shop=shop.name, message=problem.message, hint=problem.hint)


class _ShopLife:
    """One shop's loop: take what is due, run it, set its next due time, sleep until the alarm rings."""

    def __init__(self, house: Supervisor, shop: Shop) -> None:
        self.ended = False
        self._house = house
        self._shop = shop
        self._worker: ShopWorker | None = None
        self._stopped = asyncio.Event()
        self._rung = asyncio.Event()
        self._faults: dict[str, int] = {}

    def stop(self) -> None:
        """Stop between two pages."""
        self._stopped.set()
        self._rung.set()
        if self._worker is not None:
            self._worker.drain.set()

    async def live(self) -> None:
        """Until stopped or quarantined. A fault outside any run (the database away) waits with backoff."""
        attempt = 0
        while not self._stopped.is_set():
            try:
                await self._work()
                break
            except Retry as problem:
                attempt += 1
                self._house.log.warning("shop.waits", shop=self._shop.name, message=problem.message)
                await self._sleep_until(self._house.clock.now() + self._backoff(attempt, problem.after_s))
            except NeedsPerson as problem:
                await self._house.quarantine(self._shop, problem)
                break
        self.ended = True
        self._house.alarm.cancel(f"shop:{self._shop.id}")

    async def _work(self) -> None:
        house = self._house
        self._worker = await house.open_worker(self._shop)
        if self._stopped.is_set():
            self._worker.drain.set()
        jobs = {job.name: job for job in timetable(house.resources, house.rules)}
        due = await self._stored_due(jobs)
        while not self._stopped.is_set():
            name = min(due, key=lambda each: (due[each], each))
            if due[name] > house.clock.now():
                await self._sleep_until(due[name])
                continue
            started_at = house.clock.now()
            runs = await self._do(jobs[name])
            due[name] = self._next(jobs[name], started_at, runs)
            await self._save_due(name, due[name])

    async def _save_due(self, name: str, when: datetime) -> None:
        await self._house.disk.state.run(lambda tx: tx.journal.save_due(self._shop.id, name, when))

    async def _stored_due(self, jobs: dict[str, Job]) -> dict[str, datetime]:
        house = self._house
        stored = await house.disk.state.run(lambda tx: tx.journal.due(self._shop.id))
        now = house.clock.now()
        return {
            name: due_at_start(job.cadence, stored.get(name), now, house.dice.random()) for name, job in jobs.items()
        }

    async def _do(self, job: Job) -> list[Run]:
        if self._worker is None:
            return []
        if job.resource is None:
            return await self._worker.looks(self._house.resources)
        return await self._worker.pull([job.resource], quick=job.quick)

    def _next(self, job: Job, started_at: datetime, runs: Sequence[Run]) -> datetime:
        house = self._house
        failed = any(run.outcome is Outcome.LATER for run in runs)
        self._faults[job.name] = self._faults.get(job.name, 0) + 1 if failed else 0
        retry_in_s = self._backoff(self._faults[job.name], None).total_seconds() if failed else None
        return next_due(job.cadence, started_at, house.clock.now(), house.dice.random(), retry_in_s)

    def _backoff(self, attempt: int, after_s: float | None) -> timedelta:
        rules = self._house.rules
        wait = delay(attempt, rules.fault_base_s, rules.fault_max_s, self._house.dice.random(), after_s)
        return timedelta(seconds=wait)

    async def _sleep_until(self, when: datetime) -> None:
        self._house.alarm.ring_at(f"shop:{self._shop.id}", when, self._rung.set)
        await self._rung.wait()
        self._rung.clear()


def _shops(tx: MirrorTx) -> list[Shop]:
    return tx.books.shops()
