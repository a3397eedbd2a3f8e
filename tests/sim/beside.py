"""A second daemon on the same files, with deaths of its own: leases alone keep the two apart.

The judge of that is the wire: it knows which program each call came from. Must not know what is in the files.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Final

from syncd.service import daemon
from tests.sim.lives import Life, Machine

RESTS_S: Final = (1.0, 30.0, 600.0)


class Beside:
    """The lives of the second daemon, one after another, until `leave`."""

    def __init__(self, machine: Machine, deaths: Sequence[int], luck: Random) -> None:
        self._machine = machine
        self._deaths = list(deaths)
        self._luck = luck
        self._leaving = False
        self._life: Life | None = None
        self.lives = 0
        self.wrong: list[str] = []

    @property
    def is_gone(self) -> bool:
        """Whether it was asked to leave, and did."""
        return self._leaving and (self._life is None or self._life.process.ended.is_set())

    async def work(self) -> None:
        """Live, die, and live again; the last life goes on until it is asked to leave."""
        while not self._leaving:
            self.lives += 1
            dies_at = self._deaths.pop(0) if self._deaths else None
            self._life = self._machine.start(f"beside-{self.lives}", daemon.run, dies_at)
            await self._life.process.ended.wait()
            self.wrong += await self._machine.ended(self._life)
            if not self._life.process.dead and self._life.problem is not None:
                self.wrong.append(f"{self._life.process.name} ended with {self._life.problem!r}")
            if not self._leaving:
                await asyncio.sleep(self._luck.choice(RESTS_S))

    async def leave(self) -> None:
        """It is asked to stop, and does."""
        self._leaving = True
        if self._life is not None and not self._life.process.ended.is_set():
            self.wrong += await self._machine.drained(self._life)


def worked_twice(workers: Mapping[str, Sequence[tuple[float, str]]], back_s: float) -> Iterator[str]:
    """Shops that two programs worked at once: one called between two calls of another that are nearer than a shop can
    change hands twice."""
    for shop, calls in sorted(workers.items()):
        last: dict[str, float] = {}
        before = ""
        for at, who in calls:
            if who != before and at - last.get(who, at - back_s) < back_s:
                yield f"{shop}: {before} called within {at - last[who]:.3f} s between two calls of {who}"
            last[who], before = at, who
