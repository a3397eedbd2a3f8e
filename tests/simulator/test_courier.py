"""The courier of the simulated shop: what is delivered, how often, and when a subscription ends."""

import asyncio
import json
from dataclasses import replace
from random import Random
from typing import Any

import httpx

from syncd.simulator.courier import Courier, Mishaps
from syncd.simulator.server import SimServer
from syncd.simulator.shop import SimShop
from syncd.simulator.world import SimWorld
from tests.simulator.desk import START

HOOK = {"scope": "product/update", "destination": "https://h.example/x", "is_valid": True}


class Road:
    """A courier's way; `statuses` are the answers, the last one for ever."""

    def __init__(self, mishaps: Mishaps, *statuses: int) -> None:
        self.shop = SimShop(now=lambda: START)
        self.number = self.shop.create("webhooks", HOOK)
        self.statuses = list(statuses)
        self.arrived: list[dict[str, Any]] = []
        self.slept: list[float] = []
        self.courier = Courier(SimWorld([self.shop]), self.send, sleep=self.sleep, rng=Random(5), mishaps=mishaps)

    async def send(self, address: str, body: bytes) -> int:
        assert address == HOOK["destination"]
        self.arrived.append(json.loads(body))
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def edit(self, count: int) -> list[str]:
        """Edit so many products, and carry what is told of it; the ids in the order in which they arrived."""
        for key in self.shop.keys("products")[:count]:
            self.shop.edit("products", key, {"title": "T"})

        async def carry() -> None:
            for shop, notice in self.courier.collect():
                await self.courier.carry(shop, notice)

        asyncio.run(carry())
        return [body["data"]["id"] for body in self.arrived]


def test_a_body_has_the_documented_form() -> None:
    road = Road(Mishaps(), 200)
    (key,) = road.edit(1)
    record = road.shop.record("products", key) or {}
    assert road.arrived[0] == {
        "company_id": 1202,
        "producer": "shop",
        "scope": "product/update",
        "data": {"type": "product", "id": key, "long_id": record["product_id"]},
        "hash": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    }


def test_what_is_not_acknowledged_comes_again() -> None:
    road = Road(Mishaps(tries=3), 500, 302, 200)
    assert len(road.edit(1)) == 3
    assert road.slept == [1.0, 2.0]
    assert road.courier.done == {"told": 1}


def test_a_subscription_that_fails_too_often_ends() -> None:
    road = Road(Mishaps(tries=1, fails_max=3), 404)
    assert len(road.edit(5)) == 5
    assert road.shop.keys("webhooks") == ()
    assert road.courier.done == {"failed": 5, "removed": 1}
    assert len(road.edit(5)) == 5


def test_mishaps_happen() -> None:
    keys = Road(Mishaps(), 200).edit(40)
    assert keys == sorted(keys, key=int)
    assert len(Road(Mishaps(lost=0.5), 200).edit(40)) < 35
    assert len(Road(Mishaps(doubled=0.5), 200).edit(40)) > 45
    overtaken = Road(Mishaps(reordered=0.5), 200).edit(40)
    assert overtaken != keys
    assert sorted(overtaken, key=int) == keys
    late = Road(replace(Mishaps(), late=0.5, late_s=9.0), 200)
    late.edit(40)
    assert 5 < len(late.slept) < 35
    assert max(late.slept) <= 9.0


def test_the_server_delivers_over_real_http() -> None:
    """One simulated server calls another's control address, which answers 200 to a deed."""
    target = SimShop("target", now=lambda: START)
    with SimServer(SimWorld([target])) as other, SimServer(SimWorld([SimShop(now=lambda: START)])) as server:
        control = f"{server.url}/_sim/shop-1"
        hook = HOOK | {"destination": f"{other.url}/_sim/target/heal"}
        with httpx.Client() as client:
            client.post(f"{control}/create", json={"resource": "webhooks", "fields": hook}).raise_for_status()
            key = server.world.shops["shop-1"].keys("products")[0]
            edit = {"resource": "products", "key": key, "fields": {"title": "T"}}
            client.post(f"{control}/edit", json=edit).raise_for_status()
            for _ in range(500):
                if server.courier.done["told"]:
                    break
                client.get(f"{server.url}/_sim/shops")  # takes a while, and waits for the server's own loop
        assert server.courier.done == {"told": 1}
