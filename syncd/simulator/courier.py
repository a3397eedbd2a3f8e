"""Delivers what the shops have to tell to whoever registered for it, with all that can go wrong with webhooks.

What is not answered with 200 is brought again a few times, and a subscription that fails too often is removed (API
reference, section 5). Time passes through the `sleep` that is handed in, luck comes from `rng`.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from syncd.simulator.shop import SimShop
from syncd.simulator.world import SimWorld

Send = Callable[[str, bytes], Awaitable[int]]
"""Brings a body to an address; the status of the answer, 0 where there was none."""
Sleep = Callable[[float], Awaitable[None]]
OK = 200


@dataclass(frozen=True, slots=True)
class Mishaps:
    """The chance of each trouble, per notice. `late_s` is the longest delay of a late one; `tries` how often one is
    brought in all, `retry_s` after the first failure, doubling; after `fails_max` notices in a row that failed for good
    the subscription is removed."""

    lost: float = 0.0
    late: float = 0.0
    late_s: float = 60.0
    doubled: float = 0.0
    reordered: float = 0.0
    tries: int = 4
    retry_s: float = 1.0
    fails_max: int = 19


class Courier:
    """Carries the notices of a world. `done` counts what became of them: told, lost, failed, removed."""

    def __init__(
        self, world: SimWorld, send: Send, *, sleep: Sleep, rng: Random, mishaps: Mishaps | None = None
    ) -> None:
        self.mishaps = mishaps or Mishaps()
        self.done: Counter[str] = Counter()
        self._world = world
        self._send = send
        self._sleep = sleep
        self._rng = rng
        self._failures: Counter[tuple[str, str]] = Counter()

    async def run(self, every_s: float) -> None:
        """Look for notices so often, for ever; each is carried by itself, so a slow one keeps nobody waiting."""
        async with asyncio.TaskGroup() as group:
            while True:
                for shop, notice in self.collect():
                    group.create_task(self.carry(shop, notice))
                await self._sleep(every_s)

    def collect(self) -> list[tuple[SimShop, dict[str, Any]]]:
        """Take what waits, oldest first but for those that were overtaken; some twice, some not at all."""
        taken: list[tuple[SimShop, dict[str, Any]]] = []
        for shop in self._world.shops.values():
            waiting, shop.notices = shop.notices, []
            for notice in waiting:
                if self._rng.random() < self.mishaps.lost:
                    self.done["lost"] += 1
                    continue
                copies = 2 if self._rng.random() < self.mishaps.doubled else 1
                place = (
                    self._rng.randrange(len(taken) + 1) if self._rng.random() < self.mishaps.reordered else len(taken)
                )
                taken[place:place] = [(shop, notice)] * copies
        return taken

    async def carry(self, shop: SimShop, notice: dict[str, Any]) -> None:
        """Bring one notice, again where it is not taken."""
        if self._rng.random() < self.mishaps.late:
            await self._sleep(self._rng.uniform(0, self.mishaps.late_s))
        body = json.dumps(notice["body"], separators=(",", ":")).encode()
        for attempt in range(self.mishaps.tries):
            if attempt:
                await self._sleep(self.mishaps.retry_s * 2 ** (attempt - 1))
            if await self._send(notice["destination"], body) == OK:
                self.done["told"] += 1
                del self._failures[shop.name, notice["hook"]]
                return
        self.done["failed"] += 1
        self._count_failure(shop, notice["hook"])

    def _count_failure(self, shop: SimShop, hook: str) -> None:
        self._failures[shop.name, hook] += 1
        if self._failures[shop.name, hook] >= self.mishaps.fails_max and hook in shop.shelves["webhooks"]:
            shop.shelves["webhooks"].drop(hook)
            self.done["removed"] += 1
