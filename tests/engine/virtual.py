"""Simulated time for tests of the engine: a loop whose clock jumps to the next timer, and doors that go by it.

Nothing waits here: a test of thirty minutes takes as long as its work does.
"""

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from random import Random
from typing import Any, TypeVar

T = TypeVar("T")
T0 = 1_700_000_000.0


class VirtualLoop(asyncio.SelectorEventLoop):
    """When nothing is ready to run, its time is that of the next timer."""

    def __init__(self) -> None:
        super().__init__()
        self._now_s = 0.0

    def time(self) -> float:
        return self._now_s

    def _run_once(self) -> None:
        timers = self._scheduled  # type: ignore[attr-defined]
        while timers and timers[0].cancelled():
            self._timer_cancelled_count -= 1
            heapq.heappop(timers)._scheduled = False
        if not self._ready and timers:  # type: ignore[attr-defined]
            self._now_s = max(self._now_s, timers[0].when())
        super()._run_once()  # type: ignore[misc]


def simulate(scenario: Callable[[], Awaitable[T]]) -> T:
    """Run a scenario from its first moment to its end on simulated time."""

    async def whole() -> T:
        return await scenario()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(whole())


class LoopClock:
    """A clock (ports.Clock) on the running loop's time; `step` sets the wall clock, as people and NTP do."""

    def __init__(self) -> None:
        self._stepped_s = 0.0

    def step(self, seconds: float) -> None:
        self._stepped_s += seconds

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.wall(), UTC)

    def wall(self) -> float:
        return T0 + self._stepped_s + self.monotonic()

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


class SeededDice:
    """Luck (ports.Dice) that comes again with its seed."""

    def __init__(self, seed: int = 1) -> None:
        self._random = Random(seed)

    def random(self) -> float:
        return self._random.random()

    def uniform(self, low: float, high: float) -> float:
        return self._random.uniform(low, high)

    def token(self, nbytes: int) -> str:
        return self._random.randbytes(nbytes).hex()

    def new_id(self) -> str:
        return self.token(16)


class KeptLog:
    """A log (ports.Log) that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, Any]]] = []

    def events(self) -> list[str]:
        return [event for _, event, _ in self.lines]

    def debug(self, event: str, /, **facts: Any) -> None:
        self.lines.append(("debug", event, facts))

    def info(self, event: str, /, **facts: Any) -> None:
        self.lines.append(("info", event, facts))

    def warning(self, event: str, /, **facts: Any) -> None:
        self.lines.append(("warning", event, facts))

    def error(self, event: str, /, **facts: Any) -> None:
        self.lines.append(("error", event, facts))
