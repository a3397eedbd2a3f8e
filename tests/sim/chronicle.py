"""What happened, line by line: log lines, calls, edits, crashes. Its digest is the same wherever the same seed runs.

Lines carry simulated time only. The last ones are kept to be shown; all of them go into the digest.
"""

import hashlib
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import structlog

from tests.sim.doors import PROCESS

KEPT: Final = 400
OF_THIS_MACHINE: Final = ("pid", "mirror")
"""Facts that differ from run to run, and so are left out."""


class Chronicle:
    """The story of one run. `now` gives the simulated seconds since it began."""

    def __init__(self, now: Callable[[], float], *, watch: Callable[[str], None] | None = None) -> None:
        self.last: deque[str] = deque(maxlen=KEPT)
        self.logged: list[
            tuple[float, str, str, dict[str, Any]]
        ] = []  # time, level, event, facts of warnings and errors
        self.lines = 0
        self._now = now
        self._watch = watch
        self._hash = hashlib.sha256()

    def write(self, who: str, what: str, /, **facts: Any) -> None:
        """Add a line."""
        shown = " ".join(f"{name}={facts[name]}" for name in sorted(facts))
        line = f"{self._now():12.6f} {who:10} {what} {shown}".rstrip()
        self._hash.update(line.encode() + b"\n")
        self.lines += 1
        self.last.append(line)
        if self._watch is not None:
            self._watch(line)

    def add(self, content: bytes) -> None:
        """Let something that is not a line count in the digest."""
        self._hash.update(content)

    def digest(self) -> str:
        """The digest of everything so far."""
        return self._hash.hexdigest()

    def take_log(self) -> None:
        """From now on every log line of the program under test comes here; `structlog.reset_defaults` ends it."""
        structlog.configure(processors=[self._logged], cache_logger_on_first_use=False)

    def _logged(self, _logger: Any, level: str, facts: dict[str, Any]) -> Any:
        process = PROCESS.get()
        event = str(facts.pop("event"))
        for name in OF_THIS_MACHINE:
            facts.pop(name, None)
        if process is None or not process.dead:
            if level not in {"debug", "info"}:
                self.logged.append((self._now(), level, event, dict(facts)))
            self.write(process.name if process else "world", f"log {level} {event}", **facts)
        raise structlog.DropEvent
