"""All the reading of one shop: discovery, pulls, sweeps and looks, one run per resource.

One resource's trouble never stops another's: a fault ends its run as `later`, what needs a person as `person`; only a
bug comes out of here as an exception. GrantRevoked concerns the whole shop and is raised.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Protocol

from syncd.domain.budget import CallClass
from syncd.domain.capability import Capabilities
from syncd.domain.cursor import Cursor, Feed
from syncd.domain.feeds import Choice, choose, taken_up
from syncd.domain.policy import Policy
from syncd.domain.resource import Resource
from syncd.domain.run import Outcome, Run, Tally
from syncd.domain.shop import Shop
from syncd.engine.brakes import Brakes
from syncd.engine.costs import Cost, known_costs
from syncd.engine.discovery import Discovery
from syncd.engine.looks import READ_SOURCES, Looker
from syncd.engine.rules import PullRules
from syncd.engine.tail import tail
from syncd.engine.trip import Trip
from syncd.engine.walk import Walker
from syncd.errors import GrantRevoked, NeedsPerson, NotUnderstood, Retry, ScopeMissing, SyncdError
from syncd.ports import Clock, Disk, Log, Purpose, Remote, Watcher


@dataclass(frozen=True, slots=True)
class _Manner:
    """How a run looks at a resource. `looks_only` answers so many batches of hints, and walks not at all."""

    job: str
    quick: bool
    braked_too: bool = False
    looks_only: int = 0
    klass: CallClass | None = None
    anew: bool = False


class Pushing(Protocol):
    """What the timetable asks of the writing side (`engine/push_worker.py`)."""

    async def push(self) -> Run: ...
    async def scan(self) -> object: ...


class ShopWorker:
    """Reads one shop. Set `drain` to stop it between two pages. `pusher` writes, where somebody built one."""

    def __init__(
        self,
        shop: Shop,
        *,
        remote: Remote,
        disk: Disk,
        clock: Clock,
        log: Log,
        rules: PullRules,
        watcher: Watcher,
        policies: Mapping[str, Policy] | None = None,
    ) -> None:
        self.shop = shop
        self.drain = asyncio.Event()
        self.pusher: Pushing | None = None
        self._remote = remote
        self._disk = disk
        self._clock = clock
        self._log = log
        self._rules = rules
        self._watcher = watcher
        self._policies = policies or {}
        self._turns: dict[str, asyncio.Lock] = {}  # by resource: a cursor belongs to one walk at a time
        self._walker = Walker(
            shop, remote=remote, disk=disk, clock=clock, log=log, rules=rules, watcher=watcher, drain=self.drain
        )
        self._brakes = Brakes(shop, disk)
        self._looker = Looker(shop, remote=remote, disk=disk, clock=clock, rules=rules)

    # --- learning and costing ---------------------------------------------------------------------------------------

    async def discover(self, resources: Sequence[Resource], *, again: bool = False) -> dict[str, Capabilities]:
        """The capabilities of these resources: stored ones, learned now where there are none, too old, or `again`.

        Raises what the calls raise."""
        return {resource.name: await self._capabilities(resource, again=again) for resource in resources}

    async def _capabilities(self, resource: Resource, *, again: bool = False) -> Capabilities:
        name = resource.name
        known = await self._disk.reader.run(lambda tx: tx.books.capabilities(self.shop.id, name))
        if known is not None and not again and not self._outdated(known):
            return known
        caps = await Discovery(self._remote, self._clock, self._log, self.shop.name).learn(resource)
        if known is not None:
            caps = replace(caps, notes=known.notes)
        await self._disk.mirror.run(lambda tx: tx.books.save_capabilities(self.shop.id, name, caps))
        if known is not None and set(known.filters) != set(caps.filters):
            await self._forget_watermark(name)
        return caps

    def _outdated(self, caps: Capabilities) -> bool:
        age_s = (self._clock.now() - caps.learned_at).total_seconds() if caps.learned_at else self._rules.relearn_s
        return age_s >= (self._rules.relearn_s if caps.available else min(86400.0, self._rules.relearn_s))

    async def _forget_watermark(self, name: str) -> None:
        """Another filter means other things: only a complete walk may set its first watermark."""
        cursor = await self._cursor(name)
        forgot = replace(cursor, watermark=None)
        await self._disk.mirror.run(lambda tx: tx.books.save_cursor(self.shop.id, name, forgot))

    async def estimate(self, resources: Sequence[Resource], *, quick: bool) -> list[Cost]:
        """What the next look at each resource costs. Learns what is not known, and makes one count call per resource
        where the shop counts."""
        for resource in resources:
            caps, cursor = await self._capabilities(resource), await self._cursor(resource.name)
            if caps.available and caps.counts and cursor.remote_count is None:
                count = await self._remote.count(resource, Purpose(CallClass.USER, "estimate", "count"))
                await self._keep_count(resource.name, cursor, count)
        period, now = self._rules.audit_period, self._clock.now()
        return await self._disk.reader.run(
            lambda tx: known_costs(tx, self.shop.id, resources, quick=quick, audit_period=period, now=now)
        )

    async def _keep_count(self, name: str, cursor: Cursor, count: int | None) -> None:
        """So that asking again costs nothing."""
        counted = replace(cursor, remote_count=count)
        if cursor.walk is None:
            await self._disk.mirror.run(lambda tx: tx.books.save_cursor(self.shop.id, name, counted))

    def _policy(self, resource: Resource) -> Policy:
        return self._policies.get(resource.name, Policy())

    async def is_filled(self, name: str) -> bool:
        """Whether the first fill of a resource has ended (or the shop does not offer it)."""
        return (await self._cursor(name)).filled_at is not None

    async def _cursor(self, name: str) -> Cursor:
        return await self._disk.reader.run(lambda tx: tx.books.cursor(self.shop.id, name))

    def _choice(self, resource: Resource, caps: Capabilities, cursor: Cursor, *, quick: bool) -> Choice:
        period, now = self._rules.audit_period, self._clock.now()
        return choose(resource, caps, cursor, quick=quick, audit_period=period, now=now)

    # --- runs -------------------------------------------------------------------------------------------------------

    async def pull(
        self,
        resources: Sequence[Resource],
        *,
        quick: bool,
        job: str = "pull",
        klass: CallClass | None = None,
        anew: bool = False,
    ) -> list[Run]:
        """Look at each resource, by the cheapest feed (`quick`) or completely, then at every record that was hinted at.
        `klass` stands in for the usual class of such calls. Who finds a resource in hand waits for its turn; where a
        walk was left half done it is ended, which says nothing about what came since: `anew` looks once more then.

        Raises GrantRevoked."""
        return [
            await self._run(resource, _Manner(job, quick, klass=klass, anew=anew))
            for resource in resources
            if not self.drain.is_set()
        ]

    def is_busy(self, name: str) -> bool:
        """Whether somebody looks at this resource just now."""
        return name in self._turns and self._turns[name].locked()

    async def sweep(self, resources: Sequence[Resource], *, approve: bool = False) -> list[Run]:
        """Judge absence now: complete walks until what is missed was missed by two of them, then direct looks;
        `approve` lets go what the brake holds. Raises GrantRevoked."""
        runs: list[Run] = []
        for resource in resources:
            if approve:
                await self._brakes.approve(resource.name)
            runs += [
                await self._run(resource, _Manner("sweep", quick=False, braked_too=True))
                for _ in range(2)
                if not self.drain.is_set()
            ]
        return runs

    async def looks(self, resources: Sequence[Resource], *, batches_max: int = 50) -> list[Run]:
        """Answer the hints of these resources by single reads; a run for each resource that had any."""
        waiting = await self._disk.reader.run(lambda tx: tx.hints.depth(self.shop.id))
        hinted = {name for name, source in waiting if source in READ_SOURCES}
        runs = []
        for resource in [each for each in resources if each.name in hinted]:
            run = await self._run(resource, _Manner("look", quick=True, looks_only=batches_max))
            if run.counts["calls"] or run.outcome is not Outcome.DONE:
                runs.append(run)
        return runs

    async def _run(self, resource: Resource, manner: _Manner) -> Run:
        started_at = self._clock.now()
        tally, fault = Tally(), None
        feed, outcome, message = "", Outcome.DONE, ""
        try:
            if manner.looks_only:
                caps, batches = await self._capabilities(resource), manner.looks_only
                finished = await self._answer_hints(resource, caps, CallClass.HINT, manner.job, tally, batches)
            else:
                async with self._turns.setdefault(resource.name, asyncio.Lock()):
                    feed, finished, resumed = await self._look_at(resource, tally, manner)
                    if manner.anew and finished and resumed:
                        feed, finished, _ = await self._look_at(resource, tally, manner)
            whole = Outcome.PARTIAL if tally.parked or tally.conflicts else Outcome.DONE
            outcome = whole if finished else Outcome.DRAINED
        except GrantRevoked:
            raise
        except ScopeMissing as problem:
            await self._unavailable(resource, problem)
            message = problem.message
        except (Retry, NotUnderstood) as problem:
            outcome, message, fault = Outcome.LATER, problem.message, problem
        except NeedsPerson as problem:
            outcome, message = Outcome.PERSON, f"{problem.message}. {problem.hint}".strip()
        times = (started_at, self._clock.now())
        run = Run(self.shop.name, manner.job, resource.name, feed, outcome, *times, asdict(tally), message, fault)
        await self.journal(run)
        return run

    async def _look_at(self, resource: Resource, tally: Tally, manner: _Manner) -> tuple[str, bool, bool]:
        """The feed, whether the look came to its end, and whether it only went on where another stood."""
        caps = await self._capabilities(resource)
        if not caps.available:
            raise ScopeMissing(caps.why_not)
        if not manner.braked_too:
            await self._brakes.stop_at(resource.name)
        cursor = await self._cursor(resource.name)
        choice = self._choice(resource, caps, cursor, quick=manner.quick)
        cursor, choice = taken_up(resource, caps, cursor, choice)
        usual = CallClass.SWEEP if manner.job == "sweep" else CallClass.INCREMENTAL
        klass = CallClass.BACKFILL if cursor.filled_at is None else manner.klass or usual
        purpose = Purpose(klass, manner.job, "list")
        trip = Trip(resource, caps, cursor, choice, purpose, tally, self._policy(resource))
        walk = tail if choice.feed is Feed.TAIL else _walk
        resumed = cursor.walk is not None
        finished = await walk(self._walker, trip)
        if finished:
            finished = await self._answer_hints(resource, trip.caps, klass, manner.job, tally, batches_max=1_000_000)
        await self._brakes.stop_at(resource.name)
        return choice.feed.value, finished, resumed

    async def _answer_hints(
        self, resource: Resource, caps: Capabilities, klass: CallClass, job: str, tally: Tally, batches_max: int
    ) -> bool:
        purpose = Purpose(klass, job, "one")
        for _ in range(batches_max):
            if self.drain.is_set():
                return False
            taken, caps = await self._looker.batch(resource, caps, self._policy(resource), purpose, tally)
            if not taken:
                break
            self._watcher.page(self.shop.name, resource.name, tally.pages, tally.seen, tally.waited_s)
        return True

    async def _unavailable(self, resource: Resource, problem: SyncdError) -> None:
        known = await self._disk.reader.run(lambda tx: tx.books.capabilities(self.shop.id, resource.name))
        if known is not None and not known.available:
            return  # known already; a new date would put off for ever that it is asked again
        caps = Capabilities(learned_at=self._clock.now(), available=False, why_not=problem.message)
        await self._disk.mirror.run(lambda tx: tx.books.save_capabilities(self.shop.id, resource.name, caps))

    async def journal(self, run: Run) -> None:
        """Tell the log, who watches, and the journal of runs how a run ended."""
        self._watcher.ended(self.shop.name, run.resource, run)
        facts = {name: value for name, value in run.counts.items() if value}
        say = self._log.info if run.outcome in (Outcome.DONE, Outcome.DRAINED) else self._log.warning
        say(
            f"{run.job}.{run.outcome.value}",
            shop=run.shop,
            resource=run.resource,
            feed=run.feed,
            took_s=round((run.ended_at - run.started_at).total_seconds(), 3),
            message=run.message,
            **facts,
        )
        if run.counts["calls"] or run.outcome is not Outcome.DONE:
            await self._disk.state.run(lambda tx: tx.journal.write(self.shop.id, run))


async def _walk(walker: Walker, trip: Trip) -> bool:
    return await walker.walk(trip)
