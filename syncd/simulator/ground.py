"""What all makers of seeded records stand on: seed, opening time, how many of what, luck by place.

Every record is a pure function of (seed, resource, place), so a shop of any size opens at once and
makes a record when somebody looks. Must not know switches or HTTP.
"""

from dataclasses import dataclass
from hashlib import blake2b
from random import Random
from typing import Any

from syncd.simulator.times import text_at

Wire = dict[str, Any]
DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Ground:
    """Size and moment of a seeded shop. `opened_at`: unix seconds; `days`: how far back orders reach."""

    seed: int
    opened_at: int
    company_id: int
    products: int
    orders: int
    customers: int
    categories: int
    themes: int
    days: int

    def dice(self, kind: str, place: int) -> Random:
        """Luck that belongs to one place of one kind."""
        return Random(f"{self.seed}/{kind}/{place}")

    def number(self, kind: str, place: int) -> int:
        """64 bits of luck; much cheaper than dice where one draw is enough."""
        return int.from_bytes(self._hash(kind, place), "big")

    def share(self, kind: str, place: int) -> float:
        """A draw from [0, 1)."""
        return self.number(kind, place) / 2**64

    def token(self, kind: str, place: int) -> str:
        """A token of 16 capital letters."""
        bits = blake2b(f"{self.seed}/{kind}/{place}".encode(), digest_size=16).digest()
        return "".join(chr(65 + byte % 26) for byte in bits)

    def ago(self, seconds: float) -> str:
        """The time so long before the opening."""
        return text_at(self.opened_at - seconds)

    def _hash(self, kind: str, place: int) -> bytes:
        return blake2b(f"{self.seed}/{kind}/{place}".encode(), digest_size=8).digest()


def spaced_id(first: int, place: int, step: int = 3) -> int:
    """Rising ids with gaps, as a shop has them that sells to others too."""
    return first + step * place + (place * 40_503 >> 4) % step


def words(text: str) -> tuple[str, ...]:
    """A list of words written in one line, separated by bars."""
    return tuple(text.split("|"))
