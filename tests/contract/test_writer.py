"""Transactions end whole whatever happens to the caller, and the database's faults become syncd's own errors."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from syncd.domain.cursor import Cursor, Feed, Walk
from syncd.errors import DatabaseBusy, DiskProblem, SchemaProblem
from syncd.store.database import House, Use, address, open_engine
from syncd.store.disk import MirrorTransaction, open_disk
from syncd.store.writer import StoreWriter
from tests.contract.conftest import AT, StillClock, Store

CURSOR = Cursor().begun(Walk(Feed.WHOLE, 1, AT, 1), None)


def test_a_cancelled_caller_waits_for_the_end_of_its_transaction(store: Store) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(tx: MirrorTransaction) -> None:
        tx.books.save_cursor(1, "orders", CURSOR)
        begun.set()
        go_on.wait(10)

    async def scene() -> None:
        task = asyncio.create_task(store.disk.mirror.run(slow))
        await asyncio.to_thread(begun.wait, 10)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=0.05)
        assert not done
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scene())
    assert store.read(lambda tx: tx.books.cursor(1, "orders")) == CURSOR


def test_a_failure_that_nobody_waits_for_is_not_reported_as_lost(store: Store) -> None:
    begun, go_on = threading.Event(), threading.Event()
    complaints: list[object] = []

    def fail(_tx: MirrorTransaction) -> None:
        begun.set()
        go_on.wait(10)
        raise KeyError("nobody hears this")

    async def scene() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))
        task = asyncio.create_task(store.disk.mirror.run(fail))
        await asyncio.to_thread(begun.wait, 10)
        task.cancel()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scene())
    assert complaints == []


def test_concurrent_read_modify_writes_lose_nothing(store: Store) -> None:
    store.write(lambda tx: tx.books.save_cursor(1, "orders", CURSOR))

    def step(tx: MirrorTransaction) -> None:
        if tx.connection.dialect.name == "postgresql":
            tx.connection.execute(text("SELECT 1 FROM sync_cursors FOR UPDATE"))
        tx.books.save_cursor(1, "orders", tx.books.cursor(1, "orders").advanced())

    async def rush() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(40):
                group.create_task(store.disk.mirror.run(step))

    asyncio.run(rush())
    walk = store.read(lambda tx: tx.books.cursor(1, "orders")).walk
    assert walk is not None
    assert walk.page == 41


def test_a_reader_reads_while_the_writer_writes_and_writes_nothing(store: Store) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def hold(tx: MirrorTransaction) -> None:
        tx.books.save_cursor(1, "orders", CURSOR)
        begun.set()
        go_on.wait(10)

    async def scene() -> None:
        task = asyncio.create_task(store.disk.mirror.run(hold))
        await asyncio.to_thread(begun.wait, 10)
        assert await store.disk.reader.run(lambda tx: tx.books.cursor(1, "orders")) == Cursor()
        go_on.set()
        await task

    asyncio.run(scene())
    with pytest.raises(DiskProblem):
        store.read(lambda tx: tx.books.save_cursor(1, "orders", CURSOR))


def test_inline_transactions_pause_before_and_after(store: Store) -> None:
    pauses: list[int] = []

    async def pause() -> None:
        pauses.append(len(pauses))

    disk = open_disk(store.database.url, clock=StillClock(), inline_pause=pause)
    try:
        asyncio.run(disk.mirror.run(lambda tx: tx.books.save_cursor(1, "orders", CURSOR)))
        assert pauses == [0, 1]
        assert asyncio.run(disk.reader.run(lambda tx: tx.books.cursor(1, "orders"))) == CURSOR
        assert asyncio.run(disk.state.run(lambda tx: tx.now())) == StillClock().wall()
    finally:
        disk.close()


def test_a_crash_in_the_second_pause_comes_after_the_commit(store: Store) -> None:
    steps = iter([False, True])

    async def pause() -> None:
        if next(steps):
            raise asyncio.CancelledError

    disk = open_disk(store.database.url, clock=StillClock(), inline_pause=pause)
    try:
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(disk.mirror.run(lambda tx: tx.books.save_cursor(1, "orders", CURSOR)))
    finally:
        disk.close()
    assert store.read(lambda tx: tx.books.cursor(1, "orders")) == CURSOR


# --- faults ----------------------------------------------------------------------------------------------------------


def test_a_missing_table_is_a_question_of_revisions(store: Store) -> None:
    with pytest.raises(SchemaProblem) as caught:
        store.write(lambda tx: tx.connection.execute(text("SELECT * FROM sync_of_tomorrow")))
    assert caught.value.hint.endswith("syncd db upgrade")


def test_on_postgresql_people_keep_their_locks_and_the_daemon_steps_back(make_store: Callable[[str], Store]) -> None:
    store = make_store("postgresql")
    store.write(lambda tx: tx.books.save_cursor(1, "orders", CURSOR))
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE sync_cursors SET page = 9"))
        with pytest.raises(DatabaseBusy):
            store.write(lambda tx: tx.books.save_cursor(1, "orders", CURSOR))
    store.write(lambda tx: tx.books.save_cursor(1, "orders", CURSOR))


def test_on_postgresql_a_lost_connection_is_tried_again_later(make_store: Callable[[str], Store]) -> None:
    store = make_store("postgresql")
    store.people("SELECT 1")

    def die(tx: MirrorTransaction) -> None:
        tx.connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(DatabaseBusy):
        store.write(die)
    store.write(lambda tx: tx.books.save_cursor(1, "orders", CURSOR))


def test_on_postgresql_the_daemons_sessions_carry_its_name(make_store: Callable[[str], Store]) -> None:
    store = make_store("postgresql")

    def origin(tx: MirrorTransaction) -> object:
        return tx.connection.execute(text("SELECT current_setting('syncd.origin', true)")).scalar()

    assert store.write(origin) == "daemon"
    assert store.ask("SELECT current_setting('syncd.origin', true)") == [(None,)]


def test_on_sqlite_somebody_elses_transaction_makes_it_busy(make_store: Callable[[str], Store]) -> None:
    store = make_store("sqlite")
    url = address(store.database.url).mirror
    impatient = open_engine(url.update_query_dict({"timeout": "0.05"}), House.MIRROR, Use.WRITE, 1)
    writer = StoreWriter(impatient, lambda c: MirrorTransaction(c, StillClock(), hold=True, simulated=False), 1, "test")
    with store.engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseBusy):
            asyncio.run(writer.run(lambda tx: tx.books.shops()))
        connection.rollback()
    assert asyncio.run(writer.run(lambda tx: tx.books.shops())) == []
    writer.close()


def test_on_sqlite_a_full_disk_and_a_broken_file_are_disk_problems(make_store: Callable[[str], Store]) -> None:
    store = make_store("sqlite")

    def fill(tx: MirrorTransaction) -> None:
        tx.connection.exec_driver_sql("PRAGMA max_page_count = 1")
        tx.connection.exec_driver_sql(
            "CREATE TABLE big AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
            " WHERE i < 9999) SELECT hex(zeroblob(99)) FROM n"
        )

    with pytest.raises(DiskProblem, match="full"):
        store.write(fill)
    broken = Path(make_url(store.database.url).database or "").with_name("broken.db")
    broken.write_bytes(b"not a database at all" * 100)
    with pytest.raises(DiskProblem):
        open_disk(f"sqlite:///{broken}", clock=StillClock())


def test_values_stay_out_of_error_texts(store: Store) -> None:
    with pytest.raises(Exception, match=r"(?i)null") as caught:
        store.state(
            lambda tx: tx.connection.execute(
                text("INSERT INTO sync_tokens (shop_id, generation, phase, access) VALUES (1, NULL, 'ready', :secret)"),
                {"secret": "sealed-secret"},
            )
        )
    assert "sealed-secret" not in str(caught.value)
