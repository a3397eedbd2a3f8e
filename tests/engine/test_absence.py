"""A record is gone when two walks missed it and a direct look says so; too many at once wait for a person."""

import asyncio
from typing import Any

from sqlalchemy import create_engine, make_url, text

from syncd.domain.run import Outcome
from syncd.simulator.switches import Switches
from syncd.store.database import sqlite_module
from tests.engine.kit import Desk, desk, wanted
from tests.support.databases import TestDatabase

SHOP: dict[str, Any] = {"products": 40, "orders": 30, "customers": 20, "categories": 12}
RICH = Switches.named("rich").flipped(["page_size=10"])


def _deleted(at: Desk, table: str) -> dict[str, Any]:
    """Tombstones of a table: id -> date."""
    address = make_url(at.url)
    sqlite = {"module": sqlite_module()} if address.get_backend_name() == "sqlite" else {}
    engine = create_engine(address, **sqlite)
    with engine.connect() as connection:
        rows = connection.execute(text(f"SELECT id, deleted_at FROM {table} WHERE deleted_at IS NOT NULL")).all()
    engine.dispose()
    return {str(row[0]): row[1] for row in rows}


def test_a_deleted_record_becomes_a_tombstone_after_two_walks(database: TestDatabase) -> None:
    async def scene() -> None:
        async with desk(database.url, switches=RICH, **SHOP) as at:
            await at.pull("products")
            key = at.sim.keys("products")[5]
            at.sim.delete("products", key)
            await at.pull("products")
            assert _deleted(at, "products") == {}
            runs = await at.pull("products")
            assert runs[0].counts["gone"] == 1
            assert list(_deleted(at, "products")) == [key]
            assert at.differences("products") == []

    asyncio.run(scene())


def test_a_listing_that_forgets_a_record_does_not_bury_it(database: TestDatabase) -> None:
    """Shuffled pages show other records at each call: what two walks miss is looked at, and found to be there."""

    async def scene() -> None:
        switches = RICH.flipped(["list_order=shuffled_each_call", "count=missing"])
        async with desk(database.url, switches=switches, **SHOP) as at:
            for _ in range(6):
                await at.pull("products")
            assert _deleted(at, "products") == {}

    asyncio.run(scene())


def test_the_brake_holds_until_somebody_approves(database: TestDatabase) -> None:
    async def scene() -> None:
        async with desk(database.url, switches=RICH, **SHOP) as at:
            await at.pull("products")
            for key in at.sim.keys("products")[:12]:
                at.sim.delete("products", key)
            await at.pull("products")
            runs = await at.pull("products")
            assert runs[0].outcome is Outcome.PERSON
            assert "syncd sweep shop-1 --resource products --approve" in runs[0].message
            assert _deleted(at, "products") == {}
            before = at.calls()
            assert (await at.pull("products"))[0].outcome is Outcome.PERSON
            assert at.calls() == before  # a halted resource spends nothing
            await at.worker.sweep(wanted(["products"]), approve=True)
            assert len(_deleted(at, "products")) == 12
            assert at.differences("products") == []
            assert (await at.pull("products"))[0].outcome is Outcome.DONE

    asyncio.run(scene())


def test_a_record_that_comes_back_is_alive_again(database: TestDatabase) -> None:
    async def scene() -> None:
        async with desk(database.url, switches=RICH, **SHOP) as at:
            await at.pull("categories")
            key = at.sim.keys("categories")[2]
            kept = at.sim.record("categories", key)
            at.sim.delete("categories", key)
            await at.pull("categories")
            await at.pull("categories")
            assert list(_deleted(at, "categories")) == [key]
            assert kept is not None
            at.sim.create("categories", dict(kept))
            await at.pull("categories")
            assert at.differences("categories") == []

    asyncio.run(scene())


def test_a_scope_that_was_not_granted_disables_its_resources_without_an_error_loop(database: TestDatabase) -> None:
    async def scene() -> None:
        async with desk(database.url, switches=RICH, scopes=("products", "themes", "companies"), **SHOP) as at:
            runs = {run.resource: run for run in await at.pull()}
            assert runs["orders"].outcome is Outcome.DONE
            assert "orders" in runs["orders"].message
            assert runs["products"].counts["inserted"] == 40
            before = at.calls()
            await at.pull("orders", "customers", "fulfillments")
            assert at.calls() == before

    asyncio.run(scene())
