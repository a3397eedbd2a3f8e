"""What a delivery says, and what has to be registered."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.domain.allowance import Allowance
from syncd.domain.resources import CUSTOMERS, ORDERS, PRODUCTS
from syncd.domain.webhook import Notice, Refused, Registered, nouns, plan_hooks, print_of, read_notice

OURS = nouns((PRODUCTS, ORDERS, CUSTOMERS))
SAMPLE = {
    "company_id": 1202,
    "producer": "shop",
    "scope": "order/create",
    "data": {"type": "order", "id": "267227"},
    "hash": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
}


def read(changes: dict[str, Any], **inner: Any) -> Notice | Refused:
    told = SAMPLE | changes
    told["data"] = told["data"] | inner if isinstance(told["data"], dict) else told["data"]
    return read_notice(json.dumps(told).encode(), 1202, OURS)


@pytest.mark.parametrize(
    ("changes", "inner", "resource", "key"),
    [
        ({}, {}, "orders", "267227"),
        ({"scope": "orders/create", "company_id": "1202"}, {"id": 267227}, "orders", "267227"),
        ({"scope": "product/update"}, {"type": "product", "id": 75501, "long_id": "0001-26ED"}, "products", "75501"),
        ({"scope": "product/delete", "hash": None}, {"type": None}, "products", "267227"),
        ({"scope": "customer/update"}, {"type": "customer", "id": "TCMJEOTSBEVTDLFU"}, "customers", "TCMJEOTSBEVTDLFU"),
    ],
)
def test_what_the_reference_shows_is_understood(
    changes: dict[str, Any], inner: dict[str, Any], resource: str, key: str
) -> None:
    notice = read(changes, **inner)
    assert isinstance(notice, Notice)
    assert (notice.resource, notice.key) == (resource, key)


@pytest.mark.parametrize(
    ("changes", "inner", "why"),
    [
        ({"company_id": 1203}, {}, "another company"),
        ({"company_id": True}, {}, "another company"),
        ({"company_id": None}, {}, "another company"),
        ({"scope": "theme/update"}, {}, "not mirrored"),
        ({"scope": ["order/create"]}, {}, "not mirrored"),
        ({"scope": "order"}, {}, "not mirrored"),
        ({}, {"id": "../../token"}, "no record"),
        ({}, {"id": -1}, "no record"),
        ({}, {"id": 1.5}, "no record"),
        ({}, {"id": 2**70}, "no record"),
        ({}, {"id": "9" * 19}, "no record"),
        ({"data": None}, {}, "no record"),
        ({"scope": "customer/update"}, {"type": "customer", "id": "lowercase"}, "no record"),
        ({}, {"type": "product"}, "differ"),
    ],
)
def test_what_cannot_be_meant_for_us_is_refused(changes: dict[str, Any], inner: dict[str, Any], why: str) -> None:
    refused = read(changes, **inner)
    assert isinstance(refused, Refused)
    assert why in refused.why


@given(
    st.binary(max_size=400) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(repr).map(str.encode)
)
def test_no_body_raises(body: bytes) -> None:
    assert isinstance(read_notice(body, 1202, OURS), Refused)


@pytest.mark.parametrize("body", [b"[" * 200_000, b'{"a":' * 200_000, b"1" * 5000, b"\xff\xfe", b"NaN", b""])
def test_nasty_bodies_are_refused(body: bytes) -> None:
    assert isinstance(read_notice(body, 1202, OURS), Refused)


def test_of_a_body_only_what_the_reference_names_is_kept() -> None:
    """Whoever knows an address may send 16 kB, fifty times a second; and nothing personal is to lie in the inbox."""
    notice = read({"email": "ann@example.org", "scope": "order/create"}, note="x" * 9000, long_id="0001-26ED")
    assert isinstance(notice, Notice)
    assert json.loads(notice.body) == {**SAMPLE, "data": {"type": "order", "id": "267227", "long_id": "0001-26ED"}}
    long = read({"hash": "0" * 9000, "producer": {"name": "Ann"}}, type=None, long_id=10**300)
    assert isinstance(long, Notice)
    assert len(long.body) < 400
    assert "Ann" not in long.body


def test_the_same_record_has_the_same_digest_whatever_happened_to_it() -> None:
    digests = {
        notice.digest
        for scope in ("order/create", "order/update")
        if isinstance(notice := read({"scope": scope}), Notice)
    }
    assert len(digests) == 1


# --- what has to be registered ---------------------------------------------------------------------------------------

HERE = "https://sync.example/webhooks/new"
PRINTS = [print_of("new"), print_of("old")]


def planned(*listed: Registered, topics: tuple[str, ...] = ("order/create",)) -> tuple[list[str], list[str]]:
    plan = plan_hooks(topics, HERE, PRINTS, ["9"], listed)
    return [hook.hook_id for hook in plan.remove], list(plan.add)


def hook(number: str, destination: str = HERE, topic: str = "order/create", *, valid: bool = True) -> Registered:
    return Registered(number, topic, destination, valid)


def test_what_is_missing_is_added_once() -> None:
    assert planned(topics=("order/create", "product/update", "order/create")) == (
        [],
        ["order/create", "product/update"],
    )
    assert planned(hook("1")) == ([], [])


def test_what_leads_to_an_old_door_or_address_is_put_right() -> None:
    assert planned(hook("1", "https://sync.example/webhooks/old")) == (["1"], ["order/create"])
    assert planned(hook("1", "https://gone.example/webhooks/new/")) == (["1"], ["order/create"])
    assert planned(hook("1", valid=False)) == (["1"], ["order/create"])


def test_doubles_and_unwanted_ones_go() -> None:
    assert planned(hook("1"), hook("2")) == (["2"], [])
    assert planned(hook("1", topic="product/update"), hook("2")) == (["1"], [])
    assert planned(hook("1"), topics=()) == (["1"], [])


def test_other_programs_hooks_are_left_alone() -> None:
    foreign = [hook("1", "https://other.example/x"), hook("2", "https://sync.example/webhooks/theirs"), hook("3", "")]
    assert planned(*foreign) == ([], ["order/create"])


def test_a_shop_that_does_not_show_where_a_hook_leads_is_believed_by_its_id() -> None:
    assert planned(hook("9", "")) == ([], [])
    assert planned(hook("9", ""), topics=()) == (["9"], [])


# --- allowances ------------------------------------------------------------------------------------------------------


def test_an_allowance_is_used_up_and_comes_back() -> None:
    allowance: Allowance | None = Allowance.full(2, 0.5, 100.0)
    for _ in range(2):
        assert allowance is not None
        allowance = allowance.take(100.0)
    assert allowance is not None
    assert allowance.take(101.0) is None
    assert allowance.wait_s() == 2.0
    assert allowance.take(102.0) is not None
    assert allowance.given_back().take(100.0) is not None
    assert allowance.given_back(9).left == 2
    assert allowance.refilled(50.0).left == 0
    assert Allowance.full(0, 0, 0).wait_s() == float("inf")
