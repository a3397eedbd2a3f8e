"""A filled mirror with a door for webhooks, and its simulated shop: one process, on a clock whose sleeps take no time.

The shop is reached through the real gateway, the door through the real application; the courier carries between them.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import httpx

from syncd.domain.resources import ORDERS, PRODUCTS
from syncd.domain.run import Run
from syncd.domain.shop import Shop
from syncd.domain.webhook import InboxState
from syncd.engine.hooks import Webhooking
from syncd.service import shops
from syncd.service.doors import Doors
from syncd.service.settings import Loaded, Settings
from syncd.service.web.app import build
from syncd.service.wire import House, open_house
from syncd.simulator.courier import Courier, Mishaps
from syncd.simulator.shop import SimShop
from syncd.simulator.transport import SimTransport
from syncd.simulator.world import SimWorld
from tests.engine.kit import CLIENT, DeskClock, DeskDice
from tests.sim import people
from tests.web.kit import settle

PUBLIC = "https://hooks.example.org"
FILLED = (PRODUCTS, ORDERS)


@dataclass
class Scene:
    """Everything that a test of webhooks touches."""

    house: House
    sim: SimShop
    wire: SimTransport
    clock: DeskClock
    shop: Shop
    outside: httpx.AsyncClient
    courier: Courier

    async def webhooks(self) -> Webhooking:
        return await self.house.webhooks(self.shop)

    async def check(self) -> Run:
        return await (await self.webhooks()).hooks.check()

    async def look(self) -> list[Run]:
        """What the timetable does with `looks`."""
        worker = await self.house.worker(self.shop)
        return await (await self.webhooks()).incoming.answer(partial(worker.looks, self.house.resources))

    async def deliver(self) -> None:
        """Everything that the shop has to tell arrives, or what the mishaps leave of it."""
        for shop, notice in self.courier.collect():
            await self.courier.carry(shop, notice)

    async def door(self) -> str:
        """Where the door is, below our own address."""
        found = await (await self.webhooks()).hooks.address()
        assert found is not None
        return found.reveal().removeprefix(PUBLIC)

    async def knock(self, **changes: Any) -> int:
        """A delivery that somebody made up; the status of its answer."""
        inner = {"type": changes.pop("type", "order"), "id": changes.pop("id", "267227")}
        told = {"company_id": self.sim.company_id, "producer": "shop", "scope": "order/create", "data": inner} | changes
        return await self.post(await self.door(), json.dumps(told).encode())

    async def post(self, address: str, body: bytes) -> int:
        return (await self.outside.post(address, content=body)).status_code

    async def inbox(self) -> dict[str, int]:
        """How many rows are in which state."""
        count = await self.house.disk.state.run(lambda tx: tx.webhooks.count(self.shop.id))
        return dict(count.by_state)

    async def known(self, resource: str, key: str) -> str:
        """How the ledger knows a record: here, gone, or not at all (empty)."""
        lines = await self.house.disk.reader.run(lambda tx: tx.ledger.find(self.shop.id, resource, [key]))
        return "" if key not in lines else "gone" if lines[key].gone_at else "here"

    def calls(self) -> int:
        """Calls that reached the shop so far."""
        return self.sim.books.admitted + self.sim.books.refused

    def registered(self) -> list[tuple[str, str]]:
        """What the shop has: topic and address."""
        hooks = [self.sim.shelves["webhooks"].get(key) or {} for key in self.sim.keys("webhooks")]
        return [(hook["scope"], hook["destination"]) for hook in hooks]


def settings(folder: Path, **webhooks: Any) -> Loaded:
    """An installation whose shops are to call it."""
    settled = settle(folder)
    wanted = {"public_url": PUBLIC, "topics": ["product/create", "product/update", "product/delete", "order/create"]}
    return Loaded(Settings(webhooks=wanted | webhooks), None, settled.folder)


@asynccontextmanager
async def scene(
    folder: Path,
    *,
    loaded: Loaded | None = None,
    sim: SimShop | None = None,
    mishaps: Mishaps | None = None,
    **wanted: Any,
) -> AsyncIterator[Scene]:
    """A shop that is authorised and filled. `wanted` are settings of [webhooks]."""
    clock = DeskClock()
    made = sim or SimShop(
        "shop-1", now=clock.wall, bucket_size=100_000, leak=1000.0, products=12, orders=20, customers=8
    )
    world = SimWorld([made])
    wire = SimTransport(world, sleep=clock.sleep, rng=Random(7))
    async with open_house(loaded or settings(folder, **wanted), Doors(clock, DeskDice(), wire)) as house:
        known = await shops.listed(house.disk)
        if not known:
            await people.add(made, house)
        shop = await shops.find(house.disk, made.name)
        worker = await house.worker(shop)
        await worker.pull(FILLED, quick=True)
        transport = httpx.ASGITransport(build(house))
        async with httpx.AsyncClient(transport=transport, base_url=PUBLIC) as outside:

            async def send(address: str, body: bytes) -> int:
                return (await outside.post(address, content=body)).status_code

            courier = Courier(world, send, sleep=clock.sleep, rng=Random(3), mishaps=mishaps)
            yield Scene(house, made, wire, clock, shop, outside, courier)


__all__ = ["CLIENT", "FILLED", "PUBLIC", "InboxState", "Scene", "scene", "settings"]
