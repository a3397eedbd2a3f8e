"""The life of one shop in this process: lanes that take what is due, run it, and sleep until the alarm rings."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from syncd.domain.backoff import delay
from syncd.domain.cadence import next_due
from syncd.domain.run import Outcome, Run
from syncd.domain.shop import Shop
from syncd.engine.bells import Bells
from syncd.engine.freshness import reaches
from syncd.engine.hooks import Webhooking
from syncd.engine.keeping import Keeping
from syncd.engine.outages import WAITS
from syncd.engine.putting_off import FAR, hasten
from syncd.engine.timetable import Job, Lane, first_due, timetable
from syncd.engine.worker import ShopWorker
from syncd.errors import (
    Fatal,
    LeaseLost,
    LostAnswer,
    NeedsPerson,
    NotUnderstood,
    RemoteDown,
    Retry,
    SyncdError,
    Throttled,
)

_OPENING: Final = "opening"
_ASKED: Final = "requests"
_LOCAL_WAIT: Final = timedelta(seconds=60)


class ShopLife:
    """One shop's lanes. `ended` once it stopped by itself; `trouble` is what a person must act on then."""

    def __init__(self, keeping: Keeping, shop: Shop) -> None:
        self.shop = shop
        self.ended = False
        self.trouble: NeedsPerson | None = None
        self._keeping = keeping
        self._worker: ShopWorker | None = None
        self._webhooks: Webhooking | None = None
        self._stopped = asyncio.Event()
        self._bells = Bells(str(shop.id), keeping.alarm, keeping.clock)
        self._jobs: dict[str, Job] = {}
        self._due: dict[str, datetime] = {}
        self._faults: dict[str, int] = {}
        self._vain: dict[str, int] = {}  # by job: failures in a row that stopped all lanes
        self._has_worked = False
        self._at_work: dict[str, Lane] = {}  # by resource: a cursor belongs to one lane at a time
        self._asked = asyncio.Event()

    def stop(self) -> None:
        """Stop between two pages."""
        self._stopped.set()
        self._ring_all()
        if self._worker is not None:
            self._worker.drain.set()

    def renew(self, keeping: Keeping) -> None:
        """Go on by other rules: the page in hand is stored, then the lanes begin anew."""
        self._keeping = keeping
        self._halt()

    def nudge(self) -> None:
        """Somebody edited the mirror, or asked for something: the push is due now, and requests are looked for."""
        self._asked.set()
        if "push" in self._due:
            self._due["push"] = self._keeping.clock.now()
            self._bells.ring(Lane.PUSH)

    def hinted(self) -> None:
        """A webhook came: looks are due now, unless the shop failed just before."""
        if "looks" in self._due and not self._faults.get("looks"):
            self._due["looks"] = self._keeping.clock.now()
            self._bells.ring(Lane.QUICK)

    def stepped(self, step_s: float) -> None:
        """The wall clock was set by so much: set back, what is due keeps the wait that it had left."""
        if step_s < 0:
            self._due = {name: due_at + timedelta(seconds=step_s) for name, due_at in self._due.items()}
        self._bells.ring()

    def remind(self) -> None:
        """A beat: an alarm that was lost costs no more than this."""
        self._bells.remind()

    async def live(self) -> None:
        """Until stopped, or until a person must act. A fault outside any run (the database away, the disk full) waits
        with backoff. Raises SettingsProblem and KeyProblem as long as no job was ever done: later they may pass."""
        while not self._stopped.is_set() and self.trouble is None:
            keeping = self._keeping
            try:
                await self._open()
                if self._keeping is keeping:  # else renewed while it opened
                    await self._work()
            except (*WAITS, NotUnderstood) as problem:
                if isinstance(problem, Fatal) and not self._has_worked:
                    raise
                self._keeping.log.warning("shop.waits", shop=self.shop.name, message=problem.message)
                await self._pause(self._patience(problem))
            except NeedsPerson as problem:
                self.trouble = problem
            except LeaseLost as problem:
                self._keeping.log.warning("shop.left", shop=self.shop.name, message=problem.message)
                self.stop()
        self.ended = True
        self._keeping.outages.forget(self.shop.name)
        self._bells.end()

    async def _open(self) -> None:
        try:
            await self._opened()
        except WAITS as problem:
            self._failed(_OPENING, problem)
            raise

    async def _opened(self) -> None:
        self._worker = await self._keeping.open_worker(self.shop)
        if self._stopped.is_set():
            self._worker.drain.set()
        if self._keeping.open_webhooks is not None:
            self._webhooks = await self._keeping.open_webhooks(self.shop)
        self._jobs = await self._timetable(self._worker)
        stored = await self._keeping.disk.state.run(lambda tx: tx.journal.due(self.shop.id))
        now, dice = self._keeping.clock.now(), self._keeping.dice
        # The clock may have been set back while nobody worked this shop.
        await self._keeping.disk.mirror.run(lambda tx: hasten(tx, [self.shop.id], now + FAR))
        self._due = {job.name: first_due(job, stored, now, dice.random()) for job in self._jobs.values()}

    async def _timetable(self, worker: ShopWorker) -> dict[str, Job]:
        """The jobs by name. Targets of freshness hang on what is known of the shop by now."""
        keeping, found = self._keeping, None
        if keeping.rules.has_targets:
            bucket, now = await keeping.read_bucket(self.shop), keeping.clock.now()
            found = await keeping.disk.reader.run(
                lambda tx: reaches(
                    tx, self.shop.id, keeping.resources, keeping.rules, now, leak=bucket.leak, size=bucket.size
                )
            )
        pushing = keeping.push_rules if worker.pusher is not None else None
        hooks = keeping.hook_rules if self._webhooks is not None else None
        return {job.name: job for job in timetable(keeping.resources, keeping.rules, pushing, found, hooks)}

    async def _work(self) -> None:
        """All lanes side by side. The first fault, NeedsPerson or LeaseLost stops the others between two pages."""
        lanes = dict.fromkeys(job.lane for job in self._jobs.values())
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._lane(lane)) for lane in lanes]
            tasks.append(group.create_task(self._errands()))
        problems = [problem for task in tasks if (problem := task.result()) is not None]
        for problem in sorted(problems, key=lambda each: not isinstance(each, NeedsPerson | LeaseLost)):
            raise problem

    async def _lane(self, lane: Lane) -> SyncdError | None:
        name = ""
        try:
            while not self._halted():
                own = [name for name, job in self._jobs.items() if job.lane is lane]
                name = min(own, key=lambda each: (self._due[each], self._jobs[each].place))
                if self._due[name] > self._keeping.clock.now():
                    await self._bells.sleep_until(lane, self._due[name])
                else:
                    await self._run_due(self._jobs[name])
        except (*WAITS, NeedsPerson, LeaseLost) as problem:
            self._failed(name, problem)
            self._halt()
            return problem
        return None

    async def _errands(self) -> SyncdError | None:
        """Do what commands ask for."""
        try:
            await self._keeping.open_errands(self.shop, self._asked).run(self._halted, self._heard)
        except (*WAITS, NeedsPerson, LeaseLost) as problem:
            self._failed(_ASKED, problem)
            self._halt()
            return problem
        return None

    def _heard(self) -> None:
        self._vain.pop(_ASKED, None)
        self._keeping.outages.fine(self.shop.name, _ASKED)

    def _halted(self) -> bool:
        return self._worker is None or self._worker.drain.is_set()

    def _halt(self) -> None:
        if self._worker is not None:
            self._worker.drain.set()
        self._ring_all()

    def _ring_all(self) -> None:
        self._bells.ring()
        self._asked.set()

    async def _run_due(self, job: Job) -> None:
        started_at = self._keeping.clock.now()
        if job.lane is Lane.WALK and job.resource is not None and self._is_in_hand(job.resource.name):
            # A quick look or a command has it in hand, which ends soon; the walk's own next beat would be hours away.
            self._due[job.name] = started_at + timedelta(seconds=self._keeping.rules.looks_s)
            return
        due_before = self._due[job.name]
        runs = await self._do(job)
        for run in runs:
            self._tell(run)
        if any(run.outcome is Outcome.DRAINED for run in runs) or (not runs and self._halted()):
            return  # it stays due, for whoever works the shop next: a first fill would wait for hours otherwise
        if self._keeping.rules.has_targets and job.resource is not None and self._worker is not None:
            self._jobs = await self._timetable(self._worker)
            job = self._jobs[job.name]
        due_at, nudged = self._next(job, started_at, runs), self._due[job.name]
        self._due[job.name] = due_at = min(due_at, nudged) if nudged > due_before else due_at
        await self._keeping.disk.state.run(lambda tx: tx.journal.save_due(self.shop.id, job.stored_as, due_at))
        self._went_well(job.name)

    def _tell(self, run: Run) -> None:
        work = run.resource or run.job
        if run.fault is not None:
            self._keeping.outages.failed(self.shop.name, work, run.fault)
        elif run.outcome is not Outcome.LATER:
            self._keeping.outages.fine(self.shop.name, work)

    def _failed(self, name: str, problem: SyncdError) -> None:
        """What is not the work on one resource failed, and all lanes wait because of it."""
        self._vain[name] = self._vain.get(name, 0) + 1
        self._keeping.outages.failed(self.shop.name, name, problem)

    def _went_well(self, name: str) -> None:
        self._has_worked = True
        for each in (name, _OPENING):
            self._vain.pop(each, None)
            self._keeping.outages.fine(self.shop.name, each)

    async def _do(self, job: Job) -> list[Run]:
        worker = self._worker
        if worker is None:
            return []
        if job.lane is Lane.PUSH:
            return await self._push(worker, job)
        if job.name == "hooks":
            return [await self._webhooks.hooks.check()] if self._webhooks is not None else []
        if job.resource is None:
            looks = partial(worker.looks, self._keeping.resources)
            return await (looks() if self._webhooks is None else self._webhooks.incoming.answer(looks))
        name = job.resource.name
        if job.lane is Lane.QUICK and not await worker.is_filled(name):
            return []
        if self._is_in_hand(name):  # asked last: while we waited, another lane may have taken it in hand
            return []
        self._at_work[name] = job.lane
        try:
            return await worker.pull([job.resource], quick=job.lane is Lane.QUICK)
        finally:
            del self._at_work[name]

    def _is_in_hand(self, name: str) -> bool:
        return name in self._at_work or (self._worker is not None and self._worker.is_busy(name))

    async def _push(self, worker: ShopWorker, job: Job) -> list[Run]:
        if worker.pusher is None:
            return []
        if job.name == "scan":
            await worker.pusher.scan()
            return []
        return [await worker.pusher.push()]

    def _next(self, job: Job, started_at: datetime, runs: Sequence[Run]) -> datetime:
        failed = any(run.outcome is Outcome.LATER for run in runs)
        self._faults[job.name] = self._faults.get(job.name, 0) + 1 if failed else 0
        retry_in_s = self._backoff(self._faults[job.name], None).total_seconds() if failed else None
        return next_due(job.cadence, started_at, self._keeping.clock.now(), self._keeping.dice.random(), retry_in_s)

    def _backoff(self, attempt: int, after_s: float | None) -> timedelta:
        rules = self._keeping.rules
        return timedelta(
            seconds=delay(attempt, rules.fault_base_s, rules.fault_max_s, self._keeping.dice.random(), after_s)
        )

    def _patience(self, problem: SyncdError) -> timedelta:
        """How long all lanes wait: for what is on this machine a minute at most, it costs the shop nothing."""
        wait = self._backoff(
            max(self._vain.values(), default=1), problem.after_s if isinstance(problem, Retry) else None
        )
        return wait if isinstance(problem, RemoteDown | LostAnswer | Throttled) else min(wait, _LOCAL_WAIT)

    async def _pause(self, wait: timedelta) -> None:
        """Sleep although the lanes were told to stop."""
        self._bells.still()
        if not self._stopped.is_set():
            await self._bells.sleep_until(Lane.WALK, self._keeping.clock.now() + wait)
