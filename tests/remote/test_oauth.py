"""OAuth: addresses, callbacks, and an exchange that says exactly what is known of the token it spent."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from syncd.domain.secret import Secret
from syncd.domain.shop import Shop
from syncd.errors import GrantRevoked, LostAnswer, NotUnderstood, RemoteDown, SyncdError, Throttled, UsageProblem
from syncd.ports import Exchange, Granted, Inspected
from syncd.remote.oauth import TokenEndpoint, authorize_url, parse_redirect
from syncd.remote.settings import RemoteSettings
from tests.remote.doubles import START, Script, StillClock, shop_of, simulated
from tests.remote.test_real_wire import Server, said, serving

PAIR = {"access_token": "new-access", "refresh_token": "new-refresh", "userName": "owner@shop.example"}
DATES = {".issued": "Thu, 21 Apr 2016 13:30:22 GMT", ".expires": "Thu, 21 Apr 2016 14:00:22 GMT"}


def redeem(
    wire: httpx.AsyncBaseTransport | None, token: str = "old", *, shop: Shop | None = None, **settings: Any
) -> Granted:
    endpoint: Exchange = TokenEndpoint(wire, StillClock(), RemoteSettings(**settings))
    return asyncio.run(endpoint.redeem(shop or shop_of(), Secret(token)))


def inspect(wire: httpx.AsyncBaseTransport) -> Inspected:
    return asyncio.run(TokenEndpoint(wire, StillClock()).inspect(shop_of(), Secret("the-access-token")))


# --- the address and the way back -------------------------------------------------------------------


def test_the_address_to_open() -> None:
    url = authorize_url(shop_of("https://oauth.flickrocket.com/"), "st4te")
    parts = urlsplit(url)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == "https://oauth.flickrocket.com/oauth2/auth"
    assert dict(parse_qsl(parts.query)) == {
        "client_id": "syncd.sim",
        "scope": "products,orders",
        "access_type": "offline",
        "redirect_uri": "http://127.0.0.1:9/callback",
        "state": "st4te",
    }
    assert "scope=products,orders&" in url


def test_the_way_back() -> None:
    code, company_id, state = parse_redirect("https://example.org/uri?code=abc&companyid=1202&state=st4te\n")
    assert (code, company_id, state) == (Secret("abc"), 1202, "st4te")
    assert parse_redirect("/callback?code=a%2Bb/c==&CompanyID=7").code.reveal() == "a+b/c=="
    assert parse_redirect("/callback?code=a+b/c==&companyid=7") == (Secret("a+b/c=="), 7, "")
    assert "abc" not in repr(parse_redirect("https://example.org/uri?code=abc&companyid=1202"))


@pytest.mark.parametrize(
    "url",
    ["", "https://example.org/", "?code=s3cr3t", "?code=s3cr3t&companyid=x", "?companyid=5", "?code=s3cr3t&companyid=²",
     "http://[x?code=s3cr3t&companyid=1", "?error=access_denied&code=s3cr3t&companyid=1"],
)  # fmt: skip
def test_a_way_back_without_what_is_needed(url: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        parse_redirect(url)
    assert "s3cr3t" not in caught.value.message + caught.value.hint
    assert "syncd auth" in caught.value.hint


# --- the exchange -----------------------------------------------------------------------------------


def test_what_is_sent() -> None:
    script = Script(httpx.Response(200, json=PAIR))
    granted = redeem(script, "old/+=token")
    request = script.seen[0]
    assert (request.method, str(request.url)) == ("POST", "http://shop-1.sim/token")
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert dict(parse_qsl(request.content.decode())) == {
        "grant_type": "refresh_token",
        "refresh_token": "old/+=token",
        "client_id": "syncd.sim",
    }
    assert "Authorization" not in request.headers
    assert (granted.access, granted.refresh) == (Secret("new-access"), Secret("new-refresh"))
    assert granted.user == "owner@shop.example"
    assert "new-" not in repr(granted)


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ({"expires_in": 1799}, 1799),
        ({"expires_in": "1738"}, 1738),
        (DATES, 1800),
        ({"expires": DATES[".expires"], "issued": DATES[".issued"]}, 1800),
        ({".expires": "Mon, 23 Nov 2026 12:20:00 GMT"}, 1200),
        ({"expires_in": 600} | DATES, 600),
        ({}, 1800),
        ({"expires_in": -5}, 1800),
        ({"expires_in": "soon", ".expires": "later"}, 1800),
        ({"expires_in": 10**9}, 7 * 86_400),
    ],
)
def test_how_long_the_access_token_lives(told: dict[str, Any], seconds: float) -> None:
    assert redeem(Script(httpx.Response(200, json=PAIR | told))).lifetime_s == seconds


def test_a_date_is_read_by_the_shop_s_own_clock() -> None:
    skewed = {"Date": "Mon, 23 Nov 2026 12:15:00 GMT"}
    answer = httpx.Response(200, json=PAIR | {".expires": "Mon, 23 Nov 2026 12:20:00 GMT"}, headers=skewed)
    assert redeem(Script(answer)).lifetime_s == 300


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (httpx.Response(400, json={"error": "invalid_grant"}), GrantRevoked),
        (httpx.Response(200, json={"error": "invalid_grant"}), GrantRevoked),
        (httpx.Response(401, text="error: invalid_grant"), GrantRevoked),
        (httpx.Response(400, json={"error": "invalid_client"}), NotUnderstood),
        (httpx.Response(404, text="<html>"), NotUnderstood),
        (httpx.Response(429, headers={"Retry-After": "5"}), Throttled),
        (httpx.Response(503), RemoteDown),
        (httpx.Response(500, text="oops"), RemoteDown),
        (httpx.Response(301, headers={"Location": "https://x.example"}), RemoteDown),
        (httpx.Response(200, text="<html>Back soon</html>"), RemoteDown),
        (httpx.Response(200, json={"access_token": "a"}), LostAnswer),
        (httpx.Response(200, text='{"access_token": "s3cr3t", "refr'), LostAnswer),
        (httpx.Response(200, text=""), LostAnswer),
        (httpx.Response(200, text="x" * 300_000), LostAnswer),
        (httpx.ConnectError("refused"), RemoteDown),
        (httpx.ConnectTimeout("slow"), RemoteDown),
        (httpx.ReadTimeout("slow"), LostAnswer),
        (httpx.ReadError("reset"), LostAnswer),
        (httpx.RemoteProtocolError("half"), LostAnswer),
    ],
)
def test_what_is_known_of_the_token_afterwards(reply: httpx.Response | Exception, kind: type[SyncdError]) -> None:
    script = Script(reply)
    with pytest.raises(SyncdError) as caught:
        redeem(script, "s3cr3t-refresh")
    problem = caught.value
    assert type(problem) is kind, problem
    assert len(script.seen) == 1  # never a second time by itself
    assert "s3cr3t" not in repr(problem) + problem.message + problem.hint
    assert "syncd " in problem.hint
    if isinstance(problem, NotUnderstood):
        assert 400 <= problem.status < 500
    if isinstance(problem, Throttled):
        assert problem.after_s == 5


def test_a_wrong_address_spends_nothing() -> None:
    with pytest.raises(RemoteDown, match="clear text"):
        redeem(None, shop=shop_of("http://oauth.flickrocket.com"))


@pytest.mark.parametrize(
    ("reply", "kind"), [(said(b'{"access_token": "a"', length=500), LostAnswer), (None, LostAnswer), (b"", LostAnswer)]
)
def test_lost_answers_over_a_real_wire(reply: bytes | None, kind: type[SyncdError]) -> None:
    async def scenario() -> None:
        server = Server(reply, hang_up=True)
        async with serving(server):
            endpoint = TokenEndpoint(None, StillClock(), RemoteSettings(read_s=0.05))
            with pytest.raises(kind):
                await endpoint.redeem(shop_of(f"http://127.0.0.1:{server.port}"), Secret("old"))
        assert len(server.requests) == 1

    asyncio.run(scenario())


# --- with the simulated shop ------------------------------------------------------------------------


def test_consent_exchange_and_tokeninfo_with_a_simulated_shop() -> None:
    async def scenario() -> None:
        clock = StillClock()
        sim, wire, _ = simulated(clock, products=3, orders=3, customers=3)
        shop = shop_of()
        async with httpx.AsyncClient(transport=wire) as browser:
            back = (await browser.get(authorize_url(shop, "st4te"))).headers["Location"]
        code, company_id, state = parse_redirect(back)
        assert (company_id, state) == (sim.company_id, "st4te")
        endpoint = TokenEndpoint(wire, clock)
        first = await endpoint.redeem(shop, code)
        second = await endpoint.redeem(shop, first.refresh)
        assert first.lifetime_s == pytest.approx(1800, abs=1)
        assert len({code, first.access, first.refresh, second.access, second.refresh}) == 5
        known = await endpoint.inspect(shop, second.access)
        assert known.scopes == ("products", "orders")
        assert known.issued_to == "syncd.sim"
        assert known.expires_in_s == pytest.approx(1800, abs=1)
        with pytest.raises(GrantRevoked) as caught:
            await endpoint.redeem(shop, first.refresh)
        assert caught.value.hint.endswith("syncd auth login demo")
        assert sim.books.refresh_reused == [first.refresh.reveal()]
        clock.slept.append(timedelta(hours=1).total_seconds())
        assert await endpoint.inspect(shop, second.access) == Inspected((), 0.0)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("reply", "check"),
    [
        (httpx.Response(200, json={"scope": "a b", "expires_in": 5}), lambda found: found.scopes == ("a", "b")),
        (httpx.Response(200, json={"scope": "", "expires_in": "x"}), lambda found: found == Inspected((), 0.0)),
    ],
)
def test_forms_of_tokeninfo(reply: httpx.Response, check: Callable[[Inspected], bool]) -> None:
    script = Script(reply)
    assert check(inspect(script))
    assert str(script.seen[0].url) == "http://shop-1.sim/api/tokeninfo"
    assert script.seen[0].headers["Authorization"] == "Bearer the-access-token"


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (httpx.Response(400, json={"error": "invalid access_token"}), NotUnderstood),
        (httpx.Response(200, text="<html>"), NotUnderstood),
        (httpx.Response(503), RemoteDown),
        (httpx.ConnectError("refused"), RemoteDown),
    ],
)
def test_tokeninfo_in_trouble(reply: httpx.Response | Exception, kind: type[SyncdError]) -> None:
    with pytest.raises(kind) as caught:
        inspect(Script(reply))
    assert "the-access-token" not in repr(caught.value) + caught.value.message
    assert START  # the still clock never moved
