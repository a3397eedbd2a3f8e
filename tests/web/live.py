"""The daemon with its face and a simulated shop that delivers webhooks: real HTTP and real time, in one process."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from syncd.domain.resources import ORDERS, PRODUCTS
from syncd.domain.shop import Shop
from syncd.service import daemon, grants, shops
from syncd.service.settings import Loaded, Settings
from syncd.service.simulation import SimulatedShop, build
from syncd.service.wire import House, open_house
from syncd.simulator.server import SimServer
from syncd.simulator.shop import SimShop
from syncd.simulator.world import SimWorld
from syncd.store.database import sqlite_module
from tests.web.kit import settle

CLIENT = "syncd.sim"
PATIENCE_S = 60.0


@dataclass
class Live:
    """What runs."""

    house: House
    shop: Shop
    sim: SimShop
    server: SimServer
    port: int
    folder: Path

    def ask(self, statement: str, *values: Any) -> Any:
        """One value of the mirror, asked as anybody may; None where there is no row."""
        connection = sqlite_module().connect(self.folder / "mirror.db")
        try:
            row = connection.execute(statement, values).fetchone()
        finally:
            connection.close()
        return None if row is None else row[0]

    async def until(self, statement: str, *values: Any, is_: Any) -> float:
        """Wait until the mirror says so; the seconds that this took."""
        began_s = self.house.clock.monotonic()
        async with asyncio.timeout(PATIENCE_S):
            while self.ask(statement, *values) != is_:
                await self.house.clock.sleep(0.005)
        return self.house.clock.monotonic() - began_s


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


@asynccontextmanager
async def live(folder: Path, **sections: Any) -> AsyncIterator[Live]:
    """A shop that is filled and told where to deliver, and the daemon at work. `sections` are settings."""
    port = free_port()
    settled = settle(folder)
    here = {"web": {"listen": f"127.0.0.1:{port}"}, "webhooks": {"public_url": f"http://127.0.0.1:{port}"}}
    loaded = Loaded(Settings(**(here | sections)), None, settled.folder)
    sim = build(SimulatedShop(products=20, orders=20, customers=8, bucket=4000.0, leak_per_s=400.0, client_id=CLIENT))
    with SimServer(SimWorld([sim])) as server:
        async with open_house(loaded) as house:
            await shops.add(house, shops.Wanted("demo", server.url, CLIENT))
            answer = grants.Answer(sim.authorise(CLIENT), sim.company_id)
            await grants.login(house, "demo", answer, lambda _: None, 0.0)
            shop = await shops.find(house.disk, "demo")
            await (await house.worker(shop)).pull([PRODUCTS, ORDERS], quick=True)
            await (await house.webhooks(shop)).hooks.check()
            async with asyncio.TaskGroup() as group:
                running = group.create_task(daemon.run(house))
                yield Live(house, shop, sim, server, port, folder)
                house.drain()
                await running
