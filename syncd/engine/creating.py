"""Creating records at the shop, once: what left and was not answered is looked for by its business key before anything
else (design section 8). The looking itself is a quick pull: `engine/take.py` binds what it finds to the waiting row.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from syncd.domain.capability import Capabilities
from syncd.domain.change import IN_DOUBT, Change, ChangeState, JournalLine, Verb
from syncd.domain.record import Item, Record
from syncd.domain.resource import Resource
from syncd.domain.run import Tally
from syncd.domain.secret import Secret
from syncd.engine.claim import digest_of, weigh
from syncd.engine.hands import Hands, Ways
from syncd.engine.settling import own_part, settle
from syncd.engine.sighting import Scope
from syncd.errors import LeaseLost, LostAnswer, Retry
from syncd.ports import MirrorTx, Written

_PASSWORD_BYTES = 18
_FIELD = "password"
"""Under this name the wire takes it, and the seal is bound to it."""


@dataclass(frozen=True, slots=True)
class _Made:
    """What the shop made, and the answer that says so."""

    item: Item
    written: Written


class Creator:
    """Creates records of one shop."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands

    async def create(self, resource: Resource, change: Change, caps: Capabilities, tally: Tally, ways: Ways) -> bool:
        """Create one record; True when the change is settled. Raises what the calls raise, LostAnswer if in doubt."""
        scope = self._hands.scope(resource)
        ready = await self._hands.disk.mirror.run(lambda tx: self._prepare(tx, scope, change))
        if ready is None:
            return True
        if not ready.key and (line := await self._left_before(ready)) is not None:
            await self._take_over(ready, line)
            return False
        made = None if ready.key else await self._make(resource, ready, tally, ways)
        key, written = (made.item.key, made.written) if made else (ready.key, None)
        caps = self._hands.known(caps, resource)
        answer, ticket = await self._hands.after_write(resource, key, written, caps, tally, ways)
        settlement = await self._hands.disk.mirror.run(
            lambda tx: settle(tx, self._hands.scope(resource), ready, Record({}), answer, ticket)
        )
        await self._hands.forget(ready.id)
        await self._hands.disk.state.run(lambda tx: tx.pushes.forget_password(self._hands.shop.id, ready.row_id))
        tally.inserted += 1
        self._hands.say(ready, settlement)
        return True

    async def _left_before(self, change: Change) -> JournalLine | None:
        """The journal's line of a create like this one that left before this change was claimed. There is one when the
        mirror was restored to a moment before it: what `mirror.db` says is not all that happened (design section 8)."""
        lines = await self._hands.disk.state.run(lambda tx: tx.pushes.open(self._hands.shop.id))
        for line in lines:
            alike = line.digest == change.digest or (change.resource == "orders" and line.row_id == change.row_id)
            if line.verb is Verb.CREATE and line.resource == change.resource and alike:
                return line if line.sent_at < change.claimed_at else None
        return None

    async def _take_over(self, change: Change, line: JournalLine) -> None:
        """Go on where that create stood: with the key it was given, else in doubt."""
        state = ChangeState.READY if line.answer_key else ChangeState.IN_DOUBT
        known = replace(change, key=line.answer_key, state=state, attempts=0, due_at=self._hands.clock.now())
        await self._hands.disk.mirror.run(lambda tx: tx.outbox.save(self._hands.shop.id, known))
        await self._hands.forget(line.change_id)

    async def _make(self, resource: Resource, change: Change, tally: Tally, ways: Ways) -> _Made:
        """Send the create, and note the key that the shop gave before anything else: a crash then finds it by key."""
        lists = own_part(resource, change.patch).children
        children = {name: tuple(e.after for e in changes if e.after is not None) for name, changes in lists.items()}
        secrets = await self._passwords(resource, change)
        await self._hands.journal(change, "record")
        tally.calls += 1
        body = Record(change.patch.fields, children)
        try:
            written = await self._hands.writer.create(resource, body, secrets, ways.write, None)
        except LeaseLost:
            await self._hands.withdraw(change)
            raise
        if not isinstance(written.item, Item):
            raise LostAnswer(f"the shop did not say which {resource.singular} it made")
        await self._keep_key(change, written.item.key)
        return _Made(written.item, written)

    async def _keep_key(self, change: Change, key: str) -> None:
        """Note the key in the journal and in the outbox: whatever goes wrong from here on, the next try reads this
        record and makes no other. Where it cannot be noted, the create is in doubt like one whose answer was lost."""
        keyed = replace(change, key=key)
        try:
            await self._hands.noted(change, key)
            await self._hands.disk.mirror.run(lambda tx: tx.outbox.save(self._hands.shop.id, keyed))
        except Retry as problem:
            raise LostAnswer(f"the shop made it, and that could not be noted: {problem.message}") from problem

    def _prepare(self, tx: MirrorTx, scope: Scope, change: Change) -> Change | None:
        """Freeze the row as it is now. None: there is nothing to create any more, the change is closed.

        What was made already stays frozen as it was sent: edits since then are for the change after it."""
        if change.key:
            return self._hands.frozen(tx, change)
        image = tx.mirror.load(scope.shop_id, scope.resource, [change.row_id]).get(change.row_id)
        if image is None:
            raise Retry("the row is held by somebody else")
        if image.local is not None and scope.resource.name == "orders" and not image.local.fields.get("order_number"):
            # The business key must be known before the order leaves: it is what a lost answer is looked for by.
            number = f"syncd-{self._hands.dice.new_id()[:12]}"
            named = replace(image.local, fields={**image.local.fields, "order_number": number})
            tx.mirror.write(scope.shop_id, scope.resource, image, named, image.base, scope.at)
            image = replace(image, local=named)
        weighed = weigh(tx, scope, image)
        if weighed is None or weighed.verb is not Verb.CREATE:
            tx.outbox.close(scope.shop_id, change.id)
            return None
        digest = digest_of(scope.resource, None, weighed.patch, Verb.CREATE)
        now = replace(change, patch=weighed.patch, frozen=weighed.image.local, base=None, digest=digest)
        return self._hands.frozen(tx, now)

    async def _passwords(self, resource: Resource, change: Change) -> Mapping[str, Secret]:
        """A password for a new customer: the one that somebody sealed for this row, else a random one that nobody
        knows."""
        if resource.name != "customers":
            return {}
        shop_id = self._hands.shop.id
        sealed = await self._hands.disk.state.run(lambda tx: tx.pushes.password(shop_id, change.row_id))
        if sealed is None:
            return {_FIELD: Secret(self._hands.dice.token(_PASSWORD_BYTES))}
        opened = self._hands.sealer.open(sealed, shop=shop_id, field=_FIELD, generation=change.row_id)
        return {_FIELD: Secret(opened.decode())}

    async def doubted(self, resource: Resource, change: Change) -> bool:
        """Look once more for a create whose answer was lost; True when it is settled by what was found.

        Called after a look at the resource: had the record been there, its row would be bound and the change closed.
        Absence needs two looks a minute apart; an order is never sent again without a person."""
        rules, now = self._hands.rules, self._hands.clock.now()
        looks = change.attempts
        if looks < rules.doubt_looks:
            later = replace(change, attempts=looks + 1, due_at=now + timedelta(seconds=rules.doubt_look_s))
        elif resource.name == "orders":
            later = replace(
                change,
                state=ChangeState.PARKED,
                reason=f"{IN_DOUBT}it may have been placed, but the shop does not show it; approve to send it again",
            )
        else:
            later = replace(change, state=ChangeState.READY, attempts=0, due_at=None)
        await self._hands.disk.mirror.run(lambda tx: tx.outbox.save(self._hands.shop.id, later))
        if later.may_be_done:
            self._hands.log.warning(
                "push.parked", shop=self._hands.shop.name, resource=resource.name, key="", reason=later.reason
            )
        return False
