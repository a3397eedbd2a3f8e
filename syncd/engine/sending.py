"""Sending one update or delete: read, reconcile if the record moved, send, verify, settle."""

from dataclasses import replace
from datetime import timedelta

from syncd.domain.capability import Capabilities
from syncd.domain.change import Change, ChangeState, Origin
from syncd.domain.ledger import HintSource
from syncd.domain.patch import Act, Patch
from syncd.domain.record import Broken, Record, filled
from syncd.domain.resource import Resource
from syncd.domain.run import Tally
from syncd.engine.claim import digest_of, weigh
from syncd.engine.hands import Hands, Ways
from syncd.engine.replaced import followed
from syncd.engine.settling import own_part, settle, settle_delete
from syncd.engine.sighting import Form, Scope, Seen
from syncd.engine.take import bury, take
from syncd.errors import NotUnderstood, Retry
from syncd.ports import MirrorTx, Written


class Sender:
    """Sends updates and deletes of one shop. `sent` are the changes that left and are settled.

    The changes in `exactly` leave as they were claimed or not at all: what the shop or somebody here made another
    change of is claimed anew under another number."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        self.exactly: frozenset[int] = frozenset()
        self.sent: set[int] = set()

    async def update(self, resource: Resource, change: Change, caps: Capabilities, tally: Tally, ways: Ways) -> bool:
        """Send one update; True when the change is settled. Raises what the calls raise."""
        scope = self._hands.scope(resource)
        seen, ticket = await self._read(resource, change, caps, tally, ways)
        if seen is None:
            await self._hands.disk.mirror.run(lambda tx: self._gone(tx, scope, change, ticket))
            return False
        ready = await self._hands.disk.mirror.run(lambda tx: self._prepare(tx, scope, change, seen))
        if ready is None:
            return True
        answer, ticket = await self._send_update(resource, ready, seen, caps, tally, ways)
        settlement = await self._hands.disk.mirror.run(
            lambda tx: settle(tx, self._hands.scope(resource), ready, seen.record, answer, ticket)
        )
        await self._hands.forget(ready.id)
        self.sent.add(ready.id)
        tally.updated += 1
        self._hands.say(ready, settlement)
        return True

    async def _read(
        self, resource: Resource, change: Change, caps: Capabilities, tally: Tally, ways: Ways
    ) -> tuple[Seen | None, int]:
        """The record just before the write, None where the shop has none, and the ticket of the read."""
        tally.calls += 1
        look = await self._hands.remote.one(resource, change.key, ways.read, caps.detail_path)
        if look.item is None:
            return None, look.ticket
        if isinstance(look.item, Broken):
            raise NotUnderstood(f"{change.resource}/{change.key}: {look.item.path}: {look.item.reason}")
        record = self._hands.remote.decode(resource, look.item)
        if isinstance(record, Broken):
            raise NotUnderstood(f"{change.resource}/{change.key}: {record.path}: {record.reason}")
        record = filled(
            await self._hands.looker.completed(resource, caps, change.key, record, ways.read, tally), caps.detail_shape
        )
        return Seen(look.item, record, look.ticket, Form.DETAILED), look.ticket

    def _prepare(self, tx: MirrorTx, scope: Scope, change: Change, seen: Seen) -> Change | None:
        """Reconcile with what was just read, and freeze what is left to send. None: nothing is, the change is
        closed."""
        taken = take(tx, scope, [seen])
        change = followed(tx, scope, change, taken.images)
        image = taken.images.get(change.row_id)
        if image is None:
            image = tx.mirror.load(scope.shop_id, scope.resource, [change.row_id]).get(change.row_id)
        if image is None:
            raise Retry("the row is held by somebody else")
        weighed = weigh(tx, scope, image)
        digest = "" if weighed is None else digest_of(scope.resource, weighed.image.base, weighed.patch, change.verb)
        moved = change.id in self.exactly and digest != change.digest
        if weighed is None or weighed.verb is not change.verb or moved:
            tx.outbox.close(scope.shop_id, change.id)
            if weighed is not None:
                tx.hints.leave(scope.shop_id, scope.resource.name, [change.key], HintSource.LOCAL, scope.at)
            return None
        if self._flaps(tx, scope, change.key, weighed.patch):
            parked = replace(
                change, state=ChangeState.PARKED, reason="its values go back and forth: somebody undoes them"
            )
            tx.outbox.save(scope.shop_id, parked)
            return None
        if (why := tx.outbox.was_refused(scope.shop_id, scope.resource.name, change.row_id, digest)) is not None:
            tx.outbox.save(scope.shop_id, replace(change, state=ChangeState.PARKED, reason=why))
            return None
        return self._hands.frozen(tx, replace(
            change, patch=weighed.patch, frozen=weighed.image.local, base=weighed.image.base, digest=digest
        ))  # fmt: skip

    def _flaps(self, tx: MirrorTx, scope: Scope, key: str, patch: Patch) -> bool:
        """Whether a field was pushed more often within an hour than people do, back to a value that it had before."""
        since = scope.at - timedelta(hours=1)
        lines = [line for line in tx.history.of(scope.shop_id, scope.resource.name, key) if line.at >= since]
        for name in patch.fields:
            pushed = [line.changes[name] for line in lines if line.origin is Origin.LOCAL and name in line.changes]
            values = [after for _, after in pushed]
            if len(values) >= self._hands.rules.flaps_max and len(set(values)) * 2 <= len(values):
                return True
        return False

    def _gone(self, tx: MirrorTx, scope: Scope, change: Change, ticket: int) -> None:
        """The shop has no such record any more: an edit against a deletion is a conflict, or the policy decides. If
        that could not be told now, the row is claimed again."""
        bury(tx, scope, [(change.key, ticket)])
        tx.outbox.close(scope.shop_id, change.id)
        tx.hints.leave(scope.shop_id, scope.resource.name, [change.key], HintSource.LOCAL, scope.at)

    async def _send_update(
        self, resource: Resource, change: Change, seen: Seen, caps: Capabilities, tally: Tally, ways: Ways
    ) -> tuple[Record, int]:
        """Send the record's own part and each element that has an address of its own; return what the shop has then."""
        own = own_part(resource, change.patch)
        written: Written | None = None
        if own:
            await self._hands.journal(change, "record")
            tally.calls += 1
            written = await self._hands.writer.update(resource, change.key, own, seen.item, ways.write, None)
        for name, changes in change.patch.children.items():
            child = resource.child_by_name[name]
            if not child.endpoint:
                continue
            for each in changes:
                await self._hands.journal(change, each.path)
                tally.calls += 1
                key = str((each.before.fields.get("token") if each.before else None) or "")
                if each.act is Act.ADD:
                    await self._hands.writer.add_element(resource, child, change.key, each.fields, ways.write)
                elif each.act is Act.EDIT:
                    await self._hands.writer.edit_element(
                        resource, child, change.key, key, each.fields, ways.write, whole=each.before
                    )
                else:
                    await self._hands.writer.remove_element(resource, child, change.key, key, ways.write)
                written = None
        return await self._hands.after_write(resource, change.key, written, caps, tally, ways)

    async def delete(self, resource: Resource, change: Change, caps: Capabilities, tally: Tally, ways: Ways) -> bool:
        """Delete the record at the shop; True: the change is settled.

        It is read before: what somebody changed there meanwhile must not go unseen, and what is gone already (perhaps
        by this very change, whose answer was lost) is gone."""
        scope = self._hands.scope(resource)
        seen, ticket = await self._read(resource, change, caps, tally, ways)
        if seen is not None:
            ready = await self._hands.disk.mirror.run(lambda tx: self._prepare(tx, scope, change, seen))
            if ready is None:
                return True
            await self._hands.journal(ready, "record")
            tally.calls += 1
            ticket = (await self._hands.writer.delete(resource, change.key, ways.write, None)).ticket
        await self._hands.disk.mirror.run(lambda tx: settle_delete(tx, self._hands.scope(resource), change, ticket))
        await self._hands.forget(change.id)
        self.sent.add(change.id)
        return True
