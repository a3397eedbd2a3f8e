"""What the database refuses for one record's sake parks that record; the rest goes on, and the daemon with it."""

import asyncio
from collections.abc import Callable
from typing import Any

from sqlalchemy import text

from syncd.domain.resources import PRODUCTS
from syncd.domain.run import Outcome
from syncd.simulator.switches import FILTERS, Switches
from tests.engine.push_kit import PushDesk, push_desk
from tests.support.databases import TestDatabase

SHOP: dict[str, Any] = {"products": 6, "orders": 3, "customers": 4, "categories": 3}
RICH = Switches.named("rich").flipped([f"filters={FILTERS}"])
MakeDatabase = Callable[[str], TestDatabase]


def _sqlite(url: str) -> bool:
    return url.startswith("sqlite")


def test_a_constraint_of_somebody_stops_one_record_of_a_page(database: TestDatabase) -> None:
    async def scene() -> None:
        async with push_desk(database.url, switches=RICH, **SHOP) as desk:
            desk.sql("CREATE UNIQUE INDEX mine ON products (gtin) WHERE gtin LIKE 'same%'")
            keys = desk.at.sim.keys("products")
            for key in keys[:3]:
                desk.at.sim.edit("products", key, {"gtin": "same" if key != keys[2] else "other"})
            run = (await desk.pull("products"))[0]
            assert (run.outcome, run.counts["parked"]) == (Outcome.PARTIAL, 1)
            parked = desk.sql("SELECT key, reason FROM sync_parked")
            assert [row["key"] for row in parked] == [keys[1]]
            assert "same" not in parked[0]["reason"]
            desk.sql("DROP INDEX mine")
            assert (await desk.pull("products"))[0].outcome is Outcome.DONE
            assert desk.sql("SELECT * FROM sync_parked") == []
            assert desk.at.differences("products") == []

    asyncio.run(scene())


def test_a_trigger_of_somebody_that_stops_the_answer_parks_the_change(database: TestDatabase) -> None:
    async def scene() -> None:
        async with push_desk(database.url, switches=RICH, **SHOP) as desk:
            key = desk.at.sim.keys("products")[1]
            # What the shop has just now, read before the write, is what the table must not hold.
            if _sqlite(database.url):
                desk.sql(
                    "CREATE TRIGGER mine BEFORE UPDATE OF title ON products WHEN length(NEW.title) <= 4"
                    " BEGIN SELECT RAISE(ABORT, 'too short'); END"
                )
            else:
                desk.sql("ALTER TABLE products ADD CONSTRAINT mine CHECK (length(title) > 4) NOT VALID")
            desk.at.sim.edit("products", key, {"title": "Abc"})
            desk.sql("UPDATE products SET title = 'A title' WHERE id <> :id", id=int(key))
            desk.sql("UPDATE products SET comment = 'Mine' WHERE id = :id", id=int(key))
            run = await desk.push()
            assert run.counts["updated"] == 5
            parked = desk.sql("SELECT key, state, reason FROM sync_outbox")
            assert [(row["key"], row["state"]) for row in parked] == [(key, "parked")]

    asyncio.run(scene())


def test_numbers_that_people_gave_to_rows_are_passed_over(database: TestDatabase) -> None:
    async def scene() -> None:
        async with push_desk(database.url, switches=RICH, **SHOP) as desk:
            last = desk.one("SELECT max(row_id) AS last FROM categories")["last"]
            if _sqlite(database.url):
                desk.sql("UPDATE categories SET row_id = row_id + 1 WHERE row_id = :last", last=last)
            else:
                by_hand = "INSERT INTO categories (row_id, shop_id, title) OVERRIDING SYSTEM VALUE"
                desk.sql(f"{by_hand} VALUES (:row, 1, 'By hand')", row=last + 1)
            made = desk.at.sim.create("categories", {"title": "Theirs", "parent_id": 0})
            run = (await desk.pull("categories", quick=True))[0]
            assert run.outcome is Outcome.DONE
            assert desk.one("SELECT row_id FROM categories WHERE id = :id", id=int(made))["row_id"] == last + 2

    asyncio.run(scene())


async def _refused(desk: PushDesk, statement: str, name: str) -> None:
    key = desk.at.sim.keys("products")[0]
    desk.sql(statement, id=int(key))
    desk.sql("UPDATE products SET comment = 'Fine' WHERE id <> :id", id=int(key))
    for _ in range(2):
        await desk.pusher.scan()
        await desk.push()
    assert [row["path"] for row in desk.sql("SELECT path FROM sync_refused_edits")] == [name]
    assert desk.sql("SELECT * FROM sync_outbox") == []
    assert len(desk.sql("SELECT * FROM products WHERE comment = 'Fine'")) == 5
    await desk.pull("products")
    assert desk.at.differences("products") == []


def test_a_text_that_is_none_is_refused(make_database: MakeDatabase) -> None:
    async def scene() -> None:
        async with push_desk(make_database("sqlite").url, switches=RICH, **SHOP) as desk:
            await _refused(desk, "UPDATE products SET title = CAST(x'ff41' AS TEXT) WHERE id = :id", "title")

    asyncio.run(scene())


def test_a_moment_that_python_has_not_is_refused(make_database: MakeDatabase) -> None:
    async def scene() -> None:
        async with push_desk(make_database("postgresql").url, switches=RICH, **SHOP) as desk:
            await _refused(desk, "UPDATE products SET release_date = 'infinity' WHERE id = :id", "release_date")

    asyncio.run(scene())


def test_two_of_us_never_decide_at_once_about_a_row_that_is_deleted(make_database: MakeDatabase) -> None:
    async def scene() -> None:
        async with push_desk(make_database("postgresql").url, switches=RICH, **SHOP) as desk:
            row = desk.one("SELECT row_id FROM products ORDER BY row_id LIMIT 1")["row_id"]
            desk.sql("DELETE FROM products WHERE row_id = :row", row=row)
            with desk.engine.begin() as held:
                held.execute(text("SELECT row_id FROM sync_base_products WHERE row_id = :row FOR UPDATE"), {"row": row})
                found = await desk.at.disk.mirror.run(lambda tx: tx.mirror.load(desk.at.shop.id, PRODUCTS, [row]))
                assert found == {}
            found = await desk.at.disk.mirror.run(lambda tx: tx.mirror.load(desk.at.shop.id, PRODUCTS, [row]))
            assert found[row].local is None

    asyncio.run(scene())
