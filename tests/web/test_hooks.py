"""What is registered at the shop: missing ones, old ones, doubles, strangers, and shops that do not let us."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, func, select

from syncd.domain.budget import Bucket
from syncd.domain.run import Outcome
from syncd.domain.webhook import Door, Hook
from syncd.errors import UsageProblem
from syncd.service import grants, shops, webhooks
from syncd.service.settings import Loaded, Settings
from syncd.service.upkeep import clear_away
from syncd.service.wire import bucket_key
from syncd.simulator.resources import SCOPES
from syncd.simulator.shop import SimShop
from syncd.simulator.switches import Switches
from syncd.simulator.transport import Faults
from syncd.store.database import sqlite_module
from syncd.store.schema import MIRROR, STATE
from tests.engine.kit import DeskClock
from tests.web.hooks_kit import PUBLIC, Scene, scene

TOPICS = ["product/create", "product/update", "product/delete", "order/create"]


def play(folder: Path, story: Callable[[Scene], Awaitable[None]], **wanted: Any) -> None:
    async def whole() -> None:
        async with scene(folder, **wanted) as here:
            await story(here)

    asyncio.run(whole())


def shop(switches: str = "", **more: Any) -> SimShop:
    clock = DeskClock()
    character = Switches.named("plain").flipped(switches.split())
    sizes = {"products": 3, "orders": 3, "customers": 2, "bucket_size": 100_000.0, "leak": 1000.0}
    return SimShop("shop-1", now=clock.wall, switches=character, **{**sizes, **more})


async def door(here: Scene) -> Door:
    found = await here.house.disk.state.run(lambda tx: tx.webhooks.door(here.shop.id))
    assert found is not None
    return found


def topics(here: Scene) -> list[str]:
    return [topic for topic, _ in here.registered()]


@pytest.mark.parametrize(
    "switches",
    [
        "",
        "singular_for_one=true past_end=not_found limit_status=503",
        "paging=false list_order=shuffled_each_call",
        "without_page=first page_size=10 past_end=repeat_last",
        "without_page=first page_size=10 past_end=not_found ids=strings flags=ints",
    ],
)
def test_what_is_missing_is_registered_whatever_the_shops_lists_look_like(tmp_path: Path, switches: str) -> None:
    async def story(here: Scene) -> None:
        for number in range(12):
            here.sim.create("webhooks", {"scope": "order/create", "destination": f"https://x.example/{number}"})
        run = await here.check()
        assert (run.outcome, run.message) == (Outcome.DONE, "")
        assert topics(here)[12:] == TOPICS
        ours = {address for _, address in here.registered()[12:]}
        assert ours == {PUBLIC + await here.door()}
        before = here.registered()
        again = await here.check()
        assert here.registered() == before
        assert again.counts["calls"] == 1
        here.sim.delete("webhooks", here.sim.keys("webhooks")[13])
        await here.check()
        assert sorted(topics(here)[12:]) == sorted(TOPICS)

    play(tmp_path, story, sim=shop(switches))


def test_a_lost_answer_leaves_no_double(tmp_path: Path) -> None:
    async def story(here: Scene) -> None:
        await here.house.place(here.shop)
        here.wire.faults = Faults(answer_lost=1.0)
        run = await here.check()
        assert run.outcome is Outcome.LATER
        here.wire.faults = Faults.none()
        for number in range(3):
            key = here.sim.keys("webhooks")
            here.sim.create("webhooks", {"scope": TOPICS[0], "destination": PUBLIC + await here.door()})
            await here.check()
            assert sorted(topics(here)) == sorted(TOPICS), f"{number}: {key}"

    play(tmp_path, story)


def test_what_nobody_wants_any_more_goes_and_strangers_stay(tmp_path: Path) -> None:
    sim = shop()
    sim.create("webhooks", {"scope": "order/create", "destination": "https://other.example/hook", "is_valid": True})

    async def fewer(here: Scene) -> None:
        await here.check()
        assert len(here.registered()) == 5

    async def off(here: Scene) -> None:
        run = await here.check()
        assert run.counts["calls"] == 5
        assert here.registered() == [("order/create", "https://other.example/hook")]
        assert (await here.check()).counts["calls"] == 0

    play(tmp_path, fewer, sim=sim)
    play(tmp_path, fewer, sim=sim, loaded=settings_again(tmp_path))
    play(tmp_path, off, sim=sim, loaded=settings_again(tmp_path, public_url=""))


def settings_again(folder: Path, **wanted: Any) -> Loaded:
    """Other settings for an installation that is there."""
    base = {"public_url": PUBLIC, "topics": TOPICS}
    return Loaded(Settings(webhooks=base | wanted), None, folder)


def test_a_new_public_address_is_told_to_the_shop(tmp_path: Path) -> None:
    sim = shop()

    async def check(here: Scene) -> None:
        await here.check()
        await here.check()
        assert len(here.registered()) == 4

    async def moved(here: Scene) -> None:
        await check(here)
        assert {address.startswith("https://new.example/syncd/webhooks/") for _, address in here.registered()} == {True}

    play(tmp_path, check, sim=sim)
    play(tmp_path, moved, sim=sim, loaded=settings_again(tmp_path, public_url="https://new.example/syncd/"))


def test_a_grant_without_the_scope_is_said_and_is_no_fault(tmp_path: Path) -> None:
    async def story(here: Scene) -> None:
        run = await here.check()
        assert (run.outcome, run.counts["calls"]) == (Outcome.DONE, 0)
        assert (await door(here)).said == "the scope webhooks was not granted; to ask for it: syncd auth login shop-1"
        status, now = await webhooks.shown(here.house, "shop-1")
        assert ("trouble", (await door(here)).said) in webhooks.lines(status, now)

    play(tmp_path, story, sim=shop(scopes=tuple(scope for scope in SCOPES if scope != "webhooks")))


def test_the_scope_is_asked_for_where_webhooks_are_wanted(tmp_path: Path) -> None:
    async def story(here: Scene) -> None:
        assert "webhooks" not in here.shop.scopes
        assert "webhooks" in await grants.address(here.house, "shop-1")

    async def off(here: Scene) -> None:
        assert "webhooks" not in await grants.address(here.house, "shop-1")

    play(tmp_path / "on", story)
    play(tmp_path / "off", off, public_url="")


def test_a_shop_that_is_away_is_tried_again(tmp_path: Path) -> None:
    async def story(here: Scene) -> None:
        here.wire.faults = Faults(down=("shop-1",))
        run = await here.check()
        assert run.outcome is Outcome.LATER
        assert "no connection" in (await door(here)).said
        here.wire.faults = Faults.none()
        assert (await here.check()).outcome is Outcome.DONE
        assert (await door(here)).said == ""

    play(tmp_path, story)


def test_a_removed_shop_is_left_without_our_webhooks(tmp_path: Path) -> None:
    async def story(here: Scene) -> None:
        here.sim.create("webhooks", {"scope": "order/create", "destination": "https://other.example/hook"})
        await here.check()
        _, said = await webhooks.remove_shop(here.house, "shop-1")
        assert said == ""
        assert topics(here) == ["order/create"]
        assert await shops.listed(here.house.disk) == []
        assert await here.house.disk.state.run(lambda tx: tx.webhooks.doors()) == []

    async def away(here: Scene) -> None:
        await here.check()
        here.wire.faults = Faults(down=("shop-1",))
        _, said = await webhooks.remove_shop(here.house, "shop-1")
        assert said.startswith("its webhooks stay registered there: ")
        assert await shops.listed(here.house.disk) == []

    play(tmp_path / "a", story)
    play(tmp_path / "b", away)


def test_a_removed_shop_leaves_no_row_in_either_database(tmp_path: Path) -> None:
    async def story(here: Scene) -> None:
        await here.check()
        assert _rows(here) != []
        await webhooks.remove_shop(here.house, "shop-1")
        assert _rows(here) == []

    play(tmp_path, story)


def test_a_budget_that_another_shop_draws_on_stays(tmp_path: Path) -> None:
    """Two shops of one app have no company yet: their calls are of one budget."""

    async def story(here: Scene) -> None:
        twins = [
            await shops.add(here.house, shops.Wanted(name, f"https://{name}.sim", "syncd.twin"))
            for name in ("twin-1", "twin-2")
        ]
        key = bucket_key(twins[0])
        bucket = Bucket.first(size=40.0, leak=2.0, t=here.clock.wall())
        await here.house.disk.state.run(lambda tx: tx.budget.save(key, bucket))
        await shops.remove(here.house, "twin-1")
        assert await here.house.disk.state.run(lambda tx: tx.budget.load(key)) == bucket
        await shops.remove(here.house, "twin-2")
        assert await here.house.disk.state.run(lambda tx: tx.budget.load(key)) is None

    play(tmp_path, story)


def _rows(here: Scene) -> list[str]:
    """The tables of the daemon's own database in which there is something, and those of the mirror with this shop's."""
    disk, found = here.house.disk, []
    for metadata, url in ((STATE, disk.address.state), (MIRROR, disk.address.mirror)):
        engine = create_engine(url, module=sqlite_module())
        with engine.connect() as connection:
            for table in metadata.sorted_tables:
                if metadata is STATE or "shop_id" in table.c:
                    found += [table.name] * bool(connection.execute(select(func.count()).select_from(table)).scalar())
        engine.dispose()
    return found


def test_what_was_told_is_looked_at_again(tmp_path: Path) -> None:
    async def story(here: Scene) -> None:
        await here.check()
        keys = here.sim.keys("products")
        for key in keys[:3]:
            here.sim.edit("products", key, {"title": "T"})
        await here.deliver()
        await here.knock(id="99")
        await here.look()
        here.clock.passed_s += 7200
        assert (await webhooks.replay(here.house, "shop-1", "1h", "", dry=False)).looks == {}
        dry = await webhooks.replay(here.house, "shop-1", "3h", "", dry=True)
        assert (dry.looks, dry.absent) == ({"products": 3}, 1)
        before = here.calls()
        await here.look()
        assert here.calls() == before
        await webhooks.replay(here.house, "shop-1", "3h", "1h", dry=False)
        await here.look()
        assert here.calls() - before == 3
        with pytest.raises(UsageProblem, match="lies before"):
            await webhooks.replay(here.house, "shop-1", "1h", "2h", dry=False)
        here.clock.passed_s += 15 * 86_400
        await clear_away(here.house)
        assert await here.inbox() == {}

    play(tmp_path, story)


def test_a_topic_that_the_shop_refuses_keeps_no_other_from_being_registered(tmp_path: Path) -> None:
    async def story(here: Scene) -> None:
        run = await here.check()
        assert run.outcome is Outcome.DONE
        assert "register order/polished: the shop refused it (400): there is no such scope" in run.message
        assert "webhooks/" not in run.message.replace("shop-1/webhooks", "")
        assert topics(here) == ["order/create"]
        assert [hook.topic for hook in await hooks_of(here)] == ["order/create"]

    play(tmp_path, story, topics=["order/polished", "order/create"])


async def hooks_of(here: Scene) -> list[Hook]:
    return await here.house.disk.state.run(lambda tx: tx.webhooks.hooks(here.shop.id))
