"""Moments as people read them: the clock where it was today, the date else, and how long ago. Pure."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from syncd.service.words import ago


@dataclass(frozen=True, slots=True)
class Times:
    """Times of a page that was made at `now`, in a zone."""

    now: datetime
    zone: ZoneInfo

    def clock(self, moment: datetime) -> str:
        """`12:04`, or `26 Nov, 12:04` where it was another day."""
        local, today = moment.astimezone(self.zone), self.now.astimezone(self.zone).date()
        if local.date() == today:
            return f"{local:%H:%M}"
        year = "" if local.year == today.year else f" {local.year}"
        return f"{local.day} {local:%b}{year}, {local:%H:%M}"

    def hour(self, moment: datetime) -> str:
        """`13:00`."""
        return f"{moment.astimezone(self.zone):%H:%M}"

    def full(self, moment: datetime) -> str:
        """`2026-11-26 12:04:31 CET`."""
        return f"{moment.astimezone(self.zone):%Y-%m-%d %H:%M:%S %Z}"

    def ago(self, moment: datetime) -> str:
        """`3 min ago`."""
        return ago(moment, self.now)

    @property
    def zone_name(self) -> str:
        """`UTC`, `CET`."""
        return f"{self.now.astimezone(self.zone):%Z}"
