"""When a job is due: stored by us, so that a restart neither forgets nor stampedes. Pure; clock and luck are
passed in, and so is what a crontab line means. Knows neither what the job does nor who rings.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import isfinite
from typing import Final, assert_never

START_SPREAD_MAX_S: Final = 30.0
"""Jobs that are overdue when the daemon starts are spread over at most this long."""
CRON_SPREAD_S: Final = 15.0
"""Shops that share a crontab line do not all begin in the same second. Later only: never before the line says."""
_MARK: Final = "@"


@dataclass(frozen=True, slots=True)
class Every:
    """Every `every_s` seconds, each time up to `jitter` (a fraction) earlier or later."""

    every_s: float
    jitter: float = 0.1

    def __post_init__(self) -> None:
        """Refuse a cadence that never or always rings.

        Raises:
            ValueError: an interval that is not positive, or a jitter outside [0, 1).
        """
        if not (isfinite(self.every_s) and self.every_s > 0 and 0 <= self.jitter < 1):
            raise ValueError(f"not a cadence: every {self.every_s} s, jitter {self.jitter}")


@dataclass(frozen=True, slots=True)
class Cron:
    """At the moments of a crontab line; `next_beat` gives the first one after a moment, `text` names line and zone."""

    text: str
    next_beat: Callable[[datetime], datetime] = field(compare=False, repr=False)


Cadence = Every | Cron


def stored_name(job: str, cadence: Cadence) -> str:
    """Under which name the due moment of a job is stored. A crontab line has a name of its own, for a moment that
    was drawn by another one (or by an interval) must not ring outside of it."""
    return job if isinstance(cadence, Every) else f"{job}{_MARK}{cadence.text}"


def ever_due(job: str, stored: Iterable[str]) -> bool:
    """Whether the job was due before, under whatever cadence."""
    return any(name == job or name.startswith(job + _MARK) for name in stored)


def next_due(
    cadence: Cadence, started_at: datetime, now: datetime, luck: float, retry_in_s: float | None = None
) -> datetime:
    """Return when a job that started at `started_at` and has just ended (`now`) is due again.

    Counted from the start, so that long runs do not stretch the interval. A run longer than its interval is
    followed at once by the next: missed beats are dropped, not made up for. A failed run passes what backoff
    or the server said as `retry_in_s`; it counts from now and stands in for the interval.
    """
    if retry_in_s is not None:
        return now + timedelta(seconds=max(0.0, retry_in_s))
    match cadence:
        case Every():
            beat = started_at + timedelta(seconds=cadence.every_s * _stretch(cadence, luck))
            # A start that lies after now is a clock that was set back: count from now then.
            return min(max(beat, now), now + timedelta(seconds=cadence.every_s * _stretch(cadence, luck)))
        case Cron():
            return max(now, _spread(cadence.next_beat(min(started_at, now)), luck))
        case _:
            assert_never(cadence)


def due_at_start(cadence: Cadence, stored: datetime | None, now: datetime, luck: float) -> datetime:
    """Return when a job is due as seen by a daemon that starts (or whose clock was set).

    The stored moment stands. What is overdue or was never due is spread over the next seconds, a tenth of the
    interval at most; by a crontab line only what is overdue, the rest waits for its first beat. A moment further away
    than one whole interval was stored under another clock or another cadence, and is drawn nearer.
    """
    match cadence:
        case Every():
            if stored is None or stored <= now:
                return now + timedelta(seconds=luck * min(START_SPREAD_MAX_S, cadence.every_s / 10))
            return min(stored, now + timedelta(seconds=cadence.every_s * (1 + cadence.jitter)))
        case Cron():
            if stored is not None and stored <= now:
                return now + timedelta(seconds=luck * START_SPREAD_MAX_S)
            beat = _spread(cadence.next_beat(now), luck)
            return beat if stored is None else min(stored, beat)
        case _:
            assert_never(cadence)


def wait_s(cadence: Cadence, now: datetime) -> float:
    """How long what happens now waits for the next beat, at most."""
    match cadence:
        case Every():
            return cadence.every_s
        case Cron():
            return (cadence.next_beat(now) - now).total_seconds() + CRON_SPREAD_S
        case _:
            assert_never(cadence)


def interval_s(cadence: Cadence, now: datetime) -> float:
    """The seconds between two beats, roughly."""
    match cadence:
        case Every():
            return cadence.every_s
        case Cron():
            beat = cadence.next_beat(now)
            return (cadence.next_beat(beat) - beat).total_seconds()
        case _:
            assert_never(cadence)


def _spread(beat: datetime, luck: float) -> datetime:
    return beat + timedelta(seconds=luck * CRON_SPREAD_S)


def _stretch(cadence: Every, luck: float) -> float:
    return 1 + cadence.jitter * (2 * luck - 1)
