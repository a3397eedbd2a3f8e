"""What a listing does not carry and no stamp tells of is found within the audit period, and costs its looks once."""

import asyncio
from typing import Any

from syncd.domain.ledger import HintSource
from syncd.domain.run import Run
from syncd.simulator.switches import Switches
from tests.engine.kit import Desk, desk
from tests.support.databases import TestDatabase

DAY_S = 86400.0
SHOP: dict[str, Any] = {"products": 12, "orders": 0, "customers": 3, "categories": 3}


def test_a_change_that_no_listing_shows_is_found_by_the_audit(database: TestDatabase) -> None:
    async def scene() -> None:
        async with desk(database.url, switches=Switches().flipped(["thin_lists=true", "stamps=absent"]), **SHOP) as at:
            await at.pull("products")
            key = at.sim.keys("products")[3]
            at.sim.edit("products", key, {"comment": "the box is blue now"})
            at.clock.passed_s += DAY_S
            assert looks(await at.pull("products")) == 0, "every plain pull would cost a call a record"
            assert at.differences("products") != [], "else this test proves nothing"
            at.clock.passed_s += 7 * DAY_S
            assert looks(await at.pull("products")) >= SHOP["products"]
            assert at.differences("products") == []
            assert looks(await at.pull("products")) == 0

    asyncio.run(scene())


def test_looks_that_came_after_the_end_of_an_audit_do_not_miss_the_next_one(database: TestDatabase) -> None:
    async def scene() -> None:
        switches = Switches().flipped(["thin_lists=true", "stamps=stands_still"])
        async with desk(database.url, switches=switches, **SHOP) as at:
            await at.pull("products")
            await _look_again(at, later_s=DAY_S)
            at.sim.edit("products", at.sim.keys("products")[3], {"comment": "the box is blue now"})
            at.clock.passed_s += 6 * DAY_S
            await at.pull("products")
            assert at.differences("products") == []

    asyncio.run(scene())


async def _look_again(at: Desk, later_s: float) -> None:
    """As if the looks of the last audit had been answered only now: somebody asked to see every record."""
    at.clock.passed_s += later_s
    keys = at.sim.keys("products")
    now = at.clock.now()
    await at.disk.mirror.run(lambda tx: tx.hints.leave(at.shop.id, "products", keys, HintSource.PERSON, now))
    await at.pull("products", quick=True)


def looks(runs: list[Run]) -> float:
    """How many hints these runs left, to be answered by looking at single records."""
    return sum(run.counts["hints"] for run in runs)
