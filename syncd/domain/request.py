"""What a command asks of the daemon that works a shop: left as a row, carried out by whoever holds the shop's lease.

`wish` and `answer` are JSON of whoever asks and whoever carries out. Must not know what a job is.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

AGAIN: Final = "again "
"""Stands before the name of whoever took a request that another one had begun and not ended."""


@dataclass(frozen=True, slots=True)
class Request:
    """One row. Until it is ended `answer` says how far it is, in words."""

    seq: int
    shop_id: int
    job: str  # pull, push, sweep, sync, apply
    wish: str
    asked_by: str
    asked_at: datetime
    taken_by: str = ""
    taken_at: datetime | None = None
    ended_at: datetime | None = None
    answer: str = ""

    def taker(self, me: str) -> str | None:
        """Under which name I may take it; None once two have ended in the middle of it, for it may be the cause.

        What I had taken already I take up again: a fault came between, and I live."""
        if self.taken_by in {me, AGAIN + me}:
            return self.taken_by
        if self.taken_by.startswith(AGAIN):
            return None
        return AGAIN + me if self.taken_by else me
