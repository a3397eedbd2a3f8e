"""A daemon that runs beside a test, and what its log says so far."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from tests.process.scene import Scene

SOON = {"SYNCD_PULL__QUICK_S": "1", "SYNCD_PUSH__EVERY_S": "1"}
PATIENCE_S = 120.0
POLL_S = 0.25


@dataclass(frozen=True, slots=True)
class Daemon:
    """The process and its log."""

    at: Scene
    process: "subprocess.Popen[str]"
    log: Path

    def said(self, event: str) -> list[dict[str, Any]]:
        """The lines of this event."""
        lines = self.log.read_text().splitlines()
        return [found for found in map(json.loads, lines) if found["event"] == event]

    def until(self, reached: Callable[[], object]) -> None:
        """It goes on until then."""
        begun = monotonic()
        while not reached():
            assert monotonic() - begun < PATIENCE_S, f"what was waited for did not come: {self.log.read_text()[-2000:]}"
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=POLL_S)
            assert self.process.poll() is None, f"it ended: {self.log.read_text()[-2000:]}"

    def until_equal(self) -> None:
        """The mirror is the shop."""
        self.until(lambda: not self.at.differences())

    def recovers(self, *what: str) -> None:
        """Everything arrives, and of each trouble so far it was said once that it began, and once that it is over."""
        self.until(lambda: len(self.said("recovered")) == len(what))
        self.until_equal()
        assert [line["what"] for line in self.said("outage.began")] == list(what)
        assert [line["what"] for line in self.said("recovered")] == list(what)
        assert all(line["lasted_s"] >= 0 for line in self.said("recovered"))


def started(at: Scene, log: Path) -> Daemon:
    """It runs."""
    it = Daemon(at, at.start("run", log=log), log)
    it.until(lambda: log.exists() and it.said("daemon.started"))
    return it


@contextmanager
def daemon(at: Scene, log: Path, **settings: str) -> Iterator[Daemon]:
    """It runs, and has filled the mirror; at the end it is drained, and has nothing to complain of."""
    at.variables.update(SOON | settings)
    it = started(at, log)
    it.until_equal()
    yield it
    it.process.terminate()
    out, _ = it.process.communicate(timeout=30)
    assert it.process.returncode == 0, f"{out}\n{it.log.read_text()[-3000:]}"
