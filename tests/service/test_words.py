"""Figures and near misses as people read them, shops as people name them."""

from datetime import UTC, datetime, timedelta

import pytest

from syncd.errors import UsageProblem
from syncd.service.shops import Wanted, described
from syncd.service.words import ago, amount, duration, meant, money

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "?"),
        (0.2, "0 s"),
        (45, "45 s"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (18_059, "5 h"),
        (187_200, "2 d 4 h"),
        (86_400 + 59, "1 d"),
    ],
)
def test_durations(seconds: float | None, said: str) -> None:
    assert duration(seconds) == said


def test_other_figures() -> None:
    assert (amount(1, "call"), amount(1200, "call"), amount(0, "row")) == ("1 call", "1,200 calls", "0 rows")
    assert (money(123456, "EUR"), money(-5)) == ("1,234.56 EUR", "-0.05")
    assert (ago(None, NOW), ago(NOW, NOW), ago(NOW - timedelta(minutes=5), NOW)) == ("never", "now", "5 min ago")


def test_what_was_meant() -> None:
    assert meant("ordrs", ["products", "orders"]) == "did you mean orders?"
    assert meant("zzz", ["products", "orders"]) == "there are: products, orders"
    assert meant("zzz", ["products"], strict=True) == ""
    assert meant("x", []) == "there is none yet"


@pytest.mark.parametrize(
    ("base", "oauth"),
    [
        ("https://api.flickrocket.com/", "https://oauth.flickrocket.com"),
        ("https://dev2api.flickrocket.com", "https://dev2oauth.flickrocket.com"),
        ("https://admin.flickrocket.com", "https://admin.flickrocket.com"),
        ("http://127.0.0.1:8800", "http://127.0.0.1:8800"),
        ("http://[::1]:8800", "http://[::1]:8800"),
    ],
)
def test_a_shop_is_authorised_where_its_host_says(base: str, oauth: str) -> None:
    shop = described(Wanted("demo", base, "app"))
    assert (shop.base_url, shop.oauth_url) == (base.rstrip("/"), oauth)


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("Demo", "https://a.example"),
        ("a/b", "https://a.example"),
        ("", "https://a.example"),
        ("a", "a.example"),
        ("a", "http://a.example"),
        ("a", "http://localhost.example.com"),
        ("a", "https://a.example/?q=1"),
        ("a", "https://me@a.example"),
    ],
)
def test_what_cannot_be_a_shop(name: str, base: str) -> None:
    with pytest.raises(UsageProblem):
        described(Wanted(name, base, "app"))


def test_scopes_are_asked_for_once() -> None:
    assert described(Wanted("a", "https://a.example", "app", scopes="orders, products,orders")).scopes == (
        "orders",
        "products",
    )
