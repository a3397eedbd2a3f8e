"""People edit while a push is under way: between its read and its write, between its write and the settling.

No edit is lost on either side; nothing of the shop's is written over by an edit that had not seen it.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from syncd.simulator.switches import FILTERS, Switches
from tests.engine.meanwhile import People
from tests.engine.push_kit import PushDesk
from tests.engine.tapped import tapped_desk
from tests.support.databases import TestDatabase

SHOP: dict[str, Any] = {"products": 3, "orders": 2, "customers": 3, "categories": 2, "themes": 1}
NAMES = ("categories", "products", "customers")
ROUNDS = 12
MakeDatabase = Callable[[str], TestDatabase]
CHARACTERS = {
    "merge": ("child_lists=merge",),
    "whole": ("put=whole", "child_lists=replace", "child_ids_anew=true"),
}


async def _quiet(desk: PushDesk) -> None:
    for _ in range(12):
        await desk.push()
        await desk.pull(*NAMES)
        if not await desk.pusher.waiting() and not await desk.pusher.restless():
            return
        desk.at.clock.passed_s += 200
    pytest.fail(f"never quiet: {desk.sql('SELECT resource, verb, state, reason FROM sync_outbox')}")


async def _a_day(url: str, seed: int, character: str) -> None:
    switches = Switches.named("rich").flipped([f"filters={FILTERS}", *CHARACTERS[character]])
    async with tapped_desk(url, switches=switches, **SHOP) as (desk, tap):
        people = People(desk, tap, seed)
        for number in range(ROUNDS):
            people.edit_here()
            await desk.push()
            if number % 3 == 2:
                await desk.pull(*NAMES, quick=True)
            desk.at.clock.passed_s += 100
        people.go_home()
        await _quiet(desk)
        assert people.lost_here() == []
        assert people.overruled_there() == []
        open_paths = {(row["resource"], row["key"]) for row in desk.sql("SELECT resource, key FROM sync_conflicts")}
        assert {place[:2] for place in people.unequal()} <= open_paths
        assert desk.sql("SELECT * FROM sync_outbox") == []
        conflicts = len(desk.sql("SELECT * FROM sync_conflicts"))
        assert len(people.unequal()) == conflicts  # each of them stands for two values, and for nothing else
        assert len(people.ledger.here) > 5
        assert people.ledger.there


@pytest.mark.parametrize("character", CHARACTERS)
@pytest.mark.parametrize("seed", [3, 5])
def test_edits_at_any_moment_of_a_push_are_not_lost(database: TestDatabase, seed: int, character: str) -> None:
    asyncio.run(_a_day(database.url, seed, character))


@pytest.mark.soak
@pytest.mark.parametrize("character", CHARACTERS)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize("first", range(100, 140, 5))
def test_so_it_is_on_many_days(kind: str, character: str, first: int, make_database: MakeDatabase) -> None:
    for seed in range(first, first + 5):
        asyncio.run(_a_day(make_database(kind).url, seed, character))
