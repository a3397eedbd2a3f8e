"""Installations as people meet them: one where all is well, one with every trouble, against simulated shops over HTTP.

Each trouble is made as it comes about: an edit on both sides, a record that breaks, a grant that is withdrawn.
"""

import asyncio
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from syncd.domain.change import ChangeState
from syncd.service import grants, jobs, pushing, shops
from syncd.service.settings import Loaded, Settings
from syncd.service.simulation import SimulatedShop, build
from syncd.service.wire import House, open_house
from syncd.simulator.server import SimServer
from syncd.simulator.shop import SimShop
from syncd.simulator.world import SimWorld
from syncd.store.database import sqlite_module
from tests.web.kit import settle

CLIENT = "syncd.sim."
"""And the name of the shop: as if each had an app of its own, for the simulated companies are alike."""
SMALL: dict[str, Any] = {"products": 12, "orders": 30, "customers": 10, "bucket": 4000.0, "leak_per_s": 400.0}
EVERYWHERE = ("harbour-books", "meadow-music", "old-town", "quayside", "riverside", "unsigned")


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


OPENER = urllib.request.build_opener(_Stay, urllib.request.ProxyHandler({}))


def consent(address: str) -> str:
    """Where the shop sends the browser after its owner agreed."""
    try:
        OPENER.open(address, timeout=20)
    except urllib.error.HTTPError as answer:
        with answer:
            return str(answer.headers["Location"])
    raise AssertionError("the shop did not redirect")


@dataclass(frozen=True, slots=True)
class Stage:
    """The installation with the shops that it mirrors; `addresses` by the shop's name."""

    loaded: Loaded
    shops: dict[str, SimShop]
    address: str

    def at(self, name: str) -> str:
        """A shop's address."""
        return f"{self.address}/s/{name}"

    def sql(self, *statements: str) -> list[Any]:
        """Statements of a person's own client, in one transaction; the rows of the last one."""
        file = self.loaded.mirror_url.removeprefix("sqlite:///")
        with closing(sqlite_module().connect(file, timeout=20)) as connection, connection:
            found = [connection.execute(statement).fetchall() for statement in statements]
        return list(found[-1])


@contextmanager
def stage(folder: Path, *names: str, **web: Any) -> Iterator[Stage]:
    """Shops of these names are up; nothing is added to the installation yet."""
    built = {
        name: build(SimulatedShop(**{**SMALL, "client_id": CLIENT + name, "seed": number + 1}), name)
        for number, name in enumerate(names)
    }
    plain = settle(folder, **web).settings
    budget = plain.budget.model_copy(update={"size": SMALL["bucket"], "leak_per_s": SMALL["leak_per_s"]})
    push = plain.push.model_copy(update={"brake_least": 5, "create_quiet_s": 0.0})
    settings = Settings(web=plain.web, budget=budget, push=push)
    with SimServer(SimWorld(built.values())) as server:
        yield Stage(Loaded(settings, None, folder.resolve()), built, server.url)


async def add(house: House, at: Stage, name: str, *, authorised: bool = True) -> None:
    """Make a shop known, and authorise it as its owner would."""
    await shops.add(house, shops.Wanted(name, at.at(name), CLIENT + name))
    if authorised:
        redirected = await asyncio.to_thread(consent, await grants.address(house, name))
        await grants.login(house, name, grants.Answer(redirected=redirected), print, 0.0)


def healthy(at: Stage, *names: str) -> None:
    """Each of these shops mirrored, and a push behind it."""

    async def work() -> None:
        async with open_house(at.loaded) as house:
            for name in names:
                await add(house, at, name)
            await jobs.pull(house, jobs.Wish())
            await pushing.push(house, jobs.Wish())

    asyncio.run(work())


def troubled(at: Stage) -> None:
    """The shops of EVERYWHERE: all well, conflicts and held edits, broken records and a brake, grant withdrawn, paused,
    never authorised."""

    async def work() -> None:
        async with open_house(at.loaded) as house:
            for name in EVERYWHERE[:3]:
                await add(house, at, name)
            await jobs.pull(house, jobs.Wish())
            await _disagree(house, at)
            await _break(house, at)
            for name in EVERYWHERE[3:]:
                await add(house, at, name, authorised=name != "unsigned")
            at.shops["quayside"].revoke()
            await jobs.pull(house, jobs.Wish("quayside"))
            assert (await shops.find(house.disk, "quayside")).reason
            await shops.pause(house.disk, "riverside")

    asyncio.run(work())


async def _disagree(house: House, at: Stage) -> None:
    """meadow-music: both sides edited the same fields, an edit that no shop takes, more edits than the brake allows."""
    sim = at.shops["meadow-music"]
    shop = await shops.find(house.disk, "meadow-music")
    first, second, *_ = sim.keys("products")
    customer = sim.keys("customers")[0]
    at.sql(
        f"UPDATE products SET title = 'Songs of the Meadow' WHERE shop_id = {shop.id} AND id = {first}",
        f"UPDATE products SET comment = 'Do not discount' WHERE shop_id = {shop.id} AND id = {second}",
        f"UPDATE customers SET city = 'Uppsala' WHERE shop_id = {shop.id} AND token = '{customer}'",
        f"UPDATE currency_rates SET rate_to_eur = 7 WHERE shop_id = {shop.id} AND currency = 'USD'",
    )
    sim.edit("products", first, {"title": "Meadow Songs (remastered)"})
    sim.edit("products", second, {"comment": "Half price in May"})
    sim.edit("customers", customer, {"city": "Stockholm"})
    await pushing.push(house, jobs.Wish(shop.name))
    at.sql(f"UPDATE products SET version = '2.0' WHERE shop_id = {shop.id}")
    await pushing.push(house, jobs.Wish(shop.name))
    held = await house.disk.reader.run(lambda tx: [change.state for change in tx.outbox.all(shop.id)])
    assert ChangeState.HELD in held


async def _break(house: House, at: Stage) -> None:
    """old-town: two records that cannot be taken, and a third of the orders gone at once."""
    sim = at.shops["old-town"]
    for key in sim.keys("products")[:2]:
        sim.poison("products", key, "wrong_type")
        sim.touch("products", key)
    for key in sim.keys("orders")[:10]:
        sim.delete("orders", key)
    for _ in range(2):
        await jobs.pull(house, jobs.Wish("old-town", resources=("products", "orders")))
    await jobs.sweep(house, jobs.Wish("old-town", resources=("orders",)))
    shop = await shops.find(house.disk, "old-town")
    found = await house.disk.reader.run(lambda tx: (tx.books.brakes(shop.id), tx.books.parked(shop.id)))
    assert found[0], "no brake"
    assert found[1], "nothing parked"


def port_of(address: str) -> int:
    """The port of an address."""
    return urlsplit(address).port or 80
