"""Taking in what webhooks delivered: each becomes a hint, within what webhooks may cost.

Two bounds hold a forger off. Looks that webhooks cause have an allowance an hour. Records that nobody here knows have a
much smaller one, which a look that finds the record gives back: a real new record costs nothing of it, a made-up one
does, and is not asked for again for a while. What is beyond the bounds is left to the ordinary looks, so a webhook that
is not answered costs freshness and nothing else. Must not know how a record is read.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from syncd.domain.allowance import Allowance
from syncd.domain.ledger import HintSource
from syncd.domain.run import Run
from syncd.domain.webhook import InboxState, Waiting
from syncd.engine.rules import HookRules
from syncd.errors import Retry
from syncd.ports import Clock, Disk, MirrorTx, StateTx

_ROWS: Final = 200
_ROUNDS_MAX: Final = 50
_ABSENT_MAX: Final = 10_000
_PENDING_MAX: Final = 5000
_HOUR_S: Final = 3600.0
_HELD_S: Final = 600.0
"""A row waits so long for looks under way to give something back, then it is left to the ordinary ones."""
_ALWAYS: Final = timedelta(days=3650)

Name = tuple[str, str]
"""A record of one shop: resource, key."""


@dataclass(slots=True)
class _Sorted:
    """Rows of the inbox by what becomes of them."""

    hinted: list[Waiting] = field(default_factory=list)
    left: list[Waiting] = field(default_factory=list)
    absent: list[Waiting] = field(default_factory=list)
    unseen: set[Name] = field(default_factory=set)
    held: int = 0  # rows that wait on


class Incoming:
    """The inbox of one shop."""

    def __init__(self, shop_id: int, disk: Disk, clock: Clock, rules: HookRules) -> None:
        self._shop_id = shop_id
        self._disk = disk
        self._clock = clock
        self._rules = rules
        now = clock.monotonic()
        self._looks = Allowance.full(rules.looks_per_hour, rules.looks_per_hour / _HOUR_S, now)
        self._vain = Allowance.full(rules.unknown_per_hour, rules.unknown_per_hour / _HOUR_S, now)
        self._unseen: dict[Name, None] = {}  # hinted, and nobody knew them: a look has still to say what they are
        self._absent: dict[Name, float] = {}  # the shop did not have them, and when that was

    async def answer(self, looks: Callable[[], Awaitable[list[Run]]]) -> list[Run]:
        """Take in what waits and look, as long as that brings more. Raises what `looks` raises."""
        runs: list[Run] = []
        more = True
        for _ in range(_ROUNDS_MAX):
            try:
                more = await self.take_in()
            except Retry:
                more = False  # what waits goes on waiting; the hints that are there are answered all the same
            done = await looks()
            runs += done
            if not more or not done:
                break
        with suppress(Retry):
            await self._weigh()
        return runs

    async def take_in(self) -> bool:
        """Leave hints for what waits; says whether more waits that can be taken in after a look."""
        await self._weigh()
        rows = await self._disk.state.run(lambda tx: tx.webhooks.waiting(self._shop_id, _ROWS))
        if not rows:
            return False
        names = sorted({(row.resource, row.key) for row in rows})
        known = await self._disk.reader.run(lambda tx: self._known(tx, names))
        filled = await self._disk.reader.run(lambda tx: _filled(tx, self._shop_id, names))
        sorted_ = self._sort(rows, known, filled)
        now = self._clock.now()

        def leave(tx: MirrorTx) -> None:
            for resource in dict.fromkeys(row.resource for row in sorted_.hinted):
                keys = [row.key for row in sorted_.hinted if row.resource == resource]
                tx.hints.leave(self._shop_id, resource, keys, HintSource.WEBHOOK, now)

        if sorted_.hinted:
            await self._disk.mirror.run(leave)
        self._unseen.update(dict.fromkeys(sorted(sorted_.unseen)))
        # A crash before this leaves the hints once more, which does no harm.
        await self._settle(sorted_, now)
        return bool(sorted_.held and sorted_.hinted) or (len(rows) == _ROWS and not sorted_.held)

    async def _settle(self, done: _Sorted, now: datetime) -> None:
        def settle(tx: StateTx) -> None:
            tx.webhooks.settle(self._shop_id, done.hinted, InboxState.HINTED, now)
            tx.webhooks.settle(self._shop_id, done.left, InboxState.LEFT, now)
            tx.webhooks.settle(self._shop_id, done.absent, InboxState.ABSENT, now)

        await self._disk.state.run(settle)

    def _known(self, tx: MirrorTx, names: Sequence[Name]) -> set[Name]:
        """Those that have a row here which is no tombstone."""
        found = set()
        for resource in sorted({resource for resource, _ in names}):
            lines = tx.ledger.find(self._shop_id, resource, [key for name, key in names if name == resource])
            found |= {(resource, key) for key, line in lines.items() if line.gone_at is None}
        return found

    def _sort(self, rows: Sequence[Waiting], known: set[Name], filled: set[str]) -> _Sorted:
        """What becomes of each row."""
        now, at = self._clock.monotonic(), self._clock.now()
        done, chosen = _Sorted(), set(self._unseen)
        for row in rows:
            name = (row.resource, row.key)
            if row.resource not in filled:
                done.left.append(row)  # the first fill is under way, and the look after it steps back behind its start
            elif name in known or name in chosen:
                self._spend_look(row, done, now)
            elif now - self._absent.get(name, -_HOUR_S * 1e6) < self._rules.absent_s:
                done.absent.append(row)
            elif (vain := self._vain.take(now)) is not None:
                if self._spend_look(row, done, now):
                    self._vain = vain
                    chosen.add(name)
                    done.unseen.add(name)
            elif chosen and (at - row.received_at).total_seconds() < _HELD_S:
                done.held += 1  # those under way may be real, and give back what they took
            else:
                done.left.append(row)
        return done

    def _spend_look(self, row: Waiting, done: _Sorted, now: float) -> bool:
        looks = self._looks.take(now)
        if looks is None:
            done.left.append(row)
            return False
        self._looks = looks
        done.hinted.append(row)
        return True

    async def _weigh(self) -> None:
        """What became of the records that nobody knew: found ones give back what they took of the allowance."""
        if not self._unseen:
            return
        names = list(self._unseen)
        resources = sorted({resource for resource, _ in names})
        later = self._clock.now() + _ALWAYS

        def look(tx: MirrorTx) -> tuple[set[Name], set[Name]]:
            waiting = set()
            for resource in resources:
                hints = tx.hints.take(self._shop_id, resource, [HintSource.WEBHOOK], _PENDING_MAX, later)
                waiting |= {(resource, hint.key) for hint in hints}
            return self._known(tx, names), waiting

        found, waiting = await self._disk.reader.run(look)
        absent = [name for name in names if name not in found and name not in waiting]
        for name in names:
            if name in found:
                self._vain = self._vain.given_back()
        now = self._clock.monotonic()
        self._absent.update(dict.fromkeys(absent, now))
        for name in list(self._absent)[: max(0, len(self._absent) - _ABSENT_MAX)]:
            del self._absent[name]
        self._unseen = {name: None for name in names if name not in found and name in waiting}

        def mark(tx: StateTx) -> None:
            for resource in sorted({resource for resource, _ in absent}):
                tx.webhooks.absent(self._shop_id, resource, [key for name, key in absent if name == resource])

        if absent:
            await self._disk.state.run(mark)


def _filled(tx: MirrorTx, shop_id: int, names: Sequence[Name]) -> set[str]:
    """The resources among them whose first fill has ended."""
    resources = sorted({resource for resource, _ in names})
    return {resource for resource in resources if tx.books.cursor(shop_id, resource).filled_at is not None}
