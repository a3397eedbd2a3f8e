"""Finding out that the wall clock of this machine was set, by people, by NTP, or by a sleep of the machine.

Must not know who goes by that clock.
"""

from dataclasses import dataclass
from typing import Final

from syncd.ports import Clock

STEP_LEAST_S: Final = 2.0


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
