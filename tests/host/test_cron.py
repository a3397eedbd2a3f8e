"""Crontab lines mean what cron means by them, also in the nights when clocks are set."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.host.cron import crontab

SPRING = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)  # Berlin goes from 2:00 to 3:00 at 1:00 UTC on the 29th
AUTUMN = datetime(2026, 10, 24, 23, 0, tzinfo=UTC)  # and back from 3:00 to 2:00 at 1:00 UTC on the 25th
BERLIN = "Europe/Berlin"


def beats(line: str, start: datetime, count: int, zone: str = BERLIN) -> list[str]:
    read, at, found = crontab(line, zone), start, []
    for _ in range(count):
        at = read.next_beat(at)
        found.append(f"{at:%d %H:%M}")
    return found


def test_an_hour_that_is_missing_comes_later_and_once() -> None:
    assert beats("30 2 * * *", SPRING, 2) == ["29 01:30", "30 00:30"]
    assert beats("0,30 1-3 * * *", SPRING, 6) == [
        "29 00:00",
        "29 00:30",
        "29 01:00",
        "29 01:30",
        "29 23:00",
        "29 23:30",
    ]


def test_an_hour_that_comes_twice_counts_once() -> None:
    assert beats("30 2 * * *", AUTUMN, 2) == ["25 00:30", "26 01:30"]
    assert beats("*/30 2 * * *", AUTUMN, 3) == ["25 00:00", "25 00:30", "26 01:00"]


def test_a_line_for_every_hour_goes_on_through_both() -> None:
    assert beats("*/30 * * * *", AUTUMN, 5) == ["24 23:30", "25 00:00", "25 00:30", "25 01:00", "25 01:30"]


@pytest.mark.parametrize(
    ("line", "days"),
    [
        ("0 3 * * 0", ["29", "05"]),
        ("0 3 * * 7", ["29", "05"]),
        ("0 3 * * 1", ["30", "06"]),
        ("0 3 * * fri-mon", ["27", "28", "29", "30", "03"]),
        ("0 3 * * 5-7", ["27", "28", "29", "03"]),
        ("0 3 * * */3", ["28", "29", "01"]),
        ("0 3 30 * fri", ["27", "30", "03"]),  # either is enough
    ],
)
def test_weekdays_are_those_of_cron(line: str, days: list[str]) -> None:
    start = datetime(2026, 3, 26, 12, tzinfo=UTC)  # a Thursday
    assert [each[:2] for each in beats(line, start, len(days), "UTC")] == days


@pytest.mark.parametrize(
    "line", ["", "x", "0 3 * *", "61 * * * *", "0 3 * * 8", "0 3 * * mon/0", "0 3 31 2 *", "5-2 * * * *"]
)
def test_what_is_no_line_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"fields|cannot be read|no moment"):
        crontab(line, "UTC")


def test_what_is_no_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        crontab("* * * * *", "Moon/Base")


@given(
    st.sampled_from(["*/7 * * * *", "30 2 * * *", "15,45 1-3 * * *", "0 0 1 * *", "5 */2 * * mon-fri"]),
    st.sampled_from([BERLIN, "UTC", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kathmandu"]),
    st.integers(0, 400 * 86_400),
)
def test_the_next_beat_lies_ahead_and_none_lies_before_it(line: str, zone: str, offset_s: int) -> None:
    read, after = crontab(line, zone), datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=offset_s)
    beat = read.next_beat(after)
    assert beat > after
    halfway = after + (beat - after) / 2
    assert read.next_beat(halfway) == beat
