"""A run: one job's go at one resource of one shop, with its counts, as the journal and the log line show it."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from syncd.errors import SyncdError


class Outcome(StrEnum):
    """How a run ended, sorted by what happens next."""

    DONE = "done"
    PARTIAL = "partial"  # done, but something was parked
    LATER = "later"  # a fault; tried again with backoff, from where it stopped
    PERSON = "person"  # waits for a person
    DRAINED = "drained"  # stopped by a signal between two pages


@dataclass(slots=True)
class Tally:
    """The counts of a run. Mutable on purpose: it is filled while the run goes on and read when it ends."""

    calls: int = 0
    pages: int = 0
    seen: int = 0
    inserted: int = 0
    updated: int = 0
    same: int = 0
    gone: int = 0
    parked: int = 0
    stale: int = 0
    hints: int = 0
    conflicts: int = 0
    waited_s: float = 0.0

    def add(self, other: "Tally") -> None:
        """Take in the counts of a part."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(frozen=True, slots=True)
class Run:
    """A journal line."""

    shop: str
    job: str  # pull, sweep, look, discover, refresh, push
    resource: str
    feed: str
    outcome: Outcome
    started_at: datetime
    ended_at: datetime
    counts: dict[str, float]
    message: str = ""
    fault: SyncdError | None = field(default=None, compare=False, repr=False)
    """What put it off, for whoever decides what to do next; the journal keeps the message."""
