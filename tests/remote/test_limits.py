"""The call limit header, Retry-After and Date, in the forms that servers use; and the talk about a token."""

from datetime import UTC, datetime

import httpx
import pytest

from syncd.domain.secret import Secret
from syncd.remote.auth import NeedToken, Send, auth_flow
from syncd.remote.limits import LimitHeader, Usage, retry_after_s, served_at
from syncd.remote.settings import LIMIT_HEADER

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HEADER = LimitHeader([LIMIT_HEADER])


@pytest.mark.parametrize(
    ("name", "value", "usage"),
    [
        ("X-FlickRocket-Shop-Api-Call-Limit", "32/40", Usage(32, 40)),
        ("x-shopify-shop-api-call-limit", " 1 / 80 ", Usage(1, 80)),
        ("Api-Call-Limit", "31.5/40.0", Usage(31.5, 40)),
        ("Api-Call-Limit", "0/0", None),
        ("Api-Call-Limit", "many", None),
        ("Api-Call-Limit", "-1/40", None),
        ("Api-Call-Limit", "1/" + "9" * 400, None),
        ("X-Rate-Limit", "1/40", None),
    ],
)
def test_the_limit_header(name: str, value: str, usage: Usage | None) -> None:
    assert HEADER.read(httpx.Headers({"Content-Type": "text/plain", name: value})) == usage


def test_another_header_by_the_settings_or_none() -> None:
    headers = httpx.Headers({"X-Rate": "1/40"})
    assert LimitHeader(["^x-rate$"]).read(headers) == Usage(1, 40)
    assert LimitHeader([""]).read(headers) is None
    assert LimitHeader([]).read(headers) is None


@pytest.mark.parametrize(("used", "full"), [(40, True), (39.5, True), (39, False), (41, True)])
def test_full(used: float, full: bool) -> None:
    assert Usage(used, 40).is_full is full


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("Mon, 23 Nov 2026 12:00:09 GMT", 9.0),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0.0),
        ("inf", None),
        ("nan", None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    assert retry_after_s(httpx.Headers({"Retry-After": value}), NOW) == seconds


def test_the_shop_s_time() -> None:
    assert served_at(httpx.Headers({"Date": "Mon, 23 Nov 2026 13:00:00 +0100"})) == NOW
    assert served_at(httpx.Headers({"Date": "Mon, 23 Nov 2026 12:00:00 -0000"})) == NOW
    for value in ("", "yesterday", "Mon, 99 Nov 2026 12:00:00 GMT", "Mon, 23 Nov 99999 12:00:00 GMT"):
        assert served_at(httpx.Headers({"Date": value})) is None


def test_a_token_that_is_taken() -> None:
    flow = auth_flow()
    assert next(flow) == NeedToken()
    assert flow.send(Secret("a")) == Send(Secret("a"))
    with pytest.raises(StopIteration):
        flow.send(200)


def test_a_token_that_is_refused_is_asked_for_once_more() -> None:
    flow = auth_flow()
    next(flow)
    flow.send(Secret("a"))
    assert flow.send(401) == NeedToken(stale=Secret("a"))
    assert flow.send(Secret("b")) == Send(Secret("b"))
    with pytest.raises(StopIteration):
        flow.send(401)
