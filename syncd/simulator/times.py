"""Times as the shop writes them: without zone in GMT (v1), or as .NET does, in Central European time.

Inside the shop a time is its v1 text, whole seconds, GMT: it sorts as it stands.
"""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from zlib import crc32

HOUR = timedelta(hours=1)


def text_at(seconds: float) -> str:
    """The v1 text of a moment in unix seconds, rounded down."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%S")


def http_date(seconds: float) -> str:
    """The moment as HTTP headers and `.expires` write it."""
    return format_datetime(datetime.fromtimestamp(int(seconds), UTC), usegmt=True)


def read(text: str) -> str:
    """The v1 text of a time in any form that a client may send; no zone means GMT. Raises ValueError."""
    moment = datetime.fromisoformat(text.strip())
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


@lru_cache(maxsize=65_536)
def net_form(text: str) -> str:
    """The .NET round-trip text of a v1 time; the fraction is drawn from the text."""
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    offset = 2 if _summer(moment) else 1
    fraction = crc32(text.encode()) % 10_000_000
    local = (moment + offset * HOUR).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{local}.{fraction:07d}+{offset:02d}:00"


def _summer(moment: datetime) -> bool:
    """Whether Central Europe has summer time: between the last Sundays of March and October, 01:00 GMT."""

    def turn(month: int) -> datetime:
        last = datetime(moment.year, month, 31, 1, tzinfo=UTC)
        return last - timedelta(days=(last.weekday() + 1) % 7)

    return turn(3) <= moment < turn(10)
