"""A question that nobody answers costs less and less; whatever changes about it is seen at once."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from syncd.domain.policy import Policy
from syncd.domain.resources import PRODUCTS
from syncd.simulator.switches import FILTERS, Switches
from tests.engine.push_kit import PushDesk, push_desk
from tests.support.databases import TestDatabase

SHOP: dict[str, Any] = {"products": 6, "orders": 3, "customers": 3, "categories": 3}
RICH = Switches.named("rich").flipped([f"filters={FILTERS}"])
POLICIES = {"products": Policy(deletes=True)}
KINDS = ["edited on both sides", "deleted here, edited there", "edited here, deleted there"]
HERE = {
    KINDS[0]: "UPDATE products SET title = 'Mine' WHERE id = :id",
    KINDS[1]: "DELETE FROM products WHERE id = :id",
    KINDS[2]: "UPDATE products SET title = 'Mine' WHERE id = :id",
}


async def _a_while(desk: PushDesk, seconds: float = 300.0) -> None:
    """What the timetable does in that time, but for listings and the other resources."""
    shop_id, now = desk.at.shop.id, desk.at.clock.now()
    await desk.at.disk.mirror.run(lambda tx: tx.local.scan(shop_id, PRODUCTS, 0, 2000, now))
    await desk.push()
    await desk.at.worker.looks([PRODUCTS])
    desk.at.clock.passed_s += seconds


async def _asked(desk: PushDesk, kind: str) -> str:
    key = desk.at.sim.keys("products")[2]
    desk.sql(HERE[kind], id=int(key))
    if kind == KINDS[2]:
        desk.at.sim.delete("products", key)
    else:
        desk.at.sim.edit("products", key, {"title": "Theirs"})
    for _ in range(3):
        await _a_while(desk)
    assert len(desk.sql("SELECT * FROM sync_conflicts")) == 1
    return key


MakeDatabase = Callable[[str], TestDatabase]


@pytest.mark.parametrize(("kind", "on"), [*zip(KINDS, ("sqlite", "sqlite", "postgresql"), strict=True)])
def test_an_open_question_is_looked_at_less_and_less(make_database: MakeDatabase, kind: str, on: str) -> None:
    async def scene() -> None:
        async with push_desk(make_database(on).url, switches=RICH, policies=POLICIES, **SHOP) as desk:
            await _asked(desk, kind)
            spent = []
            for _ in range(2):
                before = desk.at.calls()
                for _ in range(48):
                    await _a_while(desk, 1800)
                spent.append(desk.at.calls() - before)
            assert 0 < spent[0] <= 9
            assert spent[1] <= 2
            assert len(desk.sql("SELECT * FROM sync_conflicts")) == 1

    asyncio.run(scene())


@pytest.mark.parametrize(("kind", "on"), [(KINDS[0], "postgresql"), (KINDS[2], "sqlite")])
def test_an_edit_of_what_is_asked_about_shows_at_once(make_database: MakeDatabase, kind: str, on: str) -> None:
    async def scene() -> None:
        async with push_desk(make_database(on).url, switches=RICH, policies=POLICIES, **SHOP) as desk:
            key = await _asked(desk, kind)
            for _ in range(12):
                await _a_while(desk)
            desk.sql("UPDATE products SET title = 'Mine again' WHERE id = :id", id=int(key))
            before = desk.at.calls()
            await _a_while(desk)
            assert 0 < desk.at.calls() - before <= 2
            assert "Mine again" in desk.one("SELECT local FROM sync_conflicts")["local"]

    asyncio.run(scene())


@pytest.mark.parametrize(("kind", "on"), [(KINDS[0], "sqlite"), (KINDS[1], "postgresql")])
def test_what_the_shop_and_a_person_do_is_seen_at_once(make_database: MakeDatabase, kind: str, on: str) -> None:
    async def scene() -> None:
        async with push_desk(make_database(on).url, switches=RICH, policies=POLICIES, **SHOP) as desk:
            key = await _asked(desk, kind)
            for _ in range(12):
                await _a_while(desk)
            desk.at.sim.edit("products", key, {"title": "Theirs again"})
            await desk.pull("products", quick=True)
            assert "Theirs again" in desk.one("SELECT remote FROM sync_conflicts")["remote"]
            desk.sql("UPDATE sync_conflicts SET resolution = 'remote'")
            await _a_while(desk)
            assert desk.sql("SELECT * FROM sync_conflicts") == []
            assert desk.one("SELECT title FROM products WHERE id = :id", id=int(key))["title"] == "Theirs again"

    asyncio.run(scene())
