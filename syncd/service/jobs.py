"""Pulling on request: what it will cost, the pulls of several shops at once, and what their outcomes mean together.

One shop's trouble never stops another's. Must not know how anything is shown.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from syncd.domain.budget import CallClass
from syncd.domain.resource import Resource
from syncd.domain.resources import BY_NAME
from syncd.domain.run import Outcome, Run
from syncd.domain.shop import Shop, ShopState
from syncd.engine.budget_transactions import bucket_now
from syncd.engine.costs import Cost
from syncd.engine.worker import ShopWorker
from syncd.errors import GrantRevoked, NeedsPerson, SyncdError, UsageProblem
from syncd.service import shops
from syncd.service.edits import Need
from syncd.service.resuming import complete_pull, unwalked
from syncd.service.wire import House, bucket_key
from syncd.service.words import meant

DRAINED_EXIT: Final = 130
_EXITS: Final = {Outcome.DRAINED: DRAINED_EXIT, Outcome.PERSON: 3, Outcome.PARTIAL: 3, Outcome.LATER: 75}


@dataclass(frozen=True, slots=True)
class Wish:
    """Which shops and resources, and how. `name` None is every shop at work; `only` are these, as they were read."""

    name: str | None = None
    resources: tuple[str, ...] = ()
    quick: bool = False
    approve: bool = False
    only: tuple[Shop, ...] | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What the pull of one shop will cost. `seconds` is the wait for the call budget; unknown calls are left out."""

    shop: str
    costs: tuple[Cost, ...]
    calls: int
    seconds: float

    @property
    def is_open(self) -> bool:
        """Whether some cost is not known before it is paid."""
        return any(cost.calls is None for cost in self.costs)


@dataclass(slots=True)
class Result:
    """Everything that was done. `problems` are the errors that ended the work on a whole shop; `needs` is what stood
    open for a person before, too."""

    runs: list[Run] = field(default_factory=list)
    problems: list[tuple[str, SyncdError]] = field(default_factory=list)
    needs: list[Need] = field(default_factory=list)
    rounds: int = 1
    is_left: bool = False  # somebody else goes on with it, and its end was not waited for

    @property
    def exit_code(self) -> int:
        """One code for all: drained first, then what a person must do, then what can be tried again."""
        outcomes = {run.outcome for run in self.runs}
        codes = [code for outcome, code in _EXITS.items() if outcome in outcomes]
        codes += [problem.exit_code for _, problem in self.problems]
        codes += [NeedsPerson.exit_code for _ in self.needs]
        codes += [DRAINED_EXIT] if self.is_left else []
        return next((code for code in (DRAINED_EXIT, 1, 2, 3, 75) if code in codes), 0)

    @property
    def agreement(self) -> str:
        """What can be said after all went well: the mirror agrees, and on which looks that rests."""
        seen = [run for run in self.runs if run.job != "push"]
        if not seen:
            return "nothing was looked at"
        first, last = min(run.started_at for run in seen), max(run.ended_at for run in seen)
        looks = f"a complete look at {first:%H:%M:%S} UTC"
        if self.rounds > 1:
            looks += f" and a quick one at {last:%H:%M:%S} UTC that found nothing more"
        return f"mirror and shop agree, as {looks} shows"

    def add(self, other: "Result") -> None:
        """Take in another round: its runs stand for those before."""
        self.runs += other.runs
        self.problems = other.problems
        self.rounds += 1

    def join(self, other: "Result") -> None:
        """Take in what was done for other shops."""
        self.runs += other.runs
        self.problems += other.problems
        self.needs += other.needs
        self.rounds = max(self.rounds, other.rounds)
        self.is_left |= other.is_left


async def pull(house: House, wish: Wish, announce: Callable[[Sequence[Plan]], None] | None = None) -> Result:
    """Look at the shops, by the cheapest feed or completely; `announce` hears first what that costs."""

    async def look(worker: ShopWorker, resources: Sequence[Resource]) -> list[Run]:
        if wish.quick:
            return await worker.pull(resources, quick=True, klass=CallClass.USER)
        return await complete_pull(house, worker, resources)

    return await _each(house, wish, look, announce)


async def plans(house: House, wish: Wish) -> list[Plan]:
    """Only what a pull would cost. Raises the first problem of a shop."""
    resources = wanted_resources(house, wish.resources)
    result, made = Result(), list[Plan]()
    for shop in await shops_of(house, wish):
        await guarded(house, shop, result, _planned(house, wish, resources, made))
    for _, problem in result.problems:
        raise problem
    return made


async def sweep(house: House, wish: Wish) -> Result:
    """Judge absence now; with `approve` go on where the brake holds."""

    async def judge(worker: ShopWorker, resources: Sequence[Resource]) -> list[Run]:
        return await worker.sweep(resources, approve=wish.approve)

    return await _each(house, wish, judge, None)


async def shops_of(house: House, wish: Wish) -> list[Shop]:
    """The shops of a wish. Raises UsageProblem."""
    return await shops.chosen(house.disk, wish.name) if wish.only is None else list(wish.only)


def wanted_resources(house: House, names: Sequence[str]) -> tuple[Resource, ...]:
    """The resources of these names, or all that are mirrored. Raises UsageProblem."""
    for name in names:
        if name not in BY_NAME:
            raise UsageProblem(f"there is no resource {name!r}; {meant(name, BY_NAME)}", hint="syncd status")
    chosen = tuple(resource for resource in house.resources if not names or resource.name in names)
    if not chosen:
        raise UsageProblem(
            f"switched off in the settings: {', '.join(names)}", hint="set enabled = true in [resources.NAME]"
        )
    return chosen


async def plan(house: House, shop: Shop, worker: ShopWorker, resources: Sequence[Resource], *, quick: bool) -> Plan:
    """What the next look costs: calls, and how long the call budget makes them last."""
    costs = tuple(await worker.estimate(resources, quick=quick))
    calls = sum(cost.calls or 0 for cost in costs)
    return Plan(shop.name, costs, calls, await budget_wait(house, shop, calls))


async def budget_wait(house: House, shop: Shop, calls: int, share: float = 0.9) -> float:
    """How many seconds the call budget makes so many calls last, if nobody else makes any. `share` of the bucket may be
    filled."""
    bucket = await house.disk.state.run(lambda tx: bucket_now(tx, bucket_key(shop)))
    size, leak = (bucket.size, bucket.leak) if bucket else (house.budget_rules.size, house.budget_rules.leak)
    room = max(0.0, size * share - bucket.level) if bucket else 0.0
    return max(0.0, calls - room) / leak


async def _each(
    house: House,
    wish: Wish,
    job: Callable[[ShopWorker, Sequence[Resource]], Awaitable[list[Run]]],
    announce: Callable[[Sequence[Plan]], None] | None,
) -> Result:
    resources = wanted_resources(house, wish.resources)
    chosen = await shops_of(house, wish)
    result = Result()
    if announce is not None:
        plans: list[Plan] = []
        chosen = [
            shop for shop in chosen if await guarded(house, shop, result, _planned(house, wish, resources, plans))
        ]
        announce(plans)

    async def work(shop: Shop) -> None:
        result.runs += await job(await house.worker(shop), resources)

    async with asyncio.TaskGroup() as group:
        for shop in chosen:
            group.create_task(guarded(house, shop, result, work))
    return result


def _planned(
    house: House, wish: Wish, resources: Sequence[Resource], plans: list[Plan]
) -> Callable[[Shop], Awaitable[None]]:
    async def work(shop: Shop) -> None:
        left = resources if wish.quick else await unwalked(house, shop.id, resources)
        plans.append(await plan(house, shop, await house.worker(shop), left, quick=wish.quick))

    return work


async def guarded(house: House, shop: Shop, result: Result, work: Callable[[Shop], Awaitable[None]]) -> bool:
    """Do the work on one shop; an error of ours ends that shop only, and what it means is kept."""
    try:
        if shop.company_id is None:
            raise NeedsPerson(f"shop {shop.name} is not authorised yet", hint=f"syncd auth login {shop.name}")
        await work(shop)
    except GrantRevoked as problem:
        await _quarantine(house, shop, problem)
        result.problems.append((shop.name, problem))
        return False
    except SyncdError as problem:
        result.problems.append((shop.name, problem))
        return False
    return True


async def _quarantine(house: House, shop: Shop, problem: NeedsPerson) -> None:
    """Set the shop aside as the daemon would, so that status says what a person must do."""
    if shop.state is ShopState.ACTIVE:
        aside = replace(shop, state=ShopState.QUARANTINED, reason=f"{problem.message}. {problem.hint}".strip())
        await house.disk.mirror.run(lambda tx: tx.books.save_shop(aside))
