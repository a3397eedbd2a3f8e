"""Crontab lines, read by APScheduler, in a time zone whose clocks may be set forward and back.

The line is followed on the wall clock of its zone. An hour that a day does not have: what falls into it happens as much
later as the clocks were set forward. An hour that a day has twice: what names hours happens in the first of them only;
a line for every hour (its second field begins with *) goes on through both. Must not know what a line is for.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apscheduler.triggers.cron import CronTrigger

FORM: Final = 'write minute, hour, day, month and weekday, as in "*/5 8-20 * * mon-fri"'
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_SHIFT: Final = timedelta(hours=3)
"""Clocks are set by less than this."""


@dataclass(frozen=True, slots=True)
class Crontab:
    """A line in its zone. Build it with `crontab`; equal lines are equal."""

    line: str
    zone: str
    _triggers: tuple[Any, ...] = field(compare=False, repr=False)
    _zone: tzinfo = field(compare=False, repr=False)
    _every_hour: bool = field(compare=False, repr=False)

    def next_beat(self, after: datetime) -> datetime:
        """The first moment of the line after `after` (aware); in UTC. Raises ValueError where there is none."""
        wall = after.astimezone(self._zone).replace(tzinfo=None)
        best: datetime | None = None
        latest: datetime | None = None
        for beat in self._walls(wall - _SHIFT if self._is_shifting(after) else wall):
            if latest is not None and beat > latest:
                break
            moments = [moment for moment in self._moments(beat) if moment > after]
            if moments and (best is None or min(moments) < best):
                best = min(moments)
            if best is not None and latest is None:
                if not self._is_shifting(best):
                    break
                latest = beat + _SHIFT  # near a shift of the clocks, a later wall time may come earlier
        if best is None:
            raise ValueError(f'"{self.line}" names no moment that ever comes')
        return best

    def _walls(self, after: datetime) -> Iterator[datetime]:
        """The line's moments on the wall clock, as if no clock was ever set."""
        at = after.replace(tzinfo=UTC)
        while True:
            found = [trigger.get_next_fire_time(None, at + timedelta(microseconds=1)) for trigger in self._triggers]
            beats = [each for each in found if each is not None]
            if not beats:
                return
            at = min(beats)
            yield at.replace(tzinfo=None)

    def _moments(self, wall: datetime) -> list[datetime]:
        folds = (0, 1) if self._every_hour else (0,)
        return [wall.replace(tzinfo=self._zone, fold=fold).astimezone(UTC) for fold in folds]

    def _is_shifting(self, at: datetime) -> bool:
        near = {(at + step).astimezone(self._zone).utcoffset() for step in (-_SHIFT, timedelta(0), _SHIFT)}
        return len(near) > 1


def crontab(line: str, zone: str) -> Crontab:
    """Read a crontab line. Raises ValueError that says what is wrong with it, or with the zone."""
    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError("is not a time zone; write one as in Europe/Berlin") from error
    fields = line.split()
    if len(fields) != 5:
        raise ValueError(f"has {len(fields)} fields; {FORM}")
    minute, hour, day, month, weekday = fields
    days = [(day, weekday)]
    if not day.startswith("*") and not weekday.startswith("*"):
        days = [(day, "*"), ("*", weekday)]  # as cron does: either of the two is enough
    try:
        triggers = tuple(
            CronTrigger(minute=minute, hour=hour, day=d, month=month, day_of_week=_weekdays(w), timezone=UTC)
            for d, w in days
        )
    except ValueError as error:
        said = str(error)
        raise ValueError(f"cannot be read: {said[:1].lower()}{said[1:]}; {FORM}") from error
    read = Crontab(" ".join(fields), zone, triggers, place, hour.startswith("*"))
    read.next_beat(datetime(2000, 1, 1, tzinfo=UTC))
    return read


def _weekdays(text: str) -> str:
    """The weekdays by name: cron's 0 and 7 are Sunday, APScheduler's 0 is Monday. Ranges may go over the weekend."""
    if text == "*":
        return text
    found: set[int] = set()
    for part in text.lower().split(","):
        span, _, step = part.partition("/")
        first, dash, last = span.partition("-")
        low = 0 if span == "*" else _weekday(first)
        high = 6 if span == "*" else _weekday(last) if dash else 6 if step else low
        if step and (not step.isdigit() or step == "0"):
            raise ValueError(f'"{part}" is no weekday')
        found |= {day % 7 for day in range(low, high + (7 if high < low else 0) + 1, int(step or 1))}
    return ",".join(_DAYS[day] for day in sorted(found))


def _weekday(text: str) -> int:
    if text.isdigit() and int(text) <= 7:
        return int(text)
    if text in _DAYS:
        return _DAYS.index(text)
    raise ValueError(f'"{text}" is no weekday')
