"""From the shop's notice to the mirror: received, stored, looked at, and what forgers can make it cost."""

import asyncio
import json
from pathlib import Path

import pytest

from syncd.service import shops
from syncd.service.upkeep import clear_away
from syncd.simulator.courier import Mishaps
from tests.web.hooks_kit import Scene, scene


def test_an_edit_in_the_shop_arrives_by_its_webhook(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path) as here:
            await here.check()
            told: list[int] = []
            here.house.inbox.told = told.append
            key = here.sim.keys("products")[0]
            here.sim.edit("products", key, {"title": "By webhook"})
            order = here.sim.create("orders", order_of(here))
            here.sim.delete("products", here.sim.keys("products")[1])
            gone = here.sim.books.writes[-1].key
            before = here.calls()
            await here.deliver()
            assert here.calls() == before
            assert await here.inbox() == {"waiting": 3}
            assert told == [here.shop.id] * 3
            runs = await here.look()
            assert [run.resource for run in runs] == ["products", "orders"]
            assert here.calls() - before == 4  # three records, and a control read before a record is taken for deleted
            assert await here.inbox() == {"hinted": 3}
            assert [await here.known("orders", order), await here.known("products", gone)] == ["here", "gone"]
            assert await here.look() == []
            assert here.calls() - before == 4

    asyncio.run(story())


def test_the_inbox_of_a_shop_that_nobody_works_ends_as_well(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path, keep_days=3.0) as here:
            await here.check()
            await shops.pause(here.house.disk, here.shop.name)
            assert await here.knock() == 200
            await here.clock.sleep(2 * 86_400)
            assert await here.knock(id="267228") == 200
            await here.clock.sleep(2 * 86_400)
            await clear_away(here.house)
            assert await here.inbox() == {"waiting": 1}

    asyncio.run(story())


def forged(number: int) -> bytes:
    told = {"company_id": 1202, "scope": "order/create", "data": {"type": "order", "id": str(9_000_000 + number)}}
    return json.dumps(told).encode()


def order_of(here: Scene) -> dict[str, object]:
    """An order that the shop takes."""
    product = here.sim.record("products", here.sim.keys("products")[0]) or {}
    return {
        "customer_token": here.sim.keys("customers")[0],
        "line_items": [{"product_id": product["product_id"], "quantity": 1}],
    }


def test_ten_deliveries_of_one_record_are_one_row_and_one_look(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path) as here:
            await here.check()
            key = here.sim.keys("products")[0]
            for number in range(10):
                here.sim.edit("products", key, {"title": f"T {number}"})
            before = here.calls()
            await here.deliver()
            assert await here.inbox() == {"waiting": 1}
            await here.look()
            assert here.calls() - before == 1
            here.sim.edit("products", key, {"title": "once more"})  # soon after: the row waits again
            await here.deliver()
            assert await here.inbox() == {"waiting": 1}
            await here.look()
            assert here.calls() - before == 2

    asyncio.run(story())


@pytest.mark.parametrize("door", ["valid", "invalid"])
def test_a_thousand_forged_webhooks_cost_at_most_ten_calls(tmp_path: Path, door: str) -> None:
    async def story() -> None:
        async with scene(tmp_path, burst=2000.0) as here:
            await here.check()
            address = await here.door() if door == "valid" else f"/webhooks/{'x' * 32}"
            before = here.calls()
            statuses = set()
            for hundred in range(10):
                async with asyncio.TaskGroup() as group:
                    posts = [here.post(address, forged(hundred * 100 + number)) for number in range(100)]
                    tasks = [group.create_task(post) for post in posts]
                statuses |= {task.result() for task in tasks}
                await here.look()
            assert here.calls() - before <= (10 if door == "valid" else 0)
            assert statuses == {200 if door == "valid" else 404}
            states = await here.inbox()
            assert sum(states.values()) == (1000 if door == "valid" else 0)
            assert states.get("waiting", 0) == 0
            # A real new record that nobody looked at for their sake comes with the next ordinary look.
            order = here.sim.create("orders", order_of(here))
            await here.deliver()
            await here.look()
            assert here.calls() - before <= (10 if door == "valid" else 1)
            await (await here.house.worker(here.shop)).pull([here.house.resources[-2]], quick=True)
            assert await here.known("orders", order) == "here"

    asyncio.run(story())


def test_many_new_records_at_once_are_all_looked_at(tmp_path: Path) -> None:
    """What turns out to be there gives back what it took of the small allowance."""

    async def story() -> None:
        async with scene(tmp_path) as here:
            await here.check()
            orders = [here.sim.create("orders", order_of(here)) for _ in range(40)]
            await here.deliver()
            await here.look()
            assert [await here.known("orders", order) for order in orders] == ["here"] * 40
            assert await here.inbox() == {"hinted": 40}

    asyncio.run(story())


def test_what_the_shop_does_not_have_is_asked_for_once_an_hour(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path) as here:
            await here.check()
            before = here.calls()
            for _ in range(5):
                await here.knock(id="77")
                await here.look()
                here.clock.passed_s += 100
            assert here.calls() - before == 1
            assert await here.inbox() == {"absent": 5}
            here.clock.passed_s += 3600
            await here.knock(id="77")
            await here.look()
            assert here.calls() - before == 2

    asyncio.run(story())


def test_webhooks_cause_no_more_looks_than_the_settings_say(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path, looks_per_hour=3) as here:
            await here.check()
            before = here.calls()
            for key in here.sim.keys("products")[:6]:
                here.sim.edit("products", key, {"title": "x"})
            await here.deliver()
            await here.look()
            assert here.calls() - before == 3
            assert await here.inbox() == {"hinted": 3, "left": 3}

    asyncio.run(story())


def test_what_is_not_for_us_is_refused_and_counted(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path) as here:
            await here.check()
            door = await here.door()
            assert await here.knock(company_id=99) == 400
            assert await here.knock(scope="file/create") == 400
            assert await here.knock(id="../x") == 400
            assert await here.knock(scope="customer/update", type="customer", id="12") == 400
            assert await here.post(door, b"\xff\x00") == 400
            assert await here.post(door, b"[" * 10_000) == 400
            assert await here.post(door, b" " * 20_000) == 413
            assert (await here.outside.get(door)).status_code == 405
            assert await here.inbox() == {}
            await here.house.inbox.close()
            stored = await here.house.disk.state.run(lambda tx: tx.webhooks.door(here.shop.id))
            assert stored is not None
            assert stored.refused == 6

    asyncio.run(story())


def test_a_flood_is_asked_to_come_later(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path, rate_per_s=2, burst=5) as here:
            await here.check()
            statuses = [await here.knock(id=str(number)) for number in range(1, 8)]
            assert statuses == [200] * 5 + [429] * 2
            answer = await here.outside.post(await here.door(), content=b"{}")
            assert int(answer.headers["Retry-After"]) == 1
            here.clock.passed_s += 1
            assert await here.knock(id="7") == 200
            assert await here.inbox() == {"waiting": 6}

    asyncio.run(story())


def test_those_who_wait_for_the_disk_share_a_transaction(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path) as here:
            await here.check()
            await here.knock(id="1")
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(here.knock(id=str(number))) for number in range(2, 60)]
            assert {task.result() for task in tasks} == {200}
            assert await here.inbox() == {"waiting": 59}

    asyncio.run(story())


def test_an_old_door_is_closed_and_the_shop_is_led_to_the_new_one(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path) as here:
            await here.check()
            old = await here.door()
            assert await here.knock() == 200
            hooks = (await here.webhooks()).hooks
            await hooks.rotate()
            here.clock.passed_s += 6
            assert await here.post(old, b"{}") == 404
            assert await here.knock() == 200
            assert {address.endswith(old) for _, address in here.registered()} == {True}
            await here.check()
            assert len(here.registered()) == 4
            assert {address.endswith(old) for _, address in here.registered()} == {False}
            assert old not in str(await here.house.disk.state.run(lambda tx: tx.webhooks.doors()))

    asyncio.run(story())


def test_lost_late_doubled_and_overtaken_ones_do_no_harm(tmp_path: Path) -> None:
    async def story() -> None:
        mishaps = Mishaps(lost=0.3, late=0.3, doubled=0.3, reordered=0.5)
        async with scene(tmp_path, mishaps=mishaps) as here:
            await here.check()
            for key in here.sim.keys("products") * 2:
                here.sim.edit("products", key, {"title": f"{key} again"})
                await here.deliver()
                await here.look()
            assert here.courier.done["lost"] > 0
            worker = await here.house.worker(here.shop)
            await worker.pull([each for each in here.house.resources if each.name == "products"], quick=False)
            rows = await here.house.disk.reader.run(lambda tx: tx.ledger.keys(here.shop.id, "products"))
            assert len(rows) == 12

    asyncio.run(story())
