"""What commands asked of one shop, carried out one after the other beside the timetable.

A request is taken, carried out and ended in three transactions; what a drain interrupts is given back, so that the
next one who holds the shop takes it. Must not know what the jobs are (`service/errands.py`).
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from syncd.domain.request import Request
from syncd.domain.shop import Shop
from syncd.errors import LeaseLost
from syncd.ports import Clock, Disk, Log, MirrorTx

Tell = Callable[[str], Awaitable[None]]
CarryOut = Callable[[Shop, Request, Tell, Callable[[], bool]], Awaitable[str | None]]
"""Carries out a request and returns its answer; None where it was halted in the middle. `Tell` says how far it is.
Raises LeaseLost."""
Refuse = Callable[[str], str]
"""The answer that says why a request is not carried out."""

_TWICE: Final = "a daemon has ended twice in the middle of it; its log says why"


class Errands:
    """The requests of one shop. `rung` is set when there may be a new one, and when they are halted."""

    def __init__(
        self,
        shop: Shop,
        me: str,
        *,
        disk: Disk,
        clock: Clock,
        log: Log,
        carry_out: CarryOut,
        refuse: Refuse,
        rung: asyncio.Event,
    ) -> None:
        self._rung = rung
        self._shop = shop
        self._me = me
        self._disk = disk
        self._clock = clock
        self._log = log
        self._carry_out = carry_out
        self._refuse = refuse

    async def run(self, is_halted: Callable[[], bool], heard: Callable[[], None]) -> None:
        """Until halted; `heard` is called whenever the database told what is asked for. Raises DatabaseBusy, LeaseLost
        where the shop is another's by now, and what is a bug."""
        while not is_halted():
            self._rung.clear()
            waiting = await self._disk.reader.run(lambda tx: tx.requests.open(self._shop.id))
            heard()
            if not waiting:
                await self._rung.wait()
            for request in waiting:
                if not is_halted():
                    await self._take(request, is_halted)

    async def _take(self, request: Request, is_halted: Callable[[], bool]) -> None:
        me, now = request.taker(self._me), self._clock.now()
        if me is None:
            me, answer = request.taken_by, self._refuse(_TWICE)
            await self._disk.mirror.run(lambda tx: tx.requests.end(request.seq, me, answer, now))
            return
        if not await self._disk.mirror.run(lambda tx: tx.requests.take(request, me, now)):
            return  # withdrawn meanwhile, or another holder has it
        self._log.info("request.taken", shop=self._shop.name, job=request.job, request=request.seq)
        try:
            answer_ = await self._carry_out(self._shop, request, self._telling(request, me), is_halted)
        except LeaseLost:
            await self._give_back(request, me)
            raise
        if answer_ is None:
            await self._give_back(request, me)
            return
        now = self._clock.now()
        await self._disk.mirror.run(lambda tx: tx.requests.end(request.seq, me, answer_, now))
        took_s = round((now - request.asked_at).total_seconds(), 3)
        self._log.info("request.done", shop=self._shop.name, job=request.job, request=request.seq, took_s=took_s)

    async def _give_back(self, request: Request, me: str) -> None:
        await self._disk.mirror.run(lambda tx: tx.requests.give_back(request.seq, me))

    def _telling(self, request: Request, me: str) -> Tell:
        async def tell(words: str) -> None:
            def store(tx: MirrorTx) -> None:
                tx.requests.tell(request.seq, me, words)

            await self._disk.mirror.run(store)

        return tell
