"""Single reads: hints are drained by looking at the record they name, a few at once, and taking what is seen.

Absence is believed only from a direct look, with a control read of a present record in each batch (design section 5).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from syncd.domain.capability import Capabilities
from syncd.domain.feeds import missing_children
from syncd.domain.ledger import Hint, HintSource, Known
from syncd.domain.policy import Policy
from syncd.domain.record import Broken, Record, filled
from syncd.domain.resource import Resource
from syncd.domain.run import Tally
from syncd.domain.shop import Shop
from syncd.engine.apart import apart
from syncd.engine.rules import PullRules
from syncd.engine.sighting import Form, Scope, Seen
from syncd.engine.take import bury, take
from syncd.errors import NeedsPerson, NotUnderstood, Retry, RowRefused, SyncdError
from syncd.ports import Clock, Disk, Look, MirrorTx, Purpose, Remote

READ_SOURCES = (
    HintSource.PERSON,
    HintSource.WEBHOOK,
    HintSource.STALE,
    HintSource.LISTING,
    HintSource.MISSED,
)
"""The hints that are answered by reading the shop, most wanted first."""

_LOOKS_PER_CONTROL = 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What a look at one hinted record brought: `seen`, `broken`, or neither where the shop has no such record."""

    hint: Hint
    ticket: int
    seen: Seen | None = None
    broken: Broken | None = None
    problem: SyncdError | None = None

    @property
    def is_absent(self) -> bool:
        """Whether the shop has no such record."""
        return not (self.seen or self.broken or self.problem)


class Looker:
    """Looks at single records of one shop."""

    def __init__(self, shop: Shop, *, remote: Remote, disk: Disk, clock: Clock, rules: PullRules) -> None:
        self._shop = shop
        self._remote = remote
        self._disk = disk
        self._clock = clock
        self._rules = rules
        self._trusted: dict[str, int] = {}  # by resource: looks for which the last control read still counts
        self._under_way: set[int] = set()  # hints that a lane looks at just now: no other lane pays for them again
        self._choosing = asyncio.Lock()

    async def batch(
        self, resource: Resource, caps: Capabilities, policy: Policy, purpose: Purpose, tally: Tally
    ) -> tuple[int, Capabilities]:
        """Look at up to `looks_at_once` hinted records of `resource` and settle their hints.

        Returns how many hints were taken (0: none due) and the capabilities, widened by what was seen. Raises the first
        Retry or NeedsPerson of the batch after everything else of it was stored; its hints are put off, not lost."""
        hints = await self._chosen(resource)
        if not hints:
            return 0, caps
        try:
            return len(hints), await self._answered(resource, caps, policy, purpose, tally, hints)
        finally:
            self._under_way.difference_update(hint.seq for hint in hints)

    async def _chosen(self, resource: Resource) -> list[Hint]:
        """Hints that are due and that no other lane looks at; they are this lane's from now on."""
        async with self._choosing:
            now, busy = self._clock.now(), frozenset(self._under_way)
            limit = self._rules.looks_at_once
            hints = await self._disk.reader.run(
                lambda tx: tx.hints.take(self._shop.id, resource.name, READ_SOURCES, limit + len(busy), now)
            )
            hints = [hint for hint in hints if hint.seq not in busy][:limit]
            self._under_way.update(hint.seq for hint in hints)
            return hints

    async def _answered(
        self,
        resource: Resource,
        caps: Capabilities,
        policy: Policy,
        purpose: Purpose,
        tally: Tally,
        hints: Sequence[Hint],
    ) -> Capabilities:
        if not caps.detail_path:
            # Nothing to look at directly: the next walk is the look.
            await self._disk.mirror.run(lambda tx: tx.hints.settle(self._shop.id, [hint.seq for hint in hints]))
            return caps
        trusted = await self._control(resource, caps, hints, purpose, tally)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._look(resource, caps, hint, purpose, tally)) for hint in hints]
        answers = [task.result() for task in tasks]
        trusted = trusted and await self._control_told(resource, caps, answers, purpose, tally)
        caps = _widened(resource, caps, answers)
        await self._settle(resource, caps, policy, answers, tally, trusted=trusted)
        for answer in answers:
            if isinstance(answer.problem, Retry | NeedsPerson):
                raise answer.problem
        return caps

    async def _control(
        self, resource: Resource, caps: Capabilities, hints: Sequence[Hint], purpose: Purpose, tally: Tally
    ) -> bool:
        """Whether "not there" can be believed now: a record that is present must be shown."""
        if all(hint.source is not HintSource.MISSED for hint in hints):
            return True
        if self._trusted.get(resource.name, 0) > 0:
            self._trusted[resource.name] -= len(hints)
            return True
        return await self._shows(resource, caps, {hint.key for hint in hints}, purpose, tally)

    async def _control_told(
        self, resource: Resource, caps: Capabilities, answers: Sequence[Answer], purpose: Purpose, tally: Tally
    ) -> bool:
        """The same for records of ours that a webhook told of: no walk has missed them, so the look alone speaks."""
        told = [a.hint.key for a in answers if a.is_absent and a.hint.source is HintSource.WEBHOOK]
        if not told:
            return True
        lines = await self._disk.reader.run(lambda tx: tx.ledger.find(self._shop.id, resource.name, told))
        if all(line.gone_at is not None for line in lines.values()):
            return True
        return await self._shows(resource, caps, set(told), purpose, tally)

    async def _shows(
        self, resource: Resource, caps: Capabilities, suspects: set[str], purpose: Purpose, tally: Tally
    ) -> bool:
        """Whether the shop shows a record that is there, none of the suspects."""

        def present(tx: MirrorTx) -> list[Known]:
            lines = tx.ledger.keys(self._shop.id, resource.name)
            return [line for line in lines if line.gone_at is None and line.missed == 0 and line.key not in suspects]

        lines = await self._disk.reader.run(present)
        if not lines:
            return True  # nothing left that could be asked for
        tally.calls += 1
        try:
            look = await self._remote.one(resource, lines[-1].key, purpose, caps.detail_path)
        except NotUnderstood:
            return False
        self._trusted[resource.name] = _LOOKS_PER_CONTROL if look.item is not None else 0
        return look.item is not None

    async def _look(self, resource: Resource, caps: Capabilities, hint: Hint, purpose: Purpose, tally: Tally) -> Answer:
        try:
            look = await self._one(resource, caps, hint.key, purpose, tally)
            if look.item is None:
                return Answer(hint, look.ticket)
            if isinstance(look.item, Broken):
                return Answer(hint, look.ticket, broken=look.item)
            record = self._remote.decode(resource, look.item)
            if isinstance(record, Broken):
                return Answer(hint, look.ticket, broken=record)
            record = await self.completed(resource, caps, hint.key, record, purpose, tally)
            return Answer(hint, look.ticket, seen=Seen(look.item, record, look.ticket, Form.DETAILED))
        except SyncdError as problem:
            return Answer(hint, 0, problem=problem)

    async def _one(self, resource: Resource, caps: Capabilities, key: str, purpose: Purpose, tally: Tally) -> Look:
        tally.calls += 1
        return await self._remote.one(resource, key, purpose, caps.detail_path)

    async def completed(
        self, resource: Resource, caps: Capabilities, key: str, record: Record, purpose: Purpose, tally: Tally
    ) -> Record:
        """Add the child lists that neither shape carries and that have an address of their own."""
        children = dict(record.children)
        for child in missing_children(resource, caps):
            if child.name not in children:
                tally.calls += 1
                children[child.name] = await self._remote.elements(resource, child, key, purpose)
        return replace(record, children=children)

    async def _settle(
        self,
        resource: Resource,
        caps: Capabilities,
        policy: Policy,
        answers: Sequence[Answer],
        tally: Tally,
        *,
        trusted: bool,
    ) -> None:
        now = self._clock.now()
        scope = Scope(self._shop.id, resource, policy, now)
        seen = [replace(a.seen, record=filled(a.seen.record, caps.detail_shape)) for a in answers if a.seen]
        broken = [a.broken for a in answers if a.broken]
        absent = [a for a in answers if a.is_absent]

        def store(tx: MirrorTx, seen: Sequence[Seen], refused: Sequence[Broken] = ()) -> Tally:
            put_off = [a for a in answers if a.problem or (a in absent and not trusted)]
            # A record that cannot be taken now leaves its hint anew, with the date of the old one: so that a row that
            # somebody holds for hours does not cost call after call.
            for answer in answers:
                if answer in put_off or answer.hint.source is HintSource.STALE:
                    wait = self._rules.hint_patience_s * 2 ** min(answer.hint.attempts, 8)
                    tx.hints.put_off(self._shop.id, answer.hint.seq, now + timedelta(seconds=wait))
            taken = take(tx, scope, seen, [*broken, *refused])
            taken.tally.gone += bury(tx, scope, [(a.hint.key, a.ticket) for a in absent]) if trusted else 0
            tx.hints.settle(self._shop.id, [a.hint.seq for a in answers if a not in put_off])
            tx.books.save_capabilities(self._shop.id, resource.name, caps)
            return taken.tally

        try:
            tally.add(await self._disk.mirror.run(lambda tx: store(tx, seen)))
        except RowRefused:
            one_by_one, refused = await apart(self._disk, scope, seen)
            tally.add(await self._disk.mirror.run(lambda tx: store(tx, (), refused)))
            for taken in one_by_one:
                tally.add(taken.tally)


def _widened(resource: Resource, caps: Capabilities, answers: Sequence[Answer]) -> Capabilities:
    """The capabilities after these detail forms; lists that were read at their own address are not part of the form."""
    shape = caps.detail_shape
    fetched = {child.name for child in missing_children(resource, caps)}
    for answer in answers:
        if answer.seen is not None:
            record = answer.seen.record
            own = {name: rows for name, rows in record.children.items() if name not in fetched}
            shape = shape.widened(replace(record, children=own))
    return caps if shape is caps.detail_shape else replace(caps, detail_shape=shape)
