"""Pages move while they are walked: what was seen on one and is gone from the next answer is not lost."""

import asyncio
from collections.abc import Callable
from typing import Any

from syncd.domain.record import Page
from syncd.domain.resources import BY_NAME
from syncd.engine.rules import PullRules
from syncd.engine.worker import ShopWorker
from syncd.ports import Listing, Purpose
from syncd.remote.gateway import ShopGateway
from syncd.simulator.switches import Switches
from tests.engine.kit import Silent, desk
from tests.support.databases import TestDatabase

SHOP: dict[str, Any] = {"products": 20, "orders": 0, "customers": 3, "categories": 3}


class BusyShop:
    """A gateway to a shop in which something happens right after a trimmed page 2 was served."""

    def __init__(self, gateway: ShopGateway, happens: Callable[[], None]) -> None:
        self._gateway = gateway
        self._happens = [happens]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)

    async def page(self, ask: Listing, purpose: Purpose) -> Page:
        page = await self._gateway.page(ask, purpose)
        if ask.fields and ask.page == 2 and self._happens:
            self._happens.pop()()
        return page


def test_a_changed_record_that_moves_off_its_page_before_it_is_fetched_is_looked_at(database: TestDatabase) -> None:
    async def scene() -> None:
        async with desk(database.url, switches=Switches().flipped(["page_size=5"]), **SHOP) as at:
            await at.pull("products")
            at.clock.passed_s += 3600
            keys = at.sim.keys("products")
            gone, changed = keys[0], keys[5]
            at.sim.edit("products", changed, {"title": "First on the second page, soon last on the first"})
            busy = BusyShop(at.gateway, lambda: at.sim.delete("products", gone))
            worker = ShopWorker(
                at.shop,
                remote=busy,
                disk=at.disk,
                clock=at.clock,
                log=at.log,
                rules=PullRules(pages_ahead=0),
                watcher=Silent(),
            )
            [run] = await worker.pull([BY_NAME["products"]], quick=False)
            assert run.feed == "trimmed"
            assert at.differences("products") == [f"products/{gone} is not in the shop"]

    asyncio.run(scene())
