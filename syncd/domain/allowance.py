"""How often something may happen: a store of tokens that refills evenly. Pure; time (seconds) is passed in."""

from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True, slots=True)
class Allowance:
    """`left` of `size` tokens were there at `at`; `per_s` come back each second."""

    size: float
    per_s: float
    left: float
    at: float

    @classmethod
    def full(cls, size: float, per_s: float, now: float) -> Self:
        """One that nobody used yet."""
        return cls(size, per_s, size, now)

    def refilled(self, now: float) -> "Allowance":
        """The same at a later moment. A clock that goes back does no harm."""
        passed_s = max(0.0, now - self.at)
        return replace(self, left=min(self.size, self.left + passed_s * self.per_s), at=max(now, self.at))

    def take(self, now: float, tokens: float = 1.0) -> "Allowance | None":
        """What is left after taking so many; None where there are not enough."""
        filled = self.refilled(now)
        return replace(filled, left=filled.left - tokens) if filled.left >= tokens else None

    def given_back(self, tokens: float = 1.0) -> "Allowance":
        """With tokens that were not needed after all."""
        return replace(self, left=min(self.size, self.left + tokens))

    def wait_s(self, tokens: float = 1.0) -> float:
        """How long until so many are there, counted from `at`."""
        missing = max(0.0, tokens - self.left)
        return missing / self.per_s if self.per_s > 0 else float("inf")
