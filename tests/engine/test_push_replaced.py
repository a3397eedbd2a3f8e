"""People replace a row (DELETE, then INSERT with the same id) at moments when nobody has noticed it yet: it stays one
record, in the new row, and what was typed into it is sent (design section 9)."""

import asyncio
from typing import Any

import httpx
import pytest

from syncd.simulator.switches import FILTERS, Switches
from tests.engine.push_kit import PushDesk
from tests.engine.tapped import tapped_desk
from tests.support.databases import TestDatabase

SHOP: dict[str, Any] = {"products": 4, "orders": 3, "customers": 4, "categories": 3}
RICH = Switches.named("rich").flipped([f"filters={FILTERS}"])
KEY = 1  # of the shop's products: the second


def _replace(desk: PushDesk, key: str, comment: str) -> None:
    """As a tool does that loads an export: the whole row, one field of it changed, under another row id."""
    row = desk.one("SELECT * FROM products WHERE id = :id", id=int(key))
    names = [each for each in row if each != "row_id"]
    kept = [":comment" if each == "comment" else f'"{each}"' for each in names]
    quoted = ", ".join(f'"{each}"' for each in names)
    desk.sql(
        f"CREATE TABLE kept AS SELECT * FROM products WHERE row_id = {row['row_id']}",
        f"DELETE FROM products WHERE row_id = {row['row_id']}",
        f"INSERT INTO products ({quoted}) SELECT {', '.join(kept)} FROM kept",
        "DROP TABLE kept",
        comment=comment,
    )


async def _quiet(desk: PushDesk, key: str) -> None:
    """Everything that is to come has come: one row, equal to the shop's."""
    for _ in range(2):
        await desk.push()
        await desk.pull("products")
    rows = desk.sql("SELECT row_id FROM products WHERE id = :id", id=int(key))
    assert len(rows) == 1
    assert desk.sql("SELECT * FROM sync_outbox") == []
    assert desk.sql("SELECT * FROM sync_parked") == []
    assert desk.at.differences("products") == []


def test_a_look_at_a_replaced_row_restores_none(database: TestDatabase) -> None:
    async def scene() -> None:
        async with tapped_desk(database.url, switches=RICH, **SHOP) as (desk, _):
            key = desk.at.sim.keys("products")[KEY]
            _replace(desk, key, "mine")
            desk.at.sim.edit("products", key, {"gtin": "theirs"})
            await desk.pull("products", quick=True)
            assert len(desk.sql("SELECT 1 FROM products WHERE id = :id", id=int(key))) == 1
            await _quiet(desk, key)
            record = desk.at.sim.record("products", key)
            assert (record["comment"], record["gtin"]) == ("mine", "theirs")

    asyncio.run(scene())


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_row_may_be_replaced_while_its_change_is_on_its_way(database: TestDatabase, method: str) -> None:
    async def scene() -> None:
        async with tapped_desk(database.url, switches=RICH, **SHOP) as (desk, tap):
            key = desk.at.sim.keys("products")[KEY]
            desk.sql("UPDATE products SET version = '7.0' WHERE id = :id", id=int(key))
            done: list[str] = []

            def act(_number: int, request: httpx.Request) -> None:
                if request.method == method and key in request.url.path and not done:
                    done.append(request.url.path)
                    _replace(desk, key, "mine")

            tap.rewind(before=act)
            await desk.push()
            assert done
            assert len(desk.sql("SELECT 1 FROM products WHERE id = :id", id=int(key))) == 1
            await _quiet(desk, key)
            record = desk.at.sim.record("products", key)
            assert (record["comment"], record["version"]) == ("mine", "7.0")

    asyncio.run(scene())


def test_a_replaced_row_whose_record_is_gone_is_asked_about_and_made_anew_by_nobody(database: TestDatabase) -> None:
    async def scene() -> None:
        async with tapped_desk(database.url, switches=RICH, **SHOP) as (desk, _):
            key = desk.at.sim.keys("products")[KEY]
            _replace(desk, key, "mine")
            desk.at.sim.delete("products", key)
            for _ in range(3):
                await desk.pull("products")
            await desk.push()
            asked = desk.sql("SELECT key, path, local FROM sync_conflicts WHERE resource = 'products'")
            assert [row["key"] for row in asked] == [key]
            assert desk.at.sim.books.creates == []

    asyncio.run(scene())
