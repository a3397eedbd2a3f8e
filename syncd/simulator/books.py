"""What the simulated shop writes down for judges: calls, refusals, tokens and writes."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Write:
    """One write. `by` is `api` (a client) or `shop` (an edit made on the remote side)."""

    at: float
    by: str
    verb: str
    resource: str
    key: str
    fields: tuple[str, ...] = ()


@dataclass(slots=True)
class Books:
    """The facts of one shop since it was opened."""

    calls: Counter[tuple[str, str]] = field(default_factory=Counter)  # (method, path family)
    answered: Counter[int] = field(default_factory=Counter)  # by status
    admitted: int = 0  # calls that the bucket took
    refused: int = 0  # calls that found the bucket full
    refused_by_fault: int = 0  # refusals that were drawn, not earned
    bucket_peak: float = 0.0
    tokens: list[str] = field(default_factory=list)  # every access and refresh token ever issued, in order
    refresh_reused: list[str] = field(default_factory=list)  # used a second time, and refused
    refresh_graced: list[str] = field(default_factory=list)  # used a second time, and forgiven
    writes: list[Write] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)  # bodies sent to logging.json and tokenfailed.json

    @property
    def creates(self) -> list[Write]:
        """What clients created, oldest first."""
        return [write for write in self.writes if write.by == "api" and write.verb == "create"]

    def as_json(self) -> dict[str, Any]:
        """The books as plain JSON values; a call is named `GET /api/products.json`."""
        pages = asdict(self)
        pages["calls"] = {f"{method} {family}": n for (method, family), n in sorted(self.calls.items())}
        pages["answered"] = {str(status): n for status, n in sorted(self.answered.items())}
        return pages
