"""Exchanges of tokens, run by a process that outlives this one; see `exchange_child.py` for its side.

What is not known is called unknown: a child that ends after it took an order may have spent the token. Must not know
when a token is exchanged, nor what becomes of the pair.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from syncd.domain.secret import Secret
from syncd.errors import LostAnswer, RemoteDown
from syncd.host.child import Child, Streams
from syncd.ports import Clock
from syncd.ports.teller import Fetched, Order
from syncd.remote.settings import RemoteSettings
from syncd.service.exchange_lines import TAKEN, order_line, read_answer

MODULE: Final = "syncd.service.exchange_child"
SPARE_S: Final = 20.0
"""Longer than the exchange's own time-out: a child that is silent even then is stuck, or its disk is."""


class ChildTeller:
    """Exchanges of all shops, through one child (satisfies `ports.Teller`). `key` is asked each time: keys change."""

    outlives = True

    def __init__(
        self,
        key: Callable[[], Secret],
        spill: Path,
        settings: RemoteSettings,
        clock: Clock,
        child: Child | None = None,
        *,
        spare_s: float = SPARE_S,
    ) -> None:
        self._key = key
        self._spill = spill.absolute()
        self._settings = settings
        self._clock = clock
        self._child = child or Child(MODULE)
        self._spare_s = spare_s

    async def ready(self) -> None:
        """Start the child where there is none. Raises RemoteDown."""
        try:
            await self._child.start()
        except OSError as error:
            raise _unstartable(error) from error

    async def run(self, order: Order, held: int | None) -> Fetched:
        """Give the order, and wait for the pair. Cancelled, the child goes on by itself."""
        try:
            streams = await self._child.open(held)
        except OSError as error:
            raise _unstartable(error) from error
        pid = self._child.pid
        try:
            async with asyncio.timeout(self._settings.exchange_s + self._spare_s):
                return read_answer(await self._asked(streams, order))
        except TimeoutError:
            # Not ended: it may have the new pair in its hand, and those of others. It ends by itself soon; until then
            # it holds the lock. The next exchange gets a process of its own.
            if self._child.pid == pid:
                self._child.let_go()
            raise LostAnswer(
                "the process that exchanges tokens did not answer, and is left to itself",
                hint=f"It is settled by itself; to see how it stands: syncd auth show {order.shop.name}",
            ) from None
        finally:
            self._child.closed(streams)

    def close(self) -> None:
        """Let the child end once it is done."""
        self._child.let_go()

    async def _asked(self, streams: Streams, order: Order) -> bytes:
        reader, writer = streams
        until_s = self._clock.monotonic() + self._settings.exchange_s
        taken = answer = b""
        try:
            writer.write(order_line(order, self._key(), self._spill, until_s, self._settings))
            taken = await reader.readline()
            answer = await reader.readline() if taken == TAKEN else b""
        except OSError:
            answer = b""  # its end is all that this tells
        if taken != TAKEN:
            raise RemoteDown("the process that exchanges tokens ended before it began; the token was not spent")
        if not answer.endswith(b"\n"):
            raise LostAnswer(
                "the process that exchanges tokens ended before it answered",
                hint=f"It is settled by itself; to see how it stands: syncd auth show {order.shop.name}",
            )
        return answer


def _unstartable(error: BaseException) -> RemoteDown:
    why = str(error) or "it took too long"
    return RemoteDown(f"the process that exchanges tokens cannot be started: {why}", hint="syncd doctor")
