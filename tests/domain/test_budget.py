"""The rules of the call budget, as properties: whatever is asked, whenever, by whom."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from syncd.domain.budget import (
    BLOCK_MAX_S,
    Bucket,
    CallClass,
    Granted,
    Wait,
    admit,
    heard,
    paused,
    recover,
    refused,
)

T0 = 1_700_000_000.0
classes = st.sampled_from(list(CallClass))
lower = st.sampled_from([k for k in CallClass if k not in (CallClass.PUSH, CallClass.USER)])
sizes = st.floats(1, 200)
leaks = st.floats(0.05, 50)


def empty(size: float = 40, leak: float = 2) -> Bucket:
    return replace(Bucket.first(size=size, leak=leak, t=T0), level=0.0)


@st.composite
def buckets(draw: st.DrawFn) -> Bucket:
    size, leak = draw(sizes), draw(leaks)
    return replace(
        Bucket.first(size=size, leak=leak, t=T0),
        level=draw(st.floats(0, size)),
        leak=draw(st.floats(leak / 10, leak)),
        blocked_until=T0 + draw(st.floats(-100, 100)),
        granted=draw(st.integers(0, 1000)),
    )


def drained(bucket: Bucket, klass: CallClass, calls: int, age_s: float, t: float) -> Bucket:
    """Take as often as the bucket allows at one moment."""
    while isinstance(answer := admit(bucket, klass, calls, age_s, t), Granted):
        bucket = answer.bucket
    return bucket


@pytest.mark.parametrize(
    ("klass", "age_s", "calls"),
    [
        (CallClass.PUSH, 0, 38),
        (CallClass.USER, 0, 38),
        (CallClass.HINT, 0, 32),
        (CallClass.INCREMENTAL, 0, 24),
        (CallClass.SWEEP, 0, 16),
        (CallClass.BACKFILL, 0, 16),
        (CallClass.AUDIT, 0, 12),
        (CallClass.BACKFILL, 5, 26),
        (CallClass.BACKFILL, 1000, 36),
        (CallClass.PUSH, 1000, 38),
    ],
)
def test_each_class_fills_its_share(klass: CallClass, age_s: float, calls: int) -> None:
    assert drained(empty(), klass, 1, age_s, T0).granted == calls


def test_a_bucket_never_seen_before_starts_full() -> None:
    first = Bucket.first(size=40, leak=2, t=T0)
    answer = admit(first, CallClass.BACKFILL, 1, 0, T0)
    assert isinstance(answer, Wait)
    assert isinstance(admit(first, CallClass.BACKFILL, 1, 0, T0 + 12.5), Granted)


@given(
    buckets(),
    st.lists(st.tuples(classes, st.integers(1, 5), st.floats(0, 60), st.floats(0, 10)), max_size=60),
)
def test_grants_in_any_window_fit_size_and_leak(
    bucket: Bucket, asks: list[tuple[CallClass, int, float, float]]
) -> None:
    t, grants = T0, [(T0, 0)]
    for klass, calls, age_s, pause_s in asks:
        t += pause_s
        answer = admit(bucket, klass, calls, age_s, t)
        if isinstance(answer, Granted):
            bucket = answer.bucket
            grants.append((t, bucket.granted - answer.ticket + 1))
    for first in range(len(grants)):
        for last in range(first, len(grants)):
            window_s = grants[last][0] - grants[first][0]
            spent = sum(n for _, n in grants[first : last + 1])
            assert spent <= bucket.size + bucket.leak_full * window_s + 1e-3


@given(buckets(), classes, st.integers(1, 10), st.floats(0, 100))
def test_the_wait_named_is_enough_and_not_too_long(bucket: Bucket, klass: CallClass, calls: int, age_s: float) -> None:
    answer = admit(bucket, klass, calls, age_s, T0)
    assume(isinstance(answer, Wait))
    assert isinstance(answer, Wait)
    assert answer.bucket is bucket
    enough = answer.delay_s
    assert isinstance(admit(bucket, klass, calls, age_s + enough, T0 + enough + 1e-5), Granted)
    if enough > 0.01:
        # A leak on its way back from a cut makes the truth a little earlier than the wait: 2 % a minute
        # of it.
        less = enough * 0.95 if bucket.leak == bucket.leak_full else 0.0
        assert isinstance(admit(bucket, klass, calls, age_s + less, T0 + less), Wait)


@given(sizes, leaks, classes, st.integers(1, 500))
def test_every_request_is_admitted_at_last(size: float, leak: float, klass: CallClass, calls: int) -> None:
    bucket = Bucket.first(size=size, leak=leak, t=T0)
    wait = admit(bucket, klass, calls, 0, T0)
    assert isinstance(wait, Wait)
    answer = admit(bucket, klass, calls, wait.delay_s, T0 + wait.delay_s + 1e-5)
    assert isinstance(answer, Granted)
    assert 1 <= answer.calls <= min(calls, size)
    assert answer.bucket.granted == answer.calls


@given(st.floats(3.2, 200), leaks, st.lists(st.tuples(lower, st.floats(0, 100)), max_size=300))
def test_a_push_finds_room_whatever_lower_classes_took(
    size: float, leak: float, asks: list[tuple[CallClass, float]]
) -> None:
    bucket = empty(size, leak)
    for klass, age_s in asks:
        bucket = drained(bucket, klass, 1, age_s, T0)
    answer = admit(bucket, CallClass.PUSH, 2, 0, T0)
    assert isinstance(answer, Granted)
    assert answer.calls == 2


@pytest.mark.parametrize("size", [4, 10, 40])
@pytest.mark.parametrize("rival", [CallClass.HINT, CallClass.INCREMENTAL])
def test_ageing_ends_starvation(size: float, rival: CallClass) -> None:
    """A rival of higher class takes whatever it may, the moment it may; the backfill asks once in between."""
    bucket, t, asked_at, served = empty(size), T0, T0, [T0]
    while t < T0 + 300:
        bucket = drained(bucket, rival, 1, 0, t)
        answer = admit(bucket, CallClass.BACKFILL, 1, t - asked_at, t)
        if isinstance(answer, Granted):
            bucket, asked_at = answer.bucket, t
            served.append(t)
        t += 0.1
    assert max(b - a for a, b in pairwise([*served, t])) <= 30


@given(buckets(), st.floats(0, 1e9))
def test_a_clock_set_back_leaks_nothing_and_stalls_nothing(bucket: Bucket, step_s: float) -> None:
    blocked_s = bucket.blocked_until - bucket.at
    back = recover(bucket, T0 - step_s)
    assert back.level == bucket.level
    assert back.blocked_until - back.at == pytest.approx(blocked_s, abs=1e-5)
    answer = admit(bucket, CallClass.BACKFILL, 1, 0, T0 - step_s)
    if isinstance(answer, Wait) and step_s > 0:
        assert answer.bucket.at == T0 - step_s, "the new time has to be stored, or the bucket stands still till then"
        assert answer.delay_s <= max(bucket.level / bucket.leak + 20, blocked_s, 0.001) + 1e-5


@given(buckets(), st.floats(0, 1e9))
def test_a_clock_set_forward_can_at_most_empty_it(bucket: Bucket, step_s: float) -> None:
    ahead = recover(bucket, T0 + step_s)
    assert ahead.level >= 0
    assert drained(ahead, CallClass.PUSH, 1, 0, ahead.at).granted - bucket.granted <= bucket.size


@given(buckets(), st.floats(0, 400), st.floats(1, 200), st.integers(0, 1100))
def test_a_header_moves_the_level_between_used_and_used_plus_later_calls(
    bucket: Bucket, used: float, size: float, ticket: int
) -> None:
    later = heard(bucket, used, size, ticket, T0)
    since = max(0, bucket.granted - ticket)
    assert later.size == size
    assert later.granted == bucket.granted
    assert min(used, size) <= later.level <= min(used + since, size)


@pytest.mark.parametrize(
    ("used", "size"),
    [(float("nan"), 40), (-1, 40), (3, 0), (3, float("inf")), (float("inf"), 40), (3, float("nan"))],
)
def test_a_header_that_cannot_be_true_is_ignored(used: float, size: float) -> None:
    bucket = empty()
    assert heard(bucket, used, size, 1, T0) is bucket


def test_an_absurd_header_does_not_stop_a_shop_for_long() -> None:
    wait = admit(heard(empty(), 1e12, 40, 0, T0), CallClass.BACKFILL, 1, 0, T0)
    assert isinstance(wait, Wait)
    assert wait.delay_s <= 20


def test_a_refusal_fills_the_bucket_and_keeps_everybody_out_until_retry_after() -> None:
    bucket = refused(empty(), 7.0, True, T0)
    assert bucket.level == bucket.size
    assert bucket.leak == 2
    wait = admit(bucket, CallClass.PUSH, 1, 0, T0)
    assert isinstance(wait, Wait)
    assert wait.delay_s == pytest.approx(7.0)
    assert isinstance(admit(bucket, CallClass.PUSH, 1, 0, T0 + 7.01), Granted)


def test_a_refusal_without_a_time_waits_one_leak_and_a_silly_time_is_capped() -> None:
    assert refused(empty(), None, True, T0).blocked_until == T0 + 0.5
    assert refused(empty(), -3, True, T0).blocked_until == T0 + 0.5
    assert refused(empty(), 1e9, True, T0).blocked_until == T0 + BLOCK_MAX_S


def test_a_refusal_without_header_cuts_the_leak_once_and_time_brings_it_back() -> None:
    cut = refused(empty(), None, False, T0)
    assert cut.leak == pytest.approx(1.6)
    assert refused(cut, None, False, T0 + 0.1).leak == pytest.approx(1.6, rel=1e-3), "refused together: one overflow"
    assert refused(cut, None, False, T0 + 10).leak < 1.6, "refused again after new calls: another overflow"
    assert recover(cut, T0 + 60).leak == pytest.approx(1.64)
    assert recover(cut, T0 + 3600).leak == 2.0


def test_the_leak_never_falls_below_a_tenth() -> None:
    bucket = empty()
    for hour in range(50):
        bucket = refused(replace(bucket, level=0), None, False, T0 + hour * 0.01)
    assert bucket.leak >= 0.2


def test_a_pause_teaches_nothing() -> None:
    bucket = paused(empty(), 5, T0)
    assert (bucket.level, bucket.leak) == (0, 2)
    wait = admit(bucket, CallClass.USER, 1, 0, T0 + 2)
    assert isinstance(wait, Wait)
    assert wait.delay_s == pytest.approx(3)
    assert paused(bucket, 1, T0).blocked_until == T0 + 5, "a later answer never shortens a pause"


@given(st.lists(st.tuples(st.sampled_from(["admit", "heard", "refused", "paused"]), st.floats(0, 40)), max_size=40))
def test_tickets_only_grow(steps: list[tuple[str, float]]) -> None:
    bucket, t, tickets = empty(), T0, [0]
    for what, x in steps:
        t += x - 10  # The clock goes back at times.
        if what == "admit" and isinstance(answer := admit(bucket, CallClass.USER, 2, x, t), Granted):
            tickets.append(answer.ticket)
            bucket = answer.bucket
        elif what == "heard":
            bucket = heard(bucket, x, 40, tickets[-1], t)
        elif what == "refused":
            bucket = refused(bucket, x, False, t)
        elif what == "paused":
            bucket = paused(bucket, x, t)
        assert bucket.granted >= tickets[-1]
    assert all(a < b for a, b in pairwise(tickets))


def test_wrong_figures_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one call"):
        Bucket.first(size=0.5, leak=2, t=T0)
    with pytest.raises(ValueError, match="positive"):
        Bucket.first(size=40, leak=0, t=T0)
    with pytest.raises(ValueError, match="at least one call"):
        admit(empty(), CallClass.PUSH, 0, 0, T0)
