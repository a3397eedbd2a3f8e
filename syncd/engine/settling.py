"""What follows a write, in one transaction: base becomes the answer, the mirror takes it where it still is what was
sent, what the shop ignored is refused visibly, and history says who changed what (design section 8).
"""

from dataclasses import replace

from syncd.domain.change import Change, HistoryLine, Origin, Verb
from syncd.domain.decision import Reason, Refusal
from syncd.domain.history import differences
from syncd.domain.ledger import HintSource, Images, Known
from syncd.domain.patch import Patch
from syncd.domain.record import Record
from syncd.domain.resource import Resource
from syncd.domain.settle import Settlement, settled
from syncd.engine.replaced import followed
from syncd.engine.sighting import Scope
from syncd.errors import Retry
from syncd.ports import MirrorTx


def settle(tx: MirrorTx, scope: Scope, change: Change, before: Record, answer: Record, ticket: int) -> Settlement:
    """Settle an update or a create with `answer`, the record as the shop has it after the write (seen at `ticket`).

    `before` is the record as read just before the write; an empty one for a create. Raises Retry for a row that
    somebody holds: what they write is not known yet."""
    resource, name = scope.resource, scope.resource.name
    if change.verb is Verb.CREATE:
        tx.ledger.alone(scope.shop_id, name)
    images = tx.mirror.load(scope.shop_id, resource, [change.row_id])
    change = followed(tx, scope, change, images)
    image = images.get(change.row_id) or _held(tx, scope, change)
    sent = own_part(resource, change.patch) if change.verb is Verb.CREATE else change.patch
    settlement = settled(
        resource,
        before=before,
        base=change.base or Record({}),
        sent=sent,
        local=image.local,
        answer=answer,
        policy=scope.policy,
    )
    decision = settlement.decision
    tx.mirror.write(scope.shop_id, resource, image, decision.local_after, decision.base_after, scope.at)
    key = str(answer.fields.get(resource.key) or change.key)
    _note(tx, scope, change, key, ticket)
    refusals = [Refusal(path, sent.fields[path], Reason.IGNORED) for path in settlement.ignored]
    refusals += [Refusal(path, part, Reason.IGNORED) for path, part in settlement.unheeded.items()]
    if refusals:
        tx.outbox.turn_down(scope.shop_id, name, key, change.row_id, refusals, scope.at)
        tx.outbox.refuse(scope.shop_id, change, Reason.IGNORED.sentence, scope.at)
    changes = differences(resource, image.base, decision.base_after)
    if changes:
        line = HistoryLine(name, key, change.row_id, scope.at, Origin.LOCAL, changes)
        tx.history.write(scope.shop_id, [line])
    tx.outbox.close(scope.shop_id, change.id)
    if decision.to_remote:
        # What is still to be sent (addresses of a new customer, an edit made meanwhile) is claimed like any edit.
        tx.hints.leave(scope.shop_id, name, [key], HintSource.LOCAL, scope.at)
    return settlement


def settle_delete(tx: MirrorTx, scope: Scope, change: Change, ticket: int) -> None:
    """The shop has deleted the record: its base ends, and the ledger keeps that it is gone."""
    name = scope.resource.name
    tx.mirror.write(scope.shop_id, scope.resource, _held(tx, scope, change), None, None, scope.at)
    tx.conflicts.derive(scope.shop_id, name, change.key, change.row_id, (), scope.at)
    line = tx.ledger.find(scope.shop_id, name, [change.key]).get(change.key)
    if line is not None:
        tx.ledger.put(scope.shop_id, name, [replace(line, as_of=ticket, gone_at=scope.at, missed=0)])
    gone = HistoryLine(name, change.key, change.row_id, scope.at, Origin.LOCAL, {"": ("present", "deleted")})
    tx.history.write(scope.shop_id, [gone])
    tx.outbox.close(scope.shop_id, change.id)


def _held(tx: MirrorTx, scope: Scope, change: Change) -> Images:
    image = tx.mirror.load(scope.shop_id, scope.resource, [change.row_id]).get(change.row_id)
    if image is None:
        raise Retry("the row is held by somebody else")
    return image


def _note(tx: MirrorTx, scope: Scope, change: Change, key: str, ticket: int) -> None:
    """The ledger: nothing older than the answer may overwrite it; a created record gets its line."""
    name = scope.resource.name
    line = tx.ledger.find(scope.shop_id, name, [key]).get(key) or Known(key, change.row_id, ticket)
    tx.ledger.put(scope.shop_id, name, [replace(line, as_of=max(line.as_of, ticket), compared_at=scope.at)])


def own_part(resource: Resource, patch: Patch) -> Patch:
    """The part of a patch that travels in the record's own body: without lists that have an address of their own."""
    kept = {name: changes for name, changes in patch.children.items() if not resource.child_by_name[name].endpoint}
    return Patch(patch.fields, kept)
