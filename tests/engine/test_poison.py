"""One broken record on a page: the rest of the page arrives, the broken one is parked with its path, and comes back
as soon as the shop serves it whole again."""

import asyncio
from typing import Any

import pytest

from syncd.domain.ledger import Parked
from syncd.domain.run import Outcome, Run
from syncd.simulator.shapes import POISONS
from syncd.simulator.switches import Switches
from tests.engine.kit import Desk, desk
from tests.support.databases import TestDatabase

SHOP: dict[str, Any] = {"products": 18, "orders": 22, "customers": 9, "categories": 3}
HABITS = ["page_size=6", "fields=false"]  # whole pages every time, so that every look meets the poison
PLACE = 8  # on the second page, among others

#: The path that is parked, by resource and poison.
PATHS = {
    ("products", "wrong_type"): "product_type",
    ("products", "null_list"): "locales",
    ("products", "missing_id"): "products[2].id",
    ("products", "invalid_utf8"): "title",
    ("products", "huge_string"): "title",
    ("orders", "wrong_type"): "theme_setting_id",
    ("orders", "null_list"): "line_items",
    ("orders", "missing_id"): "orders[2].id",
    ("orders", "invalid_utf8"): "order_number",
    ("orders", "huge_string"): "order_number",
    ("customers", "wrong_type"): "title",
    ("customers", "null_list"): "addresses",
    ("customers", "missing_id"): "customers[2].token",
    ("customers", "invalid_utf8"): "email",
    ("customers", "huge_string"): "email",
}


def test_the_table_of_paths_is_complete() -> None:
    assert {poison for _, poison in PATHS} == set(POISONS)


@pytest.mark.parametrize(("name", "poison"), PATHS)
def test_the_rest_arrives_and_the_broken_one_is_parked_until_it_is_whole(
    name: str, poison: str, database: TestDatabase
) -> None:
    if not database.is_sqlite and name != "products":
        pytest.skip("what is parked does not depend on the database: one resource is enough there")

    async def scene() -> None:
        async with desk(database.url, switches=Switches().flipped(HABITS), **SHOP) as at:
            key = at.sim.keys(name)[PLACE]
            at.sim.poison(name, key, poison)
            run = await pulled(at, name)
            assert run.outcome is Outcome.PARTIAL
            assert at.differences(name) == [f"{name}/{key} is missing in the mirror"]
            await is_parked(at, name, "" if poison == "missing_id" else key, PATHS[name, poison])
            assert run.counts["pages"] == -(-SHOP[name] // 6), "no page is asked for twice because of it"

            at.sim.heal()
            run = await pulled(at, name)
            assert (run.outcome, run.counts["inserted"]) == (Outcome.DONE, 1)
            assert at.differences(name) == []
            assert await parked(at) == []

    asyncio.run(scene())


@pytest.mark.parametrize("poison", POISONS)
def test_a_known_record_that_breaks_keeps_what_is_known_of_it(poison: str, database: TestDatabase) -> None:
    """The shop serves the very same bytes after it as before: that must be enough to come back."""

    async def scene() -> None:
        async with desk(database.url, switches=Switches().flipped(HABITS), **SHOP) as at:
            await pulled(at, "products")
            key = at.sim.keys("products")[PLACE]
            at.sim.poison("products", key, poison)
            for _ in range(3):  # it is not taken for deleted either, however often it is met
                run = await pulled(at, "products")
                assert run.outcome is Outcome.PARTIAL
                assert at.differences("products") == []
            at.sim.heal()
            run = await pulled(at, "products")
            assert run.outcome is Outcome.DONE
            assert at.differences("products") == []
            assert await parked(at) == []

    asyncio.run(scene())


def test_a_record_that_is_broken_only_when_looked_at_by_itself_is_parked_too(database: TestDatabase) -> None:
    async def scene() -> None:
        habits = [*HABITS, "thin_lists=true"]  # the list form carries no locales that could be null
        async with desk(database.url, switches=Switches().flipped(habits), **SHOP) as at:
            key = at.sim.keys("products")[PLACE]
            at.sim.poison("products", key, "null_list")
            run = await pulled(at, "products")
            assert run.outcome is Outcome.PARTIAL
            assert any(key in line for line in at.differences("products"))
            await is_parked(at, "products", key, None)
            at.sim.heal()
            at.clock.passed_s += 3600
            run = await pulled(at, "products")
            assert run.outcome is Outcome.DONE
            assert at.differences("products") == []
            assert await parked(at) == []

    asyncio.run(scene())


async def pulled(at: Desk, name: str) -> Run:
    """One complete look at a resource."""
    [run] = await at.pull(name)
    return run


async def parked(at: Desk) -> list[Parked]:
    """What is parked of the shop."""
    return await at.disk.reader.run(lambda tx: tx.books.parked(at.shop.id))


async def is_parked(at: Desk, name: str, key: str, path: str | None) -> None:
    """Exactly this one is parked, with the path that failed, a reason, and an excerpt that is short."""
    [one] = await parked(at)
    assert (one.resource, one.key) == (name, key)
    assert path is None or one.path == path
    assert one.path
    assert one.reason
    assert len(one.sample) < 200
