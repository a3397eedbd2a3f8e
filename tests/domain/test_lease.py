"""When a lease is free, and who works how many shops: for all numbers of shops, replicas and steps of clocks."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from syncd.domain.lease import (
    BEATS,
    LEASE_S,
    Kind,
    Lease,
    Replica,
    Watch,
    fair_shares,
    given_back,
    is_free,
    moment,
    renewed,
    taken,
    to_give,
    to_take,
)

NOW = 1.8e9
BEAT_S = LEASE_S / BEATS
LEASE = taken(None, 1, "a", Kind.DAEMON, NOW, LEASE_S)
STEPS = st.floats(-86_400, 86_400)


def free(lease: Lease | None, watch: Watch | None, now_s: float, monotonic_s: float) -> bool:
    return is_free(lease, watch, now_s, monotonic_s, LEASE_S)


def test_nobodys_lease_is_free_and_anothers_is_until_it_ends() -> None:
    assert free(None, None, NOW, 0)
    assert not free(LEASE, None, NOW + LEASE_S - 0.01, 0)
    assert free(LEASE, None, NOW + LEASE_S, 0)
    assert free(given_back(LEASE, NOW + 1), None, NOW + 1, 0)
    assert not free(renewed(LEASE, NOW + 10, LEASE_S), None, NOW + LEASE_S + 5, 0)


def test_the_generation_only_grows() -> None:
    second = taken(given_back(LEASE, NOW), 1, "b", Kind.COMMAND, NOW, LEASE_S)
    assert (LEASE.generation, second.generation, second.owner) == (1, 2, "b")


@given(STEPS, st.floats(0, LEASE_S - 0.001))
def test_no_step_of_a_clock_takes_a_shop_from_a_holder_that_lives(step_s: float, rests_s: float) -> None:
    watch = Watch.after(Watch(LEASE, 100, is_known=False), renewed(LEASE, NOW + BEAT_S, LEASE_S), 100 + BEAT_S)
    assert watch.is_known
    assert not free(watch.lease, watch, NOW + BEAT_S + step_s, 100 + BEAT_S + rests_s)


@given(STEPS)
def test_no_step_of_a_clock_keeps_a_shop_with_a_holder_that_is_dead(step_s: float) -> None:
    watch = Watch(LEASE, 100, is_known=False)
    assert free(LEASE, watch, NOW + step_s, 100 + LEASE_S)


def test_whoever_comes_new_believes_the_databases_clock() -> None:
    watch = Watch.after(None, LEASE, 100)
    assert free(LEASE, watch, NOW + 3600, 100)
    assert not free(LEASE, watch, NOW + 1, 101)
    assert Watch.after(watch, LEASE, 107) == watch


def test_a_replica_lives_while_it_is_seen_and_no_step_makes_it_immortal() -> None:
    replica = Replica("a", "host", 1, NOW, moment(NOW))
    assert replica.lives(NOW + 2 * BEAT_S, LEASE_S)
    assert not replica.lives(NOW + LEASE_S, LEASE_S)
    assert not replica.lives(NOW - 3600, LEASE_S)


@given(st.integers(0, 200), st.integers(1, 12))
def test_fair_shares_cover_all_shops_and_differ_by_one_at_most(shops: int, replicas: int) -> None:
    least, most = fair_shares(shops, replicas)
    assert least * replicas <= shops <= most * replicas
    assert most - least in (0, 1)


@given(st.dictionaries(st.integers(1, 40), st.floats(0, 60)), st.integers(0, 40), st.lists(st.integers(0, 9)))
def test_what_nobody_took_for_a_beat_is_taken_beyond_the_share(
    idle: dict[int, float], mine: int, others: list[int]
) -> None:
    shops = len(idle) + mine + sum(others)
    chosen = to_take(idle, mine, others, shops, LEASE_S)
    assert set(chosen) <= idle.keys()
    assert {shop_id for shop_id, idle_s in idle.items() if idle_s >= BEAT_S} <= set(chosen)
    room = max(0, fair_shares(shops, len(others) + 1)[1] - mine)
    assert sum(idle[shop_id] < BEAT_S for shop_id in chosen) <= room


@given(st.lists(st.integers(0, 30), min_size=1, max_size=6), st.integers(0, 20), st.booleans())
def test_replicas_that_give_and_take_come_to_rest_with_even_shares(start: list[int], unheld: int, slow: bool) -> None:
    """Beats one after the other, with shops that are given back at once or only after everybody's beat: after a few
    rounds nothing moves any more, and nothing is left without a holder."""
    has, pool, shops = list(start), unheld, sum(start) + unheld
    for _ in range(6):
        late = 0
        for me in range(len(has)):
            others = has[:me] + has[me + 1 :]
            mine = [replace(LEASE, shop_id=number) for number in range(has[me])]
            given_away = len(to_give(mine, others, shops, pool))
            took = len(to_take(dict.fromkeys(range(pool), 0.0), has[me], others, shops, LEASE_S))
            has[me] += took - given_away
            pool += -took + (0 if slow else given_away)
            late += given_away if slow else 0
        pool += late
    least, most = fair_shares(shops, len(has))
    assert pool == 0
    assert least <= min(has) <= max(has) <= most


def test_the_shop_that_was_taken_last_is_given_first() -> None:
    mine = [replace(LEASE, shop_id=number, since=moment(NOW + number)) for number in (1, 2, 3, 4)]
    assert to_give(mine, [0], 4, 0) == [4, 3]
    assert to_give(mine, [0], 4, 1) == [4]  # one is free already, for the other to take
    assert to_give(mine, [], 4, 0) == []
    assert to_give(mine[:3], [3, 1], 7, 0) == [3]  # three, three and one are not even


def test_what_another_replica_lacks_is_left_to_it() -> None:
    assert to_take({5: 0.0, 6: 0.0}, 2, [2, 1], 7, LEASE_S) == [5]
    assert to_take({5: 0.0}, 2, [3, 1], 7, LEASE_S) == []
    assert to_take({5: BEAT_S}, 2, [3, 1], 7, LEASE_S) == [5]
