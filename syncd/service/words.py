"""How figures and names are put to people: durations, counts, and what somebody probably meant."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from difflib import get_close_matches


def meant(word: str, known: Iterable[str], *, strict: bool = False) -> str:
    """`did you mean X?`, or the whole choice where nothing is near; empty then if `strict`."""
    names = list(known)
    folded = {name.lower(): name for name in names}
    close = get_close_matches(word.lower(), folded, n=1, cutoff=0.8 if strict else 0.6)
    if close:
        return f"did you mean {folded[close[0]]}?"
    if strict:
        return ""
    return f"there are: {', '.join(names)}" if names else "there is none yet"


def duration(seconds: float | None, units: int = 2) -> str:
    """`45 s`, `3 min 20 s`, `5 h`, `2 d 4 h`: so many units at most."""
    if seconds is None:
        return "?"
    left = max(0, round(seconds))
    parts = []
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}")
        elif parts:
            break
    return " ".join(parts[:units]) or "0 s"


def ago(moment: datetime | None, now: datetime) -> str:
    """How long ago a moment was, roughly; `never` where there was none."""
    if moment is None:
        return "never"
    past = now - moment
    return "now" if past < timedelta(seconds=1) else f"{duration(past.total_seconds(), units=1)} ago"


def amount(count: float, noun: str) -> str:
    """`1 call`, `1,200 calls`."""
    return f"{count:,.0f} {noun}" if round(count) == 1 else f"{count:,.0f} {noun}s"


def money(cents: int, currency: str = "") -> str:
    """Cents as people write them."""
    return f"{cents / 100:,.2f} {currency}".rstrip()
