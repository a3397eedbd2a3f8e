"""Lanes, people and runs side by side: nobody pays twice for one look, and a row in other hands costs no calls."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from syncd.domain.budget import CallClass
from syncd.domain.capability import Capabilities
from syncd.domain.cursor import Feed, Walk
from syncd.domain.ledger import HintSource
from syncd.domain.policy import Policy
from syncd.domain.resources import BY_NAME
from syncd.domain.run import Outcome, Tally
from syncd.engine.looks import Looker
from syncd.engine.rules import PullRules
from syncd.ports import MirrorTx, Purpose
from syncd.simulator.switches import FILTERS, Switches
from tests.engine.kit import Desk, desk
from tests.support.databases import TestDatabase

SHOP: dict[str, Any] = {"products": 3, "orders": 6, "customers": 12, "categories": 2}
PURPOSE = Purpose(CallClass.HINT, "look", "one")


def leave(tx: MirrorTx, at: Desk, keys: list[str], source: HintSource) -> None:
    tx.hints.leave(at.shop.id, "customers", keys, source, at.clock.now())


async def capabilities(at: Desk, name: str) -> Capabilities:
    found = await at.disk.reader.run(lambda tx: tx.books.capabilities(at.shop.id, name))
    assert found is not None
    return found


def test_two_lanes_never_look_at_one_hint_at_once(database: TestDatabase) -> None:
    async def scene() -> None:
        async with desk(database.url, **SHOP) as at:
            await at.pull("customers")
            customers, keys = BY_NAME["customers"], [str(key) for key in at.sim.keys("customers")]
            await at.disk.mirror.run(lambda tx: leave(tx, at, keys, HintSource.PERSON))
            caps, before = await capabilities(at, "customers"), at.calls()
            looker = Looker(at.shop, remote=at.gateway, disk=at.disk, clock=at.clock, rules=PullRules(looks_at_once=3))
            lanes = [looker.batch(customers, caps, Policy(), PURPOSE, Tally()) for _ in range(4)]
            taken = [count for count, _ in await asyncio.gather(*lanes)]
            assert (sum(taken), at.calls() - before) == (len(keys), len(keys))
            assert await at.disk.reader.run(lambda tx: tx.hints.depth(at.shop.id)) == {}

    asyncio.run(scene())


def test_a_row_in_a_forgotten_transaction_does_not_cost_call_after_call(database: TestDatabase) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite locks no rows: the whole file waits for the person")
    plain = make_url(database.url).set(drivername="postgresql").render_as_string(hide_password=False)

    async def scene() -> None:
        async with desk(database.url, **SHOP) as at:
            await at.pull("customers")
            key = at.sim.keys("customers")[0]
            with psycopg.connect(plain) as person:
                person.execute("UPDATE customers SET last_name = 'Edited' WHERE token = %s", [key])
                at.sim.edit("customers", key, {"first_name": "Remote"})
                before = at.calls()
                await at.pull("customers")
                await at.pull("customers")
                assert at.calls() - before <= 10
                person.commit()
            at.clock.passed_s += 3600
            await at.pull("customers")
            with psycopg.connect(plain) as person:
                found = person.execute("SELECT first_name, last_name FROM customers WHERE token = %s", [key])
                assert found.fetchone() == ("Remote", "Edited")

    asyncio.run(scene())


def test_an_interrupted_window_does_not_stand_in_for_a_complete_look(database: TestDatabase) -> None:
    async def scene() -> None:
        switches = Switches.named("rich").flipped([f"filters={FILTERS}"])
        async with desk(database.url, switches=switches, **SHOP) as at:
            await at.pull("orders")
            at.clock.passed_s += 7200
            [quick] = await at.pull("orders", quick=True)
            assert quick.feed == Feed.WINDOW.value
            cursor = await at.disk.reader.run(lambda tx: tx.books.cursor(at.shop.id, "orders"))
            window = Walk(Feed.WINDOW, 1, at.clock.now(), 0, low_stamp=cursor.watermark)
            await at.disk.mirror.run(
                lambda tx: tx.books.save_cursor(at.shop.id, "orders", replace(cursor, walk=window))
            )
            [run] = await at.pull("orders")
            assert run.feed in (Feed.WHOLE.value, Feed.TRIMMED.value)
            assert run.counts["seen"] == SHOP["orders"]

    asyncio.run(scene())


def test_what_a_grant_did_not_cover_is_asked_for_again_the_next_day(database: TestDatabase) -> None:
    async def scene() -> None:
        async with desk(database.url, **SHOP) as at:
            await at.pull("orders")
            unavailable = Capabilities(learned_at=at.clock.now(), available=False, why_not="not in the grant")
            await at.disk.mirror.run(lambda tx: tx.books.save_capabilities(at.shop.id, "orders", unavailable))
            for _ in range(30):  # looked at every hour, as the timetable does
                at.clock.passed_s += timedelta(hours=1).total_seconds()
                [run] = await at.pull("orders", quick=True)
                if not run.message:
                    break
            assert (await capabilities(at, "orders")).available

    asyncio.run(scene())


def test_a_sweep_that_is_drained_begins_no_further_walk(database: TestDatabase) -> None:
    async def scene() -> None:
        async with desk(database.url, **SHOP) as at:
            await at.pull("customers", "orders")
            before = at.calls()
            at.worker.drain.set()
            runs = await at.worker.sweep([BY_NAME["customers"], BY_NAME["orders"]])
            assert [run for run in runs if run.outcome is Outcome.DONE] == []
            assert at.calls() == before

    asyncio.run(scene())
