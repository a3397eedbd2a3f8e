"""What pushing needs of the house, in one place: the parts of the push are functions of these hands."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

from syncd.domain.budget import CallClass
from syncd.domain.capability import Capabilities
from syncd.domain.change import Change, ChangeState, JournalLine
from syncd.domain.policy import Policy
from syncd.domain.record import Broken, Record, filled
from syncd.domain.resource import Resource
from syncd.domain.run import Tally
from syncd.domain.settle import Settlement
from syncd.domain.shop import Shop
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
        return cls(Purpose(klass, "push", "read"), Purpose(klass, "push", "write"))


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

    def scope(self, resource: Resource) -> Scope:
        """Whose records these are, under which policy, and now."""
        return Scope(self.shop.id, resource, self.policies.get(resource.name, Policy()), self.clock.now())

    async def journal(self, change: Change, step: str) -> None:
        """Write the line without which nothing leaves."""
        line = JournalLine(
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
        await self.disk.state.run(lambda tx: tx.pushes.begin(self.shop.id, line))

    async def forget(self, change_id: int) -> None:
        """End the journal lines of a change that is settled."""
        await self.disk.state.run(lambda tx: tx.pushes.end(self.shop.id, change_id))

    def frozen(self, tx: MirrorTx, change: Change) -> Change:
        """The change as it is about to leave."""
        sending = replace(change, state=ChangeState.SENDING, attempts=change.attempts + 1, due_at=None, reason="")
        tx.outbox.save(self.shop.id, sending)
        return sending

    def answered(self, resource: Resource, written: Written, caps: Capabilities) -> Record | None:
        """The record in a write's answer, where it carries all that a read would show."""
        if written.item is None or isinstance(written.item, Broken):
            return None
        record = self.remote.decode(resource, written.item)
        expected = caps.detail_shape.fields & resource.by_name.keys()
        lists = {name for name in caps.detail_shape.children if not resource.child_by_name[name].endpoint}
        if isinstance(record, Broken) or not (record.fields.keys() >= expected and record.children.keys() >= lists):
            return None
        return record

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
