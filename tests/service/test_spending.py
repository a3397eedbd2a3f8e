"""Who spends the calls: this hour at once, the last minutes from the second look on, also when the hour ends."""

from datetime import UTC, datetime, timedelta

from syncd.service.spending import Account, Line, Meter, Reading, Sum

START = datetime(2026, 11, 2, 9, 58, tzinfo=UTC)
HOUR = int(START.timestamp() // 3600)
PULL: Account = ("demo", "pull", "incremental", "list")
PUSH: Account = ("demo", "push", "push", "write")


def reading(after_s: float, **calls: int) -> Reading:
    """`pull_0=3`: three calls of a pull in the first hour."""
    names = {"pull": PULL, "push": PUSH}
    hours = {
        (HOUR + int(name.split("_")[1]), names[name.split("_")[0]]): Sum(count, count / 10)
        for name, count in calls.items()
    }
    return Reading(START + timedelta(seconds=after_s), hours, {})


def shown(lines: list[Line]) -> list[tuple[str, int, int]]:
    return [(line.account[1], line.lately.calls, line.this_hour.calls) for line in lines]


def test_the_first_look_shows_this_hour() -> None:
    meter = Meter()
    assert shown(meter.take(reading(0, pull_0=7, push_0=2))) == [("pull", 0, 7), ("push", 0, 2)]
    assert meter.span_s == 0


def test_later_ones_show_what_came_since_over_the_end_of_the_hour_too() -> None:
    meter = Meter()
    meter.take(reading(0, pull_0=7))
    assert shown(meter.take(reading(60, pull_0=7, push_0=3))) == [("push", 3, 3), ("pull", 0, 7)]
    lines = meter.take(reading(180, pull_0=8, push_0=3, push_1=4))
    assert shown(lines) == [("push", 7, 4), ("pull", 1, 0)]
    assert lines[0].lately.waited_s == 0.7
    assert meter.span_s == 180


def test_what_lies_behind_the_window_is_forgotten() -> None:
    meter = Meter(window_s=100)
    meter.take(reading(0, pull_0=7))
    meter.take(reading(60, pull_0=9))
    assert shown(meter.take(reading(130, pull_0=9, push_1=1))) == [("push", 1, 1)]
    assert meter.span_s == 70
