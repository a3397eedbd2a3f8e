"""Commands beside a daemon: a shop that a living daemon works is not worked by a command, which asks the daemon.

The request is a row, and so is its answer. Whoever leaves loses nothing: the daemon goes on. When the daemon dies, the
next one takes the request, and where none comes the command takes it back and does it itself.
"""

import asyncio
import os
import socket
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from syncd.domain.request import Request
from syncd.domain.shop import Shop
from syncd.engine.costs import known_costs
from syncd.engine.errands import Tell
from syncd.service import answers, errands, jobs, shops
from syncd.service.answers import Done
from syncd.service.errands import Announce, Changes
from syncd.service.jobs import Plan, Result, Wish
from syncd.service.leasing import WorkedByDaemon, holder, leased
from syncd.service.wire import House

LOOK_S: Final = 0.2
"""How often the answer is looked for."""


@dataclass(frozen=True, slots=True)
class Order:
    """A job as a command was told to do it. `tell` hears how it goes on."""

    job: str
    wish: Wish
    tell: Tell
    announce: Announce | None = None
    changes: Changes | None = None


async def perform(house: House, order: Order) -> Done:
    """Do it, or have it done by the daemons that work the shops. Raises UsageProblem."""
    changes = order.changes
    if changes is None:
        jobs.wanted_resources(house, order.wish.resources)
        chosen = await jobs.shops_of(house, order.wish)
    else:
        chosen = [await shops.find(house.disk, name) for name in changes]
    done = Done()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_done(house, order, shop)) for shop in chosen]
    for task in tasks:
        done.join(task.result())
    return done


async def _done(house: House, order: Order, shop: Shop) -> Done:
    """Work one shop under its lease, or have it worked by the daemon that has the lease.

    After a daemon was killed its lease is over before it may be taken: that is waited for."""
    has_announced = False
    while True:
        with suppress(WorkedByDaemon):
            async with leased(house, shop):
                return await _here(house, order, shop)
        if await _lives(house, shop):
            if order.announce is not None and not has_announced:
                order.announce([await _known_plan(house, order.wish, shop)])
                has_announced = True
            if (done := await _asked(house, order, shop)) is not None:
                return done
        elif house.draining.is_set():
            return Done(Result(is_left=True))
        await house.clock.sleep(LOOK_S)


async def _here(house: House, order: Order, shop: Shop) -> Done:
    wish = replace(order.wish, only=(shop,))
    changes = {shop.name: (order.changes or {}).get(shop.name, [])}
    return await errands.work(house, order.job, wish, changes, order.announce, order.tell)


async def _known_plan(house: House, wish: Wish, shop: Shop) -> Plan:
    """What the daemon's look will cost, as far as it is known without a call."""
    resources, period, now = jobs.wanted_resources(house, wish.resources), house.rules.audit_period, house.clock.now()
    costs = await house.disk.reader.run(
        lambda tx: known_costs(tx, shop.id, resources, quick=wish.quick, audit_period=period, now=now)
    )
    calls = sum(cost.calls or 0 for cost in costs)
    return Plan(shop.name, tuple(costs), calls, await jobs.budget_wait(house, shop, calls))


async def _asked(house: House, order: Order, shop: Shop) -> Done | None:
    """Leave a request, wait for its answer; None where no daemon lives any more: it is taken back, to be done here."""
    wish, now = errands.asked(order.wish, (order.changes or {}).get(shop.name, [])), house.clock.now()
    who = f"syncd {order.job}, process {os.getpid()} on {socket.gethostname()}"
    request = await house.disk.mirror.run(lambda tx: tx.requests.add(shop.id, order.job, wish, who, now))
    house.drain_note = f"leaving; the daemon goes on with it: syncd status {shop.name}"
    said = ""
    while not house.draining.is_set():
        found = await house.disk.reader.run(lambda tx: tx.requests.load(request.seq))
        if found is None:
            return None  # forgotten: as if it had never been asked
        if found.ended_at is not None:
            return answers.read(found.answer)
        if await _is_orphaned(house, shop, request):
            await order.tell(f"{shop.name}: no daemon works it any more, so it is done here")
            return None
        if (words := _words(shop, found)) != said:
            said = words
            await order.tell(words)
        await house.clock.sleep(LOOK_S)
    return Done(Result(is_left=True))


async def _is_orphaned(house: House, shop: Shop, request: Request) -> bool:
    """Whether no daemon holds the shop any more; then the request is taken back, unless it has ended by now."""
    if await _lives(house, shop):
        return False
    return await house.disk.mirror.run(lambda tx: tx.requests.withdraw(request.seq))


async def _lives(house: House, shop: Shop) -> bool:
    """Whether a daemon holds the shop."""
    found = await holder(house, shop)
    return found is not None and found.is_daemon


def _words(shop: Shop, request: Request) -> str:
    if request.taken_at is None:
        return f"{shop.name}: asked the daemon, which works this shop"
    return f"{shop.name}: {request.answer or 'the daemon is at it'}"
