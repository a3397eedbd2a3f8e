"""What a pull says that it will cost is what it costs, and a quiet quick one costs next to nothing."""

import asyncio
from typing import Any

import pytest

from syncd.domain.capability import Order
from syncd.domain.resources import BY_NAME
from syncd.simulator.switches import Switches
from tests.engine.kit import Desk, desk
from tests.support.databases import TestDatabase

SHOP: dict[str, Any] = {"products": 23, "orders": 40, "customers": 17, "categories": 6}
NAMES = ("products", "orders", "customers", "categories")
HABITS = [
    "",
    "count=missing",
    "paging=false",
    "paging=false count=missing",
    "fields=false",
    "past_end=repeat_last",
    "past_end=not_found list_order=id_desc",
    "thin_lists=true",
    "thin_lists=true stamps=stands_still",
]


@pytest.mark.parametrize("habits", HABITS)
def test_a_complete_look_costs_what_was_said(habits: str, database: TestDatabase) -> None:
    if not database.is_sqlite and habits:
        pytest.skip("costs do not depend on the database: one case is enough there")

    async def scene() -> None:
        switches = Switches().flipped(["page_size=10", *habits.split()])
        async with desk(database.url, switches=switches, **SHOP) as at:
            for name in NAMES:
                said, spent = await said_and_spent(at, name)
                assert said is None or said == spent, f"first pull of {name}: said {said}, spent {spent}"
            at.clock.passed_s += 3600
            for name in NAMES:
                said, spent = await said_and_spent(at, name)
                assert said == spent, f"second pull of {name}: said {said}, spent {spent}"

    asyncio.run(scene())


@pytest.mark.parametrize("filters", ["updated_at_min,modified_at_min,created_at_min", ""])
def test_a_quiet_quick_look_costs_a_call_with_a_filter_and_two_without(filters: str, database: TestDatabase) -> None:
    async def scene() -> None:
        async with desk(
            database.url, switches=Switches().flipped(["page_size=10", f"filters={filters}"]), **SHOP
        ) as at:
            await at.pull()
            at.clock.passed_s += 3600
            await at.pull(quick=True)
            at.clock.passed_s += 3600
            promised = 0
            for name, caps in (await at.worker.discover(list(BY_NAME.values()))).items():
                before = at.calls()
                await at.pull(name, quick=True)
                if caps.filters or (caps.counts and caps.order is not Order.LOOSE):
                    promised += 1
                    assert at.calls() - before <= (1 if caps.filters else 2), name
            assert promised >= 5

    asyncio.run(scene())


async def said_and_spent(at: Desk, name: str) -> tuple[int | None, int]:
    """What a complete look at a resource was said to cost, and how many calls the shop then saw."""
    [cost] = await at.worker.estimate([BY_NAME[name]], quick=False)
    before = at.calls()
    await at.pull(name)
    return cost.calls, at.calls() - before
