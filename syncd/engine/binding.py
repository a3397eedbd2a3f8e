"""Finding a record of ours again: what the shop shows and nobody knew may be what a row here waits to be created as."""

from collections.abc import Sequence
from dataclasses import replace

from syncd.domain.canonical import same
from syncd.domain.change import Change, ChangeState
from syncd.domain.ledger import Known
from syncd.domain.reconcile import same_business
from syncd.domain.resource import Resource
from syncd.engine.sighting import Scope, Seen
from syncd.ports import MirrorTx


def bound(tx: MirrorTx, scope: Scope, fresh: Sequence[Seen]) -> dict[str, Known]:
    """Unknown records that are what a row of ours waits to be created as: bound to that row, not inserted.

    While a create is in flight or in doubt its record may show up in a listing before its answer does. Two that match
    are not guessed at: then the change is parked (design section 8)."""
    name = scope.resource.name
    creates = tx.outbox.creates(scope.shop_id, name) if fresh and scope.resource.creatable else []
    found: dict[str, Known] = {}
    for change in creates:
        matches = [each for each in fresh if each.item.key not in found and _is_made_of(scope.resource, change, each)]
        if len(matches) > 1:
            parked = replace(change, state=ChangeState.PARKED, reason=f"{len(matches)} records of the shop match it")
            tx.outbox.save(scope.shop_id, parked)
        elif matches:
            found[matches[0].item.key] = Known(matches[0].item.key, change.row_id, matches[0].ticket)
            tx.outbox.close(scope.shop_id, change.id)
    return found


def _is_made_of(resource: Resource, change: Change, seen: Seen) -> bool:
    """Whether a record is what a change would create: by its business key, and where that is a mere title, by all that
    was to be sent."""
    if change.key:
        return seen.item.key == change.key
    if change.frozen is None or not same_business(resource, change.frozen, seen.record):
        return False
    if resource.business_key in (("order_number",), ("email",)):
        return True
    shown = seen.record.fields
    return all(
        same(resource.by_name[name].kind, value, shown[name])
        for name, value in change.patch.fields.items()
        if name in shown
    )
