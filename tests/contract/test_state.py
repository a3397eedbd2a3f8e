"""The daemon's own rows: buckets, accounts, tokens, runs and due times."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from syncd.domain.budget import Bucket
from syncd.domain.run import Outcome, Run
from syncd.domain.token import SealedTokens, TokenPhase
from syncd.store.disk import StateTransaction, open_disk
from syncd.store.status import tokens
from tests.contract.conftest import AT, StillClock, Store

BUCKET = Bucket(level=3.5, at=1e9 + 0.123456, leak=2.0, size=40.0, leak_full=2.5, blocked_until=7.25, granted=2**40)
SEALED = SealedTokens(1, 3, TokenPhase.READY, "sealed-a", "sealed-r", AT, AT + timedelta(minutes=30))
RUN = Run("demo", "pull", "orders", "whole", Outcome.DONE, AT, AT, {"pages": 3.0, "waited_s": 0.5}, "fine")


def test_buckets_come_back_to_the_last_bit(store: Store) -> None:
    assert store.state(lambda tx: tx.budget.load("app/1")) is None
    store.state(lambda tx: tx.budget.save("app/1", BUCKET))
    store.state(lambda tx: tx.budget.save("app/2", replace(BUCKET, granted=1)))
    assert store.state(lambda tx: tx.budget.load("app/1")) == BUCKET
    store.state(lambda tx: tx.budget.save("app/1", replace(BUCKET, level=0.1)))
    assert store.state(lambda tx: tx.budget.load("app/1")) == replace(BUCKET, level=0.1)


def test_calls_are_added_up(store: Store) -> None:
    for hour, job, word, calls in ((5, "pull", "list", 2), (5, "pull", "list", 3), (6, "pull", "one", 1)):
        store.state(lambda tx, h=hour, j=job, w=word, c=calls: tx.budget.account(1, j, "backfill", w, c, 0.5, h))
    store.state(lambda tx: tx.budget.account(2, "pull", "backfill", "list", 9, 0.0, 6))
    assert store.state(lambda tx: tx.budget.spent(1, 5)) == [
        (5, "pull", "backfill", "list", 5, 1.0),
        (6, "pull", "backfill", "one", 1, 0.5),
    ]
    assert store.state(lambda tx: tx.budget.spent(1, 6)) == [(6, "pull", "backfill", "one", 1, 0.5)]
    both = [(1, 6, "pull", "backfill", "one", 1, 0.5), (2, 6, "pull", "backfill", "list", 9, 0.0)]
    assert store.state(lambda tx: tx.budget.spent_by_all(6)) == both
    assert store.state(lambda tx: tx.budget.purge(6)) == 1
    assert store.state(lambda tx: tx.budget.spent_by_all(0)) == both


def test_a_removed_shop_leaves_nothing_and_others_keep_theirs(store: Store) -> None:
    for shop_id in (1, 2):
        store.state(lambda tx, n=shop_id: tx.budget.account(n, "pull", "backfill", "list", 2, 0.0, 5))
        store.state(lambda tx, n=shop_id: tx.journal.write(n, RUN))
        store.state(lambda tx, n=shop_id: tx.journal.save_due(n, "push", AT))
        store.state(lambda tx, n=shop_id: tx.pushes.seal_password(n, 7, "sealed"))
        store.state(lambda tx, n=shop_id: tx.budget.save(f"app/{n}", BUCKET))
    store.state(lambda tx: tx.forget(1, None))
    assert store.state(lambda tx: tx.budget.load("app/1")) == BUCKET
    store.state(lambda tx: tx.forget(1, "app/1"))
    assert store.state(lambda tx: (tx.budget.load("app/1"), tx.budget.load("app/2"))) == (None, BUCKET)
    assert [line[0] for line in store.state(lambda tx: tx.budget.spent_by_all(0))] == [2]
    assert store.state(lambda tx: (tx.journal.last(1, 9), tx.journal.due(1), tx.pushes.password(1, 7))) == (
        [],
        {},
        None,
    )
    assert store.state(lambda tx: (tx.journal.last(2, 9), tx.journal.due(2))) == ([RUN], {"push": AT})
    assert store.state(lambda tx: tx.pushes.password(2, 7)) == "sealed"


def test_many_takers_of_one_bucket_lose_no_grant(store: Store) -> None:
    """Two processes' disks, the row missing at first: every grant counts once."""
    other = open_disk(store.database.url, clock=StillClock())

    def take(tx: StateTransaction) -> int:
        found = tx.budget.load("app/1") or replace(BUCKET, granted=0)
        tx.budget.save("app/1", replace(found, granted=found.granted + 1))
        return found.granted + 1

    async def rush() -> list[int]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(disk.state.run(take)) for _ in range(25) for disk in (store.disk, other)]
        return [task.result() for task in tasks]

    try:
        assert sorted(asyncio.run(rush())) == list(range(1, 51))
    finally:
        other.close()


def test_tokens_are_swapped_by_generation_and_phase(store: Store) -> None:
    begun = replace(SEALED, phase=TokenPhase.EXCHANGING, started_at=AT)
    assert not store.state(lambda tx: tx.vault.swap(SEALED, begun))  # no row yet
    assert store.state(lambda tx: tx.vault.swap(None, SEALED))
    assert not store.state(lambda tx: tx.vault.swap(None, replace(SEALED, access="other")))
    assert store.state(lambda tx: tx.vault.load(1)) == SEALED
    assert store.state(lambda tx: tx.vault.swap(SEALED, begun))
    assert not store.state(lambda tx: tx.vault.swap(SEALED, begun))  # the phase moved on
    after = replace(SEALED, generation=4, access="sealed-b", replayed=True, reason="why")
    assert not store.state(lambda tx: tx.vault.swap(after, begun))  # another generation
    assert store.state(lambda tx: tx.vault.swap(begun, after))
    assert store.state(lambda tx: tx.vault.all()) == [after]
    (seen,) = asyncio.run(tokens(store.disk))
    assert (seen.generation, seen.phase, seen.reason) == (4, TokenPhase.READY, "why")
    assert "sealed" not in repr(seen)
    store.state(lambda tx: tx.vault.forget(1))
    assert store.state(lambda tx: tx.vault.load(1)) is None


def test_runs_and_due_times(store: Store) -> None:
    late = replace(RUN, outcome=Outcome.LATER, message="ü")
    for run in (RUN, late):
        store.state(lambda tx, r=run: tx.journal.write(1, r))
    assert store.state(lambda tx: tx.journal.last(1, 5)) == [late, RUN]
    assert store.state(lambda tx: tx.journal.last(1, 1)) == [late]
    assert store.state(lambda tx: tx.journal.last(2, 5)) == []
    store.state(lambda tx: tx.journal.save_due(1, "pull", AT))
    store.state(lambda tx: tx.journal.save_due(1, "pull", AT + timedelta(hours=1)))
    assert store.state(lambda tx: tx.journal.due(1)) == {"pull": AT + timedelta(hours=1)}


def test_time_is_the_servers_where_it_has_a_clock(make_store: Callable[[str], Store]) -> None:
    ours = StillClock().wall()
    assert make_store("sqlite").state(lambda tx: tx.now()) == ours
    store = make_store("postgresql")
    first = store.state(lambda tx: tx.now())
    (row,) = store.ask("SELECT extract(epoch FROM clock_timestamp())")
    assert 0 <= float(row[0]) - first < 60
