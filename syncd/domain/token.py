"""The pair of tokens of one shop and the phases of its rotation. Pure; sealing is `host/cipher.py`.

READY(g) -> EXCHANGING(g, started) -> READY(g+1); a refused exchange ends in DEAD until somebody authorises again
(design section 7).
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from syncd.domain.secret import Secret


class TokenPhase(StrEnum):
    """Where the rotation of a shop's tokens stands."""

    READY = "ready"
    EXCHANGING = "exchanging"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class TokenSet:
    """An access token with the refresh token that follows it. `generation` counts the exchanges; it grows by one
    each."""

    generation: int
    access: Secret
    refresh: Secret
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SealedTokens:
    """A token row as stored: both tokens sealed, the rest in clear so that ages can be shown without the key.

    `replayed` is True once the old refresh token was tried the one more time that a crash allows. `home` names the
    installation that stored the pair: a copy of it must not spend the token.
    """

    shop_id: int
    generation: int
    phase: TokenPhase
    access: str
    refresh: str
    issued_at: datetime | None
    expires_at: datetime | None
    started_at: datetime | None = None
    replayed: bool = False
    reason: str = ""
    home: str = ""


def is_same_home(stored: str, here: str) -> bool:
    """Whether tokens that were stored at home `stored` belong to the installation that is `here`.

    What was stored before homes were noted belongs to whoever finds it. A home with three parts is a file's: its id,
    and its number and date of change, of which one may change."""
    if not stored or stored == here:
        return True
    (one, *before), (other, *now) = stored.split(":"), here.split(":")
    return one == other and any(a == b for a, b in zip(before, now, strict=False))
