"""Edits made with plain SQL reach the shop, once; both sides end the same (design section 8)."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from syncd.domain.policy import Choice, Policy
from syncd.domain.run import Outcome
from syncd.engine.push_worker import PushWorker
from syncd.errors import DatabaseBusy
from syncd.simulator.switches import FILTERS, Switches
from syncd.simulator.transport import Faults
from tests.engine.push_kit import PushDesk, push_desk
from tests.support.databases import TestDatabase

SHOP: dict[str, Any] = {"products": 12, "orders": 14, "customers": 10, "categories": 6}
RICH = Switches.named("rich").flipped(["page_size=20", f"filters={FILTERS}"])
NAMES = ("products", "orders", "customers", "categories")


def _title(desk: PushDesk, key: str) -> Any:
    record = desk.at.sim.record("products", key)
    assert record is not None
    return record["title"]


def _bare(value: Any) -> Any:
    """A child list without the ids that some shops issue anew at each write."""
    if not isinstance(value, list):
        return value
    return [{name: part for name, part in element.items() if name != "id"} for element in value]


def test_an_update_reaches_the_shop_in_two_calls_and_its_echo_costs_nothing(database: TestDatabase) -> None:
    async def scene() -> None:
        async with push_desk(database.url, switches=RICH, **SHOP) as desk:
            key = desk.at.sim.keys("products")[3]
            desk.sql("UPDATE products SET title = 'Renamed here' WHERE id = :id", id=int(key))
            await desk.push()  # the first write answer of a resource may be verified by a read
            assert _title(desk, key) == "Renamed here"
            desk.sql("UPDATE products SET title = 'Renamed again' WHERE id = :id", id=int(key))
            before = desk.at.calls()
            run = await desk.push()
            assert (run.outcome, run.counts["updated"]) == (Outcome.DONE, 1)
            assert desk.at.calls() - before <= 2
            assert _title(desk, key) == "Renamed again"
            pulled = await desk.pull("products")
            assert (pulled[0].counts["updated"], pulled[0].counts["inserted"]) == (0, 0)
            writes = len(desk.at.sim.books.writes)
            assert (await desk.push()).counts["updated"] == 0
            assert len(desk.at.sim.books.writes) == writes
            assert desk.at.differences(*NAMES) == []

    asyncio.run(scene())


def test_edits_of_different_fields_merge_without_asking(database: TestDatabase) -> None:
    async def scene() -> None:
        async with push_desk(database.url, switches=RICH, **SHOP) as desk:
            key = desk.at.sim.keys("products")[1]
            desk.sql("UPDATE products SET title = 'Mine' WHERE id = :id", id=int(key))
            desk.at.sim.edit("products", key, {"comment": "Theirs"})
            await desk.push()
            record = desk.at.sim.record("products", key)
            assert record is not None
            assert (record["title"], record["comment"]) == ("Mine", "Theirs")
            row = desk.one("SELECT title, comment FROM products WHERE id = :id", id=int(key))
            assert row == {"title": "Mine", "comment": "Theirs"}
            assert desk.sql("SELECT * FROM sync_conflicts") == []

    asyncio.run(scene())


@pytest.mark.parametrize(("choice", "winner"), [("local", "Mine"), ("remote", "Theirs")])
def test_the_same_field_on_both_sides_is_asked_about_and_resolved_by_sql(
    database: TestDatabase, choice: str, winner: str
) -> None:
    async def scene() -> None:
        async with push_desk(database.url, switches=RICH, **SHOP) as desk:
            key = desk.at.sim.keys("products")[2]
            desk.sql("UPDATE products SET title = 'Mine', version = '7' WHERE id = :id", id=int(key))
            desk.at.sim.edit("products", key, {"title": "Theirs"})
            await desk.push()
            record = desk.at.sim.record("products", key)
            assert record is not None
            assert (record["title"], record["version"]) == ("Theirs", "7")  # the rest of the record went on
            conflict = desk.one("SELECT path, local, remote FROM sync_conflicts WHERE resolution IS NULL")
            assert conflict["path"] == "title"
            assert "Mine" in conflict["local"]
            assert "Theirs" in conflict["remote"]
            for _ in range(2):  # it stays one conflict, whoever looks
                await desk.pull("products")
                await desk.push()
            assert len(desk.sql("SELECT id FROM sync_conflicts")) == 1
            desk.sql(f"UPDATE sync_conflicts SET resolution = '{choice}' WHERE path = 'title'")
            await desk.at.worker.looks([resource for resource in desk.at.resources() if resource.name == "products"])
            await desk.push()
            assert _title(desk, key) == winner
            assert desk.one("SELECT title FROM products WHERE id = :id", id=int(key))["title"] == winner
            assert desk.sql("SELECT id FROM sync_conflicts") == []

    asyncio.run(scene())


def test_a_customer_with_two_addresses_and_an_order_are_created_once(database: TestDatabase) -> None:
    async def scene() -> None:
        async with push_desk(database.url, switches=RICH, **SHOP) as desk:
            shop = desk.at.shop.id
            desk.sql(
                "INSERT INTO customers (shop_id, email, first_name, last_name)"
                " VALUES (:shop, 'ada@example.org', 'Ada', 'L')",
                shop=shop,
            )
            row = desk.one("SELECT row_id FROM customers WHERE email = 'ada@example.org'")["row_id"]
            for ordinal, city in enumerate(("London", "Turin")):
                desk.sql(
                    "INSERT INTO customer_addresses (shop_id, parent_row_id, ordinal, first_name, last_name, city, zip)"
                    " VALUES (:shop, :row, :ordinal, 'Ada', 'L', :city, '1')",
                    shop=shop,
                    row=row,
                    ordinal=ordinal,
                    city=city,
                )
            await desk.push()
            assert desk.at.sim.books.creates == []  # people insert parent and children in separate statements
            await desk.quiet()
            await desk.push()
            await desk.push()
            created = desk.one("SELECT id, token FROM customers WHERE row_id = :row", row=row)
            assert created["token"]
            record = desk.at.sim.record("customers", created["token"])
            assert record is not None
            assert sorted(address["city"] for address in record["addresses"]) == ["London", "Turin"]
            await desk.pull()
            await desk.push()
            assert desk.at.differences(*NAMES) == []
            assert len(desk.sql("SELECT row_id FROM customers WHERE email = 'ada@example.org'")) == 1

    asyncio.run(scene())


def test_an_order_whose_line_items_follow_later_is_one_whole_order(database: TestDatabase) -> None:
    async def scene() -> None:
        async with push_desk(database.url, switches=RICH, **SHOP) as desk:
            shop = desk.at.shop.id
            token = desk.at.sim.keys("customers")[0]
            product = desk.one("SELECT product_id FROM products ORDER BY id LIMIT 1")["product_id"]
            email = desk.one("SELECT email FROM customers WHERE token = :token", token=token)["email"]
            before = len(desk.at.sim.keys("orders"))
            desk.sql("INSERT INTO orders (shop_id, email) VALUES (:shop, :email)", shop=shop, email=email)
            await desk.push()
            desk.at.clock.passed_s += 2
            row = desk.one("SELECT max(row_id) AS row_id FROM orders")["row_id"]
            desk.sql(
                "INSERT INTO order_line_items (shop_id, parent_row_id, ordinal, product_id, license_id, quantity)"
                " VALUES (:shop, :row, 0, :product, 1, 2)",
                shop=shop,
                row=row,
                product=product,
            )
            await desk.push()
            assert len(desk.at.sim.keys("orders")) == before
            await desk.quiet()
            await desk.push()
            placed = desk.one("SELECT id, order_number FROM orders WHERE row_id = :row", row=row)
            assert placed["id"] is not None
            assert placed["order_number"]
            record = desk.at.sim.record("orders", str(placed["id"]))
            assert record is not None
            assert [item["quantity"] for item in record["line_items"]] == [2]
            await desk.pull()
            assert desk.at.differences(*NAMES) == []

    asyncio.run(scene())


@pytest.mark.parametrize("lost", ["answer_lost", "timed_out", "half_body"])
def test_a_write_whose_answer_is_lost_settles_once(database: TestDatabase, lost: str) -> None:
    async def scene() -> None:
        async with push_desk(database.url, switches=RICH, **SHOP) as desk:
            key = desk.at.sim.keys("products")[0]
            desk.sql("UPDATE products SET title = 'Only once' WHERE id = :id", id=int(key))
            desk.sql(
                "INSERT INTO customers (shop_id, email, first_name) VALUES (:shop, 'bob@example.org', 'Bob')",
                shop=desk.at.shop.id,
            )
            await desk.quiet()
            desk.at.wire.faults = Faults(**{lost: 0.5}, spared=())
            for _ in range(25):
                await desk.push()
                desk.at.clock.passed_s += 120
            desk.at.wire.faults = Faults.none()
            for _ in range(6):
                await desk.push()
                await desk.pull(quick=True)
                desk.at.clock.passed_s += 120
            assert _title(desk, key) == "Only once"
            made = [each for each in desk.at.sim.books.creates if each.resource == "customers" and each.by != "shop"]
            assert len(made) == 1
            assert desk.sql("SELECT * FROM sync_outbox") == []
            await desk.pull()
            assert desk.at.differences(*NAMES) == []

    asyncio.run(scene())


@pytest.mark.parametrize(
    "character",
    [
        ("put=whole",),
        ("child_lists=merge",),
        ("put=whole", "child_ids_anew=true", "flags=ints"),
        ("trimmed_fields=title,comment",),
        ("ignored_fields=version",),
        ("generation=v1", "times=v1"),
    ],
    ids="+".join,
)
def test_no_kind_of_shop_makes_a_loop_a_false_conflict_or_a_loss(
    database: TestDatabase, character: tuple[str, ...]
) -> None:
    async def scene() -> None:
        switches = RICH.flipped(["child_lists=replace", *character])
        async with push_desk(database.url, switches=switches, **SHOP) as desk:
            key = desk.at.sim.keys("products")[4]
            before = desk.at.sim.record("products", key)
            assert before is not None
            desk.sql(
                "UPDATE products SET title = ' Spaced ', version = '9.9' WHERE id = :id",
                "UPDATE product_locales SET title = 'Locale here' WHERE parent_row_id ="
                " (SELECT row_id FROM products WHERE id = :id) AND language_id = 'en'",
                id=int(key),
            )
            for _ in range(3):
                await desk.push()
                await desk.pull("products")
            after = desk.at.sim.record("products", key)
            assert after is not None
            assert after["title"].strip() == "Spaced"
            assert after["version"] == (before["version"] if "ignored_fields=version" in character else "9.9")
            kept = {name for name, value in before.items() if name not in ("title", "version", "updated_at", "locales")}
            assert {name: _bare(after.get(name)) for name in kept} == {name: _bare(before[name]) for name in kept}
            assert "Locale here" in [locale["title"] for locale in after["locales"]]
            assert desk.sql("SELECT * FROM sync_conflicts") == []
            assert desk.sql("SELECT * FROM sync_outbox") == []
            writes = len(desk.at.sim.books.writes)
            for _ in range(2):
                await desk.push()
            assert len(desk.at.sim.books.writes) == writes  # no loop
            assert desk.at.differences("products") == []
            refused = desk.sql("SELECT path FROM sync_refused_edits")
            assert [row["path"] for row in refused] == (["version"] if "ignored_fields=version" in character else [])

    asyncio.run(scene())


def test_what_the_api_cannot_take_is_refused_and_shown(database: TestDatabase) -> None:
    async def scene() -> None:
        async with push_desk(database.url, switches=RICH, **SHOP) as desk:
            key = desk.at.sim.keys("products")[0]
            was = desk.one("SELECT owner_company_id FROM products WHERE id = :id", id=int(key))
            desk.sql(
                "UPDATE products SET owner_company_id = 99 WHERE id = :id",
                "DELETE FROM categories WHERE id = (SELECT min(id) FROM categories)",
                id=int(key),
            )
            await desk.push()
            assert desk.at.sim.books.writes == [] or all(each.by == "shop" for each in desk.at.sim.books.writes)
            assert desk.one("SELECT owner_company_id FROM products WHERE id = :id", id=int(key)) == was
            refused = {(row["resource"], row["path"]) for row in desk.sql("SELECT * FROM sync_refused_edits")}
            assert refused == {("products", "owner_company_id"), ("categories", "")}
            assert desk.at.differences(*NAMES) == []

    asyncio.run(scene())


def test_deletes_go_to_the_shop_only_when_switched_on(database: TestDatabase) -> None:
    async def scene() -> None:
        policies = {"categories": Policy(deletes=True)}
        async with push_desk(database.url, switches=RICH, policies=policies, **SHOP) as desk:
            key = desk.at.sim.keys("categories")[-1]
            desk.sql("DELETE FROM categories WHERE id = :id", id=int(key))
            await desk.push()
            assert key not in desk.at.sim.keys("categories")
            await desk.pull("categories")
            assert desk.at.differences("categories") == []

    asyncio.run(scene())


def test_a_policy_decides_where_it_is_told_to(database: TestDatabase) -> None:
    async def scene() -> None:
        policies = {"products": Policy({"title": Choice.LOCAL, "comment": Choice.REMOTE})}
        async with push_desk(database.url, switches=RICH, policies=policies, **SHOP) as desk:
            key = desk.at.sim.keys("products")[2]
            desk.sql("UPDATE products SET title = 'Mine', comment = 'Mine' WHERE id = :id", id=int(key))
            desk.at.sim.edit("products", key, {"title": "Theirs", "comment": "Theirs"})
            await desk.push()
            record = desk.at.sim.record("products", key)
            assert record is not None
            assert (record["title"], record["comment"]) == ("Mine", "Theirs")
            assert desk.at.differences("products") == []

    asyncio.run(scene())


def test_many_edits_at_once_wait_for_a_person(database: TestDatabase) -> None:
    async def scene() -> None:
        async with push_desk(database.url, switches=RICH, **{**SHOP, "products": 80}) as desk:
            desk.sql("UPDATE products SET version = 'all'")
            run = await desk.push()
            assert run.outcome is Outcome.PARTIAL
            assert all(each.by == "shop" for each in desk.at.sim.books.writes)
            states = desk.sql("SELECT state, count(*) AS n FROM sync_outbox GROUP BY state")
            assert [dict(row) for row in states] == [{"state": "held", "n": 80}]
            desk.sql("UPDATE sync_outbox SET state = 'ready'")
            await desk.push()
            assert desk.sql("SELECT * FROM sync_outbox") == []
            await desk.pull("products")
            assert desk.at.differences("products") == []

    asyncio.run(scene())


def test_a_row_deleted_and_inserted_anew_is_the_same_record(database: TestDatabase) -> None:
    async def scene() -> None:
        async with push_desk(database.url, switches=RICH, **SHOP) as desk:
            row = dict(desk.one("SELECT * FROM categories ORDER BY id LIMIT 1"))
            old_row_id = row.pop("row_id")
            row |= {"title": "Written anew", "extra": "{}"}
            names = ", ".join(row)
            values = ", ".join(f":{name}" for name in row)
            desk.sql("DELETE FROM categories WHERE row_id = :row_id", row_id=old_row_id)
            desk.sql(f"INSERT INTO categories ({names}) VALUES ({values})", **row)
            await desk.push()
            record = desk.at.sim.record("categories", str(row["id"]))
            assert record is not None
            assert record["title"] == "Written anew"
            assert desk.at.sim.books.creates == []
            await desk.pull("categories")
            assert desk.at.differences("categories") == []

    asyncio.run(scene())


def test_an_edit_of_a_read_only_resource_is_refused_and_undone(database: TestDatabase) -> None:
    async def scene() -> None:
        async with push_desk(database.url, switches=RICH, **SHOP) as desk:
            desk.sql("UPDATE prices SET title = 'Cheap'")
            await desk.push()
            assert desk.sql("SELECT * FROM prices WHERE title = 'Cheap'") == []
            reasons = {row["reason"] for row in desk.sql("SELECT reason FROM sync_refused_edits")}
            assert len(reasons) == 1
            assert desk.sql("SELECT * FROM sync_outbox") == []

    asyncio.run(scene())


def test_a_tombstone_is_the_daemons_word(database: TestDatabase) -> None:
    async def scene() -> None:
        async with push_desk(database.url, switches=RICH, **SHOP) as desk:
            desk.sql("UPDATE categories SET deleted_at = created_at")
            await desk.push()
            assert desk.sql("SELECT * FROM categories WHERE deleted_at IS NOT NULL") == []
            paths = {row["path"] for row in desk.sql("SELECT path FROM sync_refused_edits")}
            assert paths == {"deleted_at"}
            assert desk.at.differences("categories") == []

    asyncio.run(scene())


def test_a_mirror_restored_to_before_a_create_does_not_repeat_it(make_database: Any) -> None:
    """The outbox of an older mirror knows nothing of the create that left; the journal beside it does."""

    async def scene(database: TestDatabase) -> None:
        async with push_desk(database.url, switches=RICH, **SHOP) as desk:
            desk.sql("INSERT INTO categories (shop_id, title) VALUES (:shop, 'Made once')", shop=desk.at.shop.id)
            await desk.quiet()
            desk.at.wire.faults = Faults(answer_lost=1.0)
            await desk.push()
            desk.at.wire.faults = Faults.none()
            made = [each for each in desk.at.sim.books.creates if each.resource == "categories"]
            assert len(made) == 1
            # What a restored mirror would say: the row is there, its change is not.
            desk.sql(
                "DELETE FROM sync_outbox",
                "INSERT INTO sync_hints (shop_id, resource, row_id, source)"
                " SELECT shop_id, 'categories', row_id, 'local' FROM categories WHERE title = 'Made once'",
            )
            again = desk.afresh()
            for _ in range(8):
                await again.push()
                desk.at.clock.passed_s += 120
            made = [each for each in desk.at.sim.books.creates if each.resource == "categories"]
            assert len(made) == 1
            assert desk.one("SELECT id FROM categories WHERE title = 'Made once'")["id"] is not None

    asyncio.run(scene(make_database("sqlite")))


def test_edits_of_different_addresses_of_one_customer_merge_without_asking(database: TestDatabase) -> None:
    async def scene() -> None:
        async with push_desk(database.url, switches=RICH, **{**SHOP, "customers": 30}) as desk:
            rows = desk.sql(
                "SELECT parent_row_id, min(token) AS one, max(token) AS other FROM customer_addresses"
                " GROUP BY parent_row_id HAVING count(*) >= 2 ORDER BY parent_row_id"
            )
            mine, theirs = rows[0]["one"], rows[0]["other"]
            owner = desk.one("SELECT token FROM customers WHERE row_id = :row", row=rows[0]["parent_row_id"])["token"]
            desk.sql("UPDATE customer_addresses SET city = 'Here' WHERE token = :token", token=mine)
            desk.at.sim.edit("customer_addresses", theirs, {"city": "There"})
            await desk.push()
            record = desk.at.sim.record("customers", owner)
            assert record is not None
            cities = {address["token"]: address["city"] for address in record["addresses"]}
            assert (cities[mine], cities[theirs]) == ("Here", "There")
            await desk.pull("customers")
            assert desk.sql("SELECT * FROM sync_conflicts") == []
            assert desk.at.differences("customers") == []

    asyncio.run(scene())


@pytest.mark.parametrize("moment", [1, 2, 3, 4])
def test_a_create_is_not_repeated_where_the_database_was_busy_after_it(make_database: Any, moment: int) -> None:
    """The shop answered, and then one of the next transactions found the database locked."""

    class Door:
        """A writer that is busy at the n-th transaction after the shop made something."""

        def __init__(self, desk: PushDesk, real: Any, left: list[int]) -> None:
            self._desk, self._real, self._left = desk, real, left

        async def run(self, f: Any) -> Any:
            if self._desk.at.sim.books.creates:
                self._left[0] -= 1
                if self._left[0] == 0:
                    raise DatabaseBusy("the database is locked")
            return await self._real.run(f)

    async def scene(database: TestDatabase) -> None:
        async with push_desk(database.url, switches=RICH, **SHOP) as desk:
            desk.sql("INSERT INTO products (shop_id, title) VALUES (:shop, 'Made once')", shop=desk.at.shop.id)
            await desk.quiet()
            disk, left = desk.at.disk, [moment]
            doors: Any = SimpleNamespace(
                mirror=Door(desk, disk.mirror, left), state=Door(desk, disk.state, left), reader=disk.reader
            )
            pusher = PushWorker(replace(desk.hands, disk=doors, learned={}), desk.at.worker)
            for _ in range(10):
                await pusher.push()
                desk.at.clock.passed_s += 120
            made = [each for each in desk.at.sim.books.creates if each.resource == "products"]
            assert len(made) == 1
            assert desk.sql("SELECT * FROM sync_outbox") == []
            await desk.pull("products")
            assert desk.at.differences("products") == []

    asyncio.run(scene(make_database("sqlite")))
