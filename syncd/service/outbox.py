"""The outbox for people: what is on its way, what is held or parked; to approve it, or to take it back.

Must not know how it is shown.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from syncd.domain.change import Change, ChangeState, Verb
from syncd.domain.policy import Policy
from syncd.domain.resources import BY_NAME, CUSTOMERS
from syncd.domain.shop import Shop
from syncd.engine.sighting import Scope
from syncd.engine.undo import drop as take_back
from syncd.errors import UsageProblem
from syncd.ports import MirrorTx, StateTx
from syncd.service import jobs, shops
from syncd.service.wire import House

_BATCH: Final = 100
_LIST: Final = "syncd outbox list"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which changes: one by its number, or all that are held, of one resource or of every one."""

    change_id: int | None = None
    resource: str = ""
    everything: bool = False
    shop: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A change with its shop."""

    shop: Shop
    change: Change


Deed = Callable[[MirrorTx, Shop, Change], Change | None]
"""What is done to a change as it is now; None where nothing was to be done any more. Raises UsageProblem."""


async def listed(house: House, name: str | None = None) -> list[Line]:
    """Every open change, the oldest first."""
    found: list[Line] = []
    for shop in await _shops(house, name):
        changes = await house.disk.reader.run(lambda tx, shop_id=shop.id: tx.outbox.all(shop_id))  # type: ignore[misc]
        found += [Line(shop, change) for change in changes]
    return found


async def approve(house: House, selection: Selection) -> int:
    """Let changes leave that the brake holds, or one that is parked; returns how many.

    Raises UsageProblem where there is none."""
    if selection.change_id is not None:
        return len(await _each(house, selection, _approve))
    _check(house, selection)
    released = 0
    for shop in await _shops(house, selection.shop):
        while some := await house.disk.mirror.run(partial(_release, shop=shop, selection=selection)):
            released += some
    if not released:
        raise _none(selection)
    return released


def _release(tx: MirrorTx, shop: Shop, selection: Selection) -> int:
    return tx.outbox.release(shop.id, selection.resource, _BATCH)


async def drop(house: House, selection: Selection) -> int:
    """Take edits back: the mirror shows again what both sides agreed on; returns how many.

    Raises UsageProblem where there is none."""

    def take(tx: MirrorTx, shop: Shop, change: Change) -> Change:
        if change.state is ChangeState.SENDING:
            raise UsageProblem(f"change {change.id} is just being sent", hint=f"{_LIST}    (in a moment)")
        policy = house.policies.get(change.resource, Policy())
        take_back(tx, Scope(shop.id, BY_NAME[change.resource], policy, house.clock.now()), change)
        return change

    dropped = await _each(house, selection, take)
    for line in dropped:
        await house.disk.state.run(partial(_forget, line=line))
    return len(dropped)


def _forget(tx: StateTx, line: Line) -> None:
    tx.pushes.end(line.shop.id, line.change.id)
    if line.change.resource == CUSTOMERS.name and line.change.verb is Verb.CREATE:
        tx.pushes.forget_password(line.shop.id, line.change.row_id)


def _approve(tx: MirrorTx, shop: Shop, change: Change) -> Change:
    if change.state not in (ChangeState.HELD, ChangeState.PARKED):
        raise UsageProblem(f"change {change.id} is {change.state.value} and waits for nobody", hint=_LIST)
    refused = tx.outbox.was_refused(shop.id, change.resource, change.row_id, change.digest) is not None
    if change.state is ChangeState.PARKED and refused:
        raise UsageProblem(
            f"change {change.id} would be refused again as it is",
            hint=f"edit the row so that the shop can take it (why: {_LIST}), or: syncd outbox drop {change.id}",
        )
    ready = replace(change, state=ChangeState.READY, reason="", attempts=0, due_at=None)
    tx.outbox.save(shop.id, ready)
    return ready


def _check(house: House, selection: Selection) -> None:
    if (selection.change_id is not None) == bool(selection.resource or selection.everything):
        raise UsageProblem("name one change, or --resource R, or --all", hint=_LIST)
    if selection.resource:
        jobs.wanted_resources(house, [selection.resource])


def _none(selection: Selection) -> UsageProblem:
    what = f"no change {selection.change_id}" if selection.change_id is not None else "nothing held"
    return UsageProblem(f"there is {what}", hint=_LIST)


async def _each(house: House, selection: Selection, deed: Deed) -> list[Line]:
    _check(house, selection)
    chosen = [line for line in await listed(house, selection.shop) if _fits(selection, line.change)]
    if not chosen:
        raise _none(selection)
    done: list[Line] = []
    for start in range(0, len(chosen), _BATCH):
        batch = chosen[start : start + _BATCH]
        done += await house.disk.mirror.run(lambda tx, lines=batch: _do(tx, lines, deed))  # type: ignore[misc]
    return done


def _fits(selection: Selection, change: Change) -> bool:
    if selection.change_id is not None:
        return change.id == selection.change_id
    return change.state is ChangeState.HELD and (not selection.resource or change.resource == selection.resource)


def _do(tx: MirrorTx, lines: Sequence[Line], deed: Deed) -> list[Line]:
    done = []
    for line in lines:
        now = tx.outbox.of_row(line.shop.id, line.change.resource, line.change.row_id)
        if now is not None and now.id == line.change.id and (after := deed(tx, line.shop, now)) is not None:
            done.append(Line(line.shop, after))
    return done


async def _shops(house: House, name: str | None) -> list[Shop]:
    return [await shops.find(house.disk, name)] if name else await shops.listed(house.disk)
