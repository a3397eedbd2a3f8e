"""Due times survive restarts, long runs, failures and wrong clocks."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.domain.cadence import (
    CRON_SPREAD_S,
    START_SPREAD_MAX_S,
    Cron,
    Every,
    due_at_start,
    ever_due,
    interval_s,
    next_due,
    stored_name,
    wait_s,
)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = Every(60, 0.1)


def _next_hour(after: datetime) -> datetime:
    return after.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


HOURLY = Cron("0 * * * * UTC", _next_hour)
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
    assert NOW <= due_at_start(Every(86400), stored, NOW, luck) <= after(START_SPREAD_MAX_S)


def test_a_hundred_overdue_jobs_are_spread() -> None:
    dues = {due_at_start(Every(600), after(-1000), NOW, i / 100) for i in range(100)}
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
        Every(every_s, jitter)


# --- crontab lines ----------------------------------------------------------------------------------------------------


@given(luck)
def test_a_crontab_line_rings_at_its_next_beat_or_a_little_later(luck: float) -> None:
    due = next_due(HOURLY, after(-20 * 60), after(-10 * 60), luck)
    assert NOW <= due <= after(CRON_SPREAD_S)


def test_beats_that_passed_while_a_run_went_on_are_made_up_for_once() -> None:
    assert next_due(HOURLY, after(-5 * 3600), NOW, 0.5) == NOW
    assert next_due(HOURLY, NOW, NOW, 0.0) == after(3600)


def test_a_clock_set_back_does_not_silence_a_line() -> None:
    assert next_due(HOURLY, after(1e7), NOW, 0.0) == after(3600)


def test_a_beat_missed_while_nobody_ran_is_made_up_for_soon() -> None:
    assert NOW <= due_at_start(HOURLY, after(-7200), NOW, 0.99) <= after(START_SPREAD_MAX_S)


def test_without_a_stored_moment_the_first_beat_is_waited_for() -> None:
    assert due_at_start(HOURLY, None, after(1), 0.0) == after(3600)


@given(st.floats(0, 1e9), luck)
def test_a_stored_moment_stands_unless_a_beat_comes_before(stored_s: float, luck: float) -> None:
    due = due_at_start(HOURLY, after(stored_s), NOW, luck)
    assert NOW <= due <= after(min(max(stored_s, START_SPREAD_MAX_S), 3600 + CRON_SPREAD_S))


def test_another_line_does_not_take_over_the_moment_of_an_earlier_one() -> None:
    names = {stored_name("walk:orders", cadence) for cadence in (MINUTE, HOURLY, Cron("5 * * * * UTC", _next_hour))}
    assert len(names) == 3
    assert stored_name("walk:orders", MINUTE) == "walk:orders"
    assert all(ever_due("walk:orders", [name]) for name in names)
    assert not ever_due("walk:orders", ["walk:orders_more", "quick:orders"])


def test_the_wait_for_a_beat_and_the_time_between_two() -> None:
    assert (wait_s(MINUTE, NOW), interval_s(MINUTE, NOW)) == (60, 60)
    assert (wait_s(HOURLY, after(1800)), interval_s(HOURLY, after(1800))) == (1800 + CRON_SPREAD_S, 3600)
