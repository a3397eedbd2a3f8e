"""Receiving webhooks: what comes through a door of ours is stored before it is acknowledged, and nothing more is done.

A door's token is the only thing that tells a shop from anybody else, so whoever does not have it costs us a hash and a
look into memory. Must not know HTTP, nor what becomes of a delivery.
"""

import asyncio
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Final

from syncd.domain.allowance import Allowance
from syncd.domain.resource import Resource
from syncd.domain.shop import Shop
from syncd.domain.webhook import Arrival, Refused, nouns, print_of, read_notice
from syncd.engine.outages import WAITS
from syncd.engine.rules import HookRules
from syncd.ports import Clock, Disk, Log, StateTx

_DOORS_S: Final = 5.0
"""How old the list of doors may be: a new door opens, and an old one closes, within this time."""
_BATCH: Final = 200
_QUEUE_MAX: Final = 2000
"""Deliveries that may wait for the disk at the same time; more are asked to come again."""


class Word(StrEnum):
    """What a delivery is answered."""

    STORED = "stored"
    UNKNOWN = "unknown"  # there is no such door
    MALFORMED = "malformed"
    TOO_MANY = "too many"
    AWAY = "away"  # it cannot be stored now


@dataclass(frozen=True, slots=True)
class Received:
    """The answer to a delivery; `why` is for the log, not for whoever knocked. `after_s` says when to come again."""

    word: Word
    why: str = ""
    after_s: float = 0.0


@dataclass(slots=True)
class _Open:
    """A door as it stands in memory."""

    shop_id: int
    shop: str
    print: str
    company_id: int | None
    allowance: Allowance
    refused: int = 0
    why: str = ""

    def refuse(self, answer: Received) -> Received:
        """Count a delivery that is not taken."""
        self.refused, self.why = self.refused + 1, answer.why
        return answer


class Inbox:
    """All doors of this process. `told` hears of every shop for which something was stored."""

    def __init__(self, disk: Disk, clock: Clock, log: Log, rules: HookRules, resources: Sequence[Resource]) -> None:
        self.told: Callable[[int], None] = lambda _: None
        self.unknown = 0  # knocks at doors that do not exist
        self._disk = disk
        self._clock = clock
        self._log = log
        self._rules = rules
        self._by_noun = nouns(resources)
        self._doors: dict[str, _Open] = {}
        self._read_at: float | None = None
        self._reading = asyncio.Lock()
        self._queue: list[tuple[Arrival, asyncio.Future[bool]]] = []
        self._storing: asyncio.Task[None] | None = None
        self._closed = False

    async def receive(self, token: str, body: bytes) -> Received:
        """One delivery. It is committed when STORED comes back. Never raises what a database may."""
        if self._closed:
            return Received(Word.AWAY)
        door = await self._door(token)
        if door is None:
            self.unknown += 1
            return Received(Word.AWAY if self._read_at is None else Word.UNKNOWN)
        left = door.allowance.take(self._clock.monotonic())
        if left is None:
            wait_s = door.allowance.refilled(self._clock.monotonic()).wait_s()
            return door.refuse(Received(Word.TOO_MANY, "they come faster than webhooks.rate_per_s", wait_s))
        door.allowance = left
        notice = read_notice(body, door.company_id, self._by_noun)
        if isinstance(notice, Refused):
            return door.refuse(Received(Word.MALFORMED, notice.why))
        if len(self._queue) >= _QUEUE_MAX or not await self._stored(Arrival(door.shop_id, self._clock.now(), notice)):
            return Received(Word.AWAY, "the state database is busy", 1.0)
        self.told(door.shop_id)
        return Received(Word.STORED)

    async def close(self) -> None:
        """Take nothing more, wait until what was begun is stored, and note what was refused."""
        self._closed = True
        async with self._reading:
            pass
        if self._storing is not None:
            await asyncio.wait([self._storing])
        if any(door.refused for door in self._doors.values()):
            await self._read()

    def forget_doors(self) -> None:
        """A door of this process was changed: look at all of them before the next delivery."""
        self._read_at = None

    # --- doors -------------------------------------------------------------------------------------------------------

    async def _door(self, token: str) -> _Open | None:
        now = self._clock.monotonic()
        if self._read_at is None or now - self._read_at >= _DOORS_S:
            async with self._reading:
                if self._read_at is None or now - self._read_at >= _DOORS_S:
                    await self._read()
        print_ = print_of(token)
        door = self._doors.get(print_)
        # Found by its hash, so the time that this takes says nothing about the token.
        return door if door is not None and hmac.compare_digest(door.print, print_) else None

    async def _read(self) -> None:
        """Read the doors and their companies; note how many deliveries were refused. Where the database is away, the
        doors stay as they were."""
        refused = {door.shop_id: door.refused for door in self._doors.values() if door.refused}
        now = self._clock.now()

        def state(tx: StateTx) -> dict[int, str]:
            for shop_id, count in refused.items():
                tx.webhooks.count_refused(shop_id, count, now)
            return {door.shop_id: door.print for door in tx.webhooks.doors()}

        try:
            known = await self._disk.reader.run(lambda tx: tx.books.shops())
            prints = await self._disk.state.run(state)
        except WAITS:
            if self._read_at is not None:
                self._read_at = self._clock.monotonic()
            return
        for door in self._doors.values():
            if count := refused.get(door.shop_id, 0):
                self._log.warning("hooks.refused", shop=door.shop, count=count, message=door.why)
                door.refused -= count
        shops = {shop.id: shop for shop in known}
        self._doors = {
            print_: self._opened(shops[shop_id], print_) for shop_id, print_ in prints.items() if shop_id in shops
        }
        self._read_at = self._clock.monotonic()

    def _opened(self, shop: Shop, print_: str) -> _Open:
        """A door as it was, or as one that nobody used yet."""
        fresh = Allowance.full(self._rules.burst, self._rules.rate_per_s, self._clock.monotonic())
        before = self._doors.get(print_) or _Open(shop.id, shop.name, print_, shop.company_id, fresh)
        return replace(before, shop=shop.name, company_id=shop.company_id)

    # --- storing -----------------------------------------------------------------------------------------------------

    async def _stored(self, arrival: Arrival) -> bool:
        """Whether it was committed. Those who wait at the same time share one transaction."""
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._queue.append((arrival, done))
        if self._storing is None or self._storing.done():
            self._storing = asyncio.create_task(self._store())
        return await done

    async def _store(self) -> None:
        while self._queue:
            batch, self._queue = self._queue[:_BATCH], self._queue[_BATCH:]
            fine = False
            try:
                await self._commit([arrival for arrival, _ in batch])
                fine = True
            except WAITS:
                pass  # they are asked to come again
            finally:
                for _, done in batch:
                    if not done.done():
                        done.set_result(fine)

    async def _commit(self, arrivals: Sequence[Arrival]) -> None:
        since = self._clock.now() - timedelta(seconds=self._rules.same_s)
        await self._disk.state.run(lambda tx: tx.webhooks.receive(arrivals, since))
