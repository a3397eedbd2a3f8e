"""What an answer's headers say about calls and time: the used/size header, Retry-After, Date. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Final

_USAGE: Final = re.compile(r"\s*(\d{1,9}(?:\.\d{1,9})?)\s*/\s*(\d{1,9}(?:\.\d{1,9})?)\s*")


@dataclass(frozen=True, slots=True)
class Usage:
    """The call limit as the shop counts it: `used` calls of `size`."""

    used: float
    size: float

    @property
    def is_full(self) -> bool:
        """Whether there was no room for one call more."""
        return self.used + 1 > self.size


class LimitHeader:
    """Finds the call limit header by patterns of its name (searched, not matched: a part of the name is enough)."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._patterns = tuple(re.compile(pattern) for pattern in patterns if pattern)

    def read(self, headers: Mapping[str, str]) -> Usage | None:
        """The usage, None where no header tells it."""
        for name, value in headers.items():
            if any(pattern.search(name) for pattern in self._patterns):
                match = _USAGE.fullmatch(value)
                if match and float(match[2]) >= 1:
                    return Usage(float(match[1]), float(match[2]))
        return None


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds until the shop wants to be asked again: given in seconds, or as a date by the clock that the same answer
    shows (`now` where it shows none). None where it does not say, or says something that is no time."""
    value = headers.get("Retry-After", "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        moment = http_date(value)
        if moment is None:
            return None
        seconds = (moment - (served_at(headers) or now)).total_seconds()
    return max(0.0, seconds) if isfinite(seconds) else None


def served_at(headers: Mapping[str, str]) -> datetime | None:
    """The shop's own time, aware UTC, from the Date header; None where it is absent or no date."""
    return http_date(headers.get("Date", ""))


def http_date(text: str) -> datetime | None:
    """A date as HTTP writes it, aware UTC; None where the text is none."""
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
