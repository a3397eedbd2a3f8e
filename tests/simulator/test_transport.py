"""The shops over httpx: routes, and every trouble of a network as the client sees it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import httpx
import pytest

from syncd.simulator.shop import SimShop
from syncd.simulator.transport import Faults, SimTransport
from syncd.simulator.world import SimWorld
from tests.simulator.desk import CLIENT, START


class Net:
    """A world of two shops behind a transport, on a clock that sleeping moves."""

    def __init__(self, faults: Faults | None = None, *, seed: int = 1, **facts: Any) -> None:
        self.clock = [START]
        self.shops = [SimShop(name, now=lambda: self.clock[0], **facts) for name in ("one", "two")]
        self.transport = SimTransport(SimWorld(self.shops), sleep=self.sleep, rng=Random(seed), faults=faults)

    async def sleep(self, seconds: float) -> None:
        self.clock[0] += seconds
        await asyncio.sleep(0)

    def run(self, talk: Callable[[httpx.AsyncClient], Awaitable[Any]], shop: str = "one") -> Any:
        async def session() -> Any:
            async with httpx.AsyncClient(
                transport=self.transport, base_url=f"https://{shop}.sim", timeout=10
            ) as client:
                return await talk(client)

        return asyncio.run(session())

    def token(self, n: int = 0) -> str:
        shop = self.shops[n]
        pair = shop.grants.exchange(shop.authorise(CLIENT), CLIENT, shop.clock(), grace=False)
        assert pair is not None
        return pair[0]

    def get(self, path: str = "/api/products.json") -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token()}"}
        return self.run(lambda client: client.get(path, headers=headers))

    def create(self) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token()}"}
        body = {"product": {"title": "T"}}
        return self.run(lambda client: client.post("/api/products.json", headers=headers, json=body))


def test_a_perfect_network_carries_everything() -> None:
    net = Net()
    reply = net.get("/api/products.json?Page=1")
    assert (reply.status_code, len(reply.json()["products"])) == (200, 50)
    assert reply.headers["X-FlickRocket-Shop-Api-Call-Limit"] == "1/40"
    assert net.create().json()["product"]["title"] == "T"


def test_a_host_leads_to_its_shop_and_a_stranger_to_none() -> None:
    net = Net()
    second = {"Authorization": f"Bearer {net.token(1)}"}
    assert net.run(lambda client: client.get("/api/prices.json", headers=second), shop="two").status_code == 200
    assert net.run(lambda client: client.get("/api/prices.json", headers=second), shop="one").status_code == 401
    assert net.run(lambda client: client.get("/s/two/api/prices.json", headers=second)).status_code == 200
    with pytest.raises(httpx.ConnectError):
        net.run(lambda client: client.get("/api/prices.json"), shop="three")


def test_shops_on_one_host_are_told_apart_by_token() -> None:
    net = Net(host="api.sim")
    for n, shop in enumerate(net.shops):
        headers = {"Authorization": f"Bearer {net.token(n)}"}
        net.run(lambda client, headers=headers: client.get("/api/prices.json", headers=headers), shop="api")
        assert shop.books.admitted == 1
    refresh = net.shops[1].authorise(CLIENT)
    form = {"grant_type": "refresh_token", "refresh_token": refresh, "client_id": CLIENT}
    assert net.run(lambda client: client.post("/token", data=form), shop="api").status_code == 200


@pytest.mark.parametrize(("fault", "status"), [("unavailable", 503), ("crash", 500), ("html", 502), ("refusals", 429)])
def test_a_server_in_trouble_does_not_act(fault: str, status: int) -> None:
    net = Net(Faults(**{fault: 1.0}))
    assert net.create().status_code == status
    assert net.shops[0].books.writes == []
    assert net.transport.struck[fault] == 1


@pytest.mark.parametrize(
    ("fault", "error"), [("connect_failed", httpx.ConnectError), ("reset_before", httpx.ReadError)]
)
def test_what_fails_before_it_arrives_does_not_act(fault: str, error: type[Exception]) -> None:
    net = Net(Faults(**{fault: 1.0}))
    with pytest.raises(error):
        net.create()
    assert net.shops[0].books.writes == []


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("answer_lost", httpx.ReadError),
        ("timed_out", httpx.ReadTimeout),
        ("half_body", httpx.RemoteProtocolError),
    ],
)
def test_what_fails_afterwards_has_acted(fault: str, error: type[Exception]) -> None:
    net = Net(Faults(**{fault: 1.0}))
    with pytest.raises(error):
        net.create()
    assert len(net.shops[0].books.creates) == 1


def test_a_garbled_answer_is_not_json() -> None:
    reply = Net(Faults(garbled=1.0)).get()
    assert reply.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        reply.json()


def test_a_slow_body_takes_its_time_or_the_clients_patience() -> None:
    net = Net(Faults(slow_body=1.0, slow_s=20))
    assert net.get().json()["products"]
    assert net.clock[0] == pytest.approx(START + 20)
    with pytest.raises(httpx.ReadTimeout):
        Net(Faults(slow_body=1.0, slow_s=100)).get()


def test_latency_passes_on_the_clock_and_beyond_patience_is_a_time_out() -> None:
    net = Net(Faults(latency=(2.0, 2.0)))
    net.get()
    assert net.clock[0] == pytest.approx(START + 2)
    slow = Net(Faults(latency=(15.0, 15.0)))
    with pytest.raises(httpx.ReadTimeout):
        slow.create()
    assert slow.clock[0] == pytest.approx(START + 10)
    assert len(slow.shops[0].books.creates) == 1


def test_refusals_come_in_bursts_and_are_not_the_clients_fault() -> None:
    net = Net(Faults(refusals=1e-9, refusal_burst=3))
    net.transport.faults = Faults(refusals=1.0, refusal_burst=3)
    first = net.get()
    net.transport.faults = Faults.none()
    assert [first.status_code, *(net.get().status_code for _ in range(3))] == [429, 429, 429, 200]
    assert (net.shops[0].books.refused, net.shops[0].books.refused_by_fault) == (0, 3)


def test_the_answer_to_an_exchange_is_spared_unless_asked_for() -> None:
    net = Net(Faults(answer_lost=1.0))
    form = {"grant_type": "refresh_token", "refresh_token": net.shops[0].authorise(CLIENT), "client_id": CLIENT}
    assert net.run(lambda client: client.post("/token", data=form)).status_code == 200
    net.transport.faults = Faults(answer_lost=1.0, spared=())
    form["refresh_token"] = net.shops[0].authorise(CLIENT)
    with pytest.raises(httpx.ReadError):
        net.run(lambda client: client.post("/token", data=form))


def test_a_shop_may_be_down() -> None:
    net = Net(Faults(down=("one",)))
    with pytest.raises(httpx.ConnectError):
        net.get()
    net.transport.faults = Faults.none()
    assert net.get().status_code == 200


def test_troubles_repeat_with_the_seed() -> None:
    def story(seed: int) -> list[str]:
        net = Net(Faults.rough(0.05), seed=seed, bucket_size=1000)
        told = []
        for _ in range(60):
            try:
                told.append(str(net.get("/api/prices/count.json").status_code))
            except httpx.HTTPError as error:
                told.append(type(error).__name__)
        return told

    assert story(1) == story(1)
    assert story(1) != story(2)
    assert len(set(story(1))) > 4
