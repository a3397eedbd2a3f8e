"""A complete pull that was stopped goes on where it stopped: within the hour, and only if it was one of everything."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from syncd.domain.resource import Resource
from syncd.domain.resources import BY_NAME
from syncd.domain.run import Run
from syncd.engine.rules import PullRules
from syncd.engine.worker import ShopWorker
from syncd.ports import Clock
from syncd.service.resuming import complete_pull
from syncd.service.wire import House
from syncd.store.disk import StoreDisk
from tests.engine.kit import Desk, Silent, desk
from tests.support.databases import TestDatabase

SHOP: dict[str, Any] = {"products": 8, "orders": 0, "customers": 6, "categories": 3}
NAMES = ("categories", "products", "customers")


@dataclass(frozen=True, slots=True)
class Rooms:
    """The rooms of a house that a pull on request walks through."""

    disk: StoreDisk
    clock: Clock
    resources: tuple[Resource, ...]


class StopsAfter(Silent):
    """Somebody who presses Ctrl-C when a resource is done."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.worker: ShopWorker | None = None

    def ended(self, shop: str, resource: str, run: Run) -> None:
        if resource == self._name and self.worker is not None:
            self.worker.drain.set()


def test_what_was_walked_before_the_stop_is_not_walked_again(database: TestDatabase) -> None:
    async def scene() -> None:
        async with desk(database.url, **SHOP) as at:
            assert await pulled(at, NAMES, stop_after="categories") == ["categories"]
            at.clock.passed_s += 600
            assert await pulled(at, NAMES) == ["products", "customers"]
            assert at.differences(*NAMES) == []
            assert await pulled(at, NAMES) == [*NAMES], "that one ended, so the next is a new one"

    asyncio.run(scene())


def test_an_old_one_is_begun_anew(database: TestDatabase) -> None:
    async def scene() -> None:
        async with desk(database.url, **SHOP) as at:
            await pulled(at, NAMES, stop_after="products")
            at.clock.passed_s += 3700
            assert await pulled(at, NAMES) == [*NAMES]

    asyncio.run(scene())


def test_who_names_a_resource_gets_a_look_at_it(database: TestDatabase) -> None:
    async def scene() -> None:
        async with desk(database.url, **SHOP) as at:
            await pulled(at, NAMES, stop_after="products")
            assert await pulled(at, ["categories"]) == ["categories"]
            assert await pulled(at, NAMES) == ["customers"], "and the other one still goes on"

    asyncio.run(scene())


async def pulled(at: Desk, names: Sequence[str], stop_after: str = "") -> list[str]:
    """The resources that a complete pull of these walked."""
    watcher = StopsAfter(stop_after)
    watcher.worker = ShopWorker(
        at.shop, remote=at.gateway, disk=at.disk, clock=at.clock, log=at.log, rules=PullRules(), watcher=watcher
    )
    rooms = Rooms(at.disk, at.clock, tuple(BY_NAME[name] for name in NAMES))
    runs = await complete_pull(cast(House, rooms), watcher.worker, [BY_NAME[name] for name in names])
    return [run.resource for run in runs]
