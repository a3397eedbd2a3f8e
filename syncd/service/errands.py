"""What a command may ask of the daemon, how it is written down, and how it is carried out: here or there alike.

Must not know who asks, nor how the answer is shown.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Final

from syncd.domain.request import Request
from syncd.domain.shop import Shop
from syncd.engine.errands import Errands, Tell
from syncd.errors import LeaseLost, SyncdError
from syncd.service import jobs, plans, pushing
from syncd.service.answers import Done, refused, written
from syncd.service.jobs import Result, Wish
from syncd.service.plans import Planned
from syncd.service.turns import Drained
from syncd.service.wire import House

Announce = Callable[[Sequence[jobs.Plan]], None]
Changes = Mapping[str, Sequence[Planned]]
"""The changes of a plan, by shop."""
JOBS: Final = ("pull", "push", "sweep", "sync", "apply")


async def work(house: House, job: str, wish: Wish, changes: Changes, announce: Announce | None, tell: Tell) -> Done:
    """Do a job for the shops of a wish. Raises UsageProblem."""
    match job:
        case "pull":
            return Done(await jobs.pull(house, wish, announce))
        case "push":
            return Done(await pushing.push(house, wish))
        case "sweep":
            return Done(await jobs.sweep(house, wish))
        case "sync":
            return Done(await pushing.sync(house, wish, announce, tell))
        case "apply":
            return await plans.apply(house, changes, wish.only)
        case _:
            raise AssertionError(f"there is no such job: {job}")


def asked(wish: Wish, changes: Sequence[Planned]) -> str:
    """A wish for one shop, written down."""
    plain = {"resources": wish.resources, "quick": wish.quick, "approve": wish.approve}
    return json.dumps(plain | {"changes": [asdict(each) for each in changes]})


async def carry_out(
    house: House, shop: Shop, request: Request, tell: Tell, is_halted: Callable[[], bool]
) -> str | None:
    """Do what was asked for; the answer, or None where it was halted in the middle. Raises LeaseLost."""
    if request.job not in JOBS:
        return refused(f"this daemon knows no job {request.job!r}: it is another version of syncd")
    plain = json.loads(request.wish)
    names = tuple(plain["resources"])
    wish = Wish(shop.name, names, quick=plain["quick"], approve=plain["approve"], only=(shop,))
    changes = {shop.name: [Planned(**each) for each in plain["changes"]]}
    try:
        done = await work(house, request.job, wish, changes, None, tell)
    except Drained:
        return None
    except LeaseLost:
        raise
    except SyncdError as problem:
        done = Done(Result(problems=[(shop.name, problem)]))
    if lost := next((problem for _, problem in done.result.problems if isinstance(problem, LeaseLost)), None):
        raise lost
    return None if is_halted() else written(done)


def opened(house: House, me: str, shop: Shop, rung: asyncio.Event) -> Errands:
    """The errands of a shop in this house; `me` is the daemon's name."""
    return Errands(
        shop,
        me,
        disk=house.disk,
        clock=house.clock,
        log=house.log,
        carry_out=partial(carry_out, house),
        refuse=refused,
        rung=rung,
    )
