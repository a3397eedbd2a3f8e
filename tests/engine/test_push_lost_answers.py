"""Answers to writes are lost after the shop acted, each position in turn: every change settles once (design section 8).

The shop is asked through a tapped wire: the n-th request of a push loses its answer, for every n until a push is quiet;
once alone, and once with all that follow it in that push.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from syncd.domain.policy import Policy
from syncd.simulator.switches import FILTERS, Switches
from tests.engine.push_kit import PushDesk
from tests.engine.tapped import Tap, lost, tapped_desk
from tests.support.databases import TestDatabase

SHOP: dict[str, Any] = {"products": 8, "orders": 6, "customers": 6, "categories": 4, "themes": 1}
NAMES = ("categories", "products", "customers", "orders")
POLICIES = {name: Policy(deletes=True) for name in ("categories", "products", "customers")}
POSITIONS_MAX = 40
ALL, DOWN = 1000, 0
RICH = Switches.named("rich").flipped([f"filters={FILTERS}"])
Edit = Callable[[PushDesk, int], None]


# --- what people do: each time something of its own, by the number of the attempt ------------------------------------


def update_product(desk: PushDesk, number: int) -> None:
    key = int(desk.at.sim.keys("products")[0])
    desk.sql(
        "UPDATE products SET title = :title, items_in_stock = :stock WHERE id = :id",
        "UPDATE product_locales SET title = :title WHERE language_id = 'en' AND parent_row_id ="
        " (SELECT row_id FROM products WHERE id = :id)",
        id=key,
        title=f"Title {number}",
        stock=5000 + number,
    )


def create_product(desk: PushDesk, number: int) -> None:
    row = _inserted(desk, "products", title=f"New product {number}", version="1.0", product_type=1)
    _child(desk, "product_locales", row, language_id="en", title=f"New product {number}")


def create_category(desk: PushDesk, number: int) -> None:
    row = _inserted(desk, "categories", title=f"New category {number}", parent_id=0, position=number)
    _child(desk, "category_locales", row, language_id="en", title=f"Category {number}")


def create_customer(desk: PushDesk, number: int) -> None:
    row = _inserted(desk, "customers", email=f"c{number}@example.org", first_name="Ada", last_name="L")
    for city in ("London", "Turin"):
        _child(desk, "customer_addresses", row, first_name="Ada", last_name="L", city=city, zip=str(number))


def create_order(desk: PushDesk, number: int) -> None:
    buyer = desk.one("SELECT email FROM customers WHERE token = :key", key=desk.at.sim.keys("customers")[0])
    ware = desk.one("SELECT product_id FROM products WHERE id = :id", id=int(desk.at.sim.keys("products")[1]))
    row = _inserted(desk, "orders", email=buyer["email"], notes=f"Order {number}")
    _child(desk, "order_line_items", row, product_id=ware["product_id"], license_id=1, quantity=1 + number)


def change_addresses(desk: PushDesk, number: int) -> None:
    """One is added, one edited and one removed, in one go."""
    row = desk.one("SELECT row_id FROM customers WHERE token = :key", key=desk.at.sim.keys("customers")[1])["row_id"]
    _child(desk, "customer_addresses", row, first_name="Eva", last_name="M", city=f"Oslo {number}", zip="1")
    first = desk.one("SELECT min(row_id) AS id FROM customer_addresses WHERE parent_row_id = :row", row=row)["id"]
    desk.sql("UPDATE customer_addresses SET address1 = :street WHERE row_id = :id", street=f"Street {number}", id=first)
    gone = desk.sql(
        "SELECT row_id FROM customer_addresses WHERE parent_row_id = :row AND city LIKE 'Oslo%' AND token IS NOT NULL",
        row=row,
    )
    for each in gone:
        desk.sql("DELETE FROM customer_addresses WHERE row_id = :id", id=each["row_id"])
    desk.sql("UPDATE customers SET last_name = :name WHERE row_id = :row", name=f"Name {number}", row=row)


def delete_category(desk: PushDesk, number: int) -> None:
    """The one that was created in the attempt before; the first attempt creates only."""
    desk.sql("DELETE FROM categories WHERE title LIKE 'New category%' AND id IS NOT NULL")
    create_category(desk, number)


EDITS: tuple[Edit, ...] = (
    update_product,
    create_product,
    create_category,
    create_customer,
    create_order,
    change_addresses,
    delete_category,
)


def _inserted(desk: PushDesk, table: str, **values: Any) -> int:
    names = ["shop_id", *values]
    marks = ", ".join(f":{name}" for name in names)
    statement = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks}) RETURNING row_id"
    return int(desk.one(statement, shop_id=desk.at.shop.id, **values)["row_id"])


def _child(desk: PushDesk, table: str, parent: int, **values: Any) -> None:
    _inserted(desk, table, parent_row_id=parent, ordinal=9, **values)


# --- what goes wrong -------------------------------------------------------------------------------------------------


@dataclass
class Down:
    """The shop goes down after request `last`, which it answered; `struck` once that was noticed."""

    last: int
    struck: bool = False

    def __call__(self, number: int, request: httpx.Request) -> None:
        if number > self.last:
            self.struck = True
            raise httpx.ConnectError("All connection attempts failed", request=request)


@dataclass
class Loss:
    """The answers to request `first` and the `times - 1` after it are lost; `struck` once that happened."""

    first: int
    times: int
    struck: bool = False

    def __call__(self, number: int, request: httpx.Request) -> None:
        if self.first <= number < self.first + self.times:
            self.struck = True
            raise lost(request)


async def _until_quiet(desk: PushDesk) -> None:
    """Push until nothing waits; people have time for that: the clock moves on."""
    for _ in range(16):
        await desk.push()
        if not await desk.pusher.waiting() and not await desk.pusher.restless():
            return
        desk.at.clock.passed_s += 70
    pytest.fail(f"never quiet: {desk.sql('SELECT resource, verb, state, reason FROM sync_outbox')}")


def _made_twice(desk: PushDesk) -> list[str]:
    """Business keys of records that clients created more than once, deleted ones included."""
    names = {"products": "title", "categories": "title", "customers": "email", "orders": "order_number"}
    made: Counter[str] = Counter()
    for each in desk.at.sim.books.creates:
        record = desk.at.sim.record(each.resource, each.key) if each.resource in names else None
        if record is not None:
            made[f"{each.resource} {record[names[each.resource]]}"] += 1
    return [name for name, times in made.items() if times > 1]


async def _settles_once(desk: PushDesk, tap: Tap, edit: Edit, number: int, trouble: Loss | Down) -> None:
    creates_before = len(desk.at.sim.books.creates)
    edit(desk, number)
    await desk.quiet()
    if isinstance(trouble, Loss):
        tap.rewind(after=trouble)
    else:
        tap.rewind(before=trouble)
    await desk.push()
    tap.rewind()
    await _until_quiet(desk)
    creates = [each.resource for each in desk.at.sim.books.creates[creates_before:]]
    assert Counter(creates) == CREATED.get(edit, Counter()), f"request {number}"
    assert _made_twice(desk) == []
    assert desk.sql("SELECT resource, verb, state, reason FROM sync_outbox") == []
    assert desk.sql("SELECT path, local, remote FROM sync_conflicts") == []
    assert desk.sql("SELECT path, value, reason FROM sync_refused_edits") == []
    await desk.pull(*NAMES)
    tap.rewind()
    await desk.push()
    assert tap.writes == []
    # A buyer's figures move with an order; where the stamp stands still only an audit finds that.
    looked_at = [name for name in NAMES if name != "customers" or edit is not create_order]
    assert desk.at.differences(*looked_at) == []


CREATED: dict[Edit, Counter[str]] = {
    create_product: Counter(products=1),
    create_category: Counter(categories=1),
    create_customer: Counter(customers=1, customer_addresses=2),
    create_order: Counter(orders=1),
    change_addresses: Counter(customer_addresses=1),
    delete_category: Counter(categories=1),
}


async def _every_position(url: str, edit: Edit, times: int, switches: Switches) -> None:
    async with tapped_desk(url, switches=switches, policies=POLICIES, **SHOP) as (desk, tap):
        for number in range(1, POSITIONS_MAX):
            trouble = Loss(number, times) if times else Down(number)
            await _settles_once(desk, tap, edit, number, trouble)
            if not trouble.struck:
                return
        pytest.fail("a push never came to its end")


@pytest.mark.parametrize(
    ("kind", "times"),
    [("sqlite", 1), ("postgresql", 1), ("sqlite", ALL), ("sqlite", DOWN)],
    ids=["sqlite-one", "postgresql-one", "sqlite-all that follow", "sqlite-none, and the shop is down"],
)
@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
def test_a_change_whose_answers_are_lost_settles_once(
    kind: str, times: int, edit: Edit, make_database: Callable[[str], TestDatabase]
) -> None:
    asyncio.run(_every_position(make_database(kind).url, edit, times, RICH))


@pytest.mark.soak
@pytest.mark.parametrize("times", [1, ALL], ids=["one", "all that follow"])
@pytest.mark.parametrize("character", ["plain", "poor", "quirky"])
@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
def test_so_it_is_in_shops_of_every_character(database: TestDatabase, edit: Edit, character: str, times: int) -> None:
    asyncio.run(_every_position(database.url, edit, times, Switches.named(character)))


# --- an order that may have been placed ------------------------------------------------------------------------------


@pytest.mark.parametrize("arrived", [True, False], ids=["it was placed", "it was not"])
def test_an_order_in_doubt_is_never_sent_again_without_a_person(database: TestDatabase, arrived: bool) -> None:
    async def scene() -> None:
        async with tapped_desk(database.url, switches=RICH, **SHOP) as (desk, tap):
            orders = len(desk.at.sim.keys("orders"))
            create_order(desk, 1)
            await desk.quiet()

            def breaks(_number: int, request: httpx.Request) -> None:
                if request.method == "POST":
                    raise lost(request)

            tap.rewind(**{"after" if arrived else "before": breaks})
            await desk.push()
            assert len(tap.writes) == 1
            tap.rewind()
            for _ in range(8):
                await desk.push()
                await desk.pull("orders", quick=True)
                desk.at.clock.passed_s += 90
            assert tap.writes == []
            left = desk.sql("SELECT state, reason FROM sync_outbox")
            if arrived:
                assert left == []
            else:
                assert [row["state"] for row in left] == ["parked"]
                assert "approve" in left[0]["reason"]
                await desk.pusher.scan()  # which names every row that the shop does not have
                desk.sql("UPDATE orders SET notes = 'Changed' WHERE id IS NULL")
                await desk.quiet()
                await desk.push()
                assert tap.writes == []
                desk.sql("UPDATE sync_outbox SET state = 'ready'")
                await desk.push()
                assert tap.writes == ["POST /api/orders.json"]
                assert desk.sql("SELECT * FROM sync_outbox") == []
            assert len(desk.at.sim.keys("orders")) == orders + 1
            await desk.pull("orders", "customers")
            assert desk.at.differences("orders", "customers") == []

    asyncio.run(scene())
