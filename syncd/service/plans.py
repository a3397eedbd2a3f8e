"""A push written down: every pending change with its parts and its cost; and carrying out exactly what was written.

The file is a promise to scripts: names are added, never changed. Must not know how a plan is shown.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from functools import partial
from pathlib import Path
from typing import Any, Final

from syncd.domain.change import Change, ChangeState, Turned
from syncd.domain.ids import RecordKey
from syncd.domain.run import Run
from syncd.domain.shop import Shop
from syncd.engine.claim import Claim
from syncd.engine.push_worker import PushWorker
from syncd.errors import UsageProblem
from syncd.ports import MirrorTx
from syncd.service import jobs, shops
from syncd.service.answers import Done
from syncd.service.foresight import Foreseen, Step, foresee
from syncd.service.wire import House, Workplace
from syncd.store.plain import patch_text

VERSION: Final = 1
_SHARE: Final = 0.95
_AGAIN: Final = "syncd plan --out FILE    (a new plan)"


@dataclass(frozen=True, slots=True)
class PushPlan:
    """What the next push of one shop would do. `calls` and `seconds` are for the changes that would leave."""

    foreseen: Foreseen
    calls: int
    seconds: float


async def make(house: House, name: str | None, names: tuple[str, ...] = ()) -> list[PushPlan]:
    """The plan of every shop, or of one. Makes no call and writes nothing."""
    if names:
        jobs.wanted_resources(house, names)
    plans = []
    for shop in await shops.chosen(house.disk, name):
        foreseen = await foresee(house, shop, names)
        calls = sum(step.calls for step in foreseen.steps if step.leaves)
        plans.append(PushPlan(foreseen, calls, await jobs.budget_wait(house, shop, calls, _SHARE)))
    return plans


# --- the file ---------------------------------------------------------------------------------------------------------


def as_json(house: House, plans: Sequence[PushPlan]) -> dict[str, Any]:
    """A plan as plain values; values of fields are JSON as the history writes them."""
    at = house.clock.now().astimezone(UTC).isoformat(timespec="seconds")
    return {"version": VERSION, "at": at, "shops": [_shop_json(plan) for plan in plans]}


def _shop_json(plan: PushPlan) -> dict[str, Any]:
    return {
        "shop": plan.foreseen.shop.name,
        "calls": plan.calls,
        "seconds": round(plan.seconds, 1),
        "changes": [_step_json(plan.foreseen.shop, step) for step in plan.foreseen.steps],
        "refused": [_turned_json(each) for each in plan.foreseen.refused],
        "idle": [{"resource": t.resource, "row_id": t.row_id, "why": why} for t, why in plan.foreseen.idle],
    }


def _step_json(shop: Shop, step: Step) -> dict[str, Any]:
    change = step.change
    return {
        "id": change.id or None,
        "key": str(RecordKey(shop.name, change.resource, change.key)) if change.key else None,
        "resource": change.resource,
        "row_id": change.row_id,
        "verb": change.verb.value,
        "state": change.state.value,
        "why": step.why,
        "digest": change.digest,
        "calls": step.calls,
        "fields": [
            {"path": diff.path, "base": diff.base, "local": diff.local, "remote": diff.remote} for diff in step.diffs
        ],
        "patch": json.loads(patch_text(change.patch)),
    }


def _turned_json(turned: Turned) -> dict[str, Any]:
    return {
        "resource": turned.resource,
        "key": turned.key,
        "row_id": turned.row_id,
        "path": turned.path,
        "value": turned.value,
        "why": turned.reason,
    }


@dataclass(frozen=True, slots=True)
class Planned:
    """A change as a plan's file names it: it is that very change as long as its digest is the same."""

    resource: str
    row_id: int
    verb: str
    digest: str
    name: str


def read(file: Path) -> dict[str, list[Planned]]:
    """The changes of a plan's file that leave, by shop. Raises UsageProblem where it is none."""
    try:
        plain = json.loads(file.read_text("utf-8"))
        if plain["version"] != VERSION:
            raise UsageProblem(f"{file} was written by another syncd (version {plain['version']})", hint=_AGAIN)
        return {each["shop"]: [_planned(line) for line in each["changes"]] for each in plain["shops"]}
    except OSError as error:
        raise UsageProblem(f"{file} cannot be read: {error.strerror}", hint=_AGAIN) from error
    except (ValueError, KeyError, TypeError) as error:
        raise UsageProblem(f"{file} is no plan of syncd: {type(error).__name__}", hint=_AGAIN) from error


def _planned(line: Mapping[str, Any]) -> Planned:
    name = line["key"] or f"{line['resource']}, row {line['row_id']}"
    return Planned(line["resource"], int(line["row_id"]), line["verb"], line["digest"], name)


# --- carrying it out --------------------------------------------------------------------------------------------------


async def apply(house: House, planned: Mapping[str, Sequence[Planned]], only: Sequence[Shop] | None = None) -> Done:
    """Send exactly what a plan says: each record is read before it is written, as in any push, and what is another
    change by then is left out.

    Raises Drained where it was told to stop before its turn came."""
    applied = Done()
    for name, changes in planned.items():
        shop = shops.pick(only, name) if only is not None else await shops.find(house.disk, name)
        await jobs.guarded(house, shop, applied.result, partial(_apply, house, list(changes), applied))
    return applied


async def _apply(house: House, planned: list[Planned], applied: Done, shop: Shop) -> None:
    place = await house.place(shop)
    async with place.pusher.turn() as worker:
        applied.result.runs += await _applied(house, place, worker, planned, applied.left)


async def _applied(
    house: House, place: Workplace, worker: PushWorker, planned: list[Planned], left: list[tuple[str, str]]
) -> list[Run]:
    await _claim(house, worker, planned)
    chosen: dict[int, Planned] = {}
    for each, change in await house.disk.reader.run(partial(_changes, shop_id=place.shop.id, planned=planned)):
        why = _differs(each, change)
        if why or change is None:
            left.append((each.name, why))
        else:
            chosen[change.id] = each
    if not chosen:
        return []
    # The read before each write checks its base; what is another change then does not leave, and is claimed anew.
    runs = [await worker.push(only=frozenset(chosen), exactly=True)]
    await worker.notice()
    stayed = [each for number, each in chosen.items() if each.verb != "create" and number not in worker.sent]
    for each, change in await house.disk.reader.run(partial(_changes, shop_id=place.shop.id, planned=stayed)):
        put_off = f"it is put off: {change.reason}" if change and change.reason else "it is put off"
        left.append((each.name, _differs(each, change) or put_off))
    return runs


def _changes(tx: MirrorTx, shop_id: int, planned: Sequence[Planned]) -> list[tuple[Planned, Change | None]]:
    """What of a plan is in the outbox now."""
    return [(each, tx.outbox.of_row(shop_id, each.resource, each.row_id)) for each in planned]


async def _claim(house: House, worker: PushWorker, planned: list[Planned]) -> None:
    """Claim what was edited; new rows of the plan must lie untouched for their time first."""
    counts = await worker.notice()
    names = sorted({each.resource for each in planned if each.verb == "create"})
    if counts[Claim.WAITS] and names and not house.draining.is_set():
        await house.clock.sleep(max(house.push_rules.quiet_s(name) for name in names))
        await worker.notice()


def _differs(planned: Planned, change: Change | None) -> str:
    """Why the change that is there now is not the planned one, or cannot leave."""
    if change is None:
        return "there is no such edit any more, or it is not ready"
    if change.verb.value != planned.verb or change.digest != planned.digest:
        return "it is another change by now: the row was edited, or the shop changed the record"
    if change.state is ChangeState.HELD:
        return f"the brake holds it; syncd outbox approve {change.id}"
    if change.state is ChangeState.PARKED:
        return f"it is parked: {change.reason}"
    return ""
