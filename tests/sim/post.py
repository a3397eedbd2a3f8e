"""The shops' webhooks in a simulated day: lost, late, doubled, overtaken, brought to whichever daemon lives then."""

import asyncio
from contextvars import copy_context
from random import Random
from typing import Any, Final

from syncd.service.web.webhooks import answer
from syncd.simulator.courier import Courier, Mishaps
from syncd.simulator.world import SimWorld
from tests.sim.chronicle import Chronicle
from tests.sim.doors import PROCESS, Crash
from tests.sim.lives import Life

SECTION: Final[dict[str, Any]] = {
    "public_url": "https://syncd.example",
    "topics": ["product/create", "product/update", "product/delete", "order/create", "order/update", "customer/update"],
    "check_s": 1800.0,
    "unknown_looks_per_hour": 3.0,
}
"""The settings of these days."""
EVERY_S: Final = 7.0


class Post:
    """Carries what the shops have to tell. `daemon` is the one that lives now, if any."""

    def __init__(self, world: SimWorld, chronicle: Chronicle, luck: Random, mishaps: Mishaps) -> None:
        self.daemon: Life | None = None
        self._chronicle = chronicle
        self._courier = Courier(world, self._deliver, sleep=asyncio.sleep, rng=luck, mishaps=mishaps)

    @property
    def told(self) -> int:
        """Deliveries that were acknowledged."""
        return self._courier.done["told"]

    async def work(self) -> None:
        """Until cancelled."""
        await self._courier.run(EVERY_S)

    async def _deliver(self, address: str, body: bytes) -> int:
        """The status that the daemon answers, 0 where none is there."""
        life = self.daemon
        if life is None or life.house is None or life.process.ended.is_set() or life.house.draining.is_set():
            return 0
        context = copy_context()
        context.run(PROCESS.set, life.process)
        receive = life.house.inbox.receive(address.rpartition("/")[2], body)
        task = asyncio.get_running_loop().create_task(receive, context=context)
        life.process.adopt(task)  # type: ignore[arg-type]
        await asyncio.wait([task])
        if task.cancelled() or isinstance(task.exception(), Crash):
            return 0
        status = answer(task.result()).status_code
        self._chronicle.write(life.process.name, "a webhook", status=status)
        return status
