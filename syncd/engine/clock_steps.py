"""Finding out that the wall clock of this machine was set, by people, by NTP, or by a sleep of the machine.

Must not know who goes by that clock.
"""

from dataclasses import dataclass
from math import inf

from syncd.domain.budget import STEP_LEAST_S
from syncd.ports import Clock


@dataclass(frozen=True, slots=True)
class Step:
    """The wall clock was set by `by_s` seconds, at some moment within the last `unseen_s`."""

    by_s: float
    unseen_s: float


class ClockSteps:
    """Finds out that the wall clock was set: it moves against the monotonic one then."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset_s: float | None = None
        self._seen_s = 0.0

    def look(self) -> Step | None:
        """The step since the last look that found none, or that was heeded."""
        now_s = self._clock.monotonic()
        offset_s = self._clock.wall() - now_s
        if self._offset_s is None or abs(offset_s - self._offset_s) <= STEP_LEAST_S:
            self._offset_s, self._seen_s = offset_s, now_s
            return None
        return Step(offset_s - self._offset_s, now_s - self._seen_s)

    def heed(self, step: Step) -> None:
        """Everybody goes by the new time."""
        self._offset_s = (self._offset_s or 0.0) + step.by_s


class Passing:
    """How much time can have passed by a clock that may be set, such as a database's, in the eyes of one process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: tuple[float, float] | None = None

    def since_s(self, at: float, t: float) -> float:
        """At most so many seconds lie between `at` and `t`, which is now: by our monotonic clock, from our last look
        on. Before the first look nothing is known."""
        now_s, last = self._clock.monotonic(), self._last
        self._last = (t, now_s)
        return inf if last is None else now_s - last[1] + max(0.0, last[0] - at)
