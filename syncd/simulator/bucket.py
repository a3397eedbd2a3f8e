"""The leaky bucket at the shop's door: one per app. Pure arithmetic on the time it is given."""

import math
from dataclasses import dataclass


@dataclass(slots=True)
class Bucket:
    """Holds `size` calls and leaks `leak` of them a second."""

    size: float
    leak: float
    level: float = 0.0
    at: float = 0.0

    def take(self, now: float) -> float | None:
        """Let one call in: None, or the seconds until there is room. A refused call adds nothing."""
        self._drip(now)
        if self.level + 1 > self.size + 1e-9:
            return (self.level + 1 - self.size) / self.leak
        self.level += 1
        return None

    def gauge(self, now: float) -> str:
        """The level as the header shows it: used/size, whole calls."""
        self._drip(now)
        return f"{math.ceil(self.level - 1e-9)}/{math.floor(self.size)}"

    def _drip(self, now: float) -> None:
        self.level = max(0.0, self.level - self.leak * max(0.0, now - self.at))
        self.at = max(self.at, now)
