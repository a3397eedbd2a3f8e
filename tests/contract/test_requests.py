"""What commands ask of a daemon: taken once, ended by whoever has it, and heard of at once."""

import asyncio
from datetime import timedelta

from syncd.domain.request import AGAIN, Request
from syncd.host.clock import SystemClock
from syncd.store.disk import open_disk
from tests.contract.conftest import AT, Store
from tests.contract.test_local_signal import add_shops


def ask(store: Store, shop_id: int = 1, job: str = "pull") -> Request:
    return store.write(lambda tx: tx.requests.add(shop_id, job, '{"quick": true}', "syncd pull", AT))


def test_a_request_goes_its_way(store: Store) -> None:
    first, second, other = ask(store), ask(store, job="push"), ask(store, shop_id=2)
    assert store.read(lambda tx: tx.requests.open(1)) == [first, second]
    assert store.write(lambda tx: tx.requests.take(first, "me", AT))
    assert not store.write(lambda tx: tx.requests.take(first, "you", AT)), "it no longer stands as it was read"
    assert store.write(lambda tx: tx.requests.tell(first.seq, "me", "page 3"))
    taken = store.read(lambda tx: tx.requests.load(first.seq))
    assert taken is not None
    assert (taken.taken_by, taken.taken_at, taken.answer) == ("me", AT, "page 3")
    assert not store.write(lambda tx: tx.requests.end(first.seq, "you", "{}", AT))
    assert store.write(lambda tx: tx.requests.end(first.seq, "me", "{}", AT))
    assert not store.write(lambda tx: tx.requests.tell(first.seq, "me", "page 4")), "it has ended"
    assert store.read(lambda tx: tx.requests.open(1)) == [second]
    assert store.read(lambda tx: tx.requests.open(2)) == [other]


def test_what_is_given_back_is_as_if_nobody_had_had_it(store: Store) -> None:
    asked = ask(store)
    store.write(lambda tx: tx.requests.take(asked, "me", AT))
    store.write(lambda tx: tx.requests.give_back(asked.seq, "you"))
    assert store.read(lambda tx: tx.requests.load(asked.seq)) != asked
    store.write(lambda tx: tx.requests.give_back(asked.seq, "me"))
    assert store.read(lambda tx: tx.requests.load(asked.seq)) == asked


def test_what_a_dead_one_left_is_taken_over_once_more(store: Store) -> None:
    asked = ask(store)
    assert asked.taker("me") == "me"
    store.write(lambda tx: tx.requests.take(asked, "dead", AT))
    [left] = store.read(lambda tx: tx.requests.open(1))
    assert left.taker("me") == AGAIN + "me"
    assert store.write(lambda tx: tx.requests.take(left, AGAIN + "me", AT))
    assert not store.write(lambda tx: tx.requests.end(asked.seq, "dead", "{}", AT)), "it came back too late"
    [left] = store.read(lambda tx: tx.requests.open(1))
    assert left.taker("third") is None


def test_taking_a_request_back(store: Store) -> None:
    asked = ask(store)
    store.write(lambda tx: tx.requests.take(asked, "dead", AT))
    assert store.write(lambda tx: tx.requests.withdraw(asked.seq))
    assert store.read(lambda tx: tx.requests.load(asked.seq)) is None
    assert not store.write(lambda tx: tx.requests.end(asked.seq, "dead", "{}", AT))
    done = ask(store)
    store.write(lambda tx: tx.requests.take(done, "me", AT))
    store.write(lambda tx: tx.requests.end(done.seq, "me", "{}", AT))
    assert not store.write(lambda tx: tx.requests.withdraw(done.seq)), "it has ended: the answer is there"


def test_old_ones_are_forgotten(store: Store) -> None:
    asked = ask(store)
    assert store.write(lambda tx: tx.requests.purge(AT)) == 0
    assert store.write(lambda tx: tx.requests.purge(AT + timedelta(seconds=1))) == 1
    assert store.read(lambda tx: tx.requests.load(asked.seq)) is None


def test_daemons_hear_of_requests_and_of_states_at_once(store: Store) -> None:
    first, second = add_shops(store, 2)
    disk, clock = open_disk(store.database.url, clock=SystemClock()), SystemClock()

    async def heard(change: object) -> list[int]:
        waiting = asyncio.ensure_future(disk.local_signal.wait(5))
        await clock.sleep(0.05)
        await asyncio.to_thread(change)  # type: ignore[arg-type]
        return await waiting

    def pause() -> None:
        [shop] = [each for each in store.read(lambda tx: tx.books.shops()) if each.id == first]
        store.write(lambda tx: tx.books.save_shop(type(shop)(**{**_values(shop), "state": type(shop.state)("paused")})))

    async def told() -> None:
        assert await disk.local_signal.wait(0.1) == []
        assert await heard(lambda: ask(store, second)) == [second]
        assert await heard(pause) == [first]
        assert await disk.local_signal.wait(0.1) == []

    try:
        asyncio.run(told())
    finally:
        disk.close()


def _values(shop: object) -> dict[str, object]:
    return {name: getattr(shop, name) for name in shop.__slots__}  # type: ignore[attr-defined]
