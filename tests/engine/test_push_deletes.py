"""Deletions against edits, on either side: nobody's edit vanishes unseen, and a person's choice is carried out."""

import asyncio
from typing import Any

import pytest

from syncd.domain.policy import Policy
from syncd.domain.resources import BY_NAME
from syncd.simulator.switches import FILTERS, Switches
from tests.engine.push_kit import PushDesk, push_desk
from tests.support.databases import TestDatabase

SHOP: dict[str, Any] = {"products": 6, "orders": 4, "customers": 5, "categories": 4, "themes": 1}
RICH = Switches.named("rich").flipped([f"filters={FILTERS}"])
POLICIES = {"categories": Policy(deletes=True), "products": Policy(deletes=True)}


async def _resolve(desk: PushDesk, choice: str) -> None:
    desk.sql(f"UPDATE sync_conflicts SET resolution = '{choice}'")
    await desk.at.worker.looks([BY_NAME["products"]])
    await desk.push()
    await desk.quiet()
    await desk.push()


def _writes(desk: PushDesk) -> list[str]:
    return [f"{each.verb} {each.key}" for each in desk.at.sim.books.writes if each.by == "api"]


@pytest.mark.parametrize("choice", ["local", "remote"])
def test_a_row_deleted_here_and_edited_there_is_asked_about(database: TestDatabase, choice: str) -> None:
    async def scene() -> None:
        async with push_desk(database.url, switches=RICH, policies=POLICIES, **SHOP) as desk:
            key = desk.at.sim.keys("products")[2]
            desk.sql("DELETE FROM products WHERE id = :id", id=int(key))
            desk.at.sim.edit("products", key, {"title": "Theirs"})
            for _ in range(3):
                await desk.push()
                desk.at.clock.passed_s += 120
            assert _writes(desk) == []  # nobody here knew of the edit
            conflict = desk.one("SELECT path, remote FROM sync_conflicts")
            assert conflict["path"] == ""
            assert "Theirs" in conflict["remote"]
            assert desk.sql("SELECT * FROM sync_outbox") == []
            await _resolve(desk, choice)
            assert desk.sql("SELECT * FROM sync_conflicts") == []
            assert (key in desk.at.sim.keys("products")) == (choice == "remote")
            await desk.pull("products")
            assert desk.at.differences("products") == []

    asyncio.run(scene())


@pytest.mark.parametrize("deletes", [False, True])
def test_a_tombstone_deleted_here_is_no_errand_for_the_shop(database: TestDatabase, deletes: bool) -> None:
    """It comes back as it was, like every row that may not be deleted here; where rows may be, it is cleared away."""

    async def scene() -> None:
        policies = {"products": Policy(deletes=deletes)}
        async with push_desk(database.url, switches=RICH, policies=policies, **SHOP) as desk:
            key = desk.at.sim.keys("products")[2]
            desk.at.sim.delete("products", key)
            await desk.pull("products")
            await desk.pull("products")
            tombstone = desk.one("SELECT row_id, deleted_at FROM products WHERE id = :id", id=int(key))
            assert tombstone["deleted_at"] is not None
            calls = desk.at.calls()
            desk.sql("DELETE FROM products WHERE id = :id", id=int(key))
            for _ in range(3):
                desk.at.clock.passed_s += 120
                await desk.push()
                found = desk.sql("SELECT row_id, deleted_at FROM products WHERE id = :id", id=int(key))
                assert [dict(row) for row in found] == ([] if deletes else [dict(tombstone)])
                assert desk.sql("SELECT * FROM sync_outbox") == []
                await desk.pusher.scan()
            assert desk.at.calls() == calls
            refused = [row["path"] for row in desk.sql("SELECT path FROM sync_refused_edits")]
            assert refused == ([] if deletes else [""])
            await desk.pull("products")
            assert desk.at.differences("products") == []

    asyncio.run(scene())


@pytest.mark.parametrize("choice", ["local", "remote"])
def test_a_row_edited_here_and_deleted_there_is_asked_about(database: TestDatabase, choice: str) -> None:
    async def scene() -> None:
        async with push_desk(database.url, switches=RICH, policies=POLICIES, **SHOP) as desk:
            key = desk.at.sim.keys("products")[2]
            desk.sql("UPDATE products SET title = 'Mine' WHERE id = :id", id=int(key))
            desk.at.sim.delete("products", key)
            for _ in range(3):
                await desk.push()
                desk.at.clock.passed_s += 120
            conflict = desk.one("SELECT path, local FROM sync_conflicts")
            assert conflict["path"] == ""
            assert "Mine" in conflict["local"]
            await _resolve(desk, choice)
            assert desk.sql("SELECT * FROM sync_conflicts") == []
            assert desk.sql("SELECT * FROM sync_outbox") == []
            titles = [(desk.at.sim.record("products", each) or {})["title"] for each in desk.at.sim.keys("products")]
            assert titles.count("Mine") == (1 if choice == "local" else 0)
            for _ in range(2):
                await desk.pull("products")
                await desk.push()
            assert desk.at.differences("products") == []
            refused = desk.sql("SELECT path FROM sync_refused_edits")
            assert [row["path"] for row in refused] == ([] if choice == "local" else ["title"])

    asyncio.run(scene())


def test_deleted_on_both_sides_is_over(database: TestDatabase) -> None:
    async def scene() -> None:
        async with push_desk(database.url, switches=RICH, policies=POLICIES, **SHOP) as desk:
            key = desk.at.sim.keys("categories")[0]
            desk.sql("DELETE FROM categories WHERE id = :id", id=int(key))
            desk.at.sim.delete("categories", key)
            for _ in range(2):
                await desk.push()
                await desk.pull("categories")
            assert _writes(desk) == []
            assert desk.sql("SELECT * FROM sync_outbox") == []
            assert desk.sql("SELECT * FROM sync_conflicts") == []
            assert desk.at.differences("categories") == []

    asyncio.run(scene())


@pytest.mark.parametrize("first", ["here", "there"])
def test_a_question_ends_when_the_other_side_deletes_too(database: TestDatabase, first: str) -> None:
    async def scene() -> None:
        async with push_desk(database.url, switches=RICH, policies=POLICIES, **SHOP) as desk:
            key = desk.at.sim.keys("products")[2]
            drop = "DELETE FROM products WHERE id = :id"
            if first == "here":
                desk.sql(drop, id=int(key))
                desk.at.sim.edit("products", key, {"title": "Theirs"})
            else:
                desk.sql("UPDATE products SET title = 'Mine' WHERE id = :id", id=int(key))
                desk.at.sim.delete("products", key)
            await desk.push()
            assert [row["path"] for row in desk.sql("SELECT path FROM sync_conflicts")] == [""]
            if first == "here":
                desk.at.sim.delete("products", key)
            else:
                desk.sql(drop, id=int(key))
            for _ in range(3):
                await desk.push()
                await desk.pull("products")
                desk.at.clock.passed_s += 120
            assert desk.sql("SELECT * FROM sync_conflicts") == []
            assert desk.sql("SELECT * FROM sync_outbox") == []
            assert desk.at.differences("products") == []

    asyncio.run(scene())


def test_a_question_that_comes_up_before_a_delete_leaves_ends_with_the_record(database: TestDatabase) -> None:
    async def scene() -> None:
        async with push_desk(database.url, switches=RICH, policies=POLICIES, **SHOP) as desk:
            key = desk.at.sim.keys("products")[2]
            desk.sql("DELETE FROM products WHERE id = :id", id=int(key))
            await desk.pusher.notice()
            desk.at.sim.edit("products", key, {"title": "Theirs"})
            await desk.pull("products", quick=True)
            assert len(desk.sql("SELECT * FROM sync_conflicts")) == 1
            desk.at.sim.delete("products", key)
            await desk.push()
            await desk.pull("products")
            assert desk.sql("SELECT * FROM sync_conflicts") == []
            assert desk.sql("SELECT * FROM sync_outbox") == []
            assert desk.at.differences("products") == []

    asyncio.run(scene())
