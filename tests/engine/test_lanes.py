"""A resource belongs to one lane at a time: its cursor does."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from syncd.domain.cadence import Every
from syncd.domain.resources import BY_NAME
from syncd.domain.shop import Shop
from syncd.engine.shop_life import ShopLife
from syncd.engine.timetable import Job, Lane


class Busy:
    """A worker whose every answer takes a while, and who tells how many were at one resource at once."""

    def __init__(self) -> None:
        self.at_once = 0
        self.most = 0

    async def is_filled(self, _name: str) -> bool:
        await asyncio.sleep(0)
        return True

    def is_busy(self, _name: str) -> bool:
        return False

    async def pull(self, _resources: object, *, quick: bool) -> list[Any]:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        for _ in range(5):
            await asyncio.sleep(0)
        self.at_once -= 1
        return []


def test_a_lane_that_waited_leaves_the_resource_to_the_lane_that_took_it_meanwhile() -> None:
    async def scene() -> None:
        worker, products = Busy(), BY_NAME["products"]
        keeping = cast(Any, SimpleNamespace(alarm=None, clock=None))  # nobody sleeps here
        life = ShopLife(keeping, Shop(1, "demo", "https://x", "https://x", "c", "http://127.0.0.1/", ()))
        life._worker = cast(Any, worker)
        jobs = [Job(lane.value, lane, Every(60.0), 1, products) for lane in (Lane.QUICK, Lane.WALK)]
        await asyncio.gather(*(life._do(job) for job in jobs))
        assert worker.most == 1

    asyncio.run(scene())
