"""Of one shop only one process pushes at a time; what a process that died left behind is sorted out by the next."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from syncd.domain.change import ChangeState, JournalLine
from syncd.domain.run import Outcome
from syncd.domain.shop import Shop, ShopState
from syncd.service import jobs, shops
from syncd.service.installation import install
from syncd.service.settings import load
from syncd.service.wire import House, Workplace, open_house
from syncd.simulator.shop import SimShop
from tests.cli.conftest import Installation
from tests.support.databases import TestDatabase

SMALL = {"products": 6, "orders": 4, "customers": 4, "character": "rich"}


def test_two_houses_take_turns_and_a_drain_ends_the_wait(database: TestDatabase, tmp_path: Path) -> None:
    loaded, _ = install(tmp_path / "home", database_url=database.url.replace("+psycopg", ""))
    described = shops.described(shops.Wanted("demo", "https://shop.example", "app"))
    known = replace(described, company_id=7, state=ShopState.ACTIVE)

    async def scene() -> None:
        async with open_house(loaded) as mine, open_house(loaded) as theirs:
            shop = await mine.disk.mirror.run(lambda tx: tx.books.add_shop(known))
            held, waiting = await mine.place(shop), await theirs.place(shop)
            async with asyncio.TaskGroup() as group:
                async with held.pusher.turn():
                    blocked = group.create_task(waiting.pusher.push())
                    await mine.clock.sleep(0.5)
                    assert not blocked.done()
                    theirs.drain()
                    assert (await blocked).outcome is Outcome.DRAINED
                    theirs.draining.clear()
                    await theirs.reopened(shop)
                    patient = group.create_task((await theirs.place(shop)).pusher.push())
                    await mine.clock.sleep(0.3)
                    assert not patient.done()
                assert (await patient).outcome is Outcome.DONE

    asyncio.run(scene())


def test_what_died_while_it_pushed_is_sent_by_whoever_comes_next(
    installation: Installation, make_shop: Callable[..., tuple[SimShop, str]], add_shop: Callable[..., None]
) -> None:
    sim, address = make_shop(**SMALL)
    add_shop(address)
    key = sim.keys("products")[0]

    async def half_sent(house: House, place: Workplace, shop: Shop) -> None:
        """As if another process had died after its line went into the journal."""
        await place.pusher.notice()
        [change] = await place.pusher.waiting()
        sending = replace(change, state=ChangeState.SENDING, attempts=1)
        await house.disk.mirror.run(lambda tx: tx.outbox.save(shop.id, sending))
        line = JournalLine(
            change.id, change.resource, change.row_id, key, change.verb, "record", change.digest, house.clock.now()
        )
        await house.disk.state.run(lambda tx: tx.pushes.begin(shop.id, line))

    async def scene() -> None:
        async with open_house(load(installation.folder / "syncd.toml")) as house:
            await jobs.pull(house, jobs.Wish("demo"))
            shop = await shops.find(house.disk, "demo")
            place = await house.place(shop)
            await place.pusher.push()
            row = (await house.disk.reader.run(lambda tx: tx.ledger.find(shop.id, "products", [key])))[key].row_id
            product = house.resources[[each.name for each in house.resources].index("products")]
            image = (await house.disk.reader.run(lambda tx: tx.mirror.load(shop.id, product, [row])))[row]
            assert image.local is not None
            edited = replace(image.local, fields={**image.local.fields, "title": "Half sent"})
            now = house.clock.now()
            await house.disk.mirror.run(lambda tx: tx.mirror.write(shop.id, product, image, edited, image.base, now))
            await house.disk.mirror.run(lambda tx: tx.local.scan(shop.id, product, 0, 1000, now))
            await half_sent(house, place, shop)
            run = await place.pusher.push()
            assert (run.outcome, run.counts["updated"]) == (Outcome.DONE, 1)
            assert (sim.record("products", key) or {})["title"] == "Half sent"
            assert await house.disk.state.run(lambda tx: tx.pushes.open(shop.id)) == []

    asyncio.run(scene())
