"""What a look costs when nothing changed, that it finds what did, and that no stale observation wins."""

import asyncio
from typing import Any

import pytest

from syncd.domain.budget import CallClass
from syncd.domain.cursor import Feed
from syncd.domain.policy import Policy
from syncd.domain.record import Item, Record
from syncd.domain.resources import BY_NAME, ORDERS, PRODUCTS, RESOURCES
from syncd.engine.sighting import Form, Scope, Seen
from syncd.engine.take import take
from syncd.ports import Listing, MirrorTx, Purpose
from syncd.simulator.switches import FILTERS, Switches
from tests.engine.kit import Desk, desk
from tests.support.databases import TestDatabase

SHOP: dict[str, Any] = {"products": 35, "orders": 60, "customers": 30, "categories": 12}
FILTERED = Switches.named("rich").flipped(["page_size=10", f"filters={FILTERS}"])
UNFILTERED = Switches.named("plain").flipped(["page_size=10", "fields=false", "fulfillments.filters="])
READ = Purpose(CallClass.USER, "test", "one")


def _run(scene: Any) -> None:
    asyncio.run(scene)


async def _filled(at: Desk) -> None:
    await at.pull()
    at.clock.passed_s += 7200
    await at.pull()
    at.clock.passed_s += 7200


def test_a_quiet_quick_look_costs_one_call_with_a_filter_and_two_without(database: TestDatabase) -> None:
    async def scene() -> None:
        async with desk(database.url, switches=FILTERED, **SHOP) as at:
            await _filled(at)
            caps = await at.worker.discover(RESOURCES)
            for name, known in caps.items():
                before = at.calls()
                runs = await at.pull(name, quick=True)
                spent = at.calls() - before
                assert spent == runs[0].counts["calls"]
                pages = -(-len(at.sim.keys(name)) // 10)
                if known.filters:
                    assert (name, runs[0].feed, spent) == (name, Feed.WINDOW.value, 1)
                elif known.pages and not known.counts:
                    assert spent <= pages + 1, name  # nothing cheaper than every page and the end
                else:
                    assert spent <= 2, name

    _run(scene())


def test_a_quiet_quick_look_costs_two_calls_without_a_filter_where_order_is_stable(database: TestDatabase) -> None:
    async def scene() -> None:
        async with desk(database.url, switches=UNFILTERED, **SHOP) as at:
            await _filled(at)
            for name in ("products", "orders", "customers", "categories", "fulfillments", "prices"):
                before = at.calls()
                runs = await at.pull(name, quick=True)
                assert at.calls() - before <= 2, (name, runs[0])
            assert (await at.pull("orders", quick=True))[0].feed == Feed.TAIL.value

    _run(scene())


@pytest.mark.parametrize("switches", [FILTERED, UNFILTERED], ids=["window", "tail"])
def test_quick_looks_find_new_records(database: TestDatabase, switches: Switches) -> None:
    async def scene() -> None:
        async with desk(database.url, switches=switches, **SHOP) as at:
            await _filled(at)
            for number in range(13):
                at.sim.create("products", {"title": f"Novelty {number}"})
            await at.pull("products", quick=True)
            assert at.differences("products") == []

    _run(scene())


def test_a_window_finds_changed_records(database: TestDatabase) -> None:
    async def scene() -> None:
        async with desk(database.url, switches=FILTERED, **SHOP) as at:
            await _filled(at)
            key = at.sim.keys("products")[3]
            at.sim.edit("products", key, {"title": "Renamed at the shop"})
            runs = await at.pull("products", quick=True)
            assert runs[0].counts["updated"] == 1
            assert at.differences("products") == []

    _run(scene())


def test_an_unchanged_whole_walk_writes_no_mirror_row(database: TestDatabase) -> None:
    async def scene() -> None:
        async with desk(database.url, switches=FILTERED, **SHOP) as at:
            await _filled(at)
            runs = await at.pull()
            changed = {run.resource: run.counts for run in runs if run.counts["inserted"] or run.counts["updated"]}
            assert changed == {}

    _run(scene())


def test_a_plain_pull_says_its_cost_before_it_starts(database: TestDatabase) -> None:
    async def scene() -> None:
        async with desk(database.url, switches=UNFILTERED, **SHOP) as at:
            await _filled(at)
            for name in ("products", "orders", "customers"):
                cost = (await at.worker.estimate([BY_NAME[name]], quick=False))[0]
                before = at.calls()
                await at.pull(name)
                assert cost.calls is not None
                assert abs((at.calls() - before) - cost.calls) <= 1, name

    _run(scene())


def test_a_stale_page_changes_nothing(database: TestDatabase) -> None:
    """A page is asked for, then its record changes and is looked at; the page arrives afterwards."""

    async def scene() -> None:
        async with desk(database.url, switches=FILTERED, **SHOP) as at:
            await _filled(at)
            key = at.sim.keys("products")[0]
            page = await at.gateway.page(Listing(PRODUCTS, 1), READ)
            at.sim.edit("products", key, {"title": "The newer title"})
            await at.pull("products", quick=True)
            old = next(item for item in page.items if item.key == key)
            assert isinstance(old, Item)
            record = at.gateway.decode(PRODUCTS, old)
            assert isinstance(record, Record)
            seen = Seen(old, record, page.ticket, Form.LISTED)
            scope = Scope(at.shop.id, PRODUCTS, Policy(), at.clock.now())

            def arrive(tx: MirrorTx) -> int:
                return take(tx, scope, [seen]).tally.stale

            assert await at.disk.mirror.run(arrive) == 1
            assert at.differences("products") == []
            runs = await at.worker.looks([PRODUCTS])
            assert runs[0].counts["same"] == 1  # the stale page only left a hint
            assert at.differences("products") == []

    _run(scene())


def test_an_equal_newer_look_also_outdates_an_older_page(database: TestDatabase) -> None:
    """Changed and changed back: the read in between is older than the last one, and must lose to it."""

    async def scene() -> None:
        async with desk(database.url, switches=FILTERED, **SHOP) as at:
            await _filled(at)
            key = at.sim.keys("orders")[0]
            title = at.sim.record("orders", key)
            assert title is not None
            at.sim.edit("orders", key, {"notes": "between"})
            between = await at.gateway.page(Listing(ORDERS, 1), READ)
            at.sim.edit("orders", key, {"notes": title["notes"]})
            await at.pull("orders")
            old = next(item for item in between.items if item.key == key)
            assert isinstance(old, Item)
            record = at.gateway.decode(ORDERS, old)
            assert isinstance(record, Record)
            scope = Scope(at.shop.id, ORDERS, Policy(), at.clock.now())
            seen = Seen(old, record, between.ticket, Form.LISTED)
            stale = await at.disk.mirror.run(lambda tx: take(tx, scope, [seen]).tally.stale)
            assert stale == 1
            assert at.differences("orders") == []

    _run(scene())


def test_a_look_that_found_nothing_reads_the_time_from_the_shop_and_not_from_our_clock(database: TestDatabase) -> None:
    """Ours is four hours ahead: by it, the next window would begin long after the edit."""

    async def scene() -> None:
        switches = FILTERED.flipped(["clock_skew_s=-14400"])
        async with desk(database.url, switches=switches, **SHOP) as at:
            await _filled(at)
            for _ in range(3):
                (run,) = await at.pull("orders", quick=True)
                at.clock.passed_s += 600
            assert (run.feed, run.counts["seen"]) == (Feed.WINDOW.value, 0)
            at.sim.edit("orders", at.sim.keys("orders")[3], {"notes": "theirs"})
            (run,) = await at.pull("orders", quick=True)
            assert run.counts["updated"] == 1

    _run(scene())
