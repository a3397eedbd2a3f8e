"""What counts as a look for a create whose answer was lost, and what is known again by it (design section 8)."""

import asyncio
from typing import Any

import httpx
import pytest

from syncd.domain.run import Outcome
from syncd.simulator.switches import Switches
from tests.engine.push_kit import PushDesk
from tests.engine.tapped import Tap, lost, tapped_desk
from tests.support.databases import TestDatabase

SHOP: dict[str, Any] = {"products": 4, "orders": 3, "customers": 4, "categories": 3}
PLAIN = Switches.named("rich").flipped(["filters=none"])  # new categories are found by a trimmed walk only


def _lose_creates(number: int, request: httpx.Request) -> None:
    if request.method == "POST":
        raise lost(request)


async def _create_and_lose(desk: PushDesk, tap: Tap, table: str, **values: Any) -> str:
    """A new row is sent, the shop makes the record, and nobody here hears of it; the key it has there."""
    names = ["shop_id", *values]
    marks = ", ".join(f":{name}" for name in names)
    desk.sql(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", shop_id=desk.at.shop.id, **values)
    await desk.quiet()
    before = set(desk.at.sim.keys(table))
    tap.rewind(after=_lose_creates)
    run = await desk.push()
    tap.rewind()
    assert run.outcome is Outcome.LATER
    assert desk.one("SELECT state FROM sync_outbox")["state"] == "in_doubt"
    (key,) = set(desk.at.sim.keys(table)) - before
    return str(key)


async def _settle(desk: PushDesk, pushes: int) -> None:
    for _ in range(pushes):
        desk.at.clock.passed_s += 90.0
        await desk.push()


@pytest.mark.parametrize(
    ("table", "more"),
    [("categories", {"parent_id": 0}), ("products", {"version": "1.0", "product_type": 1})],
    ids=["category", "product"],
)
def test_a_lost_create_is_known_by_its_name_though_somebody_edited_it_there(
    database: TestDatabase, table: str, more: dict[str, Any]
) -> None:
    async def scene() -> None:
        async with tapped_desk(database.url, switches=PLAIN, **SHOP) as (desk, tap):
            key = await _create_and_lose(desk, tap, table, title="Charts", comment="mine", **more)
            desk.at.sim.edit(table, key, {"comment": "theirs"})
            await _settle(desk, 4)
            rows = desk.sql(f"SELECT id FROM {table} WHERE title = 'Charts'")
            assert [str(row["id"]) for row in rows] == [key]
            assert [each.resource for each in desk.at.sim.books.creates] == [table]
            assert desk.sql("SELECT * FROM sync_outbox") == []
            asked = desk.sql("SELECT path, local, remote FROM sync_conflicts")
            assert [(row["path"], row["local"], row["remote"]) for row in asked] == [("comment", '"mine"', '"theirs"')]

    asyncio.run(scene())


def test_of_two_lost_creates_with_one_name_the_edited_one_is_told_from_the_other(database: TestDatabase) -> None:
    async def scene() -> None:
        async with tapped_desk(database.url, switches=PLAIN, **SHOP) as (desk, tap):
            edited = await _create_and_lose(desk, tap, "categories", title="Charts", comment="one", parent_id=0)
            desk.sql("UPDATE sync_outbox SET due_at = '2999-01-01 00:00:00'")  # so that the other one leaves first
            desk.sql(
                "INSERT INTO categories (shop_id, title, comment, parent_id) VALUES (:shop, 'Charts', 'two', 0)",
                shop=desk.at.shop.id,
            )
            await desk.quiet()
            tap.rewind(after=_lose_creates)
            await desk.push()
            tap.rewind()
            desk.at.sim.edit("categories", edited, {"comment": "theirs"})
            desk.sql("UPDATE sync_outbox SET due_at = NULL")
            await _settle(desk, 4)
            rows = desk.sql("SELECT id, comment FROM categories WHERE title = 'Charts' ORDER BY row_id")
            assert [(str(row["id"]) == edited, row["comment"]) for row in rows] == [(True, "one"), (False, "two")]
            assert len(desk.at.sim.books.creates) == 2
            assert desk.sql("SELECT * FROM sync_outbox") == []

    asyncio.run(scene())


def test_a_walk_that_was_begun_before_the_create_is_no_look_for_it(database: TestDatabase) -> None:
    """The walk stopped at its second page, and the new record is on the first: to go on there would show nothing."""

    async def scene() -> None:
        async with tapped_desk(database.url, switches=PLAIN, **SHOP) as (desk, tap):

            def stop_at_page_2(number: int, request: httpx.Request) -> None:
                if request.url.params.get("Page") == "2":
                    raise httpx.ConnectError("All connection attempts failed", request=request)

            tap.rewind(before=stop_at_page_2)
            (stopped,) = await desk.pull("categories", quick=True)
            assert stopped.outcome is Outcome.LATER
            key = await _create_and_lose(desk, tap, "categories", title="Charts", parent_id=0)
            await _settle(desk, 1)
            assert str(desk.one("SELECT id FROM categories WHERE title = 'Charts'")["id"]) == key
            assert desk.sql("SELECT * FROM sync_outbox") == []

    asyncio.run(scene())
