"""Somebody makes the same thing in the shop while the new row here still lies quiet: one record, bound to that row."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from syncd.simulator.switches import FILTERS, Switches
from tests.engine.push_kit import PushDesk, push_desk
from tests.support.databases import TestDatabase

SHOP: dict[str, Any] = {"products": 4, "orders": 3, "customers": 4, "categories": 3}
RICH = Switches.named("rich").flipped([f"filters={FILTERS}"])
MINE = "INSERT INTO customers (shop_id, email, first_name, note) VALUES (:shop, 'ada@example.org', 'Ada', 'Mine')"


async def _end(desk: PushDesk, *names: str) -> None:
    await desk.quiet()
    await desk.push()
    await desk.pull(*names)
    await desk.push()


def _made(desk: PushDesk) -> list[str]:
    return [each.resource for each in desk.at.sim.books.creates]


@pytest.mark.parametrize("noticed", [False, True], ids=["before it was noticed", "after"])
def test_a_customer_made_on_both_sides_at_once_is_one(database: TestDatabase, noticed: bool) -> None:
    async def scene() -> None:
        async with push_desk(database.url, switches=RICH, **SHOP) as desk:
            desk.sql(MINE, shop=desk.at.shop.id)
            if noticed:
                await desk.push()
            made = desk.at.sim.create("customers", {"email": "ada@example.org", "first_name": "Ada", "note": "T"})
            await desk.pull("customers", quick=True)
            rows = desk.sql("SELECT token, note FROM customers WHERE email = 'ada@example.org'")
            assert [row["token"] for row in rows] == [made]
            await _end(desk, "customers")
            assert _made(desk) == []
            assert desk.sql("SELECT * FROM sync_outbox") == []
            asked = desk.sql("SELECT path, local, remote FROM sync_conflicts")
            assert [(row["path"], row["local"], row["remote"]) for row in asked] == [("note", '"Mine"', '"T"')]

    asyncio.run(scene())


def test_a_category_is_the_same_only_if_all_that_was_to_be_sent_is(database: TestDatabase) -> None:
    async def scene() -> None:
        async with push_desk(database.url, switches=RICH, **SHOP) as desk:
            for comment in ("'same'", "'another'"):
                desk.sql(
                    "INSERT INTO categories (shop_id, title, parent_id, comment)"
                    f" VALUES (:shop, 'Charts', 0, {comment})",
                    shop=desk.at.shop.id,
                )
            made = desk.at.sim.create("categories", {"title": "Charts", "parent_id": 0, "comment": "same"})
            await desk.pull("categories", quick=True)
            rows = desk.sql("SELECT id, comment FROM categories WHERE title = 'Charts' ORDER BY row_id")
            assert [(row["id"], row["comment"]) for row in rows] == [(int(made), "same"), (None, "another")]
            await _end(desk, "categories")
            assert _made(desk) == ["categories"]
            assert desk.at.differences("categories") == []

    asyncio.run(scene())


def test_a_row_that_somebody_holds_is_bound_once_it_is_free(make_database: Any) -> None:
    async def scene() -> None:
        async with push_desk(make_database("postgresql").url, switches=RICH, **SHOP) as desk:
            desk.sql(MINE, shop=desk.at.shop.id)
            with desk.engine.begin() as held:
                held.execute(text("UPDATE customers SET last_name = 'L' WHERE email = 'ada@example.org'"))
                made = desk.at.sim.create("customers", {"email": "ada@example.org", "first_name": "Ada"})
                await desk.pull("customers", quick=True)
                assert len(desk.sql("SELECT * FROM customers WHERE email = 'ada@example.org'")) == 1
            await _end(desk, "customers")
            assert desk.one("SELECT token FROM customers WHERE email = 'ada@example.org'")["token"] == made
            assert _made(desk) == []
            asked = {row["path"] for row in desk.sql("SELECT path FROM sync_conflicts")}
            assert asked == {"note", "last_name"}  # the shop has them empty, and nobody knows what was there before

    asyncio.run(scene())
