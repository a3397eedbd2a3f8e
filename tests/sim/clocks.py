"""The wall clock of the simulated machine, which somebody sets now and then; the shops have a clock of their own.

Every program of the machine goes by it, those that start later too. Nobody sets the loop's time.
"""

from tests.sim.loop import VirtualLoop


class WallClock:
    """`ahead_s` is what the machine's clock is ahead of true time."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.ahead_s = 0.0
        self.steps: list[tuple[float, float]] = []  # when it was set, and by how much
        self._loop = loop

    def set_by(self, step_s: float) -> None:
        """Somebody sets it ahead, or back where that is negative."""
        self.ahead_s += step_s
        self.steps.append((self._loop.time(), step_s))

    def true_s(self, shown_s: float) -> float:
        """The last moment until now, in seconds of the loop, at which this clock showed so many seconds since the epoch
        of the simulation: a clock that is set back shows some of them twice."""
        begun, ahead_s, latest = 0.0, 0.0, shown_s
        for at, step_s in [*self.steps, (self._loop.time(), 0.0)]:
            if begun <= shown_s - ahead_s <= at:
                latest = shown_s - ahead_s
            begun, ahead_s = at, ahead_s + step_s
        return latest

    def was_set(self, since_s: float, until_s: float) -> bool:
        """Whether anybody set it between two moments of the loop."""
        return any(since_s <= at <= until_s for at, _ in self.steps)
