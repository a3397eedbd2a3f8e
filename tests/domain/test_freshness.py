"""Targets of freshness: kept where the budget allows, and told truly where it does not."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from syncd.domain.freshness import EVERY_LEAST_S, JITTER, LEAST_SHARE, SHARE, Limit, Look, Reach, reach, shared

calls = st.one_of(st.none(), st.integers(1, 5000))
targets = st.one_of(st.none(), st.floats(5, 1e6))
limits = st.fixed_dictionaries({"leak": st.floats(0.1, 1000), "size": st.floats(1, 10_000)})


@st.composite
def shops(draw: st.DrawFn) -> list[Look]:
    """Some resources with a quick and a complete look each, some with a target."""
    looks = []
    for number in range(draw(st.integers(1, 6))):
        target_s, by_walk = draw(targets), draw(st.booleans())
        for walk in (False, True):
            wanted = target_s if walk == by_walk else None
            every_s = None if wanted else draw(st.floats(1, 1e6))
            looks.append(Look(f"r{number}", walk, draw(calls), every_s, wanted))
    return looks


def the_one(looks: list[Look], **limits: float) -> Reach:
    [found] = reach(looks, **limits).values()
    return found


@given(shops(), limits)
def test_every_target_gets_an_answer_and_what_is_said_to_be_met_is_met(
    looks: list[Look], limits: dict[str, float]
) -> None:
    found = reach(looks, **limits)
    assert set(found) == {look.resource for look in looks if look.target_s}
    for each in found.values():
        assert each.every_s >= EVERY_LEAST_S
        if each.bound_s is None:
            assert each.limit is Limit.UNKNOWN
            continue
        assert each.bound_s >= each.every_s * (1 + JITTER) + each.wait_s - 1e-6
        assert each.is_met == (each.bound_s <= each.target_s * (1 + 1e-9))


@given(shops(), limits)
def test_all_looks_together_stay_within_the_share_of_the_leak(looks: list[Look], limits: dict[str, float]) -> None:
    spent = sum((each.calls or 0) / each.every_s for each in reach(looks, **limits).values())
    fixed = sum((look.calls or 0) / look.every_s for look in looks if look.every_s)
    assert spent <= max(SHARE * limits["leak"] - fixed, LEAST_SHARE * limits["leak"]) * (1 + 1e-6)


@given(shops(), limits, st.floats(1, 100))
def test_a_bigger_leak_never_makes_a_bound_worse(looks: list[Look], limits: dict[str, float], times: float) -> None:
    before = reach(looks, **limits)
    after = reach(looks, leak=limits["leak"] * times, size=limits["size"])
    for name, each in before.items():
        if each.bound_s is not None and each.calls is not None and not each.is_met:
            assert (after[name].bound_s or 0.0) <= max(each.bound_s, each.target_s) * (1 + 1e-6)


@given(st.dictionaries(st.integers(1, 9).map(str), st.floats(1e-6, 1e6), max_size=8), st.floats(1e-6, 1e6))
def test_sharing_is_even(demand: dict[str, float], supply: float) -> None:
    given_ = shared(demand, supply)
    assert sum(given_.values()) <= supply * (1 + 1e-9) + 1e-9
    assert all(given_[name] <= demand[name] for name in demand)
    for one, other in combinations(demand, 2):
        if given_[one] < demand[one]:  # nobody has more than one who has too little
            assert given_[other] <= given_[one] * (1 + 1e-9)


def test_a_cheap_look_keeps_its_target() -> None:
    found = the_one([Look("orders", False, 1, target_s=120.0)], leak=2.0, size=40.0)
    assert found.is_met
    assert 100 < found.every_s < 110


def test_a_dear_neighbour_takes_nothing_from_a_cheap_one_but_its_place_in_the_lane() -> None:
    looks = [Look("orders", False, 1, target_s=120.0), Look("products", True, 900, target_s=900.0)]
    found = reach(looks, leak=2.0, size=40.0)
    assert found["orders"].is_met
    assert found["products"].limit is Limit.BUDGET
    assert (found["products"].bound_s or 0) < 900 * 1.6
    looks[1] = Look("products", False, 600, target_s=900.0)
    blocked = reach(looks, leak=2.0, size=40.0)["orders"]
    assert (blocked.limit, blocked.behind) == (Limit.LANE, "products")


def test_a_look_that_takes_longer_than_its_target_says_so() -> None:
    found = the_one([Look("orders", True, 400, target_s=60.0)], leak=10.0, size=40.0)
    assert not found.is_met
    assert found.limit in (Limit.LOOK, Limit.BUDGET)
    assert the_one([Look("orders", True, 100, target_s=8.0)], leak=100.0, size=10.0).is_met


def test_an_unknown_cost_is_unknown() -> None:
    found = the_one([Look("orders", False, None, target_s=60.0)], leak=2.0, size=40.0)
    assert (found.limit, found.bound_s, found.is_met) == (Limit.UNKNOWN, None, False)
