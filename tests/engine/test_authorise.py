"""The first authorisation: a shop belongs to the company of its first callback, and each company to one shop."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from syncd.domain.secret import Secret
from syncd.domain.shop import Shop, ShopState
from syncd.engine.authorise import first_exchange
from syncd.errors import GrantRevoked, LostAnswer, UsageProblem, WrongShop
from tests.engine.token_server import TokenServer
from tests.engine.vaults import Desk, desk, shop
from tests.engine.virtual import simulate
from tests.support.databases import TestDatabase


@pytest.fixture
def at(database: TestDatabase, tmp_path: Path) -> Iterator[Desk]:
    with desk(database.url, tmp_path) as opened:
        yield opened


@pytest.fixture
def here(make_database: Callable[[str], TestDatabase], tmp_path: Path) -> Iterator[Desk]:
    with desk(make_database("sqlite").url, tmp_path) as opened:
        yield opened


async def _added(at: Desk, name: str = "demo") -> Shop:
    new = replace(shop(0, name), created_at=at.clock.now())
    return await at.disk.mirror.run(lambda tx: tx.books.add_shop(new))


async def _authorise(at: Desk, server: TokenServer, of: Shop, company_id: int, code: Secret | None = None) -> Shop:
    tokens = at.process(server, of)
    return await first_exchange(of, code or server.consent(), company_id, tokens=tokens, mirror=at.disk.mirror)


def test_a_shop_is_bound_to_its_company_and_goes_to_work(at: Desk) -> None:
    async def scene() -> None:
        server = at.server(scopes=("products",))
        new = await _added(at)
        bound = await _authorise(at, server, new, 1202)
        assert (bound.company_id, bound.granted, bound.state) == (1202, ("products",), ShopState.ACTIVE)
        assert await at.disk.mirror.run(lambda tx: tx.books.shops()) == [bound]
        assert (await at.row(new.id)).generation == 1

    simulate(scene)


def test_another_company_is_refused_before_anything_is_spent(here: Desk) -> None:
    async def scene() -> None:
        server = here.server()
        bound = await _authorise(here, server, await _added(here), 1202)
        with pytest.raises(WrongShop, match="is company 1202") as caught:
            await _authorise(here, server, bound, 1203)
        assert "syncd auth url demo" in caught.value.hint
        assert len(server.asked) == 1
        again = await _authorise(here, server, bound, 1202)
        assert again.company_id == 1202

    simulate(scene)


def test_a_company_has_one_shop(here: Desk) -> None:
    async def scene() -> None:
        server = here.server()
        await _authorise(here, server, await _added(here, "one"), 1202)
        two = await _added(here, "two")
        with pytest.raises(WrongShop, match="mirrored already, as shop one") as caught:
            await _authorise(here, server, two, 1202)
        assert "syncd auth login one" in caught.value.hint
        assert (await _authorise(here, server, two, 1203)).company_id == 1203

    simulate(scene)


def test_a_company_taken_meanwhile_leaves_no_tokens_under_the_wrong_shop(here: Desk) -> None:
    async def scene() -> None:
        one, two = await _added(here, "one"), await _added(here, "two")
        server = here.server(latency_s=10.0)
        tokens = here.process(server, two)
        slow = asyncio.ensure_future(
            first_exchange(two, server.consent(), 1202, tokens=tokens, mirror=here.disk.mirror)
        )
        await here.pass_time(5)
        await here.disk.mirror.run(lambda tx: tx.books.save_shop(replace(one, company_id=1202)))
        with pytest.raises(WrongShop, match="as shop one"):
            await slow
        assert server.exchanges == 1
        assert await tokens.health() is None

    simulate(scene)


@pytest.mark.parametrize("error", [GrantRevoked("invalid_grant"), LostAnswer("half an answer")])
def test_a_failed_exchange_binds_nothing(here: Desk, error: Exception) -> None:
    async def scene() -> None:
        server = here.server(faults=[error])
        new = await _added(here)
        with pytest.raises(type(error)):
            await _authorise(here, server, new, 1202)
        assert await here.disk.mirror.run(lambda tx: tx.books.shops()) == [new]
        assert (await _authorise(here, server, new, 1203)).company_id == 1203

    simulate(scene)


def test_authorising_lifts_a_quarantine_and_not_a_pause(here: Desk) -> None:
    async def scene() -> None:
        server = here.server()
        bound = await _authorise(here, server, await _added(here), 1202)
        for before, then in ((ShopState.QUARANTINED, ShopState.ACTIVE), (ShopState.PAUSED, ShopState.PAUSED)):
            stopped = replace(bound, state=before, reason="because")
            await here.disk.mirror.run(lambda tx, stopped=stopped: tx.books.save_shop(stopped))  # type: ignore[misc]
            assert (await _authorise(here, server, stopped, 1202)).state is then

    simulate(scene)


def test_without_an_answer_about_scopes_those_asked_for_count(here: Desk) -> None:
    async def scene() -> None:
        server = here.server(scopes=())
        assert (await _authorise(here, server, await _added(here), 1202)).granted == ("products", "orders")

    simulate(scene)


def test_a_shop_that_was_removed_is_not_authorised(here: Desk) -> None:
    async def scene() -> None:
        with pytest.raises(UsageProblem, match="no shop demo"):
            await _authorise(here, here.server(), shop(99), 1202)

    simulate(scene)
