"""What pushing needs of the house, in one place: the parts of the push are functions of these hands."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from syncd.domain.budget import CallClass
from syncd.domain.canonical import same
from syncd.domain.capability import Capabilities
from syncd.domain.change import Change, ChangeState, JournalLine
from syncd.domain.policy import Policy
from syncd.domain.record import Broken, Record, filled
from syncd.domain.resource import Resource
from syncd.domain.run import Tally
from syncd.domain.settle import Settlement
from syncd.domain.shop import Shop
from syncd.engine.fence import WRITE
from syncd.engine.looks import Looker
from syncd.engine.rules import PushRules
from syncd.engine.sighting import Scope
from syncd.errors import LostAnswer
from syncd.ports import Clock, Dice, Disk, Log, MirrorTx, Purpose, Remote, RemoteWriter, Sealer, Written


@dataclass(frozen=True, slots=True)
class Ways:
    """How the calls of a push are accounted and admitted."""

    read: Purpose
    write: Purpose

    @classmethod
    def of(cls, klass: CallClass) -> "Ways":
        """Reads and writes of a push at this class."""
        return cls(Purpose(klass, "push", "read"), Purpose(klass, "push", WRITE))


URGENT = Ways.of(CallClass.PUSH)
BULK = Ways.of(CallClass.BACKFILL)
"""A long queue takes all that is left, and nothing from quick looks: at the highest class it would starve them."""


@dataclass(frozen=True, slots=True)
class Hands:
    """One shop's doors, rules and policies. `resources` are the writable ones, in the order in which they are sent."""

    shop: Shop
    remote: Remote
    writer: RemoteWriter
    disk: Disk
    clock: Clock
    dice: Dice
    log: Log
    rules: PushRules
    resources: Mapping[str, Resource]
    policies: Mapping[str, Policy]
    looker: Looker
    sealer: Sealer
    drain: asyncio.Event
    generation: Callable[[], int] = lambda: 0
    """Of the lease under which we work just now; 0 where nobody keeps leases."""
    foreign_call_s: float = 0.0
    """How long a call may be under way that another holder of the lease made; 0 where none can live."""
    learned: dict[str, bool] = field(default_factory=dict)  # by resource: answers of writes agree with reads

    def known(self, caps: Capabilities, resource: Resource) -> Capabilities:
        """The capabilities with what was learned since they were read."""
        agree = self.learned.get(resource.name, caps.answers_agree)
        return caps if agree == caps.answers_agree else replace(caps, answers_agree=agree)

    def scope(self, resource: Resource) -> Scope:
        """Whose records these are, under which policy, and now."""
        return Scope(self.shop.id, resource, self.policies.get(resource.name, Policy()), self.clock.now())

    async def journal(self, change: Change, step: str) -> None:
        """Write the line without which nothing leaves."""
        line = self._line(change, step)
        await self.disk.state.run(lambda tx: tx.pushes.begin(self.shop.id, line))

    def _line(self, change: Change, step: str) -> JournalLine:
        return JournalLine(
            change.id,
            change.resource,
            change.row_id,
            change.key,
            change.verb,
            step,
            change.digest,
            self.clock.now(),
            generation=change.generation,
        )

    async def noted(self, change: Change, key: str) -> None:
        """Add the key that the shop gave to the line of a create."""
        line = self._line(change, "record")
        answered = replace(line, answered_at=self.clock.now(), answer_key=key)
        await self.disk.state.run(lambda tx: tx.pushes.answered(self.shop.id, answered))

    async def withdraw(self, change: Change) -> None:
        """End the journal line of a create that surely did not leave: nobody need look for it."""
        line = self._line(change, "record")
        await self.disk.state.run(lambda tx: tx.pushes.withdraw(self.shop.id, line))

    async def forget(self, change_id: int) -> None:
        """End the journal lines of a change that is settled."""
        await self.disk.state.run(lambda tx: tx.pushes.end(self.shop.id, change_id))

    def frozen(self, tx: MirrorTx, change: Change) -> Change:
        """The change as it is about to leave."""
        sending = replace(
            change,
            state=ChangeState.SENDING,
            attempts=change.attempts + 1,
            due_at=None,
            reason="",
            generation=self.generation(),
        )
        tx.outbox.save(self.shop.id, sending)
        return sending

    async def after_write(
        self, resource: Resource, key: str, written: Written | None, caps: Capabilities, tally: Tally, ways: Ways
    ) -> tuple[Record, int]:
        """The record as the shop has it after a write, with the ticket of what says so: the write's own answer where
        such answers were seen to agree with reads, a read otherwise. Raises LostAnswer, Retry."""
        told = None if written is None else self._told(resource, written, caps)
        if written is not None and told is not None and caps.answers_agree:
            return told, written.ticket
        read, ticket = await self.read_back(resource, key, caps, tally, ways)
        if told is not None and caps.answers_agree is None:
            await self._compare(resource, told, read)
        return read, ticket

    def _told(self, resource: Resource, written: Written, caps: Capabilities) -> Record | None:
        """The record in a write's answer, where it carries all that a read would show."""
        if written.item is None or isinstance(written.item, Broken):
            return None
        record = self.remote.decode(resource, written.item)
        expected = caps.detail_shape.fields & resource.by_name.keys()
        lists = {name for name in caps.detail_shape.children if not resource.child_by_name[name].endpoint}
        if isinstance(record, Broken) or not (record.fields.keys() >= expected and record.children.keys() >= lists):
            return None
        return record

    async def _compare(self, resource: Resource, told: Record, read: Record) -> None:
        """Learn once per resource whether answers of writes can stand for reads (design section 8)."""
        agree = all(
            same(resource.by_name[name].kind, value, read.fields.get(name))
            for name, value in told.fields.items()
            if name in resource.by_name and name != resource.stamp
        )

        def learn(tx: MirrorTx) -> None:
            known = tx.books.capabilities(self.shop.id, resource.name)
            if known is not None:
                tx.books.save_capabilities(self.shop.id, resource.name, replace(known, answers_agree=agree))

        await self.disk.mirror.run(learn)
        self.learned[resource.name] = agree

    async def read_back(
        self, resource: Resource, key: str, caps: Capabilities, tally: Tally, ways: Ways
    ) -> tuple[Record, int]:
        """The record as the shop has it after a write, and the ticket of the read. Raises LostAnswer, Retry."""
        tally.calls += 1
        look = await self.remote.one(resource, key, ways.read, caps.detail_path)
        if look.item is None or isinstance(look.item, Broken):
            raise LostAnswer(f"{resource.name}/{key} cannot be read back after a write")
        record = self.remote.decode(resource, look.item)
        if isinstance(record, Broken):
            raise LostAnswer(f"{resource.name}/{key} cannot be read back: {record.path}: {record.reason}")
        record = await self.looker.completed(resource, caps, key, record, ways.read, tally)
        return filled(record, caps.detail_shape), look.ticket

    def say(self, change: Change, settlement: Settlement) -> None:
        """One line for a change that is settled."""
        self.log.info(
            "push.settled",
            shop=self.shop.name,
            resource=change.resource,
            key=change.key,
            verb=change.verb.value,
            ignored=sorted(settlement.ignored),
            normalised=sorted(settlement.normalised),
        )
