"""The machine's own time and luck: the one place where they are read. Everybody else is handed a `Clock`
and a `Dice` (syncd/ports.py), so that a whole daemon can run on simulated time.
"""

import asyncio
import random
import secrets
import time
import uuid
from datetime import UTC, datetime


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """Return the moment, aware, in UTC."""
        return datetime.now(UTC)

    def wall(self) -> float:
        """Return the same moment as unix seconds. It may be set back or forward."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds that never go back, from an arbitrary start."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Let others run for so long; what lies in the past is no wait at all."""
        await asyncio.sleep(max(0.0, seconds))


class SystemDice:
    """Luck from the operating system: a generator seeded by it for spreading, itself for what must not be
    guessed.
    """

    def __init__(self) -> None:
        self._luck = random.Random(secrets.randbits(256))

    def random(self) -> float:
        """Return a float in [0, 1)."""
        return self._luck.random()

    def uniform(self, low: float, high: float) -> float:
        """Return a float between the two."""
        return self._luck.uniform(low, high)

    def token(self, nbytes: int) -> str:
        """Return url-safe text of so many random bytes, fit to be a secret."""
        return secrets.token_urlsafe(nbytes)

    def new_id(self) -> str:
        """Return an id that nobody else has: 32 hexadecimal digits."""
        return uuid.uuid4().hex
