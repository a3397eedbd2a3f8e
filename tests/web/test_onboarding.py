"""Connecting a shop in the browser: sent off, consent, taken in; and every way in which a callback can be forged."""

import asyncio
import html
import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from syncd.domain.shop import ShopState
from syncd.service import logins, shops
from syncd.service.web.onboarding import COOKIE
from tests.web.kit import HOME, face, seal_of, settle, sign_in
from tests.web.stage import Stage, add, consent, stage


async def _sent_off(browser: httpx.AsyncClient, name: str = "shop-a") -> str:
    """Press the buttons until the browser would leave for the shop; the address of its consent page."""
    place = f"/shops/{name}/authorise"
    asked = await browser.get(place)
    assert "You are sent to" in asked.text
    answer = await browser.post(place, data={"seal": seal_of(asked.text)})
    assert answer.status_code == 200
    [onward] = re.findall(r'http-equiv="refresh" content="0;url=([^"]+)"', answer.text)
    assert html.unescape(onward) in html.unescape(answer.text.partition("<main")[2])  # a link for who is not sent on
    return html.unescape(onward)


async def _agreed(address: str) -> str:
    """The owner agrees; path and query of where the shop sends the browser to."""
    back = urlsplit(await asyncio.to_thread(consent, address))
    assert f"{back.scheme}://{back.netloc}" == HOME
    return f"{back.path}?{back.query}"


def test_a_shop_is_connected_and_works(tmp_path: Path) -> None:
    states: list[bytes] = []

    async def work(at: Stage) -> None:
        async with face(at.loaded) as (house, browser):
            await add(house, at, "shop-a", authorised=False)
            turned = await browser.get("/shops/shop-a/authorise")
            assert turned.headers["location"] == "/login?next=/shops/shop-a/authorise"
            await sign_in(browser, at.loaded)
            address = await _sent_off(browser)
            state = parse_qs(urlsplit(address).query)["state"][0]
            back = await _agreed(address)
            answer = await browser.get(back)
            assert answer.status_code == 200, answer.text
            assert "Thank you" in answer.text
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert COOKIE not in browser.cookies
            shop = await shops.find(house.disk, "shop-a")
            assert (shop.state, shop.company_id) == (ShopState.ACTIVE, at.shops["shop-a"].company_id)
            assert "used already" in (await browser.get(back)).text  # reloaded, or replayed
            states.append(state.encode())

    with stage(tmp_path, "shop-a") as at:
        asyncio.run(work(at))
        assert len(at.shops["shop-a"].books.refresh_reused) == 0
    kept = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert states[0] not in kept  # only its print is


def test_forged_callbacks_change_nothing(tmp_path: Path) -> None:
    async def work(at: Stage) -> None:
        async with face(at.loaded) as (house, browser):
            for name in ("shop-a", "shop-b"):
                await add(house, at, name, authorised=False)
            await sign_in(browser, at.loaded)
            code = "code=stolen-refresh-token&companyid=1202"

            async def refused(query: str, why: str, state: str = "") -> None:
                cookie = {"Cookie": f"{COOKIE}={state}"} if state else {}
                answer = await browser.get(f"/oauth/callback?{query}", headers=cookie)
                assert answer.status_code == 400
                assert why in html.unescape(answer.text)
                assert "stolen" not in answer.text

            await refused(code, "does not say which login")  # none is open
            await refused(f"{code}&state=guessed", "belongs to no login")
            await refused("error=access_denied", "access_denied")
            await refused("companyid=1202&state=x", "holds no code")
            browser.cookies.delete(COOKIE)
            begun = await logins.begin(house, await shops.find(house.disk, "shop-a"))
            await refused(code, "does not say which login")  # one is open, and this browser did not begin it
            await refused(code, "does not say which login", "another")
            await logins.begin(house, await shops.find(house.disk, "shop-b"))
            await refused(code, "does not say which login", begun.state)  # two are open
            for shop in await shops.listed(house.disk):
                assert (shop.state, shop.company_id) == (ShopState.NEW, None)
            assert (await browser.get("/oauth/start?state=guessed")).status_code == 400

    with stage(tmp_path, "shop-a", "shop-b") as at:
        asyncio.run(work(at))
        assert [shop.books.admitted for shop in at.shops.values()] == [0, 0]


def test_a_shop_that_sends_no_state_back_is_believed_in_the_browser_that_left(tmp_path: Path) -> None:
    async def work(at: Stage) -> None:
        async with face(at.loaded) as (house, browser):
            await add(house, at, "shop-a", authorised=False)
            await sign_in(browser, at.loaded)
            back = await _agreed(await _sent_off(browser))
            stateless = re.sub(r"[&?]state=[^&]*", "", back)
            assert "state" not in stateless
            cookie = browser.cookies[COOKIE]
            answer = await browser.get(stateless, headers={"Cookie": f"{COOKIE}={cookie}"})
            assert answer.status_code == 200, answer.text
            assert (await shops.find(house.disk, "shop-a")).state is ShopState.ACTIVE

    with stage(tmp_path, "shop-a") as at:
        asyncio.run(work(at))


def test_a_login_ends_after_ten_minutes_and_a_wrong_company_is_told(tmp_path: Path) -> None:
    async def work(at: Stage) -> None:
        async with face(at.loaded) as (house, browser):
            await add(house, at, "shop-a", authorised=False)
            await add(house, at, "shop-b")
            begun = await logins.begin(house, await shops.find(house.disk, "shop-a"))
            old = house.clock.now() - timedelta(minutes=11)
            await house.disk.state.run(lambda tx: tx.logins.begin("old", begun.shop.id, old))
            answer = await browser.get("/oauth/callback?code=abc&companyid=1&state=old")
            assert "more than ten minutes ago" in answer.text
            begun = await logins.begin(house, await shops.find(house.disk, "shop-b"))
            answer = await browser.get(f"/oauth/callback?code=abc&companyid=77&state={begun.state}")
            assert "the authorisation is for company 77" in answer.text

    with stage(tmp_path, "shop-a", "shop-b") as at:
        asyncio.run(work(at))


def test_a_terminal_beside_a_daemon_begins_and_the_browser_ends_it(tmp_path: Path) -> None:
    async def work(at: Stage) -> None:
        async with face(at.loaded) as (house, browser):
            await add(house, at, "shop-a", authorised=False)
            begun = await logins.begin(house, await shops.find(house.disk, "shop-a"))
            waiting = asyncio.ensure_future(logins.wait(house, begun, 60.0))
            answer = await browser.get(f"/oauth/start?state={begun.state}")
            assert COOKIE in browser.cookies
            [onward] = re.findall(r'content="0;url=([^"]+)"', answer.text)
            await browser.get(await _agreed(html.unescape(onward)))
            assert (await waiting).company_id == at.shops["shop-a"].company_id

    with stage(tmp_path, "shop-a") as at:
        asyncio.run(work(at))


def test_a_shop_that_leads_elsewhere_is_authorised_elsewhere(tmp_path: Path) -> None:
    async def work() -> None:
        loaded = settle(tmp_path)
        async with face(loaded) as (house, browser):
            wanted = shops.Wanted("far", "https://shop.example", "app", redirect_uri="https://far.example/back")
            await shops.add(house, wanted)
            await sign_in(browser, loaded)
            answer = await browser.get("/shops/far/authorise")
            assert answer.status_code == 409
            assert "syncd auth login far" in answer.text

    asyncio.run(work())


@pytest.mark.parametrize(
    ("redirect", "places", "fits"),
    [
        ("http://127.0.0.1:8765/oauth/callback", ("localhost:8765",), True),
        ("http://localhost:8765/oauth/callback", ("127.0.0.1:8765", "x.example"), True),
        ("https://x.example/oauth/callback", ("127.0.0.1:8765", "x.example"), True),
        ("https://x.example:443/oauth/callback", ("x.example",), True),
        ("http://127.0.0.1:8766/oauth/callback", ("127.0.0.1:8765", ""), False),
        ("https://x.example/other", ("x.example",), False),
    ],
)
def test_where_a_shop_sends_the_browser_back_to(redirect: str, places: tuple[str, ...], fits: bool) -> None:
    shop = shops.described(shops.Wanted("s", "https://shop.example", "app", redirect_uri=redirect))
    assert logins.comes_back(shop, *places) == fits
