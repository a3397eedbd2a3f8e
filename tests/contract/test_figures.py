"""Figures of all shops at once, and logins under way, on both databases."""

import asyncio
from datetime import UTC, datetime, timedelta

from syncd.domain.budget import CallClass
from syncd.domain.ledger import HintSource
from syncd.domain.run import Outcome, Run
from syncd.domain.shop import Shop, ShopState
from syncd.domain.token import SealedTokens, TokenPhase
from syncd.host.clock import SystemClock
from syncd.store import figures
from syncd.store.disk import MirrorTransaction, StateTransaction, open_disk
from syncd.store.migrate import upgrade
from tests.support.databases import TestDatabase

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
HOUR = 494_000


def _shop(name: str) -> Shop:
    return Shop(0, name, "https://x.example", "https://x.example", name, "https://r.example", (), state=ShopState.NEW)


def _write_mirror(tx: MirrorTransaction) -> None:
    for name in ("a", "b"):
        tx.books.add_shop(_shop(name))
    tx.hints.leave(1, "orders", ["7", "8"], HintSource.WEBHOOK, NOW)
    tx.hints.leave(2, "orders", ["7"], HintSource.LISTING, NOW)


def _write_state(tx: StateTransaction) -> None:
    for hour, calls in ((HOUR - 30, 100), (HOUR, 5), (HOUR + 1, 6)):
        tx.budget.account(1, "pull", CallClass.SWEEP.value, "page", calls, 0.5, hour)
    for outcome in (Outcome.DONE, Outcome.DONE, Outcome.LATER):
        tx.journal.write(1, Run("a", "pull", "orders", "whole", outcome, NOW, NOW, {}))
    tx.vault.swap(None, SealedTokens(2, 3, TokenPhase.READY, "sealed", "sealed", NOW, NOW))


def test_figures_are_counted_alike(database: TestDatabase) -> None:
    upgrade(database.url)
    disk = open_disk(database.url, clock=SystemClock())

    async def look() -> None:
        await disk.mirror.run(_write_mirror)
        await disk.state.run(_write_state)
        mirror = await disk.reader.run(lambda tx: figures.mirrored(tx, NOW.timestamp()))
        assert [shop.name for shop in mirror.shops] == ["a", "b"]
        assert mirror.hints == {(1, "orders", "webhook"): 2, (2, "orders", "listing"): 1}
        assert (mirror.conflicts, mirror.brakes, mirror.leased, mirror.replicas) == ({}, {}, {}, 0)
        assert await disk.reader.run(figures.rows) == {}
        kept = await disk.state_reader.run(lambda tx: figures.kept(tx, [1, 2], HOUR, 1))
        assert [(line.hour, line.calls) for line in kept.calls] == [(HOUR, 5), (HOUR + 1, 6)]
        assert kept.runs == {(1, "pull", "done"): 1, (1, "pull", "later"): 1}  # those behind place 1
        assert kept.runs_end == 3
        assert (kept.tokens[2].phase, kept.tokens[2].generation) == (TokenPhase.READY, 3)

    try:
        asyncio.run(look())
    finally:
        disk.close()


def test_a_login_is_used_once_and_ends(database: TestDatabase) -> None:
    upgrade(database.url)
    disk = open_disk(database.url, clock=SystemClock())

    async def go() -> None:
        def begin(tx: StateTransaction) -> None:
            tx.logins.begin("first", 1, NOW - timedelta(hours=1))
            tx.logins.begin("second", 1, NOW)

        await disk.state.run(begin)
        assert [each.shop_id for each in await disk.state.run(lambda tx: tx.logins.open(NOW))] == [1]
        assert [await disk.state.run(lambda tx: tx.logins.use("second", NOW)) for _ in range(2)] == [True, False]
        used = await disk.state.run(lambda tx: tx.logins.find("second"))
        assert used is not None
        assert used.used_at == NOW
        assert "second" not in used.print
        await disk.state.run(lambda tx: tx.logins.forget(NOW))
        assert await disk.state.run(lambda tx: tx.logins.find("first")) is None

    try:
        asyncio.run(go())
    finally:
        disk.close()
