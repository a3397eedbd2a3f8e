"""The reporting views answer alike on both databases, and leave out what is gone."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from syncd.domain.capability import Capabilities
from syncd.domain.cursor import Cursor
from syncd.domain.ledger import Brake, HintSource, Known
from syncd.domain.record import Broken, Element, Record, Value
from syncd.domain.resource import Resource
from syncd.domain.resources import CUSTOMERS, FULFILLMENTS, ORDERS, PRICES, PRODUCTS
from syncd.store import report, status
from tests.contract.conftest import AT, Store
from tests.contract.test_sync_facts import SHOP

MORNING = datetime(2026, 11, 2, 0, 30, tzinfo=UTC)
NIGHT = datetime(2026, 11, 1, 23, 59, 59, tzinfo=UTC)


def put(store: Store, resource: Resource, *records: Record) -> list[int]:
    return store.write(lambda tx: tx.mirror.insert(1, resource, records, AT))


def order(number: int, at: datetime, *lines: dict[str, Value], **more: Value) -> Record:
    buyer: dict[str, Value] = {"customer_id": 7, "customer_token": "tok", "customer_email": "a@shop.test"}
    fields: dict[str, Value] = {"id": number, "order_number": f"FR-{number}", "created_at": at, "currency": "EUR"}
    return Record(fields | buyer | more, {"line_items": tuple(Element(line) for line in lines)})


def line(product: str, price: int | None = None, quantity: int | None = 1, **more: Value) -> dict[str, Value]:
    return {"product_id": product, "price": price, "quantity": quantity, "license_id": 16, **more}


def fill(store: Store) -> None:
    store.write(lambda tx: tx.books.add_shop(replace(SHOP, name="demo")))
    shop_id = store.ask("SELECT id FROM shops")[0][0]
    # The views take the shop's name from its number: number 1, as in these records.
    store.people("UPDATE shops SET id = 1 WHERE id = :id", id=shop_id)
    bindings = [
        Element({"license_id": 16, "price_id": 46, "hd": False}),
        Element({"license_id": 16, "price_id": 47, "hd": True}),
        Element({"license_id": 17, "price_id": 48, "hd": False}),
    ]
    put(
        store,
        PRODUCTS,
        Record({"id": 1, "product_id": "P-1", "title": "Film"}, {"price_license_binding": (*bindings,)}),
    )
    for number, cents in ((46, 900), (47, 1400), (48, 1)):
        currencies = (Element({"currency": "eur", "price": cents}), Element({"currency": "usd", "price": cents + 100}))
        put(store, PRICES, Record({"id": number}, {"currencies": currencies}))
    put(
        store,
        ORDERS,
        order(1, NIGHT, line("P-1", 1000, 2), line("P-2", 50, None, title="Book")),
        order(2, MORNING, line("P-1", None, 1, hd=True)),
        order(3, MORNING, line("P-1", None, 3, hd=False), currency="USD", customer_id=8, customer_token="tok8"),
        order(4, MORNING),
        order(5, MORNING, line("P-1", 99999)),
    )
    store.write(lambda tx: tx.mirror.bury(1, ORDERS, _rows(store, "id = 5"), AT))


def _rows(store: Store, where: str) -> list[int]:
    return [row[0] for row in store.ask(f"SELECT row_id FROM orders WHERE {where}")]


def plain(rows: Sequence[tuple[object, ...]]) -> list[tuple[object, ...]]:
    return [tuple(str(v) if isinstance(v, datetime) or hasattr(v, "isoformat") else v for v in row) for row in rows]


def test_sales(store: Store) -> None:
    fill(store)
    days = store.ask("SELECT day, orders, items, revenue_cents, currency FROM sales_per_day ORDER BY day, currency")
    assert plain(days) == [
        ("2026-11-01", 1, 3, 2050, "EUR"),
        ("2026-11-02", 2, 1, 1400, "EUR"),
        ("2026-11-02", 1, 3, 3000, "USD"),
    ]
    products = store.ask(
        "SELECT shop, product_id, title, orders, items, revenue_cents, currency FROM product_sales"
        " ORDER BY product_id, currency"
    )
    assert products == [
        ("demo", "P-1", "Film", 2, 3, 3400, "EUR"),
        ("demo", "P-1", "Film", 1, 3, 3000, "USD"),
        ("demo", "P-2", "Book", 1, 1, 50, "EUR"),
    ]
    buyers = store.ask(
        "SELECT customer, customer_id, email, orders, items, revenue_cents, currency FROM customer_value"
        " ORDER BY customer"
    )
    assert buyers == [
        ("tok", 7, "a@shop.test", 3, 4, 3450, "EUR"),
        ("tok8", 8, "a@shop.test", 1, 3, 3000, "USD"),
    ]
    lines = store.ask(
        "SELECT order_id, quantity, unit_cents, revenue_cents FROM order_lines ORDER BY order_id, product_id"
    )
    assert lines == [(1, 2, 1000, 2000), (1, 1, 50, 50), (2, 1, 1400, 1400), (3, 3, 1000, 3000)]


def test_what_waits_to_be_shipped(store: Store) -> None:
    fill(store)
    things = (Element({"id": 1, "quantity": 2}), Element({"id": 2}))
    put(
        store,
        FULFILLMENTS,
        Record({"id": 1, "shipping_status": 0, "customer_city": "Köln"}, {"line_items": things}),
        Record({"id": 2, "shipping_status": 100}),
        Record({"id": 77, "shipping_status": None}),
    )
    waiting = store.ask(
        "SELECT shop, order_id, order_number, customer_city, items FROM unfulfilled_orders ORDER BY order_id"
    )
    assert waiting == [("demo", 1, "FR-1", "Köln", 3), ("demo", 77, None, None, 0)]


def test_reports_for_the_command_line(store: Store) -> None:
    fill(store)
    days = asyncio.run(report.sales_per_day(store.disk, 2))
    assert [(d.shop, d.day, d.orders, d.revenue_cents, d.currency) for d in days] == [
        ("demo", "2026-11-02", 2, 1400, "EUR"),
        ("demo", "2026-11-02", 1, 3000, "USD"),
    ]
    assert asyncio.run(report.sales_per_day(store.disk, 2, "other")) == []
    products = asyncio.run(report.top_products(store.disk, 1, "demo"))
    assert [(p.title, p.items, p.revenue_cents) for p in products] == [("Film", 3, 3400)]


def test_freshness_and_status(store: Store) -> None:
    fill(store)
    put(store, CUSTOMERS, Record({"id": 7, "token": "tok"}))
    looked = Cursor(looked_at=AT, remote_count=9)

    def note(tx):  # type: ignore[no-untyped-def]
        tx.books.save_cursor(1, "orders", looked)
        tx.books.save_cursor(1, "customers", Cursor())
        tx.books.save_capabilities(1, "companies", Capabilities(available=False, why_not="scope companies"))
        tx.books.park(1, "orders", [Broken("6", "x", "y")], AT)
        tx.books.set_brake(1, Brake("orders", "too many", 60, AT))
        tx.hints.leave(1, "orders", ["1", "2"], HintSource.LISTING, AT)
        tx.hints.leave(1, "orders", ["1"], HintSource.STALE, AT)
        tx.ledger.put(1, "orders", [Known("5", 5, 1, gone_at=AT), Known("1", 1, 1)])

    store.write(note)
    customers, orders = asyncio.run(report.freshness(store.disk))
    assert (customers.resource, customers.looked_at, customers.local_rows, customers.lag_s(AT)) == (
        "customers",
        None,
        1,
        None,
    )
    assert (orders.resource, orders.looked_at, orders.local_rows, orders.remote_count) == ("orders", AT, 4, 9)
    assert orders.lag_s(AT + timedelta(seconds=90)) == 90
    (lag,) = store.ask("SELECT lag_seconds FROM freshness WHERE resource = 'orders'")
    (now,) = store.ask("SELECT CURRENT_TIMESTAMP")
    clock = now[0] if isinstance(now[0], datetime) else datetime.fromisoformat(now[0]).replace(tzinfo=UTC)
    assert abs(lag[0] - (clock - AT).total_seconds()) <= 60

    found = {state.resource: state for state in asyncio.run(status.resources(store.disk, 1))}
    assert (found["orders"].rows, found["orders"].gone, found["orders"].hints, found["orders"].parked) == (4, 1, 3, 1)
    assert found["orders"].cursor == looked
    assert found["orders"].brake is not None
    assert (found["companies"].available, found["companies"].why_not) == (False, "scope companies")
    assert found["products"].rows == 1

    mirror, state = asyncio.run(status.databases(store.disk))
    assert mirror.size_bytes > 0
    assert mirror.version.startswith("SQLite 3." if store.database.is_sqlite else "PostgreSQL 1")
    assert (mirror.house.value, state.house.value) == ("mirror", "state")
