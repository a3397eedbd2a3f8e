"""Rates, times left and log lines of long runs, on a clock that the test moves."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from syncd.domain.run import Outcome, Run
from syncd.service.progress import BudgetedWatcher, LogWatcher, Stretches


@dataclass
class Hand:
    """A clock that stands until it is moved."""

    seconds: float = 100.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def wall(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass
class Lines:
    """A log that keeps its lines."""

    kept: list[dict[str, Any]] = field(default_factory=list)

    def _keep(self, event: str, /, **facts: Any) -> None:
        self.kept.append({"event": event, **facts})

    debug = info = warning = error = _keep


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
RUN = Run("demo", "pull", "orders", "whole", Outcome.DONE, NOON, NOON, {})


def test_rate_and_time_left() -> None:
    clock = Hand()
    stretch = Stretches(clock).begin("demo", "orders", "whole", 40)
    assert stretch.left_s(clock.monotonic()) is None
    clock.seconds += 5
    stretch.advance(10, 500, 2.5)
    # Taken up at page 10: one page is done, nothing is known of those before.
    assert stretch.rate(clock.monotonic()) == pytest.approx(0.2)
    clock.seconds += 5
    stretch.advance(19, 950, 5.0)
    assert stretch.rate(clock.monotonic()) == pytest.approx(1.0)
    assert stretch.left_s(clock.monotonic()) == pytest.approx(21.0)
    assert stretch.waiting_share(clock.monotonic()) == pytest.approx(0.5)


def test_a_log_line_every_so_often_and_none_for_short_runs() -> None:
    clock, log = Hand(), Lines()
    watcher = LogWatcher(clock, log, every_s=10)
    watcher.page("demo", "orders", 1, 50, 0.0)  # of a walk that nobody announced
    watcher.began("demo", "orders", "whole", 4)
    for page in range(1, 5):
        clock.seconds += 4
        watcher.page("demo", "orders", page, page * 50, 1.0)
    watcher.ended("demo", "orders", RUN)
    [line] = log.kept
    assert (line["event"], line["pages"], line["pages_total"], line["left_s"]) == ("pull.progress", 3, 4, 4)


def test_the_wait_for_the_budget_is_that_of_this_walk() -> None:
    clock, log, waited = Hand(), Lines(), [7.0]
    watcher = BudgetedWatcher(LogWatcher(clock, log, every_s=1), lambda: waited[0])
    watcher.began("demo", "orders", "whole", None)
    clock.seconds += 4
    waited[0] = 10.0
    watcher.page("demo", "orders", 1, 50, 0.0)
    watcher.ended("demo", "orders", RUN)
    assert log.kept[0]["waited_s"] == 3.0
    assert log.kept[0]["left_s"] is None
