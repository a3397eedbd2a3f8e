"""Doors, registered webhooks and the inbox, on both databases."""

from dataclasses import replace
from datetime import datetime, timedelta

from syncd.domain.webhook import Arrival, Door, Hook, InboxCount, InboxState, Notice
from tests.contract.conftest import AT, Store

DOOR = Door(1, "sealed-text", "print-1", AT)
LONG_AGO = AT - timedelta(days=9)


def arrival(key: str, at: datetime = AT, shop_id: int = 1) -> Arrival:
    return Arrival(shop_id, at, Notice("order/update", "orders", key, f"digest-{key}", "{}"))


def receive(store: Store, *arrivals: Arrival, since: datetime = AT - timedelta(seconds=60)) -> None:
    store.state(lambda tx: tx.webhooks.receive(arrivals, since))


def test_doors_come_back(store: Store) -> None:
    assert store.state(lambda tx: (tx.webhooks.doors(), tx.webhooks.door(1))) == ([], None)
    store.state(lambda tx: tx.webhooks.save_door(DOOR))
    checked = replace(DOOR, print="print-2", checked_at=AT, said="odd")
    store.state(lambda tx: tx.webhooks.save_door(replace(DOOR, print="print-2")))
    store.state(lambda tx: tx.webhooks.note_check(1, AT, "odd"))
    store.state(lambda tx: tx.webhooks.count_refused(1, 3, AT))
    store.state(lambda tx: tx.webhooks.count_refused(1, 4, AT))
    assert store.state(lambda tx: tx.webhooks.doors()) == [replace(checked, refused=7, refused_at=AT)]
    assert "sealed-text" not in repr(store.state(lambda tx: tx.webhooks.door(1)))


def test_hooks_are_kept_by_topic(store: Store) -> None:
    for topic in ("product/update", "order/create"):
        store.state(lambda tx, t=topic: tx.webhooks.save_hook(1, Hook(t, "", "print-1", AT)))
    store.state(lambda tx: tx.webhooks.save_hook(1, Hook("order/create", "7", "print-1", AT)))
    store.state(lambda tx: tx.webhooks.drop_hook(1, "product/update"))
    assert store.state(lambda tx: tx.webhooks.hooks(1)) == [Hook("order/create", "7", "print-1", AT)]
    assert store.state(lambda tx: tx.webhooks.hooks(2)) == []


def test_deliveries_that_say_the_same_are_one_row_for_a_while(store: Store) -> None:
    receive(store, arrival("1"), arrival("2"), arrival("1"))
    receive(store, arrival("1"))
    rows = store.state(lambda tx: tx.webhooks.waiting(1, 10))
    assert [(row.key, row.times) for row in rows] == [("1", 3), ("2", 1)]
    receive(store, arrival("1", AT + timedelta(hours=1)), since=AT + timedelta(minutes=59))
    rows = store.state(lambda tx: tx.webhooks.waiting(1, 10))
    assert [(row.key, row.times) for row in rows] == [("1", 3), ("2", 1), ("1", 1)]
    assert store.state(lambda tx: tx.webhooks.waiting(2, 10)) == []


def test_a_row_that_was_settled_waits_again_when_it_is_delivered_again(store: Store) -> None:
    receive(store, arrival("1"))
    rows = store.state(lambda tx: tx.webhooks.waiting(1, 10))
    receive(store, arrival("1"))  # between reading and settling
    store.state(lambda tx: tx.webhooks.settle(1, rows, InboxState.HINTED, AT))
    (row,) = store.state(lambda tx: tx.webhooks.waiting(1, 10))
    assert row.times == 2
    store.state(lambda tx: tx.webhooks.settle(1, [row], InboxState.HINTED, AT))
    assert store.state(lambda tx: tx.webhooks.waiting(1, 10)) == []
    receive(store, arrival("1"))
    assert [row.times for row in store.state(lambda tx: tx.webhooks.waiting(1, 10))] == [3]


def test_the_inbox_is_counted_and_purged(store: Store) -> None:
    assert store.state(lambda tx: tx.webhooks.count(1)) == InboxCount()
    receive(store, arrival("1", LONG_AGO), arrival("2", LONG_AGO), arrival("3"), since=LONG_AGO)
    first, _, third = store.state(lambda tx: tx.webhooks.waiting(1, 10))
    store.state(lambda tx: tx.webhooks.settle(1, [first, third], InboxState.HINTED, AT))
    store.state(lambda tx: tx.webhooks.absent(1, "orders", ["2", "3"]))
    assert store.state(lambda tx: tx.webhooks.count(1)) == InboxCount(AT, {"absent": 1, "hinted": 1, "waiting": 1})
    told = store.state(lambda tx: tx.webhooks.between(1, AT - timedelta(hours=1), AT))
    assert told == [("orders", "3", InboxState.ABSENT)]
    # What nobody took in for so long, because its shop is paused, waits no longer: the ordinary looks find it.
    assert store.state(lambda tx: tx.webhooks.purge(AT - timedelta(days=1))) == 2
    assert store.state(lambda tx: tx.webhooks.count(1).by_state) == {"absent": 1}


def test_a_removed_shop_leaves_nothing(store: Store) -> None:
    store.state(lambda tx: tx.webhooks.save_door(DOOR))
    store.state(lambda tx: tx.webhooks.save_hook(1, Hook("order/create", "7", "print-1", AT)))
    receive(store, arrival("1"), arrival("1", shop_id=2))
    store.state(lambda tx: tx.webhooks.forget(1))
    assert store.state(lambda tx: (tx.webhooks.doors(), tx.webhooks.hooks(1), tx.webhooks.waiting(1, 9))) == (
        [],
        [],
        [],
    )
    assert len(store.state(lambda tx: tx.webhooks.waiting(2, 9))) == 1
