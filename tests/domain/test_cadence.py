"""Due times survive restarts, long runs, failures and wrong clocks."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.domain.cadence import START_SPREAD_MAX_S, Cadence, due_at_start, next_due

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = Cadence(60, 0.1)
luck = st.floats(0, 1, exclude_max=True)
steps = st.floats(-1e8, 1e8)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_counted_from_the_start_of_the_run() -> None:
    assert next_due(MINUTE, after(-20), NOW, 0.5) == after(40)
    assert next_due(MINUTE, after(-20), NOW, 0.0) == after(34)


def test_a_run_longer_than_its_interval_is_followed_at_once_and_only_once() -> None:
    assert next_due(MINUTE, after(-600), NOW, 0.5) == NOW


def test_a_failed_run_comes_back_when_backoff_says() -> None:
    assert next_due(MINUTE, after(-20), NOW, 0.5, retry_in_s=7) == after(7)
    assert next_due(MINUTE, after(-20), NOW, 0.5, retry_in_s=900) == after(900)


@given(steps, luck)
def test_never_in_the_past_and_never_further_than_one_interval(started_s: float, luck: float) -> None:
    assert NOW <= next_due(MINUTE, after(started_s), NOW, luck) <= after(66)


def test_a_restart_does_not_forget() -> None:
    assert due_at_start(MINUTE, after(25), NOW, 0.9) == after(25)


@given(st.one_of(st.none(), st.floats(-1e8, 0)), luck)
def test_a_restart_does_not_stampede(stored_s: float | None, luck: float) -> None:
    stored = None if stored_s is None else after(stored_s)
    assert NOW <= due_at_start(MINUTE, stored, NOW, luck) <= after(6)
    assert NOW <= due_at_start(Cadence(86400), stored, NOW, luck) <= after(START_SPREAD_MAX_S)


def test_a_hundred_overdue_jobs_are_spread() -> None:
    dues = {due_at_start(Cadence(600), after(-1000), NOW, i / 100) for i in range(100)}
    assert len(dues) == 100
    assert max(dues) - min(dues) > timedelta(seconds=29)


@given(steps, luck)
def test_a_moment_stored_under_another_clock_is_drawn_nearer(stored_s: float, luck: float) -> None:
    assert NOW <= due_at_start(MINUTE, after(stored_s), NOW, luck) <= after(66)


@pytest.mark.parametrize(
    ("every_s", "jitter"), [(0, 0), (-5, 0), (float("nan"), 0), (5, 1), (5, -0.1), (float("inf"), 0)]
)
def test_wrong_figures_are_refused(every_s: float, jitter: float) -> None:
    with pytest.raises(ValueError, match="not a cadence"):
        Cadence(every_s, jitter)
