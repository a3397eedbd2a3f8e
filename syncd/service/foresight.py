"""What a push would send, and why: the decisions of the real code in a transaction that is rolled back.

Nothing is written, and no call is made. Must not know how it is shown or written down.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from syncd.domain.change import Change, ChangeState, Touch, Turned, Verb
from syncd.domain.decision import Part
from syncd.domain.patch import Act
from syncd.domain.policy import Policy
from syncd.domain.record import Element
from syncd.domain.resource import Resource
from syncd.domain.shop import Shop
from syncd.engine.claim import Claim, brakes, claim
from syncd.engine.rules import PushRules
from syncd.engine.settling import own_part
from syncd.engine.sighting import Scope
from syncd.ports import MirrorTx
from syncd.service.wire import House
from syncd.store.plain import part_text

_BATCH: Final = 200
_REFUSED: Final = 5000


@dataclass(frozen=True, slots=True)
class Diff:
    """One part of a change, as JSON text; empty where there is none. `remote` is known where both sides changed it."""

    path: str
    base: str
    local: str
    remote: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A change that would leave: now, or in `quiet_s` seconds if nobody touches the row. `calls` is what it costs."""

    change: Change
    diffs: tuple[Diff, ...]
    calls: int
    why: str = ""
    quiet_s: float = 0.0

    @property
    def leaves(self) -> bool:
        """Whether the next push sends it, if only after its time of quiet."""
        return self.change.state in (ChangeState.READY, ChangeState.SENDING, ChangeState.IN_DOUBT)


@dataclass(slots=True)
class Foreseen:
    """What a push of one shop would do. `refused` are edits that the mirror would lose; `idle` touched rows of which
    nothing would leave yet, with the reason."""

    shop: Shop
    steps: list[Step]
    refused: list[Turned]
    idle: list[tuple[Touch, str]]


class _Back(Exception):
    """Carries what was seen out of a transaction, which it rolls back."""

    def __init__(self, seen: "_Seen") -> None:
        super().__init__()
        self.seen = seen


@dataclass(slots=True)
class _Seen:
    changes: list[tuple[Change, float]]
    refused: list[Turned]
    idle: list[tuple[Touch, str]]
    touches: list[Touch]


async def foresee(house: House, shop: Shop, names: tuple[str, ...] = ()) -> Foreseen:
    """What the next push of these resources (default: all) would do."""
    resources = {each.name: each for each in house.resources if not names or each.name in names}
    rules = replace(house.push_rules, create_quiet_s=0.0, create_quiet_by={})
    touched = await house.disk.reader.run(lambda tx: tx.local.count_touched(shop.id))
    live = await house.disk.reader.run(
        lambda tx: {name: tx.mirror.count(shop.id, resources[name]) for name in touched if name in resources}
    )
    weigh = partial(_weigh, house=house, shop=shop, rules=rules, braked=brakes(touched, live, house.push_rules))
    found, known = _Seen([], [], [], []), set[tuple[str, int]]()
    while True:
        seen = await _rolled_back(house, partial(weigh, resources=resources, known=frozenset(known)))
        if not seen.touches:
            break
        known |= {(touch.resource, touch.row_id) for touch in seen.touches}
        for name in ("changes", "refused", "idle"):
            getattr(found, name).extend(getattr(seen, name))
    steps = await house.disk.reader.run(partial(_steps, shop=shop, resources=resources, found=found, known=known))
    return Foreseen(shop, sorted(steps, key=partial(_turn, list(resources))), found.refused, found.idle)


async def _rolled_back(house: House, look: "partial[_Seen]") -> _Seen:
    def run(tx: MirrorTx) -> None:
        raise _Back(look(tx))

    try:
        await house.disk.mirror.run(run)
    except _Back as back:
        return back.seen
    raise AssertionError("a look that did not end")


def _weigh(
    tx: MirrorTx,
    *,
    house: House,
    shop: Shop,
    rules: PushRules,
    braked: frozenset[str],
    resources: Mapping[str, Resource],
    known: frozenset[tuple[str, int]],
) -> _Seen:
    """Claim one more batch of touched rows."""
    now = house.clock.now()
    touches = [
        touch
        for touch in tx.local.touched(shop.id, now, _BATCH + len(known))
        if (touch.resource, touch.row_id) not in known
    ]
    seen = _Seen([], [], [], touches)
    for touch in [each for each in touches if each.resource in resources]:
        resource = resources[touch.resource]
        scope = Scope(shop.id, resource, house.policies.get(resource.name, Policy()), now)
        before = tx.outbox.of_row(shop.id, resource.name, touch.row_id)
        image = tx.mirror.load(shop.id, resource, [touch.row_id]).get(touch.row_id)
        outcome = claim(tx, scope, touch, image, rules, braked=touch.resource in braked)
        change = tx.outbox.of_row(shop.id, resource.name, touch.row_id)
        if outcome is Claim.WAITS:
            seen.idle.append((touch, _idle(resource, before)))
        elif outcome is Claim.REFUSED:
            seen.idle.append((touch, "the shop refused exactly this before"))
        elif change is not None:
            quiet_s = house.push_rules.quiet_s(resource.name) - (now - touch.last_at).total_seconds()
            seen.changes.append((change, max(0.0, quiet_s) if change.verb is Verb.CREATE else 0.0))
    seen.refused += [each for each in tx.outbox.turned(shop.id, _REFUSED) if each.at == now]
    return seen


def _idle(resource: Resource, before: Change | None) -> str:
    if before is not None:
        return "a change of it is on its way"
    return "an order needs a line item" if resource.name == "orders" else "somebody holds the row"


def _steps(
    tx: MirrorTx, shop: Shop, resources: Mapping[str, Resource], found: _Seen, known: set[tuple[str, int]]
) -> list[Step]:
    """The changes that would be claimed, and those that wait in the outbox already."""
    remote = {(each.resource, each.row_id, each.path): each.remote for each in tx.conflicts.open(shop.id)}
    stored = {(each.resource, each.row_id): each for each in tx.outbox.all(shop.id)}
    changes = [
        # Its number does not count before it is really claimed.
        (replace(change, id=stored[place].id if (place := (change.resource, change.row_id)) in stored else 0), quiet_s)
        for change, quiet_s in found.changes
    ]
    changes += [(change, 0.0) for place, change in stored.items() if place not in known and place[0] in resources]
    return [
        Step(
            change,
            _diffs(resources[change.resource], change, remote),
            calls_of(resources[change.resource], change),
            f"new: must lie untouched for {quiet_s:.0f} s more" if quiet_s else change.reason,
            quiet_s,
        )
        for change, quiet_s in changes
    ]


def _turn(names: list[str], step: Step) -> tuple[object, ...]:
    """The order in which changes leave: creates first, records before what depends on them, then the oldest."""
    change = step.change
    return change.verb is not Verb.CREATE, names.index(change.resource), change.claimed_at, change.id, change.row_id


def calls_of(resource: Resource, change: Change) -> int:
    """What a change costs where the answer to a write carries the record: a read and a write; a create needs no read.
    Elements with an address of their own take a write each, and a read after the last."""
    apart = sum(
        len(changes) for name, changes in change.patch.children.items() if resource.child_by_name[name].endpoint
    )
    match change.verb:
        case Verb.CREATE:
            return 1 + (apart + 2 if apart else 0)
        case Verb.DELETE:
            return 2
        case Verb.UPDATE:
            return 1 + bool(own_part(resource, change.patch)) + (apart + 1 if apart else 0)


def _diffs(resource: Resource, change: Change, remote: Mapping[tuple[str, int, str], str]) -> tuple[Diff, ...]:
    was = change.base.fields if change.base else {}
    parts: list[tuple[str, Part | None, Part | None]] = [
        (name, was.get(name) if change.base else None, value) for name, value in change.patch.fields.items()
    ]
    for changes in change.patch.children.values():
        for each in changes:
            if each.act is Act.EDIT and each.before is not None:
                before = each.before.fields
                parts += [(f"{each.path}.{name}", before.get(name), value) for name, value in each.fields.items()]
            else:
                new = Element(each.fields) if each.act is Act.ADD else None
                parts.append((each.path, each.before, new))
    known = {
        path: value for (name, row, path), value in remote.items() if (name, row) == (resource.name, change.row_id)
    }
    created = change.verb is Verb.CREATE
    return tuple(
        Diff(path, "" if created else _text(path, base), _text(path, local), known.get(path, ""))
        for path, base, local in parts
    )


def _text(path: str, part: Part | None) -> str:
    """A value as JSON; an element that is not there is no null."""
    return "" if part is None and path.endswith("]") else part_text(part)
