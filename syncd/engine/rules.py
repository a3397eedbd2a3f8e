"""The numbers that steer pulling, with their defaults; `service/settings.py` fills them."""

from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Cadences:
    """How often one resource is looked at: quickly (cheapest feed) and completely (every record). Seconds."""

    quick_s: float = 60.0
    walk_s: float = 6 * 3600.0


@dataclass(frozen=True, slots=True)
class PullRules:
    """How a pull behaves. Times in seconds; design sections 5 and 9 give the reasons for the defaults."""

    overlap_s: float = 120.0
    page_rows_max: int = 100  # rows of one transaction, so that a user's SQLite client never waits long
    audit_period_s: float = 7 * 86400.0
    brake_least: int = 5
    brake_share: float = 0.05
    refetch_share: float = 0.1  # changed share of a trimmed page from which the whole page is fetched again
    looks_at_once: int = 4  # single reads under way at the same time
    pages_ahead: int = 2  # pages asked for while one is stored
    pages_max: int = 1_000_000
    rounds_max: int = 40  # passes over a listing without an order, until every counted record was seen
    idle_pages_max: int = 3  # pages in a row without a new key that end a walk
    hint_patience_s: float = 60.0  # first delay of a hint whose look failed; doubles
    fault_base_s: float = 2.0
    fault_max_s: float = 900.0
    relearn_s: float = 30 * 86400.0
    cadences: dict[str, Cadences] = field(default_factory=dict)
    default_cadence: Cadences = field(default_factory=Cadences)
    looks_s: float = 5.0  # how often the hint queue is looked into

    @property
    def overlap(self) -> timedelta:
        """How far a window steps back behind the watermark."""
        return timedelta(seconds=self.overlap_s)

    @property
    def audit_period(self) -> timedelta:
        """Within this time every record is compared by content once."""
        return timedelta(seconds=self.audit_period_s)

    def cadence(self, resource: str) -> Cadences:
        """The cadence of a resource."""
        return self.cadences.get(resource, self.default_cadence)
