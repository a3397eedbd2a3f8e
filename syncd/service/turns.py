"""Turns at pushing: of one shop's changes only one process sends at a time, whoever else was told to push.

A command may push beside the daemon. Both would take the same change from the outbox, and a record would be created
twice; so each waits for the other's run to end. Whoever finds that a process died at it sorts out what it left.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import Final

from syncd.domain.change import Change
from syncd.domain.run import Outcome, Run, Tally
from syncd.engine.claim import Claim
from syncd.engine.hands import Hands
from syncd.engine.push_worker import PushWorker
from syncd.engine.worker import ShopWorker
from syncd.host.lock import FileLock, HeldExchange
from syncd.ports import AsyncGuard
from syncd.service.settings import Loaded
from syncd.store.disk import StoreDisk
from syncd.store.pglock import PostgresExchangeLocks

Sleep = Callable[[float], Awaitable[None]]
Hold = Callable[[int, Sleep, int], AsyncGuard]
"""The lock of one shop's pushing, given how its waiting sleeps, and under which generation of its lease."""
_PATIENCE: Final = 20
"""So many vain tries, and it is said that somebody else pushes."""


class Drained(Exception):
    """The house drains while we wait for our turn."""


def pushing_lock(loaded: Loaded, disk: StoreDisk) -> Hold:
    """A file beside the databases, or on PostgreSQL a lock of the server's."""
    where = disk.address.mirror
    if where.get_backend_name() == "postgresql":
        # The positive numbers are the locks of token exchanges.
        return lambda shop_id, sleep, generation: PostgresExchangeLocks(where, sleep, generation).hold(-shop_id)
    return lambda shop_id, sleep, _: HeldExchange(FileLock(loaded.home / f"push-{shop_id}.lock"), sleep)


class Turns:
    """The writing side of one shop (`engine/push_worker.py`), a turn for each call. History older than `keep_days` is
    forgotten with each scan."""

    def __init__(self, hands: Hands, reader: ShopWorker, hold: Hold, *, keep_days: float) -> None:
        self._hands = hands
        self._reader = reader
        self._hold = hold
        self._kept = timedelta(days=keep_days)
        self._worker = PushWorker(hands, reader)
        self._vain = 0

    async def push(self, *, only: frozenset[int] | None = None) -> Run:
        """Claim what was edited and send what is ready; `only` sends these changes and claims none."""
        started_at = self._hands.clock.now()
        try:
            async with self.turn() as worker:
                return await worker.push(only=only)
        except Drained:
            ended_at, counts = self._hands.clock.now(), asdict(Tally())
            return Run(self._hands.shop.name, "push", "", "", Outcome.DRAINED, started_at, ended_at, counts)

    async def scan(self) -> dict[Claim, int]:
        """Compare mirror and base in full, claim what was found, and forget old history."""
        try:
            async with self.turn(afresh=True) as worker:
                counts = await worker.scan()
        except Drained:
            return {}
        shop_id, before = self._hands.shop.id, self._hands.clock.now() - self._kept
        await self._hands.disk.mirror.run(lambda tx: tx.history.purge(shop_id, before))
        return counts

    async def notice(self) -> dict[Claim, int]:
        """Claim what was edited."""
        try:
            async with self.turn() as worker:
                return await worker.notice()
        except Drained:
            return {}

    async def waiting(self) -> list[Change]:
        """The changes that are neither settled nor parked."""
        return await self._worker.waiting()

    async def restless(self) -> int:
        """How many touched rows are not claimed yet."""
        return await self._worker.restless()

    @asynccontextmanager
    async def turn(self, *, afresh: bool = False) -> AsyncIterator[PushWorker]:
        """Our turn: what a process that died in its own left behind is sorted out at the next run of the worker.

        Its journal tells of most; what was only about to leave is found `afresh`, now and then."""
        self._vain = 0
        async with self._hold(self._hands.shop.id, self._wait, self._hands.generation()):
            lines = await self._hands.disk.state.run(lambda tx: tx.pushes.open(self._hands.shop.id))
            if lines or afresh:
                self._worker = PushWorker(self._hands, self._reader)
            yield self._worker

    async def _wait(self, seconds: float) -> None:
        if self._hands.drain.is_set():
            raise Drained
        self._vain += 1
        if self._vain == _PATIENCE:
            self._hands.log.info("push.waits", shop=self._hands.shop.name, message="another process pushes")
        await self._hands.clock.sleep(seconds)
