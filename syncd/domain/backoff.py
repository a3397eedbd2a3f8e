"""How long to wait before trying again: one formula for the whole of syncd. Pure; luck is passed in."""

from math import inf
from typing import Final

RETRY_AFTER_MAX_S: Final = 86_400.0
"""A server that names a later moment is asked once a day all the same: dates are often wrong."""
# Beyond this every ceiling is past any sensible maximum, and floats overflow at 1024.
_DOUBLINGS_MAX: Final = 62


def delay(attempt: int, base_s: float, max_s: float, luck: float, retry_after_s: float | None = None) -> float:
    """Return the seconds to wait after failed attempt number `attempt` (0 is the first), `luck` in [0, 1).

    Full jitter above a floor: anywhere between half the base and `min(max_s, base_s * 2 ** attempt)`. Those
    who failed together do not come back together, and nobody comes back at once. A Retry-After of the server
    overrules: never earlier than it says (up to a day), later by at most one base.

    Raises:
        ValueError: a negative attempt, or not 0 < base_s <= max_s.
    """
    if attempt < 0 or not 0 < base_s <= max_s < inf:
        raise ValueError(f"no backoff for attempt {attempt} between {base_s} and {max_s} seconds")
    if retry_after_s is not None:
        return min(max(0.0, retry_after_s), RETRY_AFTER_MAX_S) + luck * base_s
    floor_s = base_s / 2
    ceiling_s = min(max_s, base_s * 2.0 ** min(attempt, _DOUBLINGS_MAX))
    return floor_s + luck * (ceiling_s - floor_s)
