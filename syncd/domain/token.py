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

    `replayed` is True once the old refresh token was tried the one more time that a crash allows.
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
