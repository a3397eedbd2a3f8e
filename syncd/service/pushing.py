"""Pushing on request, and pulling and pushing until both sides agree.

One shop's trouble never stops another's. Must not know how anything is shown.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from syncd.domain.decision import Reason
from syncd.domain.ledger import HintSource
from syncd.domain.run import Outcome, Run
from syncd.domain.shop import Shop, ShopState
from syncd.service import jobs
from syncd.service.edits import Edits, Need, edits, name_of
from syncd.service.foresight import foresee
from syncd.service.jobs import Result, Wish
from syncd.service.status import status
from syncd.service.wire import House, Workplace
from syncd.service.words import amount, duration

ROUNDS_MAX: Final = 20
_PERSON_EXIT: Final = 3
_WAIT_MAX_S: Final = 120.0
_CHANGES: Final = 1000
_SLACK_S: Final = 0.2
Announce = Callable[[Sequence[jobs.Plan]], None]
Tell = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Pause:
    """What the next push waits for, and how long."""

    what: str
    seconds: float


async def push(house: House, wish: Wish, *, scan: bool = False) -> Result:
    """Claim what was edited in the mirror and send what is ready. `scan` compares mirror and base in full first."""
    if wish.resources:
        jobs.wanted_resources(house, wish.resources)
    result, began_at = Result(), house.clock.now()

    async def work(shop: Shop) -> None:
        place = await house.place(shop)
        result.runs += await _decided(house, place)
        if scan:
            await place.pusher.scan()
        result.runs.append(await _pushed(place, wish.resources))
        found = await house.disk.reader.run(lambda tx: edits(tx, shop))
        result.needs += [*found.needs, *_refused(shop, found, began_at)]

    chosen = await jobs.shops_of(house, wish)
    async with asyncio.TaskGroup() as group:
        for shop in chosen:
            group.create_task(jobs.guarded(house, shop, result, work))
    return result


async def _decided(house: House, place: Workplace) -> list[Run]:
    """Carry out what people chose about conflicts: their records are looked at."""
    depth = await house.disk.reader.run(lambda tx: tx.hints.depth(place.shop.id))
    asked = [each for each in house.resources if (each.name, HintSource.PERSON.value) in depth]
    return await place.worker.looks(asked) if asked else []


async def _pushed(place: Workplace, names: Sequence[str]) -> Run:
    if not names:
        return await place.pusher.push()
    await place.pusher.notice()
    waiting = await place.pusher.waiting()
    return await place.pusher.push(only=frozenset(change.id for change in waiting if change.resource in names))


# --- until both sides agree -------------------------------------------------------------------------------------------


async def sync(house: House, wish: Wish, announce: Announce | None, tell: Tell) -> Result:
    """A complete look, then pushes and quick looks until nothing moves and nothing waits; then what a person must do is
    gathered. `tell` hears what is waited for."""
    began_at = house.clock.now()
    result = await jobs.pull(house, replace(wish, quick=False), announce)
    latest, scan = result, True
    for _ in range(ROUNDS_MAX):
        if house.draining.is_set() or latest.exit_code not in (0, _PERSON_EXIT):
            break
        pushed = await push(house, wish, scan=scan)
        _take(result, pushed)
        pause = await _next(house, wish)
        if pushed.problems or not (_moved((*latest.runs, *pushed.runs)) or pause):
            break
        if pause and pause.what:
            await tell(f"waiting {duration(pause.seconds)}: {pause.what}")
            await _wait(house, pause.seconds)
        latest, scan = await jobs.pull(house, replace(wish, quick=True)), False
        result.add(latest)
    await _gather(house, wish, result, began_at)
    return result


def _take(result: Result, pushed: Result) -> None:
    """The newest push of a shop stands for those before that were put off."""
    for run in pushed.runs:
        if run.job == "push" and run.outcome is not Outcome.LATER:
            result.runs = [old for old in result.runs if not _put_off(old, run.shop)]
    result.runs += pushed.runs
    result.problems += pushed.problems


def _put_off(run: Run, shop: str) -> bool:
    return run.job == "push" and run.shop == shop and run.outcome is Outcome.LATER


def _moved(runs: Iterable[Run]) -> bool:
    return any(run.counts.get(name) for run in runs for name in ("inserted", "updated", "gone", "stale"))


async def _next(house: House, wish: Wish) -> Pause | None:
    """What of all shops' edits is to be waited for; None where nothing would leave later by itself."""
    pauses = [
        pause
        for shop in await jobs.shops_of(house, wish)
        if shop.state is ShopState.ACTIVE and (pause := await _pause(house, shop)) is not None
    ]
    return max(pauses, key=lambda pause: pause.seconds, default=None)


async def _pause(house: House, shop: Shop) -> Pause | None:
    await (await house.place(shop)).pusher.notice()
    now = house.clock.now()
    changes = await house.disk.reader.run(lambda tx: tx.outbox.waiting(shop.id, _CHANGES, now + timedelta(days=1)))
    if any(change.due_at is None or change.due_at <= now for change in changes):
        return Pause("", 0.0)  # ready by now
    fresh = [step.quiet_s for step in (await foresee(house, shop)).steps if step.quiet_s]
    if fresh:
        return Pause(f"{amount(len(fresh), 'new row')} must lie untouched first", max(fresh) + _SLACK_S)
    if changes:
        first = min(changes, key=lambda change: change.due_at or now)
        seconds = ((first.due_at or now) - now).total_seconds() + _SLACK_S
        return Pause(f"{name_of(first)}: {first.reason or first.state.value}", min(seconds, _WAIT_MAX_S))
    return None


async def _wait(house: House, seconds: float) -> None:
    """Wait, but not beyond a drain."""
    left_s = seconds
    while left_s > 0 and not house.draining.is_set():
        await house.clock.sleep(min(left_s, 1.0))
        left_s -= 1.0


async def _gather(house: House, wish: Wish, result: Result, began_at: datetime) -> None:
    told = [name for name, _ in result.problems]
    for shop in await jobs.shops_of(house, wish):
        if shop.name in told:
            continue
        found = (await status(house, shop.name))[0]
        result.needs += found.needs
        if rows := sum(found.edits.touched.values()):
            what = f"{amount(rows, 'edited row')} cannot leave yet"
            result.needs.append(Need(what, f"syncd plan {shop.name}    (says why)"))
        result.needs += _refused(shop, found.edits, began_at)


def _refused(shop: Shop, found: Edits, began_at: datetime) -> list[Need]:
    """The edits that were refused since, newest first. Where the shop won, somebody had said so before."""
    return [
        Need(f"{name_of(each)} {each.path}".rstrip() + f" was refused: {each.reason}", f"syncd status {shop.name}")
        for each in found.refused
        if each.at >= began_at and each.reason != Reason.POLICY.sentence
    ]
