"""Grants as the house sees them: copies of an installation, idle and paused shops, and what a person is told."""

import asyncio
import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from structlog.testing import capture_logs

from syncd.domain.shop import Shop, ShopState
from syncd.domain.token import TokenPhase
from syncd.errors import GrantRevoked
from syncd.host.clock import SystemClock
from syncd.host.keyfile import write_key_file
from syncd.service import grants, health, shops
from syncd.service.installation import install
from syncd.service.settings import Loaded, Settings, load
from syncd.service.status import status
from syncd.service.tending import Tender
from syncd.service.wire import Doors, House, open_house
from syncd.simulator.shop import SimShop
from syncd.simulator.transport import SimTransport
from syncd.simulator.world import SimWorld

CLIENT = "syncd.sim"
ADDRESS = "https://shop.test"


@pytest.fixture
def shop() -> SimShop:
    return SimShop(now=SystemClock().wall, products=1, orders=1, customers=1)


@pytest.fixture
def loaded(tmp_path: Path, shop: SimShop) -> Loaded:
    loaded, _ = install(tmp_path / "original")

    async def authorise(house: House) -> None:
        await shops.add(house, shops.Wanted("demo", ADDRESS, CLIENT))
        await grants.login(house, "demo", _consent(shop), print, 0.0)

    _in(loaded, shop, authorise)
    return loaded


def _consent(shop: SimShop) -> grants.Answer:
    return grants.Answer(code=shop.authorise(CLIENT), company=shop.company_id)


def _in(loaded: Loaded, shop: SimShop, job: Callable[[House], Awaitable[None]]) -> None:
    async def work() -> None:
        wire = SimTransport(SimWorld([shop]), rng=Random(1), sleep=asyncio.sleep)
        async with open_house(loaded, Doors(wire=wire)) as house:
            await job(house)

    asyncio.run(work())


async def _works(house: House) -> None:
    tokens = house.tokens(await shops.find(house.disk, "demo"))
    await tokens.recover()
    await tokens.refresh()
    (grant,) = await health.grants(house)
    assert grant.word == "fine"


async def _refused(house: House) -> None:
    tokens = house.tokens(await shops.find(house.disk, "demo"))
    with pytest.raises(GrantRevoked, match="another installation"):
        await tokens.recover()
    (grant,) = await health.grants(house)
    assert grant.word == "copy"
    assert grant.needs_person
    assert "syncd auth login demo" in grant.command


# --- copies ---------------------------------------------------------------------------------------------------------


def test_a_copied_folder_is_a_copy_and_a_renamed_one_is_not(loaded: Loaded, shop: SimShop) -> None:
    folder = loaded.folder
    copy = load(Path(shutil.copytree(folder, folder.with_name("copy"))) / "syncd.toml")
    _in(copy, shop, _refused)
    _in(loaded, shop, _works)

    async def authorised(house: House) -> None:
        await grants.login(house, "demo", _consent(shop), print, 0.0)
        await _works(house)

    _in(copy, shop, authorised)
    _in(loaded, shop, _works)
    moved = load(folder.rename(folder.with_name("moved")) / "syncd.toml")
    for file in moved.folder.iterdir():
        file.chmod(0o700 if file.is_dir() else 0o600)
    _in(moved, shop, _works)
    assert shop.books.refresh_reused == []


def test_restored_databases_are_a_copy_that_can_be_adopted(loaded: Loaded, shop: SimShop) -> None:
    folder = loaded.folder.with_name("restored")
    folder.mkdir()
    for name in ("mirror.db", "state.db"):
        with sqlite3.connect(loaded.folder / name) as database:
            database.execute("VACUUM INTO ?", (str(folder / name),))
        database.close()
    for name in ("syncd.toml", "syncd.key"):
        shutil.copy2(loaded.folder / name, folder / name)
    restored = load(folder / "syncd.toml")

    async def adopted(house: House) -> None:
        await house.disk.mirror.run(lambda tx: tx.books.save_shop(_aside(tx.books.shops()[0])))
        await grants.refresh(house, "demo", adopt=True)
        assert (await shops.find(house.disk, "demo")).state is ShopState.ACTIVE
        await _works(house)

    _in(restored, shop, _refused)
    _in(restored, shop, adopted)
    assert shop.books.refresh_reused == []


def test_databases_set_back_in_their_place_go_on_with_the_newest_pair(loaded: Loaded, shop: SimShop) -> None:
    before = (loaded.folder / "state.db").read_bytes()
    _in(loaded, shop, _works)
    (loaded.folder / "state.db").write_bytes(before)
    _in(loaded, shop, _works)
    assert shop.books.refresh_reused == []


def _aside(shop: Shop) -> Shop:
    return replace(shop, state=ShopState.QUARANTINED, reason="the tokens are another's")


# --- idle grants ----------------------------------------------------------------------------------------------------


class _Later(SystemClock):
    """This machine's clock, some days on."""

    def __init__(self, days: float) -> None:
        self._on = timedelta(days=days)

    def now(self) -> Any:
        return super().now() + self._on

    def wall(self) -> float:
        return super().wall() + self._on.total_seconds()


def _looked_at(loaded: Loaded, shop: SimShop, days: float, job: Callable[[House], Awaitable[None]]) -> None:
    async def work() -> None:
        wire = SimTransport(SimWorld([shop]), rng=Random(1), sleep=asyncio.sleep)
        async with open_house(loaded, Doors(clock=_Later(days), wire=wire)) as house:
            await job(house)

    asyncio.run(work())


@pytest.mark.parametrize(("days", "generation"), [(0.5, 1), (2, 2)])
def test_the_daemon_keeps_the_grant_of_a_paused_shop_alive(
    loaded: Loaded, shop: SimShop, days: float, generation: int
) -> None:
    async def look(house: House) -> None:
        await shops.pause(house.disk, "demo")
        await Tender(house).look()
        await Tender(house).look()
        (grant,) = await health.grants(house)
        assert grant.tokens is not None
        assert grant.tokens.generation == generation

    _looked_at(loaded, shop, days, look)


def test_one_that_nobody_may_tend_is_warned_of(loaded: Loaded, shop: SimShop) -> None:
    untended = Loaded(Settings(vault={"tend_paused": False}), loaded.file, loaded.folder)  # type: ignore[arg-type]

    async def look(house: House) -> None:
        await shops.pause(house.disk, "demo")
        await Tender(house).look()
        (grant,) = await health.grants(house)
        assert (grant.word, grant.command) == ("stale", "syncd auth refresh demo")
        (found,) = await status(house)
        assert [need.command for need in found.needs] == ["syncd auth refresh demo"]

    _looked_at(untended, shop, 8, look)


def test_a_grant_that_was_revoked_is_told_once_it_is_tended(loaded: Loaded, shop: SimShop) -> None:
    shop.revoke()

    async def look(house: House) -> None:
        await shops.pause(house.disk, "demo")
        await Tender(house).look()
        await Tender(house).look()
        (grant,) = await health.grants(house)
        assert grant.word == "over"
        assert grant.tokens is not None
        assert grant.tokens.phase is TokenPhase.DEAD
        assert shop.books.calls["POST", "/token"] == 2

    _looked_at(loaded, shop, 2, look)


def test_a_key_that_opens_nothing_is_told_and_ends_nobody(loaded: Loaded, shop: SimShop) -> None:
    """The daemon waits a wrong key out, as the shops' own work does: its care for grants must not end it."""
    key = loaded.folder / "syncd.key"
    key.unlink()
    write_key_file(key)

    async def look(house: House) -> None:
        with capture_logs() as told:
            await Tender(house).look()
        (line,) = [each for each in told if each["event"] == "vault.untended"]
        assert line["shop"] == "demo"
        assert "key" in line["message"]

    _looked_at(loaded, shop, 2, look)
    assert shop.books.calls["POST", "/token"] == 1
