"""Tokens: one use, rotation, 30 minutes, scopes, revocation; and what the books say of misuse."""

import json
from urllib.parse import parse_qsl, quote, urlsplit

import pytest

from tests.simulator.desk import CLIENT, open_desk


def test_consent_sends_the_browser_back_with_code_company_and_state() -> None:
    desk = open_desk(company_id=4711)
    back = quote("http://127.0.0.1:9/cb?x=1", safe="")
    reply = desk.send("GET", f"/oauth2/auth?client_id={CLIENT}&scope=products,orders&redirect_uri={back}&state=s%26t")
    assert reply.status == 302
    target = urlsplit(reply.headers["Location"])
    query = dict(parse_qsl(target.query))
    assert (target.netloc, query["x"], query["companyid"], query["state"]) == ("127.0.0.1:9", "1", "4711", "s&t")
    pair = json.loads(desk.exchange(query["code"]).body)
    assert desk.send("GET", "/api/products.json", token=pair["access_token"]).status == 200
    assert desk.send("GET", "/api/customers.json", token=pair["access_token"]).status == 403


def test_consent_refuses_what_is_not_registered() -> None:
    desk = open_desk(redirect_uris=("http://127.0.0.1:9/cb",))
    assert desk.send("GET", f"/oauth2/auth?client_id={CLIENT}&redirect_uri=http://127.0.0.1:9/cb").status == 302
    assert desk.send("GET", f"/oauth2/auth?client_id={CLIENT}&redirect_uri=http://elsewhere/").status == 400
    assert desk.send("GET", "/oauth2/auth?client_id=other&redirect_uri=http://127.0.0.1:9/cb").status == 400
    bad = f"/oauth2/auth?client_id={CLIENT}&scope=everything&redirect_uri=http://127.0.0.1:9/cb"
    assert desk.send("GET", bad).status == 400


def test_the_answer_has_the_dotted_names_of_owin() -> None:
    desk = open_desk()
    answer = json.loads(desk.exchange(desk.shop.authorise(CLIENT)).body)
    assert answer[".issued"] == "Tue, 14 Nov 2023 22:13:20 GMT"
    assert answer[".expires"] == "Tue, 14 Nov 2023 22:43:20 GMT"
    assert (answer["token_type"], answer["expires_in"]) == ("bearer", 1799)
    assert answer["userName"].startswith("owner@")


def test_a_refresh_token_works_once_and_its_reuse_is_in_the_books() -> None:
    desk = open_desk()
    first = desk.shop.authorise(CLIENT)
    second = json.loads(desk.exchange(first).body)["refresh_token"]
    again = desk.exchange(first)
    assert (again.status, json.loads(again.body)) == (400, {"error": "invalid_grant"})
    assert desk.shop.books.refresh_reused == [first]
    assert desk.exchange(second).status == 200
    assert {first, second} < set(desk.shop.books.tokens)


def test_a_token_of_another_client_or_of_nobody_is_refused_but_not_reused() -> None:
    desk = open_desk()
    token = desk.shop.authorise(CLIENT)
    assert desk.exchange(token, client_id="other").status == 400
    assert desk.exchange("nonsense").status == 400
    assert desk.exchange(token).status == 200
    assert desk.shop.books.refresh_reused == []


def test_grace_forgives_a_lost_answer_once() -> None:
    desk = open_desk("token_grace=true")
    first = desk.shop.authorise(CLIENT)
    lost = json.loads(desk.exchange(first).body)["refresh_token"]
    kept = json.loads(desk.exchange(first).body)["refresh_token"]
    assert desk.shop.books.refresh_graced == [first]
    assert desk.exchange(lost).status == 400
    assert desk.exchange(kept).status == 200
    assert desk.exchange(first).status == 400
    assert desk.shop.books.refresh_reused == [first]


def test_an_access_token_lives_half_an_hour() -> None:
    desk = open_desk()
    desk.pass_time(1799)
    assert desk.get("/api/tokeninfo")["expires_in"] == "1"
    assert desk.get("/api/products/count.json") == {"count": 60}
    desk.pass_time(1)
    assert desk.send("GET", "/api/products/count.json").status == 401
    assert json.loads(desk.send("GET", "/api/tokeninfo").body) == {"error": "expired"}


def test_tokeninfo_takes_header_or_query_and_names_its_errors() -> None:
    desk = open_desk()
    facts = json.loads(desk.send("GET", f"/api/tokeninfo?access_token={desk.token}", token="").body)
    assert facts["issued_to"] == CLIENT
    assert facts["access_type"] == "offline"
    assert "products" in facts["scope"].split(",")
    assert json.loads(desk.send("GET", "/api/tokeninfo", token="").body) == {"error": "access_token required"}
    assert json.loads(desk.send("GET", "/api/tokeninfo", token="x").body) == {"error": "invalid access_token"}


def test_revocation_ends_every_token() -> None:
    desk = open_desk()
    token = desk.shop.authorise(CLIENT)
    desk.shop.revoke(CLIENT)
    assert desk.send("GET", "/api/products.json").status == 401
    assert desk.exchange(token).status == 400
    assert desk.shop.books.refresh_reused == []


@pytest.mark.parametrize("path", ["products", "customers", "orders", "themesettings", "companies", "fulfillments"])
def test_a_scope_that_was_not_granted_closes_its_resources(path: str) -> None:
    desk = open_desk(scopes=())
    assert desk.send("GET", f"/api/{path}.json").status == 403
    assert desk.send("GET", "/api/currency_rates.json").status == 200


def test_no_token_no_answer() -> None:
    desk = open_desk()
    assert desk.send("GET", "/api/products.json", token="").status == 401
    assert desk.send("GET", f"/api/products.json?access_token={desk.token}", token="").status == 200
