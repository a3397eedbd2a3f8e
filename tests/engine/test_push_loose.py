"""Elements whose record is gone before the shop knew it: refused visibly, and no longer in anybody's reports."""

import asyncio
from typing import Any

from syncd.simulator.switches import FILTERS, Switches
from tests.engine.push_kit import PushDesk, push_desk
from tests.support.databases import TestDatabase

SHOP: dict[str, Any] = {"products": 3, "orders": 2, "customers": 3, "categories": 2}
RICH = Switches.named("rich").flipped([f"filters={FILTERS}"])
CITY = "INSERT INTO customer_addresses (shop_id, parent_row_id, ordinal, city) VALUES (:shop, :row, 0, :city)"


def _new_customer(desk: PushDesk) -> int:
    row = desk.one(
        "INSERT INTO customers (shop_id, email) VALUES (:shop, 'ada@example.org') RETURNING row_id",
        shop=desk.at.shop.id,
    )["row_id"]
    for city in ("London", "Turin"):
        desk.sql(CITY, shop=desk.at.shop.id, row=row, city=city)
    return int(row)


def _loose(desk: PushDesk) -> list[str]:
    rows = desk.sql(
        "SELECT city FROM customer_addresses WHERE parent_row_id NOT IN (SELECT row_id FROM customers) ORDER BY row_id"
    )
    return [row["city"] for row in rows]


def test_the_parts_of_a_record_deleted_before_it_left_are_refused(database: TestDatabase) -> None:
    async def scene() -> None:
        async with push_desk(database.url, switches=RICH, **SHOP) as desk:
            row = _new_customer(desk)
            await desk.push()
            desk.sql("DELETE FROM customers WHERE row_id = :row", row=row)
            await desk.push()
            assert _loose(desk) == ["London", "Turin"]  # the record may still be coming
            await desk.quiet()
            await desk.push()
            assert _loose(desk) == []
            refused = desk.sql("SELECT path, value, reason FROM sync_refused_edits ORDER BY seq")
            assert ["London" in each["value"] for each in refused] == [True, False]
            assert refused[0]["reason"] == "the record that it belonged to is not there"
            line = desk.one("SELECT origin, path, before, after FROM sync_history WHERE row_id = :row", row=row)
            assert (line["origin"], line["path"], line["after"]) == ("local", "addresses", "[]")
            assert "Turin" in line["before"]
            assert await desk.pusher.restless() == 0
            assert [each for each in desk.at.sim.books.writes if each.by == "api"] == []

    asyncio.run(scene())


def test_parts_that_were_noticed_before_the_clock_was_set_back_do_not_wait_for_the_old_time(
    database: TestDatabase,
) -> None:
    async def scene() -> None:
        async with push_desk(database.url, switches=RICH, **SHOP) as desk:
            row = _new_customer(desk)
            desk.sql("DELETE FROM customers WHERE row_id = :row", row=row)
            await desk.push()
            assert _loose(desk) == ["London", "Turin"]
            desk.at.clock.passed_s -= 7200
            await desk.push()
            assert _loose(desk) == []

    asyncio.run(scene())


def test_parts_that_no_trigger_saw_are_found_by_the_comparison(database: TestDatabase) -> None:
    async def scene() -> None:
        async with push_desk(database.url, switches=RICH, **SHOP) as desk:
            desk.sql(CITY, shop=desk.at.shop.id, row=77_000, city="Nowhere")
            desk.sql("DELETE FROM sync_hints")
            await desk.pusher.scan()
            desk.at.clock.passed_s += 60
            await desk.push()
            assert _loose(desk) == []
            assert "Nowhere" in desk.one("SELECT value FROM sync_refused_edits")["value"]
            await desk.pusher.scan()
            assert desk.sql("SELECT * FROM sync_hints WHERE source = 'scan'") == []

    asyncio.run(scene())


def test_parts_that_come_before_their_record_are_waited_for(database: TestDatabase) -> None:
    async def scene() -> None:
        async with push_desk(database.url, switches=RICH, **SHOP) as desk:
            row, own = 88_000, "" if database.url.startswith("sqlite") else "OVERRIDING SYSTEM VALUE"
            desk.sql(CITY, shop=desk.at.shop.id, row=row, city="Early")
            await desk.push()
            desk.sql(
                f"INSERT INTO customers (row_id, shop_id, email) {own} VALUES (:row, :shop, 'late@example.org')",
                shop=desk.at.shop.id,
                row=row,
            )
            await desk.quiet()
            for _ in range(3):
                await desk.push()
            assert desk.sql("SELECT * FROM sync_refused_edits") == []
            created = [each.resource for each in desk.at.sim.books.creates]
            assert created == ["customers", "customer_addresses"]
            assert _loose(desk) == []

    asyncio.run(scene())
