"""Pulling: everything arrives, and what was learned makes the next look cheap."""

import asyncio
from typing import Any

from syncd.domain.run import Outcome
from syncd.simulator.switches import Switches
from tests.engine.kit import desk
from tests.support.databases import TestDatabase

SMALL: dict[str, Any] = {"products": 25, "orders": 70, "customers": 30, "categories": 8}


def test_a_first_pull_makes_the_mirror_what_the_shop_is(database: TestDatabase) -> None:
    async def scene() -> None:
        async with desk(database.url, switches=Switches.named("rich").flipped(["page_size=10"]), **SMALL) as at:
            runs = await at.pull()
            assert [run.outcome for run in runs] == [Outcome.DONE] * len(runs), runs
            assert at.differences() == []

    asyncio.run(scene())
