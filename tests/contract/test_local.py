"""Local edits: hints by row, the slow comparison, rows under new numbers, images of rows that one side lacks."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from syncd.domain.change import Change, ChangeState, HistoryLine, Origin, Rekeyed, Touch, Verb
from syncd.domain.ledger import HintSource, Images, Known
from syncd.domain.patch import Patch
from syncd.domain.record import Element, Record
from syncd.domain.resources import CUSTOMERS, ORDERS
from syncd.store.disk import MirrorTransaction
from tests.contract.conftest import AT, Store

MakeStore = Callable[[str], Store]
LATER = AT + timedelta(minutes=1)
NONE = Rekeyed(frozenset(), frozenset())


def order(number: int | None, *, lines: int = 2) -> Record:
    first = 10 * (number or 0)
    elements = tuple(Element({"id": first + n, "product_id": f"P-{n}"}) for n in range(1, lines + 1))
    return Record({"id": number, "notes": "", "email": f"{number}@shop.test"}, {"line_items": elements})


def put(store: Store, *numbers: int, shop_id: int = 1) -> list[int]:
    """Records that both sides have, with their lines in the ledger."""

    def insert(tx: Any) -> list[int]:
        row_ids: list[int] = tx.mirror.insert(shop_id, ORDERS, [order(n) for n in numbers], AT)
        lines = [Known(str(n), row_id, 1) for n, row_id in zip(numbers, row_ids, strict=True)]
        tx.ledger.put(shop_id, "orders", lines)
        return row_ids

    return store.write(insert)


def typed(store: Store, number: int | None, *, lines: int = 1, shop_id: int = 1) -> int:
    """A record that a person inserts."""
    store.people("INSERT INTO orders (shop_id, id, email) VALUES (:s, :n, 'typed@shop.test')", s=shop_id, n=number)
    (row_id,) = store.ask("SELECT max(row_id) FROM orders")[0]
    for n in range(lines):
        store.people(
            "INSERT INTO order_line_items (shop_id, parent_row_id, product_id) VALUES (:s, :r, :p)",
            s=shop_id,
            r=row_id,
            p=f"P-{n + 1}",
        )
    return int(row_id)


def touched(store: Store, at: Any = AT, limit: int = 10, shop_id: int = 1) -> list[tuple[str, int]]:
    return [(t.resource, t.row_id) for t in store.write(lambda tx: tx.local.touched(shop_id, at, limit))]


def scan(store: Store, low: int = 0, rows: int = 1000, shop_id: int = 1) -> int | None:
    return store.write(lambda tx: tx.local.scan(shop_id, ORDERS, low, rows, LATER))


def scanned(store: Store, rows: int = 1000, shop_id: int = 1) -> list[int]:
    """The rows that a scan finds when no trigger saw a thing."""
    store.people("DELETE FROM sync_hints")
    low: int | None = 0
    while low is not None:
        low = scan(store, low, rows, shop_id)
    found = store.ask("SELECT row_id FROM sync_hints WHERE source = 'scan' ORDER BY row_id")
    return [row[0] for row in found]


def load(store: Store, row_id: int) -> Images:
    return store.write(lambda tx: tx.mirror.load(1, ORDERS, [row_id]))[row_id]


def write(store: Store, before: Images, local: Record | None, base: Record | None) -> Images:
    store.write(lambda tx: tx.mirror.write(1, ORDERS, before, local, base, LATER))
    return load(store, before.row_id)


# --- hints -----------------------------------------------------------------------------------------------------------


def test_hints_of_a_row_are_one_touch_with_the_time_when_they_were_noticed(store: Store) -> None:
    one, two = put(store, 1, 2)
    store.people("UPDATE orders SET notes = 'a' WHERE id = 1")
    (first,) = store.write(lambda tx: tx.local.touched(1, AT, 10))
    assert (first.resource, first.row_id, first.last_at) == ("orders", one, AT)
    store.people("UPDATE orders SET notes = 'b'")
    assert store.read(lambda tx: tx.local.count_touched(1)) == {"orders": 2}
    again, second = store.write(lambda tx: tx.local.touched(1, LATER, 10))
    assert (again.row_id, again.last_at, len(again.seqs)) == (one, LATER, 2)
    assert (second.row_id, second.last_at, len(second.seqs)) == (two, LATER, 1)
    store.people("UPDATE orders SET notes = 'c' WHERE id = 1")
    store.write(lambda tx: tx.local.settle(1, again.seqs))
    assert touched(store, LATER) == [("orders", two), ("orders", one)]
    assert touched(store, LATER, limit=1) == [("orders", two)]
    assert touched(store, shop_id=2) == []


def test_a_hint_by_key_is_a_touch_of_the_row_that_the_ledger_names(store: Store) -> None:
    one, _ = put(store, 1, 2)
    store.write(lambda tx: tx.hints.leave(1, "orders", ["1", "unknown"], HintSource.LOCAL, AT))
    store.write(lambda tx: tx.hints.leave(1, "orders", ["2"], HintSource.WEBHOOK, AT))
    store.people("UPDATE orders SET notes = 'a' WHERE id = 1")
    (touch,) = store.write(lambda tx: tx.local.touched(1, LATER, 10))
    assert (touch.row_id, len(touch.seqs), touch.last_at) == (one, 2, LATER)
    assert store.read(lambda tx: tx.local.count_touched(1)) == {"orders": 1}


def test_many_edits_are_taken_in_batches_oldest_first(make_store: MakeStore) -> None:
    store = make_store("sqlite")
    row_ids = put(store, *range(1, 301))
    store.people("UPDATE orders SET notes = 'a'")
    taken: list[int] = []
    while batch := store.write(lambda tx: tx.local.touched(1, AT, 100)):
        taken += [touch.row_id for touch in batch]
        seqs = [seq for touch in batch for seq in touch.seqs]
        store.write(lambda tx, s=seqs: tx.local.settle(1, s))
    assert taken == row_ids


# --- the slow comparison ---------------------------------------------------------------------------------------------


def test_a_scan_finds_every_kind_of_edit_and_nothing_else(store: Store) -> None:
    same, edited, deleted, element, *_ = put(store, 1, 2, 3, 4)
    assert scanned(store) == []
    store.people("UPDATE orders SET notes = 'x' WHERE id = 2")
    store.people("DELETE FROM orders WHERE id = 3")
    store.people("DELETE FROM order_line_items WHERE id = 41")
    new = typed(store, None)
    assert scanned(store) == [edited, deleted, element, new]
    assert same not in scanned(store, rows=1)
    assert scanned(store, rows=2) == [edited, deleted, element, new]
    assert scanned(store, shop_id=2) == []


def test_a_scan_does_not_hint_twice(store: Store) -> None:
    put(store, 1, 2)
    store.people("UPDATE orders SET notes = 'x'")
    assert scan(store) is None  # the triggers' hints wait already
    assert store.ask("SELECT count(*) FROM sync_hints") == [(2,)]
    first = scanned(store)
    assert scan(store) is None
    assert store.ask("SELECT count(*) FROM sync_hints") == [(len(first),)]


def test_a_scan_passes_over_what_is_still_to_leave(store: Store) -> None:
    """It is compared before it leaves; what is parked is not, so an edit of it that no trigger saw is found here."""
    states = [ChangeState.HELD, ChangeState.READY, ChangeState.PARKED, ChangeState.SENDING]
    rows = put(store, *range(1, len(states) + 1))
    store.people("UPDATE orders SET notes = 'edited'")
    for row_id, state in zip(rows, states, strict=True):
        change = Change(0, "orders", row_id, "", Verb.UPDATE, state, Patch(), None, None, f"d{row_id}", AT)
        store.write(lambda tx, c=change: tx.outbox.add(1, c))
    assert scanned(store) == rows[2:]


def test_a_scan_passes_over_tombstones_and_finds_edits_of_them(store: Store) -> None:
    buried, cleared, edited, revived, marked = put(store, 1, 2, 3, 4, 5)
    gone = [Known(str(n), row_id, 1, gone_at=AT) for n, row_id in enumerate((buried, cleared, edited, revived), 1)]
    store.write(lambda tx: tx.mirror.bury(1, ORDERS, [buried, cleared, edited, revived], AT))
    store.write(lambda tx: tx.ledger.put(1, "orders", gone))
    assert scanned(store) == []
    store.people("DELETE FROM orders WHERE id = 2")
    store.people("DELETE FROM order_line_items WHERE parent_row_id = :r", r=cleared)
    store.people("UPDATE orders SET notes = 'x' WHERE id = 3")
    store.people("UPDATE orders SET deleted_at = NULL WHERE id = 4")
    store.people("UPDATE orders SET deleted_at = '2026-11-02 00:00:00' WHERE id = 5")
    assert scanned(store) == [edited, revived, marked]


def test_a_scan_finds_elements_without_a_record_and_passes_over_other_shops_rows(store: Store) -> None:
    (mine,) = put(store, 1)
    store.people("INSERT INTO order_line_items (shop_id, parent_row_id) VALUES (1, 987654)")
    assert scanned(store) == [987654]
    [(name, element)] = store.read(lambda tx: tx.local.loose(1, ORDERS, 987654))
    assert (name, element.fields["title"]) == ("line_items", None)
    store.write(lambda tx: tx.local.clear(1, ORDERS, 987654))
    assert scanned(store) == []
    assert store.read(lambda tx: tx.local.loose(1, ORDERS, mine)) == []
    store.people("UPDATE orders SET shop_id = 2")
    assert scanned(store, shop_id=2) == []
    assert scanned(store) == [mine]


@pytest.mark.parametrize("rows", [1, 3, 1000])
def test_ranges_cover_rows_that_only_one_side_has(store: Store, rows: int) -> None:
    put(store, *range(1, 8))
    store.people("DELETE FROM orders WHERE id IN (1, 4, 7)")
    typed(store, None)
    typed(store, None)
    missing = [row[0] for row in store.ask("SELECT row_id FROM sync_base_orders WHERE id IN (1, 4, 7)")]
    new = [row[0] for row in store.ask("SELECT row_id FROM orders WHERE id IS NULL")]
    assert scanned(store, rows) == sorted([*missing, *new])


def test_a_row_with_a_number_below_zero_is_found(make_store: MakeStore) -> None:
    store = make_store("sqlite")
    store.people("INSERT INTO orders (row_id, shop_id) VALUES (-5, 1)")
    assert scanned(store) == [-5]


# --- rows under new numbers ------------------------------------------------------------------------------------------


def rekeyed(store: Store, *row_ids: int) -> Rekeyed:
    return store.write(lambda tx: tx.local.rekeyed(1, ORDERS, row_ids, LATER))


def ledger(store: Store) -> dict[str, int]:
    return {line.key: line.row_id for line in store.read(lambda tx: tx.ledger.keys(1, "orders"))}


@pytest.mark.parametrize("asked", ["old", "new", "both"])
def test_a_row_that_was_deleted_and_inserted_anew_is_the_same_record(store: Store, asked: str) -> None:
    old, other = put(store, 1, 2)
    store.write(
        lambda tx: tx.history.write(1, [HistoryLine("orders", "1", old, AT, Origin.SHOP, {"notes": ("", "1")})])
    )
    base = load(store, old).base
    store.people("DELETE FROM orders WHERE id = 1")
    new = typed(store, 1, lines=0)
    store.people("UPDATE sync_hints SET left_at = '2026-11-02 09:00:00'")
    assert rekeyed(store, *{"old": [old], "new": [new], "both": [new, old, other]}[asked]) == NONE
    image = load(store, new)
    assert image.base == base
    assert image.local is not None
    assert image.local.fields["email"] == "typed@shop.test"
    # Its elements were left behind: they come along, and are the ones that base knows.
    assert image.local.children == (base.children if base else None)
    assert load(store, old) == Images(old, None, None)
    assert ledger(store) == {"1": new, "2": other}
    assert [line.row_id for line in store.read(lambda tx: tx.history.of(1, "orders", "1"))] == [new]
    assert {row for _, row in touched(store)} == {new}
    assert scanned(store) == [new]


def test_a_row_inserted_anew_with_its_elements_keeps_those(store: Store) -> None:
    (old,) = put(store, 1)
    store.people("DELETE FROM orders")
    new = typed(store, 1, lines=1)
    assert rekeyed(store, new) == NONE
    image = load(store, new)
    assert image.local is not None
    assert [e.fields["product_id"] for e in image.local.children["line_items"]] == ["P-1"]
    assert image.base is not None
    assert len(image.base.children["line_items"]) == 2
    assert store.ask("SELECT count(*) FROM order_line_items WHERE parent_row_id = :old", old=old) == [(0,)]


def test_a_second_row_with_a_held_id_is_parked_until_it_is_alone(store: Store) -> None:
    (held,) = put(store, 1)
    copy = typed(store, 1)
    assert rekeyed(store, copy) == Rekeyed(frozenset({copy}), frozenset())
    (parked,) = store.read(lambda tx: tx.books.parked(1))
    assert (parked.key, parked.path, parked.sample) == (f"row_id={copy}", "id", "1")
    assert str(held) in parked.reason
    assert rekeyed(store, held) == NONE
    assert len(store.read(lambda tx: tx.books.parked(1))) == 1
    store.people("DELETE FROM orders WHERE row_id = :held", held=held)
    assert rekeyed(store, held) == NONE
    assert ledger(store) == {"1": copy}
    assert store.read(lambda tx: tx.books.parked(1)) == []


def test_of_two_new_rows_with_the_id_of_a_deleted_one_neither_is_taken(store: Store) -> None:
    (old,) = put(store, 1)
    store.people("DELETE FROM orders")
    one, two = typed(store, 1), typed(store, 1)
    assert rekeyed(store, old) == Rekeyed(frozenset({one, two}), frozenset())
    assert ledger(store) == {"1": old}
    store.people("DELETE FROM orders WHERE row_id = :two", two=two)
    assert rekeyed(store, two, one) == NONE
    assert ledger(store) == {"1": one}
    assert store.read(lambda tx: tx.books.parked(1)) == []


def test_an_id_that_no_living_record_has_is_no_double(store: Store) -> None:
    (buried,) = put(store, 1)
    store.write(lambda tx: tx.mirror.bury(1, ORDERS, [buried], AT))
    store.write(lambda tx: tx.ledger.put(1, "orders", [Known("1", buried, 1, gone_at=AT)]))
    again, unknown, other_shop = typed(store, 1), typed(store, 77), typed(store, 1, shop_id=2)
    assert rekeyed(store, again, unknown, other_shop) == NONE
    assert ledger(store) == {"1": buried}


def test_nothing_moves_while_a_change_is_under_way(store: Store) -> None:
    (old,) = put(store, 1)
    patch = Patch({"notes": "sent"})
    change = Change(0, "orders", old, "1", Verb.UPDATE, ChangeState.SENDING, patch, None, None, "d", AT)
    sending = store.write(lambda tx: tx.outbox.add(1, change))
    store.people("DELETE FROM orders")
    new = typed(store, 1)
    assert rekeyed(store, old, new) == Rekeyed(frozenset(), frozenset({old, new}))
    assert ledger(store) == {"1": old}
    store.write(lambda tx: tx.outbox.save(1, replace(sending, state=ChangeState.READY)))
    claimed = replace(change, row_id=new, key="", verb=Verb.CREATE, state=ChangeState.HELD)
    store.write(lambda tx: tx.outbox.add(1, claimed))
    assert rekeyed(store, old, new) == NONE
    (kept,) = store.read(lambda tx: tx.outbox.all(1))
    assert (kept.id, kept.row_id) == (sending.id, new)


def test_a_text_key_is_matched_too(store: Store) -> None:
    def insert(tx: Any) -> int:
        (row_id,) = tx.mirror.insert(1, CUSTOMERS, [Record({"token": "abc", "email": "a@b.test"})], AT)
        tx.ledger.put(1, "customers", [Known("abc", row_id, 1)])
        return int(row_id)

    old = store.write(insert)
    store.people("DELETE FROM customers")
    store.people("INSERT INTO customers (shop_id, token, email) VALUES (1, 'abc', 'new@b.test')")
    ((new,),) = store.ask("SELECT row_id FROM customers")
    store.write(lambda tx: tx.local.rekeyed(1, CUSTOMERS, [new], AT))
    assert store.read(lambda tx: tx.ledger.find(1, "customers", ["abc"]))["abc"].row_id == new != old


# --- images that one side lacks --------------------------------------------------------------------------------------


def test_a_row_that_a_person_inserted_has_no_base_until_the_shop_knows_it(store: Store) -> None:
    row_id = typed(store, None, lines=2)
    before = load(store, row_id)
    assert before.base is None
    assert before.local is not None
    # The shop's answer binds the key, and gives the elements ids.
    lines = tuple(
        replace(e, fields={**e.fields, "id": n}) for n, e in enumerate(before.local.children["line_items"], 71)
    )
    answer = Record({**before.local.fields, "id": 7}, {"line_items": lines})
    agreed = Record(answer.fields, {"line_items": tuple(replace(e, row_id=None) for e in lines)})
    after = write(store, before, answer, agreed)
    assert after.local == after.base == answer
    assert [e.row_id for e in before.local.children["line_items"]] == [
        e.row_id for e in (after.base or answer).children["line_items"]
    ]
    assert scanned(store) == []
    assert store.ask("SELECT id FROM orders") == [(7,)]


def test_a_deleted_row_is_loaded_and_comes_back_under_its_number(store: Store) -> None:
    (row_id,) = put(store, 1)
    store.people("DELETE FROM orders")
    store.people("DELETE FROM order_line_items")
    before = load(store, row_id)
    assert before.local is None
    assert before.base is not None
    after = write(store, before, before.base, before.base)
    assert after.local == after.base == before.base
    assert scanned(store) == []
    assert store.ask("SELECT row_id FROM orders") == [(row_id,)]
    new = typed(store, None)
    assert new > row_id


def test_a_record_that_both_sides_deleted_leaves_nothing(store: Store) -> None:
    keeps, row_id = put(store, 1, 2)
    store.people("DELETE FROM orders WHERE id = 2")  # its elements stay behind
    after = write(store, load(store, row_id), None, None)
    assert after == Images(row_id, None, None)
    for table in ("orders", "sync_base_orders"):
        assert store.ask(f"SELECT row_id FROM {table}") == [(keeps,)]
    for table in ("order_line_items", "sync_base_order_line_items"):
        assert store.ask(f"SELECT DISTINCT parent_row_id FROM {table}") == [(keeps,)]


def test_a_row_that_the_shop_deleted_and_a_person_edited_can_lose_its_base_alone(store: Store) -> None:
    (row_id,) = put(store, 1)
    before = load(store, row_id)
    assert before.local is not None
    after = write(store, before, before.local, None)
    assert after.base is None
    assert after.local == before.local
    assert store.ask("SELECT count(*) FROM sync_base_order_line_items") == [(0,)]


def test_a_refused_insert_leaves_nothing(store: Store) -> None:
    row_id = typed(store, None)
    after = write(store, load(store, row_id), None, None)
    assert after == Images(row_id, None, None)
    assert store.ask("SELECT count(*) FROM order_line_items") == [(0,)]


def test_a_row_that_a_person_gave_to_another_shop_is_still_the_first_ones(store: Store) -> None:
    (row_id,) = put(store, 1)
    store.people("UPDATE orders SET shop_id = 2")
    assert load(store, row_id).unreadable == {"shop_id": "2"}
    assert store.read(lambda tx: tx.mirror.load(2, ORDERS, [row_id])) == {row_id: Images(row_id, None, None)}
    before = load(store, row_id)
    assert write(store, before, before.base, before.base).unreadable == {}
    new = typed(store, None, shop_id=2)
    assert load(store, new) == Images(new, None, None)


def test_a_hint_that_is_committed_while_hints_are_stamped_is_noticed_with_them(
    make_store: MakeStore,
) -> None:
    store = make_store("postgresql")
    (row,) = put(store, 1)

    def noticed(tx: MirrorTransaction) -> list[Touch]:
        def people_are_quick(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if statement.startswith("UPDATE sync_hints"):
                store.people("UPDATE orders SET notes = 'quick'")

        event.listen(tx.connection, "after_cursor_execute", people_are_quick)
        return tx.local.touched(1, AT, 10)

    [touch] = store.write(noticed)
    assert (touch.row_id, touch.last_at, touch.edited) == (row, AT, True)
