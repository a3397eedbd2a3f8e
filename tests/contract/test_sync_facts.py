"""The ledger, the queue of hints, and the books: what syncd knows beside the mirror."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from syncd.domain.capability import Capabilities, Order, PastEnd
from syncd.domain.cursor import Cursor, Feed, Walk
from syncd.domain.ledger import Brake, HintSource, Known
from syncd.domain.record import Broken, Record, Shape
from syncd.domain.resources import ORDERS
from syncd.domain.shop import Shop, ShopState
from tests.contract.conftest import AT, Store

LATER = AT + timedelta(hours=1)
SHOP = Shop(
    id=0,
    name="demo",
    base_url="https://shop.test",
    oauth_url="https://oauth.test",
    client_id="app",
    redirect_uri="http://127.0.0.1:8765/",
    scopes=("orders", "products"),
    created_at=AT,
)


def known(key: str, row_id: int = 1, as_of: int = 1, **more: object) -> Known:
    return replace(Known(key, row_id, as_of), **more)  # type: ignore[arg-type]


# --- the ledger ------------------------------------------------------------------------------------------------------


def test_ledger_lines_come_back_whole(store: Store) -> None:
    full = known("5", 7, 9, list_print=b"\0\xff", detail_print=b"d", stamp=AT, compared_at=LATER, missed=2, gone_at=AT)
    bare = known("ü%' ", 8)
    store.write(lambda tx: tx.ledger.put(1, "orders", [full, bare]))
    assert store.read(lambda tx: tx.ledger.find(1, "orders", ["5", "ü%' ", "6"])) == {"5": full, "ü%' ": bare}
    assert store.read(lambda tx: tx.ledger.keys(1, "orders")) == [full, bare]
    assert store.read(lambda tx: tx.ledger.find(2, "orders", ["5"])) == {}
    assert store.read(lambda tx: tx.ledger.find(1, "products", ["5"])) == {}
    assert store.read(lambda tx: tx.ledger.find(1, "orders", [])) == {}


def test_a_known_line_is_replaced_whole(store: Store) -> None:
    store.write(lambda tx: tx.ledger.put(1, "orders", [known("5", 7, 9, list_print=b"x", stamp=AT)]))
    store.write(lambda tx: tx.ledger.put(1, "orders", [known("5", 7, 10)]))
    assert store.read(lambda tx: tx.ledger.keys(1, "orders")) == [known("5", 7, 10)]


def test_sightings_and_walks_count_misses(store: Store) -> None:
    store.write(lambda tx: tx.ledger.put(1, "orders", [known("a", 1, 5), known("b", 2, 5), known("c", 3, 9, missed=1)]))

    def walk(missed: list[str], seen: list[str]) -> list[tuple[str, int, int]]:
        store.write(lambda tx: tx.ledger.walked(1, "orders", missed, seen))
        return [(line.key, line.as_of, line.missed) for line in store.read(lambda tx: tx.ledger.keys(1, "orders"))]

    assert walk(["a", "c"], ["b"]) == [("a", 5, 1), ("b", 5, 0), ("c", 9, 2)]
    assert walk(["a"], ["c"]) == [("a", 5, 2), ("b", 5, 0), ("c", 9, 0)]
    store.write(lambda tx: tx.ledger.sightings(1, "orders", ["a", "c"], 7))
    assert walk([], []) == [("a", 7, 0), ("b", 5, 0), ("c", 9, 0)]


def test_the_highest_ticket_is_the_shops_own(store: Store) -> None:
    assert store.read(lambda tx: tx.ledger.highest_ticket(1)) == 0
    store.write(lambda tx: tx.ledger.put(1, "orders", [known("a", 1, 5)]))
    store.write(lambda tx: tx.ledger.put(1, "products", [known("b", 1, 12)]))
    store.write(lambda tx: tx.ledger.put(2, "orders", [known("c", 1, 99)]))
    assert store.read(lambda tx: tx.ledger.highest_ticket(1)) == 12


# --- hints -----------------------------------------------------------------------------------------------------------

ALL = (HintSource.PERSON, HintSource.LISTING, HintSource.LOCAL)


def leave(store: Store, keys: list[str], source: HintSource = HintSource.LISTING, at: object = AT) -> None:
    store.write(lambda tx: tx.hints.leave(1, "orders", keys, source, at))  # type: ignore[arg-type]


def taken(store: Store, at: object = LATER, limit: int = 10, resource: str | None = None) -> list[tuple[str, str]]:
    found = store.read(lambda tx: tx.hints.take(1, resource, ALL, limit, at))  # type: ignore[arg-type]
    return [(hint.key, hint.source.value) for hint in found]


def test_hints_come_oldest_first_source_by_source(store: Store) -> None:
    leave(store, ["late"], at=AT + timedelta(minutes=2))
    leave(store, ["b", "a", "b"])
    leave(store, ["c"], HintSource.PERSON, AT + timedelta(minutes=5))
    assert taken(store) == [("c", "person"), ("b", "listing"), ("a", "listing"), ("late", "listing")]
    assert taken(store, limit=2) == [("c", "person"), ("b", "listing")]
    assert taken(store, at=AT) == [("b", "listing"), ("a", "listing")]
    assert taken(store, resource="products") == []
    assert store.read(lambda tx: tx.hints.depth(1)) == {("orders", "listing"): 3, ("orders", "person"): 1}
    assert store.read(lambda tx: tx.hints.depth(2)) == {}


def test_a_hint_left_again_is_one_hint_of_the_first_age(store: Store) -> None:
    leave(store, ["a", "b"])
    leave(store, ["a"], at=LATER)
    (first, second) = store.read(lambda tx: tx.hints.take(1, None, ALL, 10, LATER))
    assert {first.key, second.key} == {"a", "b"}
    assert first.left_at == second.left_at == AT


def test_a_hint_that_comes_during_the_look_is_not_settled_with_it(store: Store) -> None:
    leave(store, ["a", "b"])
    hints = store.read(lambda tx: tx.hints.take(1, None, ALL, 10, LATER))
    leave(store, ["a"])  # while the record is being looked at
    store.write(lambda tx: tx.hints.settle(1, [hint.seq for hint in hints]))
    assert taken(store) == [("a", "listing")]


def test_a_hint_put_off_waits_and_counts_its_tries(store: Store) -> None:
    leave(store, ["a"])
    (hint,) = store.read(lambda tx: tx.hints.take(1, None, ALL, 10, AT))
    store.write(lambda tx: tx.hints.put_off(1, hint.seq, LATER))
    leave(store, ["a"])  # another cause is no reason to hurry
    assert taken(store, at=AT) == []
    (again,) = store.read(lambda tx: tx.hints.take(1, None, ALL, 10, LATER))
    assert again.attempts == 1
    store.write(lambda tx: tx.hints.settle(2, [again.seq]))  # another shop's call
    assert taken(store) == [("a", "listing")]


def test_a_hint_that_knows_only_the_row_finds_its_key(store: Store) -> None:
    store.write(lambda tx: tx.ledger.put(1, "orders", [known("5", 77)]))
    for row_id in (77, 78):
        store.people(
            "INSERT INTO sync_hints (shop_id, resource, row_id, source) VALUES (1, 'orders', :r, 'local')", r=row_id
        )
    assert taken(store) == [("5", "local"), ("", "local")]


# --- the books -------------------------------------------------------------------------------------------------------


def test_shops(store: Store) -> None:
    one = store.write(lambda tx: tx.books.add_shop(SHOP))
    two = store.write(lambda tx: tx.books.add_shop(replace(SHOP, name="other")))
    assert 0 < one.id < two.id
    assert store.read(lambda tx: tx.books.shops()) == [one, two]
    active = replace(one, state=ShopState.ACTIVE, company_id=1202, granted=("orders",), reason="a b")
    store.write(lambda tx: tx.books.save_shop(active))
    assert store.read(lambda tx: tx.books.shops()) == [active, two]


@pytest.mark.parametrize("change", [{"name": "demo"}, {"name": "other", "company_id": 1202}])
def test_a_shop_is_there_once(store: Store, change: dict[str, object]) -> None:
    store.write(lambda tx: tx.books.add_shop(replace(SHOP, company_id=1202)))
    with pytest.raises(Exception, match=r"(?i)unique"):
        store.write(lambda tx: tx.books.add_shop(replace(SHOP, **change)))  # type: ignore[arg-type]


def test_a_removed_shop_leaves_nothing_and_its_number_is_not_used_again(store: Store) -> None:
    one = store.write(lambda tx: tx.books.add_shop(SHOP))
    store.write(lambda tx: tx.mirror.insert(one.id, ORDERS, [Record({"id": 5})], AT))
    store.write(lambda tx: tx.ledger.put(one.id, "orders", [known("5")]))
    store.write(lambda tx: tx.books.remove_shop(one.id))
    for table in ("shops", "orders", "sync_base_orders", "sync_ledger"):
        assert store.ask(f"SELECT count(*) FROM {table}") == [(0,)]
    assert store.write(lambda tx: tx.books.add_shop(SHOP)).id > one.id


def test_cursors(store: Store) -> None:
    assert store.read(lambda tx: tx.books.cursor(1, "orders")) == Cursor()
    walking = Cursor().begun(Walk(Feed.WINDOW, 1, AT, 7, low_stamp=AT), 12).advanced().resumed()
    done = replace(walking.finished(LATER, timedelta(minutes=2), 3), walked_at=AT, audited_at=AT, filled_at=AT)
    for cursor in (walking, done, Cursor()):
        store.write(lambda tx, c=cursor: tx.books.save_cursor(1, "orders", c))
        assert store.read(lambda tx: tx.books.cursor(1, "orders")) == cursor
        assert store.read(lambda tx: tx.books.cursor(2, "orders")) == Cursor()


def test_capabilities(store: Store) -> None:
    assert store.read(lambda tx: tx.books.capabilities(1, "orders")) is None
    caps = Capabilities(
        learned_at=AT,
        pages=True,
        page_size=50,
        order=Order.ID_UP,
        past_end=PastEnd.EMPTY,
        filters=("updated_at_min",),
        list_shape=Shape(frozenset({"id"}), frozenset({"line_items"})),
    )
    for each in (caps, caps.withdrawn("order", "ä")):
        store.write(lambda tx, c=each: tx.books.save_capabilities(1, "orders", c))
        assert store.read(lambda tx: tx.books.capabilities(1, "orders")) == each


def test_parked_records(store: Store) -> None:
    first = Broken("5", "total_price", "a whole number was expected", '"x"')
    store.write(lambda tx: tx.books.park(1, "orders", [first, Broken("", "[3]", "no id")], AT))
    store.write(lambda tx: tx.books.park(1, "orders", [replace(first, reason="again")], LATER))
    keyless, parked = store.read(lambda tx: tx.books.parked(1))
    assert (parked.key, parked.reason, parked.sample, parked.first_at, parked.last_at) == (
        "5",
        "again",
        '"x"',
        AT,
        LATER,
    )
    assert keyless.path == "[3]"
    store.write(lambda tx: tx.books.unpark(1, "orders", ["5", "6"]))
    assert store.read(lambda tx: tx.books.parked(1)) == [keyless]
    assert store.read(lambda tx: tx.books.parked(2)) == []


def test_brakes(store: Store) -> None:
    brake = Brake("orders", "60 of 100 would go", 60, AT)
    store.write(lambda tx: tx.books.set_brake(1, brake))
    store.write(lambda tx: tx.books.set_brake(1, replace(brake, approved=True)))
    assert store.read(lambda tx: tx.books.brakes(1)) == [replace(brake, approved=True)]
    store.write(lambda tx: tx.books.lift_brake(1, "orders"))
    assert store.read(lambda tx: tx.books.brakes(1)) == []


def test_one_transaction_holds_page_and_cursor_together(make_store: Callable[[str], Store]) -> None:
    for kind in ("sqlite", "postgresql"):
        store = make_store(kind)

        def page(tx: object) -> None:
            tx.mirror.insert(1, ORDERS, [Record({"id": 5})], AT)  # type: ignore[attr-defined]
            tx.ledger.put(1, "orders", [known("5")])  # type: ignore[attr-defined]
            tx.books.save_cursor(1, "orders", Cursor().begun(Walk(Feed.WHOLE, 1, AT, 1), None))  # type: ignore[attr-defined]
            raise KeyError("the power went")

        with pytest.raises(KeyError):
            store.write(page)
        assert store.read(lambda tx: (tx.mirror.count(1, ORDERS), tx.ledger.keys(1, "orders"))) == (0, [])
        assert store.read(lambda tx: tx.books.cursor(1, "orders")) == Cursor()
