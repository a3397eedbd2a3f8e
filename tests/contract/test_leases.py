"""Leases and replicas as rows: taking over is one step for all, and the fence holds until the transaction ends."""

import asyncio
from collections.abc import Callable

import pytest

from syncd.domain.lease import Kind, Lease
from syncd.engine.lease_transactions import Member
from syncd.engine.leasing import Leases
from syncd.errors import DatabaseBusy
from syncd.store.disk import MirrorTransaction, StoreDisk, open_disk
from tests.contract.conftest import AT, StillClock, Store
from tests.contract.test_capture import SHOP
from tests.engine.virtual import KeptLog

LEASE_S = 15.0
LONG_S = 3600.0
"""A lease that no slow machine outlasts."""


def taken(store: Store, owner: str, over: Lease | None, shop_id: int = 1, kind: Kind = Kind.DAEMON) -> Lease | None:
    return store.write(lambda tx: tx.leases.take(shop_id, owner, kind, LEASE_S, over))


def test_a_lease_is_taken_renewed_given_back_and_its_generation_only_grows(store: Store) -> None:
    assert store.read(lambda tx: tx.leases.load(1)) is None
    first = taken(store, "a", None)
    assert first is not None
    assert (first.owner, first.generation, first.kind) == ("a", 1, Kind.DAEMON)
    assert taken(store, "b", None) is None  # it was seen as missing, and is not
    assert store.read(lambda tx: tx.leases.load(1)) == first
    assert [lease.shop_id for lease in store.write(lambda tx: tx.leases.renew("a", 60.0))] == [1]
    assert taken(store, "b", first) is None  # it moved on since it was seen
    renewed = store.read(lambda tx: tx.leases.load(1))
    assert renewed is not None
    store.write(lambda tx: tx.leases.release("b", [1]))  # not b's to give
    assert store.read(lambda tx: tx.leases.load(1)) == renewed
    store.write(lambda tx: tx.leases.release("a", [1]))
    free = store.read(lambda tx: tx.leases.load(1))
    assert free is not None
    assert (free.is_given_back, free.generation) == (True, 1)
    second = taken(store, "b", free, kind=Kind.COMMAND)
    assert second is not None
    assert (second.generation, second.kind) == (2, Kind.COMMAND)
    assert store.write(lambda tx: tx.leases.renew("a", 60.0)) == []


def test_only_one_of_many_takes_a_lease(store: Store) -> None:
    others = [open_disk(store.database.url, clock=StillClock()) for _ in range(3)]

    async def rush(over: Lease | None) -> list[Lease]:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(disk.mirror.run(lambda tx, n=n: tx.leases.take(1, f"o{n}", Kind.DAEMON, 15.0, over)))
                for n, disk in enumerate([store.disk, *others])
            ]
        return [lease for task in tasks if (lease := task.result()) is not None]

    try:
        (first,) = asyncio.run(rush(None))
        (second,) = asyncio.run(rush(first))
    finally:
        for disk in others:
            disk.close()
    assert (first.generation, second.generation) == (1, 2)


def test_the_fence_lets_nobody_in_before_its_transaction_ends(make_store: Callable[[str], Store]) -> None:
    store = make_store("postgresql")
    other = open_disk(store.database.url, clock=StillClock())
    lease = taken(store, "a", None)
    assert lease is not None
    seen: list[object] = []

    def fenced(tx: MirrorTransaction) -> None:
        assert tx.leases.keeps(1, "a", lease.generation)
        seen.append(asyncio.run(other.mirror.run(lambda tx: tx.leases.take(1, "b", Kind.DAEMON, LEASE_S, lease))))
        seen.append(len(asyncio.run(other.mirror.run(lambda tx: tx.leases.renew("a", LEASE_S)))))

    try:
        store.write(fenced)
        assert seen == [None, 1]  # b has to come again; renewing goes on beside the fence
        over = store.read(lambda tx: tx.leases.load(1))
        assert asyncio.run(other.mirror.run(lambda tx: tx.leases.take(1, "b", Kind.DAEMON, LEASE_S, over)))
        assert not store.write(lambda tx: tx.leases.keeps(1, "a", lease.generation))
    finally:
        other.close()


def test_whoever_comes_while_a_lease_changes_hands_learns_it_or_waits(make_store: Callable[[str], Store]) -> None:
    store = make_store("postgresql")
    other = open_disk(store.database.url, clock=StillClock())
    lease = taken(store, "a", None)

    def take_slowly(tx: MirrorTransaction) -> None:
        assert tx.leases.take(1, "b", Kind.DAEMON, LEASE_S, lease)
        with pytest.raises(DatabaseBusy):
            asyncio.run(other.mirror.run(lambda late: late.leases.keeps(1, "a", 1)))

    try:
        store.write(take_slowly)
    finally:
        other.close()
    assert not store.write(lambda tx: tx.leases.keeps(1, "a", 1))
    assert store.write(lambda tx: tx.leases.keeps(1, "b", 2))


def test_replicas_are_seen_counted_and_forgotten(store: Store) -> None:
    for name in ("one", "two", "one"):
        store.write(lambda tx, n=name: tx.leases.seen(n, "host", 7))
    living = store.read(lambda tx: tx.leases.living(LEASE_S))
    assert sorted(each.replica for each in living) == ["one", "two"]
    store.people("UPDATE sync_replicas SET seen_s = seen_s - 100 WHERE replica = 'one'")
    assert [each.replica for each in store.read(lambda tx: tx.leases.living(LEASE_S))] == ["two"]
    store.write(lambda tx: tx.leases.forget("one"))
    assert [(each.replica, each.host, each.pid) for each in store.read(lambda tx: tx.leases.replicas())] == [
        ("two", "host", 7)
    ]


def test_leases_live_by_the_databases_clock_where_it_has_one(make_store: Callable[[str], Store]) -> None:
    assert make_store("sqlite").read(lambda tx: tx.leases.now()) == AT.timestamp()
    store = make_store("postgresql")
    first = store.read(lambda tx: tx.leases.now())
    (row,) = store.ask("SELECT extract(epoch FROM clock_timestamp())")
    assert 0 <= float(row[0]) - first < 60


def test_a_shop_that_is_removed_takes_its_lease_along(store: Store) -> None:
    taken(store, "a", None)
    taken(store, "a", None, shop_id=2)
    store.write(lambda tx: tx.books.remove_shop(1))
    assert [lease.shop_id for lease in store.read(lambda tx: tx.leases.all())] == [2]


def test_whose_session_has_ended_is_seen_at_once_where_there_are_sessions(make_store: Callable[[str], Store]) -> None:
    assert make_store("sqlite").write(lambda tx: tx.leases.signed()) is None
    store = make_store("postgresql")
    other = open_disk(store.database.url, clock=StillClock())
    store.write(lambda tx: tx.leases.sign("a"))
    asyncio.run(other.mirror.run(lambda tx: tx.leases.sign("b")))
    assert store.read(lambda tx: tx.leases.signed()) == {"a", "b"}
    other.close()
    for _ in range(200):  # the server notices when it next looks at the connection
        if store.read(lambda tx: tx.leases.signed()) == {"a"}:
            break
    else:
        pytest.fail("the session of b is still there")


def test_whoever_has_gone_and_holds_nothing_is_remembered_by_nobody(make_store: Callable[[str], Store]) -> None:
    """Every command signs its session too: a daemon that lives for months must not keep the names of all."""
    store = make_store("postgresql")

    def leases(owner: str, kind: Kind) -> tuple[StoreDisk, Leases]:
        disk = open_disk(store.database.url, clock=StillClock())
        return disk, Leases(disk, StillClock(), KeptLog(), Member(owner, "host", 1, kind, LEASE_S))

    async def scene() -> None:
        own, daemon = leases("daemon", Kind.DAEMON)
        for number in range(3):
            name = f"command-{number}"
            disk, command = leases(name, Kind.COMMAND)
            await command.take(1)
            await daemon.beat(set())
            assert name in daemon._met
            await command.release([1])
            disk.close()
            for _ in range(200):  # the server notices when it next looks at the connection
                if name not in (await own.mirror.run(lambda tx: tx.leases.signed()) or ()):
                    break
            await daemon.beat(set())
        assert daemon._met == {"daemon"}
        own.close()

    asyncio.run(scene())


class TurningClock(StillClock):
    """Our own clock, turned on by hand. The database's goes as it goes."""

    def __init__(self) -> None:
        self.turned_s = 0.0

    def monotonic(self) -> float:
        return self.turned_s


@pytest.mark.parametrize("renews", [False, True], ids=["dead", "alive without a session"])
def test_who_comes_after_a_death_takes_over_at_his_second_beat(
    make_store: Callable[[str], Store], renews: bool
) -> None:
    """The lease would last on for its whole length: that nobody is behind it is seen by its owner's missing session."""
    store, clock = make_store("postgresql"), TurningClock()
    store.write(lambda tx: tx.books.add_shop(SHOP))
    store.people("UPDATE shops SET state = 'active'")
    shops = {shop.id for shop in store.read(lambda tx: tx.books.shops())}
    assert shops

    def daemon(owner: str) -> tuple[StoreDisk, Leases]:
        disk = open_disk(store.database.url, clock=clock)
        return disk, Leases(disk, clock, KeptLog(), Member(owner, "host", 1, Kind.DAEMON, LONG_S))

    async def scene() -> None:
        disk, before = daemon("before")
        assert (await before.beat(set())).held == shops
        disk.close()
        disk, after = daemon("after")
        for _ in range(200):  # the server notices when it next looks at the connection
            if "before" not in (await disk.mirror.run(lambda tx: tx.leases.signed()) or ()):
                break
        assert (await after.beat(set())).held == frozenset()
        clock.turned_s += after.beat_s
        if renews:
            await disk.mirror.run(lambda tx: tx.leases.renew("before", LONG_S))
        assert (await after.beat(set())).held == (frozenset() if renews else shops)
        disk.close()

    asyncio.run(scene())
