"""Undo goes back to what a record was, as a new edit; dropping a change gives the mirror back what base says."""

import asyncio
from typing import Any

import pytest

from syncd.domain.policy import Policy
from syncd.domain.resources import BY_NAME, CUSTOMERS, PRODUCTS
from syncd.engine.sighting import Scope
from syncd.engine.undo import Undone, drop, undo
from syncd.errors import UsageProblem
from syncd.simulator.switches import FILTERS, Switches
from tests.engine.push_kit import PushDesk, push_desk
from tests.support.databases import TestDatabase

SHOP: dict[str, Any] = {"products": 6, "orders": 4, "customers": 6, "categories": 4}
RICH = Switches.named("rich").flipped(["page_size=20", f"filters={FILTERS}", "child_lists=replace"])


def _scope(desk: PushDesk, name: str = "products") -> Scope:
    return Scope(desk.at.shop.id, BY_NAME[name], Policy(), desk.at.clock.now())


async def _undo(desk: PushDesk, key: str, to: Any) -> Undone:
    return await desk.at.disk.mirror.run(lambda tx: undo(tx, _scope(desk), key, to))


def _shown(desk: PushDesk, key: str, *names: str) -> list[Any]:
    record = desk.at.sim.record("products", key)
    assert record is not None
    return [record[name] for name in names]


def _titles(desk: PushDesk, key: str) -> list[str]:
    record = desk.at.sim.record("products", key)
    assert record is not None
    return sorted(locale["title"] for locale in record["locales"])


def test_an_undo_is_a_new_edit_that_reaches_the_shop(database: TestDatabase) -> None:
    async def scene() -> None:
        async with push_desk(database.url, switches=RICH, **SHOP) as desk:
            key = desk.at.sim.keys("products")[2]
            before, locales = _shown(desk, key, "title", "version"), _titles(desk, key)
            start = desk.at.clock.now()
            for step in ("one", "two"):
                desk.at.clock.passed_s += 60
                desk.sql(f"UPDATE products SET title = 'Title {step}', version = '{step}' WHERE id = :id", id=int(key))
                desk.sql(
                    f"UPDATE product_locales SET title = 'Locale {step}' WHERE language_id = 'en' AND parent_row_id ="
                    " (SELECT row_id FROM products WHERE id = :id)",
                    id=int(key),
                )
                await desk.push()
            assert _shown(desk, key, "title") == ["Title two"]
            desk.at.clock.passed_s += 60
            half = start + (desk.at.clock.now() - start) / 2
            assert (await _undo(desk, key, half)).restored.keys() == {"title", "version", "locales"}
            await desk.push()
            assert _shown(desk, key, "title", "version") == ["Title one", "one"]
            desk.at.clock.passed_s += 60
            undone = await _undo(desk, key, start)
            assert undone.restored["title"] == ('"Title one"', f'"{before[0]}"')
            assert undone.left == []
            await desk.push()
            assert _shown(desk, key, "title", "version") == before
            assert _titles(desk, key) == locales
            assert desk.at.differences("products") == []
            assert (await _undo(desk, key, desk.at.clock.now())).restored == {}
            assert desk.sql("SELECT * FROM sync_outbox") == []

    asyncio.run(scene())


def test_what_only_the_shop_sets_is_left_and_named(database: TestDatabase) -> None:
    async def scene() -> None:
        async with push_desk(database.url, switches=RICH, **SHOP) as desk:
            key, start = desk.at.sim.keys("products")[0], desk.at.clock.now()
            desk.at.clock.passed_s += 60
            desk.at.sim.edit("products", key, {"title": "Theirs", "owner_company_id": 77})
            await desk.pull("products")
            undone = await _undo(desk, key, start)
            assert list(undone.restored) == ["title"]
            assert undone.left == [("owner_company_id", "only the shop sets this")]

    asyncio.run(scene())


def test_no_undo_goes_behind_the_creation_of_a_record_or_its_end(database: TestDatabase) -> None:
    async def scene() -> None:
        async with push_desk(database.url, switches=RICH, **SHOP) as desk:
            start = desk.at.clock.now()
            desk.at.clock.passed_s += 60
            desk.sql("INSERT INTO categories (shop_id, title) VALUES (:shop, 'New')", shop=desk.at.shop.id)
            await desk.quiet()
            await desk.push()
            made = str(desk.one("SELECT id FROM categories WHERE title = 'New'")["id"])
            scope = _scope(desk, "categories")
            with pytest.raises(UsageProblem, match="was created later"):
                await desk.at.disk.mirror.run(lambda tx: undo(tx, scope, made, start))
            with pytest.raises(UsageProblem, match="is not in the mirror"):
                await desk.at.disk.mirror.run(lambda tx: undo(tx, scope, "999999", start))

    asyncio.run(scene())


def test_a_dropped_change_shows_base_again(database: TestDatabase) -> None:
    async def scene() -> None:
        policies = {"categories": Policy(deletes=True)}
        async with push_desk(database.url, switches=RICH, policies=policies, **SHOP) as desk:
            shop, key = desk.at.shop.id, desk.at.sim.keys("products")[1]
            title = _shown(desk, key, "title")[0]
            desk.sql("UPDATE products SET title = 'Wrong' WHERE id = :id", id=int(key))
            row = desk.one("SELECT row_id FROM products WHERE id = :id", id=int(key))["row_id"]
            desk.sql("UPDATE product_locales SET title = 'Wrong' WHERE parent_row_id = :row", row=row)
            desk.sql("DELETE FROM product_categories WHERE parent_row_id = :row", row=row)
            desk.sql("DELETE FROM categories WHERE id = :id", id=int(desk.at.sim.keys("categories")[-1]))
            desk.sql("INSERT INTO customers (shop_id, email) VALUES (:shop, 'x@example.org')", shop=shop)
            await desk.quiet()
            await desk.pusher.notice()
            changes = await desk.pusher.waiting()
            assert sorted(change.verb.value for change in changes) == ["create", "delete", "update"]
            for change in changes:
                policy = policies.get(change.resource, Policy())
                scope = Scope(shop, BY_NAME[change.resource], policy, desk.at.clock.now())
                await desk.at.disk.mirror.run(lambda tx, s=scope, c=change: drop(tx, s, c))
            assert desk.one("SELECT title FROM products WHERE id = :id", id=int(key))["title"] == title
            assert desk.sql("SELECT * FROM customers WHERE email = 'x@example.org'") == []
            await desk.push()
            assert all(each.by == "shop" for each in desk.at.sim.books.writes)
            assert desk.sql("SELECT * FROM sync_outbox") == []
            assert desk.at.differences(PRODUCTS.name, CUSTOMERS.name, "categories") == []

    asyncio.run(scene())
