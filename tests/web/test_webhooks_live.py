"""Webhooks over real HTTP: the simulated shop calls the daemon, and the mirror follows long before the next look."""

import asyncio
import statistics
from pathlib import Path

import httpx
import pytest

from tests.web.live import Live, live

RARELY = {"looks_s": 3600.0, "quick_s": 3600.0}
TITLE = "SELECT title FROM products WHERE id = ?"


async def edited(here: Live, number: int) -> float:
    """An edit in the shop; the seconds until the mirror has it."""
    key = here.sim.keys("products")[number % 20]
    title = f"told {number}"
    here.sim.edit("products", key, {"title": title})
    return await here.until(TITLE, int(key), is_=title)


def test_what_the_shop_tells_is_in_the_mirror_although_no_look_is_due(tmp_path: Path) -> None:
    async def story() -> None:
        async with live(tmp_path, pull=RARELY) as here:
            for number in range(3):
                await edited(here, number)
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{here.port}") as stranger:
                headers = {"Host": "hooks.example.org"}  # as a reverse proxy may pass it on
                answer = await stranger.post(f"/webhooks/{'x' * 32}", content=b"{}", headers=headers)
                assert (answer.status_code, answer.text) == (404, "not taken\n")
                assert (await stranger.get("/", headers=headers)).status_code == 421
            assert here.server.courier.done["told"] == 3

    asyncio.run(story())


@pytest.mark.soak
def test_how_long_a_webhook_takes_to_the_mirror(tmp_path: Path) -> None:
    """Figures: run it with -s. From the edit in the shop to the row that another program reads."""

    async def story() -> None:
        async with live(tmp_path, pull=RARELY) as here:
            took = sorted([await edited(here, number) for number in range(60)][10:])
            print(f"webhook to mirror row: p50 {statistics.median(took):.3f} s, p95 {took[-3]:.3f} s of {len(took)}")
            assert statistics.median(took) < 1.0

    asyncio.run(story())


@pytest.mark.soak
def test_how_long_a_delivery_waits_for_its_answer(tmp_path: Path) -> None:
    """Figures: 50 deliveries a second for 20 s, each with an id of its own."""

    async def story() -> None:
        async with live(tmp_path, pull=RARELY) as here:
            door = await (await here.house.webhooks(here.shop)).hooks.address()
            assert door is not None
            took: list[float] = []

            async def knock(caller: httpx.AsyncClient, number: int) -> None:
                inner = {"type": "product", "id": here.sim.keys("products")[number % 20]}
                body = {"company_id": here.sim.company_id, "scope": "product/update", "data": inner}
                began_s = here.house.clock.monotonic()
                assert (await caller.post(door.reveal(), json=body)).status_code == 200
                took.append(here.house.clock.monotonic() - began_s)

            async with httpx.AsyncClient(timeout=30) as caller, asyncio.TaskGroup() as group:
                for number in range(1000):
                    group.create_task(knock(caller, number))
                    await here.house.clock.sleep(0.02)
            took.sort()
            print(f"delivery to answer at 50/s: p50 {took[500] * 1000:.1f} ms, p99 {took[990] * 1000:.1f} ms")

    asyncio.run(story())
