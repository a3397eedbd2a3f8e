"""People write plain SQL with tools of their own; every edit leaves a hint, and the daemon's own writes leave none."""

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import make_url, text

from syncd.domain.ledger import HintSource
from syncd.domain.record import Element, Record
from syncd.domain.resources import CUSTOMERS, ORDERS, RESOURCES
from syncd.domain.shop import Shop
from syncd.store.database import House, Use, address, open_engine, sqlite_module
from syncd.store.disk import open_disk
from syncd.store.migrate import ensure_triggers
from syncd.store.triggers import in_place
from tests.contract.conftest import AT, StillClock, Store, people_engine

MakeStore = Callable[[str], Store]
SHOP = Shop(0, "demo", "https://shop.test", "https://oauth.test", "app", "http://127.0.0.1:8765/", ("orders",))


def order(number: int) -> Record:
    lines = tuple(Element({"id": 10 * number + n, "product_id": f"P-{n}"}) for n in (1, 2))
    return Record({"id": number, "notes": "", "total_price": 100}, {"line_items": lines}, {"channel": "shop"})


def put(store: Store, *numbers: int, shop_id: int = 1) -> list[int]:
    return store.write(lambda tx: tx.mirror.insert(shop_id, ORDERS, [order(n) for n in numbers], AT))


def hints(store: Store) -> list[tuple[Any, ...]]:
    """What is in the queue, which is emptied."""
    found = store.ask("SELECT shop_id, resource, row_id, source FROM sync_hints ORDER BY seq")
    store.people("DELETE FROM sync_hints")
    return found


def local(*row_ids: int, resource: str = "orders", shop_id: int = 1) -> list[tuple[Any, ...]]:
    return [(shop_id, resource, row_id, "local") for row_id in row_ids]


# --- what leaves hints ------------------------------------------------------------------------------------------------


def test_every_kind_of_statement_on_a_record(store: Store) -> None:
    one, two = put(store, 1, 2)
    store.people("UPDATE orders SET notes = 'x'")
    assert hints(store) == local(one, two)
    store.people("UPDATE orders SET total_price = total_price WHERE id = 1")
    assert hints(store) == []
    store.people("DELETE FROM orders WHERE id = 1")
    assert hints(store) == local(one)
    store.people("INSERT INTO orders (shop_id, email) VALUES (1, 'a@b.test')")
    (new,) = [row[0] for row in store.ask("SELECT row_id FROM orders WHERE email IS NOT NULL")]
    assert hints(store) == local(new)
    store.people('UPDATE orders SET extra = \'{"channel":"web"}\' WHERE id = 2')
    assert hints(store) == local(two)
    store.people("UPDATE orders SET deleted_at = '2026-11-02 00:00:00' WHERE id = 2")
    assert hints(store) == local(two)
    assert store.ask("SELECT count(*) FROM sync_hints WHERE left_at IS NOT NULL") == [(0,)]


def test_an_upsert_and_a_replace(make_store: MakeStore) -> None:
    store = make_store("sqlite")
    (row_id,) = put(store, 1)
    store.people("INSERT OR REPLACE INTO orders (row_id, shop_id, id, notes) VALUES (:r, 1, 1, 'new')", r=row_id)
    assert set(hints(store)) == set(local(row_id))
    assert store.read(lambda tx: tx.mirror.changed(1, ORDERS, row_id, row_id)) == [row_id]
    store.people(
        "INSERT INTO orders (row_id, shop_id) VALUES (:r, 1) ON CONFLICT (row_id) DO UPDATE SET notes = 'up'", r=row_id
    )
    assert hints(store) == local(row_id)


def test_what_a_rollback_takes_back_leaves_nothing(store: Store) -> None:
    put(store, 1)
    with store.engine.connect() as connection:
        connection.execute(text("UPDATE orders SET notes = 'x'"))
        connection.rollback()
    assert hints(store) == []


def test_elements_name_their_record_and_a_moved_one_both(store: Store) -> None:
    one, two = put(store, 1, 2)
    store.people("UPDATE order_line_items SET product_id = 'Q' WHERE id = 11")
    assert hints(store) == local(one)
    store.people("INSERT INTO order_line_items (shop_id, parent_row_id, product_id) VALUES (1, :two, 'Q')", two=two)
    store.people("DELETE FROM order_line_items WHERE id = 21")
    assert hints(store) == local(two, two)
    store.people("UPDATE order_line_items SET parent_row_id = :two WHERE id = 11", two=two)
    assert sorted(hints(store)) == local(one, two)


def test_a_changed_row_id_or_shop_names_both(store: Store) -> None:
    (one,) = put(store, 1)
    store.people("UPDATE orders SET shop_id = 2")
    assert sorted(hints(store)) == sorted([*local(one), *local(one, shop_id=2)])
    if store.database.is_sqlite:
        store.people("UPDATE orders SET row_id = 900")
        assert sorted(hints(store)) == local(one, 900, shop_id=2)


def test_every_table_of_people_is_watched(store: Store) -> None:
    for resource in RESOURCES:
        store.people(f"INSERT INTO {resource.table} (shop_id) VALUES (1)")
        assert [row[1:2] + row[3:] for row in hints(store)] == [(resource.name, "local")]
        for child in resource.children:
            store.people(f"INSERT INTO {child.table} (shop_id, parent_row_id) VALUES (1, 77)")
            store.people(f"DELETE FROM {child.table}")
            assert hints(store) == local(77, 77, resource=resource.name)


def test_a_person_who_resolves_a_conflict_in_sql_is_heard(store: Store) -> None:
    values = "1, 'orders', '5', 7, 'notes', '\"a\"', '\"b\"', '\"c\"'"
    store.people(
        "INSERT INTO sync_conflicts (shop_id, resource, key, row_id, path, base, local, remote, since)"
        f" VALUES ({values}, '2026-11-02 09:00:00')"
    )
    assert hints(store) == []
    store.people("UPDATE sync_conflicts SET resolution = 'local'")
    (hint,) = store.read(lambda tx: tx.hints.take(1, None, [HintSource.PERSON], 10, AT))
    assert (hint.resource, hint.key) == ("orders", "5")
    hints(store)
    store.people("UPDATE sync_conflicts SET resolution = 'local'")
    store.people("UPDATE sync_conflicts SET resolution = NULL")
    assert hints(store) == []
    with pytest.raises(Exception, match="sync_conflicts_resolution"):
        store.people("UPDATE sync_conflicts SET resolution = 'mine'")


# --- the daemon's own writes ------------------------------------------------------------------------------------------


def test_own_writes_leave_no_hints_and_people_after_them_do(store: Store) -> None:
    (row_id,) = put(store, 1)
    before = store.write(lambda tx: tx.mirror.load(1, ORDERS, [row_id]))[row_id]
    assert before.local is not None
    changed = Record({**before.local.fields, "notes": "ours"}, {"line_items": ()}, {})
    store.write(lambda tx: tx.mirror.write(1, ORDERS, before, changed, changed, AT))
    store.write(lambda tx: tx.mirror.bury(1, ORDERS, [row_id], AT))
    store.write(lambda tx: tx.mirror.revive(1, ORDERS, [row_id], AT))
    assert hints(store) == []
    store.people("UPDATE orders SET notes = 'theirs'")
    assert hints(store) == local(row_id)


def test_an_own_write_that_fails_leaves_the_capture_on(store: Store) -> None:
    (row_id,) = put(store, 1)

    def fails(tx: Any) -> None:
        tx.mirror.bury(1, ORDERS, [row_id], AT)
        raise KeyError("the power went")

    with pytest.raises(KeyError):
        store.write(fails)
    store.people("UPDATE orders SET notes = 'theirs'")
    assert hints(store) == local(row_id)
    store.write(lambda tx: tx.mirror.bury(1, ORDERS, [row_id], AT))
    assert hints(store) == []


def test_a_removed_shop_leaves_no_hints(store: Store) -> None:
    shop = store.write(lambda tx: tx.books.add_shop(SHOP))
    put(store, 1, shop_id=shop.id)
    store.write(lambda tx: tx.books.remove_shop(shop.id))
    assert hints(store) == []


# --- clients of all kinds ---------------------------------------------------------------------------------------------


def test_on_sqlite_a_client_that_trusts_no_schema_can_write(make_store: MakeStore) -> None:
    store = make_store("sqlite")
    put(store, 1)
    client = sqlite_module().connect(make_url(store.database.url).database)
    client.execute("PRAGMA trusted_schema = OFF")
    client.execute("PRAGMA foreign_keys = ON")
    client.execute("PRAGMA recursive_triggers = ON")
    client.execute("INSERT OR REPLACE INTO orders (row_id, shop_id, notes) SELECT row_id, shop_id, x'00ff' FROM orders")
    client.commit()
    client.close()
    assert hints(store)


def test_on_sqlite_an_attached_mirror_hints_in_its_own_file(make_store: MakeStore, tmp_path: Any) -> None:
    store = make_store("sqlite")
    (row_id,) = put(store, 1)
    client = sqlite_module().connect(tmp_path / "other.db")
    client.execute("CREATE TABLE sync_hints (other)")
    client.execute("ATTACH ? AS mirror", (make_url(store.database.url).database,))
    client.execute("UPDATE mirror.orders SET notes = 'x'")
    client.commit()
    client.close()
    assert hints(store) == local(row_id)


def test_on_sqlite_an_empty_flag_table_does_not_stop_the_capture(make_store: MakeStore) -> None:
    store = make_store("sqlite")
    (row_id,) = put(store, 1)
    store.people("DELETE FROM sync_apply")
    store.people("UPDATE orders SET notes = 'x'")
    assert hints(store) == local(row_id)


def test_on_postgresql_people_need_rights_on_their_tables_only(make_store: MakeStore) -> None:
    store = make_store("postgresql")
    (row_id,) = put(store, 1)
    store.people("DROP ROLE IF EXISTS syncd_editor")
    store.people("CREATE ROLE syncd_editor")
    try:
        store.people("GRANT SELECT, UPDATE ON orders TO syncd_editor")
        with store.engine.begin() as connection:
            connection.execute(text("CREATE TEMP TABLE sync_hints (nothing int)"))
            connection.execute(text("SET LOCAL search_path = pg_temp"))
            connection.execute(text("SET LOCAL ROLE syncd_editor"))
            connection.execute(text("UPDATE public.orders SET notes = 'x'"))
            connection.execute(text("RESET ROLE"))
            connection.execute(text("DROP TABLE pg_temp.sync_hints"))
        assert hints(store) == local(row_id)
    finally:
        store.people("REVOKE ALL ON orders FROM syncd_editor")
        store.people("DROP ROLE syncd_editor")


def test_on_postgresql_truncate_asks_for_a_scan(make_store: MakeStore) -> None:
    store = make_store("postgresql")
    shop = store.write(lambda tx: tx.books.add_shop(SHOP))
    put(store, 1, shop_id=shop.id)
    store.people("TRUNCATE orders")
    assert store.read(lambda tx: tx.local.scan_wanted(shop.id)) == ["orders"]


# --- triggers that are gone -------------------------------------------------------------------------------------------


def _is_in_place(store: Store) -> bool:
    engine = open_engine(address(store.database.url).mirror, House.MIRROR, Use.READ, 1)
    try:
        with engine.connect() as connection:
            return in_place(connection)
    finally:
        engine.dispose()


BREAKAGES = {
    "sqlite": {
        "orders": ["DROP TRIGGER syncd_orders_update"],
        "customers": [
            "DROP TRIGGER syncd_customer_addresses_insert",
            "CREATE TRIGGER syncd_customer_addresses_insert AFTER INSERT ON customer_addresses BEGIN SELECT 1; END",
        ],
        "": ["CREATE TRIGGER syncd_of_yesterday AFTER INSERT ON orders BEGIN SELECT 1; END"],
        "*": ["UPDATE sync_apply SET active = 1"],
    },
    "postgresql": {
        "orders": ["DROP TRIGGER syncd_capture_update ON orders"],
        "customers": ["ALTER TABLE customer_addresses DISABLE TRIGGER syncd_capture"],
        "": ["CREATE TRIGGER syncd_of_yesterday AFTER INSERT ON orders EXECUTE FUNCTION syncd_capture('orders')"],
        "*": [
            "CREATE OR REPLACE FUNCTION syncd_capture() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
        ],
    },
}


@pytest.mark.parametrize("resource", ["orders", "customers", "", "*"])
def test_what_is_missing_is_made_anew_and_looked_for(store: Store, resource: str) -> None:
    shop = store.write(lambda tx: tx.books.add_shop(SHOP))
    (row_id,) = put(store, 1, shop_id=shop.id)
    assert _is_in_place(store)
    for statement in BREAKAGES[store.database.kind][resource]:
        store.people(statement)
    assert not _is_in_place(store)
    hints(store)
    open_disk(store.database.url, clock=StillClock()).close()
    assert _is_in_place(store)
    wanted = store.read(lambda tx: tx.local.scan_wanted(shop.id))
    assert wanted == {"": [], "*": sorted(each.name for each in RESOURCES)}.get(resource, [resource])
    store.people("DELETE FROM sync_hints")
    ensure_triggers(store.database.url)  # nothing to do: no scan is asked for
    store.people("UPDATE orders SET notes = 'seen'")
    assert hints(store) == local(row_id, shop_id=shop.id)


def test_a_scan_marker_is_no_touched_row(store: Store) -> None:
    shop = store.write(lambda tx: tx.books.add_shop(SHOP))
    store.people("INSERT INTO sync_hints (shop_id, resource, source) VALUES (:shop, 'orders', 'scan')", shop=shop.id)
    assert store.write(lambda tx: tx.local.touched(shop.id, AT, 10)) == []
    assert store.read(lambda tx: tx.local.count_touched(shop.id)) == {}
    assert store.read(lambda tx: tx.hints.take(shop.id, None, [HintSource.PERSON], 10, AT)) == []
    assert store.write(lambda tx: tx.local.scan(shop.id, CUSTOMERS, 0, 100, AT)) is None
    assert store.read(lambda tx: tx.local.scan_wanted(shop.id)) == ["orders"]
    assert store.write(lambda tx: tx.local.scan(shop.id, ORDERS, 0, 100, AT)) is None
    assert store.read(lambda tx: tx.local.scan_wanted(shop.id)) == []


def test_the_systems_own_sqlite_reads_these_triggers(make_store: MakeStore) -> None:
    """People's tools bring older libraries. Here on a copy: two libraries in one process must not share a file."""
    store = make_store("sqlite")
    old = sqlite3.connect(":memory:")
    wanted = "sql IS NOT NULL AND name NOT GLOB 'sqlite_*' AND type IN ('table', 'trigger') ORDER BY type = 'trigger'"
    for (statement,) in store.ask(f"SELECT sql FROM sqlite_master WHERE {wanted}"):
        old.execute(statement)
    old.execute("INSERT INTO sync_apply (id, active) VALUES (1, 1)")
    old.execute("INSERT INTO orders (shop_id, id) VALUES (1, 5)")
    old.execute("UPDATE sync_apply SET active = 0")
    old.execute("UPDATE orders SET notes = 'x'")
    assert old.execute("SELECT count(*) FROM sync_hints").fetchone() == (1,)
    old.close()


def test_a_database_of_the_revision_before_keeps_what_it_holds(make_database: Any, request: Any) -> None:
    from alembic import command

    from syncd.store.migrate import _config, upgrade

    for kind in ("sqlite", "postgresql"):
        database = make_database(kind)
        command.upgrade(_config(address(database.url)), "0002")
        engine = people_engine(database)
        with engine.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO shops (name, base_url, oauth_url, client_id, redirect_uri, scopes, granted, state,"
                    " reason) VALUES ('demo', 'a', 'b', 'c', 'd', 'e', 'f', 'active', '')"
                )
            )
            connection.execute(text("INSERT INTO orders (shop_id, id) VALUES (1, 5)"))
            connection.execute(text("INSERT INTO sync_base_orders (row_id, shop_id, id) VALUES (1, 1, 5)"))
        upgrade(database.url)
        disk = open_disk(database.url, clock=StillClock())
        try:
            store = Store(database, disk, engine)
            assert store.read(lambda tx: tx.mirror.count(1, ORDERS)) == 1
            assert store.read(lambda tx: tx.mirror.changed(1, ORDERS, 0, 9)) == []
            assert store.read(lambda tx: tx.local.scan_wanted(1)) == sorted(each.name for each in RESOURCES)
            hints(store)
            store.people("UPDATE orders SET notes = 'x'")
            assert hints(store) == local(1)
        finally:
            engine.dispose()
            disk.close()
