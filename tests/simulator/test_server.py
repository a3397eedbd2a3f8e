"""The shops over real HTTP on loopback, and the control addresses."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from syncd.simulator.server import SimServer
from syncd.simulator.shop import SimShop
from syncd.simulator.world import SimWorld
from tests.simulator.desk import CLIENT, START


@pytest.fixture
def server() -> Iterator[SimServer]:
    with SimServer(SimWorld([SimShop(now=lambda: START)])) as running:
        yield running


def test_the_whole_way_in_over_real_http(server: SimServer) -> None:
    with httpx.Client(base_url=server.url) as client:
        query = {"client_id": CLIENT, "scope": "products", "redirect_uri": "http://127.0.0.1:1/cb", "state": "s"}
        back = httpx.URL(client.get("/oauth2/auth", params=query).headers["Location"])
        form = {"grant_type": "refresh_token", "refresh_token": back.params["code"], "client_id": CLIENT}
        pair = client.post("/token", data=form).json()
        client.headers["Authorization"] = f"Bearer {pair['access_token']}"
        reply = client.get("/api/products.json", params={"Page": "2"})
        assert (reply.status_code, len(reply.json()["products"])) == (200, 10)
        assert reply.headers["Date"] == "Tue, 14 Nov 2023 22:13:20 GMT"
        assert reply.headers["X-FlickRocket-Shop-Api-Call-Limit"] == "1/40"
        assert client.get(f"{server.shop_url('shop-1')}/api/products/count.json").json() == {"count": 60}
        assert client.get("/api/customers.json").status_code == 403


def test_the_control_addresses_look_and_act(server: SimServer) -> None:
    with httpx.Client(base_url=server.url) as client:

        def tell(deed: str, **body: object) -> httpx.Response:
            return client.post(f"/_sim/shop-1/{deed}", json=body)

        assert client.get("/_sim/shops").json()["shops"][0]["name"] == "shop-1"
        products = client.get("/_sim/shop-1/dump", params={"resource": "products"}).json()["products"]
        key = next(iter(products))
        assert tell("edit", resource="products", key=key, fields={"title": "T"}).json() == {}
        assert client.get("/_sim/shop-1/dump").json()["products"][key]["title"] == "T"
        new = tell("create", resource="categories", fields={"title": "C"}).json()["key"]
        assert tell("delete", resource="categories", key=new).status_code == 200
        assert tell("touch", resource="products", key=key).status_code == 200
        assert tell("poison", resource="products", key=key, kind="missing_id").status_code == 200
        assert tell("heal").status_code == 200
        assert len(tell("bustle", count=5, seed=1).json()["writes"]) == 5
        assert "page_size=9" in tell("switches", set=["page_size=9"]).json()["switches"]
        token = tell("authorise", client_id=CLIENT).json()["refresh_token"]
        assert token in client.get("/_sim/shop-1/books").json()["tokens"]
        assert tell("revoke").status_code == 200
        for wrong in (tell("nonsense"), client.get("/_sim/other/dump")):
            assert wrong.status_code == 404
        assert tell("edit", resource="products", key="1", fields={}).status_code == 400
        assert tell("switches", set=["x=1"]).status_code == 400
        assert tell("edit").status_code == 400


def test_several_shops_share_a_port() -> None:
    shops = [SimShop(name, now=lambda: START, company_id=n) for n, name in enumerate(("a", "b"))]
    with SimServer(SimWorld(shops)) as server:
        for shop in shops:
            pair = shop.grants.exchange(shop.authorise(CLIENT), CLIENT, START, grace=False)
            assert pair is not None
            headers = {"Authorization": f"Bearer {pair[0]}"}
            company = httpx.get(f"{server.shop_url(shop.name)}/api/companies.json?self=1", headers=headers).json()
            assert company["company"]["id"] == shop.company_id
        assert httpx.get(f"{server.url}/api/companies.json").status_code == 404


def test_a_port_that_is_taken_is_an_os_error(server: SimServer) -> None:
    port = int(server.url.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        SimServer(server.world, port=port)


SERVE = """
from syncd.simulator.server import serve
from syncd.simulator.shop import SimShop
from syncd.simulator.world import SimWorld
serve(SimWorld([SimShop(now=lambda: 1.7e9)]), "127.0.0.1", 0, lambda url: print(url, flush=True))
print("stopped", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serving_ends_cleanly_on_a_signal(number: signal.Signals) -> None:
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", SERVE],
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        url = running.stdout.readline().strip()
        try:
            assert httpx.get(f"{url}/_sim/shops").status_code == 200
        finally:
            running.send_signal(number)
        assert running.stdout.read() == "stopped\n"
        assert running.wait(10) == 0
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(url.rpartition(":")[2]))) != 0
