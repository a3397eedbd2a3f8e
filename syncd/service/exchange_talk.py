"""What the process that exchanges tokens does with an order: redeem, seal, spill, and only then say a word.

So nothing is lost where whoever gave the order has been killed meanwhile. Must not import a database: a process of its
own loads this, and has to be small and quick to start.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from syncd.engine.teller import DeskTeller
from syncd.errors import DiskProblem, RemoteDown, SyncdError
from syncd.host.child import Streams
from syncd.host.cipher import KeyRing
from syncd.host.spill import SpillFolder
from syncd.ports import Clock, Exchange, Spill
from syncd.ports.teller import Fetched
from syncd.remote.settings import RemoteSettings
from syncd.service.exchange_lines import TAKEN, Told, answer_of, refusal_of, told

HARD_S: Final = 90.0
"""After so long the process ends, whatever holds it."""
_AGAIN_S: Final = 0.5


class Talks:
    """Serves one conversation after the other. Tests hand in doors at which it can be stopped."""

    def __init__(
        self,
        clock: Clock,
        endpoint: Callable[[RemoteSettings], Exchange],
        spill: Callable[[Path], Spill] = SpillFolder,
    ) -> None:
        self._clock = clock
        self._endpoint = endpoint
        self._spill = spill

    async def talk(self, streams: Streams, held: list[int]) -> None:
        """One order, one answer. A pair that the disk does not take is tried until the time is up."""
        reader, writer = streams
        try:
            line = await reader.readline()
            if not line.endswith(b"\n"):
                return  # whoever began it died at it: nothing was spent
            job = told(line)
            writer.write(TAKEN)
            fetched = await self._exchanged(job)
            if isinstance(fetched, SyncdError):
                writer.write(refusal_of(fetched))
            else:
                if fetched.is_spilled:
                    self._close(held)
                writer.write(answer_of(fetched))
                await self._until_spilled(job, fetched)
            with suppress(OSError):
                await writer.drain()
        finally:
            self._close(held)

    async def _exchanged(self, job: Told) -> Fetched | SyncdError:
        left_s = job.until_s - self._clock.monotonic()
        if left_s <= 0:
            return RemoteDown("the exchange of tokens was called off: this machine stood still for too long")
        teller = DeskTeller(
            self._endpoint(job.settings(left_s)),
            KeyRing.of([job.key], source="the order"),
            self._spill(job.spill),
            lambda _: None,
        )
        try:
            return await teller.run(job.order, None)
        except SyncdError as error:
            return error

    async def _until_spilled(self, job: Told, fetched: Fetched) -> None:
        """The parent has the pair as well by now, but it may die before the database takes it."""
        while not fetched.is_spilled:
            await self._clock.sleep(_AGAIN_S)
            with suppress(DiskProblem):
                self._spill(job.spill).append(fetched.row)
                return

    def _close(self, held: list[int]) -> None:
        while held:
            os.close(held.pop())
