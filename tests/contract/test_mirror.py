"""Records go into the mirror and its base, come out as they went in, and change only where they differ."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.domain.ledger import Images
from syncd.domain.record import Element, Record, Value
from syncd.domain.resource import Field, Kind, Resource
from syncd.domain.resources import BY_NAME, ORDERS, PRODUCTS, RESOURCES
from tests.contract.conftest import AT, Store
from tests.support.databases import KINDS

MakeStore = Callable[[str], Store]
LATER = AT + timedelta(hours=1)
_TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12)
_PLAIN = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | _TEXT
_VALUES: Mapping[Kind, st.SearchStrategy[Any]] = {
    Kind.INT: st.integers(-(2**63) + 1, 2**63 - 1),
    Kind.DECIMAL: st.decimals(-(10**9), 10**9, places=4, allow_nan=False, allow_infinity=False),
    Kind.TEXT: _TEXT,
    Kind.FLAG: st.booleans(),
    Kind.TIME: st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)),  # noqa: DTZ001
    Kind.JSON: st.lists(_PLAIN, max_size=3) | st.dictionaries(_TEXT, _PLAIN, max_size=3),
}
_EXTRA = st.dictionaries(_TEXT, _PLAIN | st.lists(_PLAIN, max_size=2), max_size=2)


def _fields(fields: tuple[Field, ...]) -> st.SearchStrategy[dict[str, Value]]:
    return st.fixed_dictionaries({field.name: st.none() | _VALUES[field.kind] for field in fields})


@st.composite
def records(draw: st.DrawFn, resource: Resource) -> Record:
    children = {
        child.name: tuple(draw(st.lists(st.builds(Element, _fields(child.fields), _EXTRA), max_size=2)))
        for child in resource.children
    }
    return Record(draw(_fields(resource.fields)), children, draw(_EXTRA))


@pytest.mark.parametrize("kind", KINDS)
def test_every_value_of_every_resource_comes_back(kind: str, make_store: MakeStore) -> None:
    store = make_store(kind)

    @settings(max_examples=8)
    @given(st.data())
    def round_trip(choice: st.DataObject) -> None:
        for resource in RESOURCES:
            given_ = choice.draw(st.lists(records(resource), min_size=1, max_size=2))
            row_ids = store.write(lambda tx, r=resource, g=given_: tx.mirror.insert(1, r, g, AT))
            images = store.read(lambda tx, r=resource, i=row_ids: tx.mirror.load(1, r, i))
            assert [images[row_id].local for row_id in row_ids] == given_
            assert [images[row_id].base for row_id in row_ids] == given_
            assert not any(images[row_id].unreadable for row_id in row_ids)
            low, high = row_ids[0], row_ids[-1]
            assert store.read(lambda tx, r=resource, a=low, z=high: tx.mirror.changed(1, r, a, z)) == []

    round_trip()


def order(number: int = 5, **more: Value) -> Record:
    fields: dict[str, Value] = {"id": number, "email": f"{number}@shop.test", "confirmed": True, "total_price": 1999}
    lines = tuple(Element({"id": 10 * number + n, "quantity": n, "price": 100 * n}) for n in (1, 2, 3))
    return Record(fields | more, {"line_items": lines}, {"channel": "shop"})


def put(store: Store, *orders: Record, shop_id: int = 1) -> list[int]:
    return store.write(lambda tx: tx.mirror.insert(shop_id, ORDERS, orders, AT))


def load(store: Store, row_id: int, resource: Resource = ORDERS) -> Images:
    return store.write(lambda tx: tx.mirror.load(1, resource, [row_id]))[row_id]


def write(store: Store, before: Images, local: Record | None, base: Record | None) -> Images:
    store.write(lambda tx: tx.mirror.write(1, ORDERS, before, local, base, LATER))
    return load(store, before.row_id)


def edited(record: Record, *, lines: Any = None, extra: Any = None, **fields: Value) -> Record:
    children = dict(record.children) if lines is None else {"line_items": tuple(lines)}
    return replace(
        record, fields={**record.fields, **fields}, children=children, extra=record.extra if extra is None else extra
    )


def test_rows_of_several_shops_and_pages_keep_apart(store: Store) -> None:
    first, second = put(store, order(1), order(2)), put(store, order(1), shop_id=2)
    assert len({*first, *second}) == 3
    assert store.read(lambda tx: (tx.mirror.count(1, ORDERS), tx.mirror.count(2, ORDERS))) == (2, 1)
    assert store.ask("SELECT count(*) FROM order_line_items WHERE shop_id = 2") == [(3,)]


def test_a_missing_field_or_list_is_empty_in_a_new_row(store: Store) -> None:
    (row_id,) = put(store, Record({"id": 7}))
    image = load(store, row_id)
    assert image.local is not None
    assert image.local.fields["email"] is None
    assert image.local.children == {"line_items": ()}


def test_times_of_any_zone_are_stored_as_utc(store: Store) -> None:
    zone = timezone(timedelta(hours=2))
    (row_id,) = put(store, order(created_at=datetime(2026, 7, 1, 12, 0, 0, 250_000, tzinfo=zone)))
    image = load(store, row_id)
    assert image.local is not None
    assert image.local.fields["created_at"] == datetime(2026, 7, 1, 10, 0, 0, 250_000, tzinfo=UTC)
    if store.database.is_sqlite:
        assert store.ask("SELECT created_at FROM orders") == [("2026-07-01 10:00:00.250000",)]


def test_a_write_changes_only_what_differs(store: Store) -> None:
    (row_id,) = put(store, order())
    before = load(store, row_id)
    assert before.local is not None
    assert before.base is not None
    # A person changes another column between the reading and the writing, where the database lets it happen.
    store.people("UPDATE orders SET notes = 'mine'")
    after = write(store, before, edited(before.local, status="paid"), edited(before.base, status="paid"))
    assert after.local is not None
    assert (after.local.fields["notes"], after.local.fields["status"]) == ("mine", "paid")
    assert after.base is not None
    assert (after.base.fields["notes"], after.base.fields["status"]) == (None, "paid")


def test_an_equal_write_touches_nothing(store: Store) -> None:
    (row_id,) = put(store, order())
    before = load(store, row_id)
    assert write(store, before, before.local, before.base) == before
    assert store.ask("SELECT count(*) FROM orders WHERE synced_at > :at", at=_as_text(store, AT)) == [(0,)]


def test_elements_come_go_and_change_with_the_same_number_on_both_sides(store: Store) -> None:
    (row_id,) = put(store, order())
    before = load(store, row_id)
    assert before.local is not None
    one, two, three = before.local.children["line_items"]
    new = Element({"id": 99, "title": "new"})
    lines = [replace(two, fields={**two.fields, "title": "second"}), new, replace(one)]
    after = write(store, before, edited(before.local, lines=lines), edited(before.local, lines=lines))
    assert after.local is not None
    found = after.local.children["line_items"]
    assert [line.fields["id"] for line in found] == [52, 99, 51]
    assert [line.row_id for line in found][::2] == [two.row_id, one.row_id]
    assert found[1].row_id not in {one.row_id, two.row_id, three.row_id, None}
    assert after.base == after.local
    assert [e.row_id for e in found] == [e.row_id for e in after.base.children["line_items"]]
    assert store.read(lambda tx: tx.mirror.changed(1, ORDERS, row_id, row_id)) == []


def test_an_element_that_a_person_added_gets_its_number_in_the_base_too(store: Store) -> None:
    (row_id,) = put(store, order())
    store.people(
        "INSERT INTO order_line_items (shop_id, parent_row_id, product_id) VALUES (1, :row_id, 'P-1')", row_id=row_id
    )
    before = load(store, row_id)
    assert before.local is not None
    assert before.base is not None
    mine = before.local.children["line_items"][-1]
    agreed = Element({**mine.fields})
    lines = [*before.base.children["line_items"], agreed]
    after = write(store, before, before.local, edited(before.base, lines=lines))
    assert after.base is not None
    assert after.base.children["line_items"][-1].row_id == mine.row_id
    assert store.read(lambda tx: tx.mirror.changed(1, ORDERS, row_id, row_id)) == []


def test_an_element_that_a_person_deleted_comes_back_under_its_number(store: Store) -> None:
    (row_id,) = put(store, order())
    store.people("DELETE FROM order_line_items WHERE id = 52")
    before = load(store, row_id)
    assert before.base is not None
    after = write(store, before, before.base, before.base)
    assert after.local == before.base
    assert store.read(lambda tx: tx.mirror.changed(1, ORDERS, row_id, row_id)) == []


def test_an_element_that_a_person_moved_to_another_record_stays_there(store: Store) -> None:
    here, there = put(store, order(5), order(6))
    store.people("UPDATE order_line_items SET parent_row_id = :there WHERE id = 52", there=there)
    before = load(store, here)
    assert before.base is not None
    after = write(store, before, before.base, before.base)
    assert after.local is not None
    assert [line.fields["id"] for line in after.local.children["line_items"]] == [51, 52, 53]
    other = load(store, there)
    assert other.local is not None
    assert [line.fields["id"] for line in other.local.children["line_items"]] == [61, 52, 62, 63]


def test_a_row_that_a_person_deleted_can_be_written_again(store: Store) -> None:
    (row_id,) = put(store, order())
    store.people("DELETE FROM orders")  # its lines stay behind
    before = load(store, row_id)
    assert before.local is None
    assert before.base == order_as_loaded(before)
    kept = write(store, before, None, edited(before.base, status="paid"))
    assert kept.local is None
    assert kept.base is not None
    assert kept.base.fields["status"] == "paid"
    back = write(store, kept, kept.base, kept.base)
    assert back.local == kept.base
    assert store.read(lambda tx: tx.mirror.changed(1, ORDERS, row_id, row_id)) == []
    assert store.ask("SELECT count(*) FROM order_line_items") == [(3,)]


def order_as_loaded(image: Images) -> Record:
    assert image.base is not None
    return image.base


def test_both_images_can_be_removed(store: Store) -> None:
    (row_id,) = put(store, order())
    gone = write(store, load(store, row_id), None, None)
    assert (gone.local, gone.base) == (None, None)
    for table in ("orders", "sync_base_orders", "order_line_items", "sync_base_order_line_items"):
        assert store.ask(f"SELECT count(*) FROM {table}") == [(0,)]


def test_a_missing_field_or_list_stays_as_it_is(store: Store) -> None:
    (row_id,) = put(store, order())
    before = load(store, row_id)
    part = Record({"status": "paid"}, {}, {"channel": "shop"})
    after = write(store, before, part, part)
    assert after.local is not None
    assert before.local is not None
    assert after.local == edited(before.local, status="paid")


def test_extra_is_kept_as_canonical_json(store: Store) -> None:
    (row_id,) = put(store, replace(order(), extra={"b": [1, None], "a": {"z": "ü", "y": True}}))
    assert store.ask("SELECT CAST(extra AS text) FROM orders") == [('{"a":{"y":true,"z":"ü"},"b":[1,null]}',)]
    before = load(store, row_id)
    assert before.local is not None
    after = write(store, before, edited(before.local, extra={}), edited(before.local, extra={}))
    assert after.local is not None
    assert after.local.extra == {}
    assert store.ask("SELECT extra FROM orders") == [(None,)]


def test_tombstones(store: Store) -> None:
    first, second = put(store, order(1), order(2))
    store.write(lambda tx: tx.mirror.bury(1, ORDERS, [first], LATER))
    assert load(store, first).deleted_at == LATER
    assert load(store, second).deleted_at is None
    assert store.read(lambda tx: tx.mirror.count(1, ORDERS)) == 1
    store.write(lambda tx: tx.mirror.bury(1, ORDERS, [first], LATER + timedelta(days=1)))
    assert load(store, first).deleted_at == LATER  # the first date stays
    store.write(lambda tx: tx.mirror.bury(2, ORDERS, [second], LATER))
    assert load(store, second).deleted_at is None  # another shop's row
    store.write(lambda tx: tx.mirror.revive(1, ORDERS, [first], LATER))
    assert load(store, first).deleted_at is None


# What a person does to three orders (ids 1, 2, 3 of a shop of their own), and which of them the comparison finds.
EDITS: tuple[tuple[str, list[int]], ...] = (
    ("UPDATE orders SET status = 'x' WHERE shop_id = {s} AND id = 1", [1]),
    ("UPDATE orders SET status = NULL WHERE shop_id = {s}", []),
    ("UPDATE orders SET confirmed = NULL WHERE shop_id = {s} AND id = 2", [2]),
    ("UPDATE orders SET extra = '{{}}' WHERE shop_id = {s} AND id = 2", [2]),
    ("DELETE FROM orders WHERE shop_id = {s} AND id = 1", [1]),
    ("UPDATE order_line_items SET price = price + 1 WHERE shop_id = {s} AND id = 31", [3]),
    ("DELETE FROM order_line_items WHERE shop_id = {s} AND id IN (11, 21)", [1, 2]),
    ("UPDATE order_line_items SET parent_row_id = {third} WHERE shop_id = {s} AND id = 11", [1, 3]),
    ("UPDATE order_line_items SET ordinal = 7 - ordinal WHERE shop_id = {s}", []),
    ("INSERT INTO order_line_items (shop_id, parent_row_id) VALUES ({s}, {third})", [3]),
    ("UPDATE orders SET shop_id = 99 WHERE shop_id = {s} AND id = 2", [2]),
)


def test_any_edit_is_found_by_comparison(store: Store) -> None:
    shops = range(1, 1 + len(EDITS))
    rows = {shop: put(store, order(1), order(2), order(3), shop_id=shop) for shop in shops}
    for shop, (statement, _) in zip(shops, EDITS, strict=True):
        store.people(statement.format(s=shop, third=rows[shop][2]))
    for shop, (statement, changed) in zip(shops, EDITS, strict=True):
        found = store.read(lambda tx, s=shop: tx.mirror.changed(s, ORDERS, 0, 2**62))
        assert found == [rows[shop][n - 1] for n in changed], statement
        if found:
            one = store.read(lambda tx, s=shop, n=found[0]: tx.mirror.changed(s, ORDERS, n, n))
            assert one == found[:1]


def test_a_row_that_a_person_inserts_is_found(store: Store) -> None:
    put(store, order(1))
    store.people("INSERT INTO orders (shop_id, email) VALUES (1, 'new@shop.test')")
    (row_id,) = store.read(lambda tx: tx.mirror.changed(1, ORDERS, 0, 2**62))
    image = load(store, row_id)
    assert image.base is None
    assert image.local is not None
    assert image.local.fields["email"] == "new@shop.test"
    # And numbers go on after it.
    (later,) = put(store, order(2))
    assert later > row_id


def test_what_does_not_decode_is_named_and_left_out(make_store: MakeStore) -> None:
    store = make_store("sqlite")
    (row_id,) = put(store, order(exchange=Decimal("1.25"), created_at=AT))
    store.people(
        "UPDATE orders SET total_price = 'much', confirmed = 7, created_at = 'soon', exchange = 'low',"
        " extra = '[1', notes = x'00ff', deleted_at = 'never', shop_id = 4"
    )
    store.people("UPDATE order_line_items SET quantity = 1.5 WHERE id = 51")
    image = load(store, row_id)
    assert image.local is not None
    wrong = {"total_price", "confirmed", "created_at", "exchange", "notes"}
    assert not wrong & image.local.fields.keys()
    number = image.local.children["line_items"][0].row_id
    assert image.unreadable.keys() == wrong | {"extra", "deleted_at", "shop_id", f"line_items[{number}].quantity"}
    assert image.unreadable["total_price"] == "'much'"
    assert "quantity" not in image.local.children["line_items"][0].fields
    after = write(store, image, image.base, image.base)
    assert after.local == image.base
    assert after.unreadable.keys() == {"deleted_at"}


def test_rows_that_a_person_holds_are_left_out(make_store: MakeStore) -> None:
    store = make_store("postgresql")
    first, second, third = put(store, order(1), order(2), order(3))
    from sqlalchemy import text

    with store.engine.begin() as connection:
        connection.execute(text("UPDATE orders SET notes = 'x' WHERE id = 1"))
        connection.execute(text("UPDATE order_line_items SET title = 'x' WHERE id = 21"))
        images = store.write(lambda tx: tx.mirror.load(1, ORDERS, [first, second, third]))
        assert list(images) == [third]
        # A reader does not hold anything, and is held by nobody.
        assert list(store.read(lambda tx: tx.mirror.load(1, ORDERS, [first, second]))) == [first, second]
    assert list(store.write(lambda tx: tx.mirror.load(1, ORDERS, [first, second]))) == [first, second]


def test_every_resource_has_its_tables_with_columns_named_as_the_api_names_them(store: Store) -> None:
    assert set(BY_NAME) == {resource.table for resource in RESOURCES}
    (row_id,) = store.write(
        lambda tx: tx.mirror.insert(1, PRODUCTS, [Record({"id": 1, "title": "Film"}, {"locales": (Element({}),)})], AT)
    )
    assert store.ask("SELECT p.title, l.parent_row_id FROM products p, product_locales l") == [("Film", row_id)]


def _as_text(store: Store, moment: datetime) -> Any:
    return moment.strftime("%Y-%m-%d %H:%M:%S") if store.database.is_sqlite else moment
