"""When a job is due: stored by us, so that a restart neither forgets nor stampedes. Pure; clock and luck are
passed in. Knows neither what the job does nor who rings.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite
from typing import Final

START_SPREAD_MAX_S: Final = 30.0
"""Jobs that are overdue when the daemon starts are spread over at most this long."""


@dataclass(frozen=True, slots=True)
class Cadence:
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
    beat = started_at + timedelta(seconds=cadence.every_s * _stretch(cadence, luck))
    # A start that lies after now is a clock that was set back: count from now then.
    return min(max(beat, now), now + timedelta(seconds=cadence.every_s * _stretch(cadence, luck)))


def due_at_start(cadence: Cadence, stored: datetime | None, now: datetime, luck: float) -> datetime:
    """Return when a job is due as seen by a daemon that starts (or whose clock was set).

    The stored moment stands. What is overdue or was never due is spread over the next seconds, a tenth of the
    interval at most. A moment further away than one whole interval was stored under another clock or another
    cadence, and is drawn nearer.
    """
    if stored is None or stored <= now:
        return now + timedelta(seconds=luck * min(START_SPREAD_MAX_S, cadence.every_s / 10))
    return min(stored, now + timedelta(seconds=cadence.every_s * (1 + cadence.jitter)))


def _stretch(cadence: Cadence, luck: float) -> float:
    return 1 + cadence.jitter * (2 * luck - 1)
