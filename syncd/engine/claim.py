"""Claiming local edits: what a touched row wants of the shop, frozen as a change in the outbox (design section 8).

Plain functions inside one transaction. What the API cannot take is refused on the spot, with its reason, and the mirror
shows the shop's value again; what waits for a person is left out of the patch.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from syncd.domain.canonical import canonical
from syncd.domain.change import Change, ChangeState, HistoryLine, Origin, Touch, Verb
from syncd.domain.decision import ABSENT, CreateRemote, Decision, DeleteRemote, Reason, Refusal
from syncd.domain.history import differences
from syncd.domain.ledger import HintSource, Images, Known
from syncd.domain.patch import Patch
from syncd.domain.reconcile import reconcile
from syncd.domain.record import Element, Record, Value
from syncd.domain.resource import Resource
from syncd.domain.settle import without
from syncd.engine.rules import PushRules
from syncd.engine.sighting import Scope
from syncd.ports import MirrorTx

NOTHING_NEW = Record({})
"""What the shop says when it was not asked: every part stays as base has it."""

_PATIENCE = timedelta(minutes=5)
_PATIENCE_MAX = timedelta(days=1)
"""How long a record with an open conflict is left alone while nobody touches it: doubles from the one to the other."""

_UNDER_WAY = (ChangeState.SENDING, ChangeState.IN_DOUBT)


class Claim(StrEnum):
    """What became of a touched row."""

    CLAIMED = "claimed"
    HELD = "held"  # claimed, but behind the brake
    WAITS = "waits"  # a create that is not quiet yet, a row that somebody holds, a change under way
    SAME = "same"  # nothing to send
    REFUSED = "refused"  # the shop turned down exactly this before


@dataclass(frozen=True, slots=True)
class Weighed:
    """A row's decision, and what of it can leave now."""

    image: Images
    decision: Decision
    patch: Patch
    verb: Verb
    key: str


def claim(tx: MirrorTx, scope: Scope, touch: Touch, image: Images | None, rules: PushRules, *, braked: bool) -> Claim:
    """Turn the local edits of one row into a change, or settle its hints where there is nothing to send. `image` is the
    row as it was loaded in this transaction; None: somebody else holds it."""
    name, shop_id = scope.resource.name, scope.shop_id
    current = tx.outbox.of_row(shop_id, name, touch.row_id)
    if current is not None and (current.state in _UNDER_WAY or (current.verb is Verb.CREATE and current.key)):
        return Claim.WAITS
    if image is None or _is_restless(scope, image, touch, rules):
        return Claim.WAITS
    if image.base is None and image.local is None and _clears(tx, scope, touch, rules) is Claim.WAITS:
        return Claim.WAITS
    line = _line(tx, scope, image)
    _keep_tombstone(tx, scope, image, line)
    weighed = weigh(tx, scope, image)
    if image.local is None and line is not None and line.gone_at is not None:
        # The shop has nothing left to delete, and a row that comes back is the tombstone that it was.
        tx.mirror.bury(shop_id, scope.resource, [image.row_id], line.gone_at)
        weighed = None
    tx.local.settle(shop_id, touch.seqs)
    if image.base is not None and _asks_anew(tx, scope, image.base, touch):
        # What was edited may be what waits for a person, who is to see both values as they are: a look shows them.
        tx.hints.leave(shop_id, name, [key_of(scope.resource, image.base)], HintSource.STALE, scope.at)
    if weighed is None:
        if current is not None:
            tx.outbox.close(shop_id, current.id)
        return Claim.SAME
    if current is not None and current.may_be_done:
        return Claim.SAME  # what is edited in such a row goes with it, once somebody has approved or the record is seen
    digest = digest_of(scope.resource, weighed.image.base, weighed.patch, weighed.verb)
    if current is not None and current.digest == digest and current.state is not ChangeState.PARKED:
        return Claim.SAME
    if tx.outbox.was_refused(shop_id, name, touch.row_id, digest) is not None:
        return Claim.REFUSED
    held = braked or _empties(scope.resource, weighed)
    state = ChangeState.HELD if held else ChangeState.READY
    change = _change(scope, weighed, digest, state)
    if current is None:
        tx.outbox.add(shop_id, change)
    else:
        tx.outbox.save(shop_id, replace(change, id=current.id, claimed_at=current.claimed_at))
    return Claim.HELD if held else Claim.CLAIMED


def _clears(tx: MirrorTx, scope: Scope, touch: Touch, rules: PushRules) -> Claim:
    """Refuse the elements of a record that is nowhere, visibly: it was deleted before the shop knew it, or is not
    there yet. People may insert it last, so this waits as long as a new row does."""
    name, row_id = scope.resource.name, touch.row_id
    loose = tx.local.loose(scope.shop_id, scope.resource, row_id)
    if not loose:
        return Claim.SAME
    if _was_just_touched(scope, touch, rules):
        return Claim.WAITS
    refusals = [Refusal(f"{part}[row {element.row_id}]", element, Reason.NO_RECORD) for part, element in loose]
    tx.outbox.turn_down(scope.shop_id, name, "", row_id, refusals, scope.at)
    gone = differences(scope.resource, Record({}, _lists(loose)), Record({}, {part: () for part, _ in loose}))
    tx.history.write(scope.shop_id, [HistoryLine(name, "", row_id, scope.at, Origin.LOCAL, gone)])
    tx.local.clear(scope.shop_id, scope.resource, row_id)
    return Claim.REFUSED


def _lists(elements: Sequence[tuple[str, Element]]) -> dict[str, tuple[Element, ...]]:
    names = dict.fromkeys(name for name, _ in elements)
    return {name: tuple(element for part, element in elements if part == name) for name in names}


def _asks_anew(tx: MirrorTx, scope: Scope, base: Record, touch: Touch) -> bool:
    """Whether a record with an open conflict is to be looked at: after an edit at once, and without one only when as
    much time has passed since the last look as the conflict was old then. The comparison finds such a row each time,
    and a question that nobody answers must not cost calls for ever."""
    since = tx.conflicts.newest(scope.shop_id, scope.resource.name, touch.row_id)
    if since is None or touch.edited:
        return since is not None
    key = key_of(scope.resource, base)
    line = tx.ledger.find(scope.shop_id, scope.resource.name, [key]).get(key)
    looked_at = max(since, line.compared_at or since) if line is not None else since
    return scope.at - looked_at >= min(max(looked_at - since, _PATIENCE), _PATIENCE_MAX)


def weigh(tx: MirrorTx, scope: Scope, image: Images) -> Weighed | None:
    """Decide about a row by what is known of it, write what is refused back, and return what is to be sent, if
    anything.

    The image that comes back is the one after the refusals: what is frozen is what the mirror shows."""
    resource, name = scope.resource, scope.resource.name
    if image.base is None and image.local is None:
        return None
    key = key_of(resource, image.base)
    seen = ABSENT if image.base is None else NOTHING_NEW
    decision = reconcile(resource, image.base, image.local, seen, scope.policy, image.unreadable)
    if decision.refused:
        tx.outbox.turn_down(scope.shop_id, name, key, image.row_id, decision.refused, scope.at)
    if decision.local_after != image.local or decision.base_after != image.base or image.unreadable:
        tx.mirror.write(scope.shop_id, resource, image, decision.local_after, decision.base_after, scope.at)
        image = Images(image.row_id, decision.base_after, decision.local_after, image.deleted_at)
    waiting = tx.conflicts.paths(scope.shop_id, name, image.row_id)
    patch = without(decision.to_remote, waiting)
    if isinstance(decision, DeleteRemote):
        return None if "" in waiting else Weighed(image, decision, patch, Verb.DELETE, key)
    if isinstance(decision, CreateRemote):
        return Weighed(image, decision, patch, Verb.CREATE, key)
    return Weighed(image, decision, patch, Verb.UPDATE, key) if patch else None


def _line(tx: MirrorTx, scope: Scope, image: Images) -> Known | None:
    """What the ledger says of the record of a row."""
    key = key_of(scope.resource, image.base)
    return tx.ledger.find(scope.shop_id, scope.resource.name, [key]).get(key) if key else None


def _keep_tombstone(tx: MirrorTx, scope: Scope, image: Images, line: Known | None) -> None:
    """Whether a record is gone is the shop's word: an edit of `deleted_at` is refused."""
    if image.local is None or line is None or (line.gone_at is None) == (image.deleted_at is None):
        return
    refusal = Refusal("deleted_at", image.deleted_at, Reason.READ_ONLY)
    tx.outbox.turn_down(scope.shop_id, scope.resource.name, line.key, image.row_id, [refusal], scope.at)
    if line.gone_at is None:
        tx.mirror.revive(scope.shop_id, scope.resource, [image.row_id], scope.at)
    else:
        tx.mirror.bury(scope.shop_id, scope.resource, [image.row_id], line.gone_at)


def key_of(resource: Resource, record: Record | None) -> str:
    """The record's key as text, "" where it has none yet."""
    value = None if record is None else record.fields.get(resource.key)
    return "" if value is None else str(value)


def digest_of(resource: Resource, base: Record | None, patch: Patch, verb: Verb) -> str:
    """A name for (base, patch): the same edit of the same record, and nothing else, has it."""
    was = (
        {name: canonical(field.kind, base.fields.get(name)) for name, field in resource.by_name.items()} if base else {}
    )
    now = {name: canonical(resource.by_name[name].kind, value) for name, value in patch.fields.items()}
    lists = {
        name: [(change.act.value, change.path, _plain(change.fields)) for change in changes]
        for name, changes in patch.children.items()
    }
    text = repr((verb.value, _plain(was), _plain(now), sorted(lists.items())))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _plain(values: Mapping[str, object]) -> list[tuple[str, str]]:
    return sorted((name, repr(value)) for name, value in values.items())


def _change(scope: Scope, weighed: Weighed, digest: str, state: ChangeState) -> Change:
    return Change(
        0,
        scope.resource.name,
        weighed.image.row_id,
        weighed.key,
        weighed.verb,
        state,
        weighed.patch,
        weighed.image.local,
        weighed.image.base,
        digest,
        scope.at,
        reason="many records change at once" if state is ChangeState.HELD else "",
    )


def _is_restless(scope: Scope, image: Images, touch: Touch, rules: PushRules) -> bool:
    """Whether a new row is still being written: people insert parent and children in separate statements."""
    if image.base is not None or image.local is None:
        return False
    if scope.resource.name == "orders" and not image.local.children.get("line_items"):
        return True
    return _was_just_touched(scope, touch, rules)


def _was_just_touched(scope: Scope, touch: Touch, rules: PushRules) -> bool:
    """Where the touch lies far ahead, somebody has set the clock back since: nobody waits for the old time."""
    return abs(scope.at - touch.last_at) < timedelta(seconds=rules.quiet_s(scope.resource.name))


def _empties(resource: Resource, weighed: Weighed) -> bool:
    """Whether an update empties most of a record's filled fields: more likely an accident than a wish."""
    base = weighed.image.base
    if weighed.verb is not Verb.UPDATE or base is None:
        return False
    filled = [name for name in resource.by_name if not _is_empty(base.fields.get(name))]
    emptied = [name for name in filled if name in weighed.patch.fields and _is_empty(weighed.patch.fields[name])]
    return len(emptied) >= 3 and len(emptied) * 2 > len(filled)


def _is_empty(value: Value) -> bool:
    return value is None or value == ""


def brakes(touched: Mapping[str, int], live: Mapping[str, int], rules: PushRules) -> frozenset[str]:
    """The resources of which so many rows were touched at once that a person must say so (design section 8)."""
    return frozenset(
        name for name, count in touched.items() if count > max(rules.brake_least, rules.brake_share * live.get(name, 0))
    )
