"""The one formula for waiting after a failure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.domain.backoff import RETRY_AFTER_MAX_S, delay

luck = st.floats(0, 1, exclude_max=True)


@given(st.integers(0, 10_000), st.floats(0.01, 60), st.floats(60, 3600), luck)
def test_between_half_the_base_and_the_ceiling(attempt: int, base_s: float, max_s: float, luck: float) -> None:
    wait_s = delay(attempt, base_s, max_s, luck)
    assert base_s / 2 <= wait_s <= max_s
    assert wait_s <= base_s * 2.0 ** min(attempt, 40) * 1.0001


@given(st.integers(0, 50), luck)
def test_later_attempts_wait_no_less(attempt: int, luck: float) -> None:
    assert delay(attempt + 1, 1, 300, luck) >= delay(attempt, 1, 300, luck)


def test_luck_spreads_over_the_whole_range() -> None:
    assert [delay(4, 1, 300, x / 4) for x in range(4)] == pytest.approx([0.5, 4.375, 8.25, 12.125])


@given(st.integers(0, 50), st.floats(-5, 7200), luck)
def test_the_server_overrules(attempt: int, asked_s: float, luck: float) -> None:
    wait_s = delay(attempt, 2, 60, luck, retry_after_s=asked_s)
    assert max(0, asked_s) <= wait_s <= max(0, asked_s) + 2


def test_the_server_does_not_send_us_away_for_years() -> None:
    assert delay(0, 2, 60, 0.0, retry_after_s=1e12) == RETRY_AFTER_MAX_S


@pytest.mark.parametrize(("attempt", "base_s", "max_s"), [(-1, 1, 2), (0, 0, 2), (0, 3, 2), (0, 1, float("inf"))])
def test_wrong_figures_are_refused(attempt: int, base_s: float, max_s: float) -> None:
    with pytest.raises(ValueError, match="no backoff"):
        delay(attempt, base_s, max_s, 0.5)
