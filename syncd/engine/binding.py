"""Finding a record of ours again: what the shop shows and nobody knew may be what a row here waits to be created as."""

from collections.abc import Sequence
from dataclasses import replace

from syncd.domain.canonical import same
from syncd.domain.change import IN_DOUBT, Change, ChangeState
from syncd.domain.decision import ABSENT
from syncd.domain.ledger import Known
from syncd.domain.patch import Patch
from syncd.domain.reconcile import reconcile, same_business
from syncd.domain.record import Record
from syncd.domain.resource import Resource
from syncd.engine.sighting import Scope, Seen
from syncd.ports import MirrorTx


def bound(tx: MirrorTx, scope: Scope, fresh: Sequence[Seen]) -> dict[str, Known]:
    """Unknown records that are what a row of ours waits to be created as: bound to that row, not inserted.

    While a create is in flight or in doubt its record may show up in a listing before its answer does, and while a new
    row lies quiet somebody may make the same thing in the shop. Two that match are not guessed at: a change is parked
    then (design section 8), and a row that was not claimed yet stays what it is, one more."""
    if not fresh or not scope.resource.creatable:
        return {}
    found = _bound_to_changes(tx, scope, fresh)
    if scope.resource.business_key:
        found |= _bound_to_rows(tx, scope, [each for each in fresh if each.item.key not in found])
    return found


def _bound_to_changes(tx: MirrorTx, scope: Scope, fresh: Sequence[Seen]) -> dict[str, Known]:
    """First by all that was sent. What is in doubt then by its business key alone: it may have been edited in the shop
    before we looked, and to ask about a field that differs is better than to make the record twice."""
    found: dict[str, Known] = {}
    waiting = tx.outbox.creates(scope.shop_id, scope.resource.name)
    for is_match in (_is_made_of, _is_named_like):
        for change in list(waiting):
            matches = [each for each in fresh if each.item.key not in found and is_match(scope.resource, change, each)]
            if not matches:
                continue
            waiting.remove(change)
            if len(matches) > 1:
                reason = f"{IN_DOUBT}{len(matches)} records of the shop match it"
                tx.outbox.save(scope.shop_id, replace(change, state=ChangeState.PARKED, reason=reason))
            else:
                found[matches[0].item.key] = Known(matches[0].item.key, change.row_id, matches[0].ticket)
                tx.outbox.close(scope.shop_id, change.id)
    return found


def _bound_to_rows(tx: MirrorTx, scope: Scope, fresh: Sequence[Seen]) -> dict[str, Known]:
    """The same for new rows that nobody claimed yet. One that somebody holds is bound all the same: whoever writes the
    record then finds the row held, and looks again."""
    found: dict[str, Known] = {}
    for image in tx.local.unclaimed(scope.shop_id, scope.resource) if fresh else ():
        if image.local is None:
            continue
        wanted = reconcile(scope.resource, None, image.local, ABSENT, scope.policy, image.unreadable).to_remote
        matches = [
            each
            for each in fresh
            if each.item.key not in found and _is_wanted(scope.resource, image.local, wanted, each.record)
        ]
        if len(matches) == 1:
            found[matches[0].item.key] = Known(matches[0].item.key, image.row_id, matches[0].ticket)
    return found


def _is_made_of(resource: Resource, change: Change, seen: Seen) -> bool:
    """Whether a record is what a change would create, or has created already."""
    if change.key:
        return seen.item.key == change.key
    return change.frozen is not None and _is_wanted(resource, change.frozen, change.patch, seen.record)


def _is_named_like(resource: Resource, change: Change, seen: Seen) -> bool:
    """Whether a record has the business key of a create whose answer was lost."""
    if change.state is not ChangeState.IN_DOUBT or change.key or change.frozen is None:
        return False
    return same_business(resource, change.frozen, seen.record)


def _is_wanted(resource: Resource, row: Record, wanted: Patch, seen: Record) -> bool:
    """Whether a record is what a row is to become: by its business key, and where that is a mere title, by all that was
    to be sent."""
    if not same_business(resource, row, seen):
        return False
    if resource.business_key in (("order_number",), ("email",)):
        return True
    shown = seen.fields
    return all(
        same(resource.by_name[name].kind, value, shown[name]) for name, value in wanted.fields.items() if name in shown
    )
