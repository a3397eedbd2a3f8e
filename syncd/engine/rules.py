"""The numbers that steer pulling, with their defaults; `service/settings.py` fills them."""

from dataclasses import dataclass, field
from datetime import timedelta

from syncd.domain.cadence import Cadence, Every


@dataclass(frozen=True, slots=True)
class Cadences:
    """When one resource is looked at: quickly (cheapest feed) and completely (every record). With a target `fresh_s`
    the look that shows edits goes by that instead, as far as the call budget allows (`engine/freshness.py`)."""

    quick: Cadence = field(default_factory=lambda: Every(60.0))
    walk: Cadence = field(default_factory=lambda: Every(6 * 3600.0))
    fresh_s: float | None = None


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

    @property
    def has_targets(self) -> bool:
        """Whether some resource is to be fresh within a time."""
        return any(each.fresh_s is not None for each in self.cadences.values())


@dataclass(frozen=True, slots=True)
class PushRules:
    """How local edits leave. Times in seconds; design section 8 gives the reasons for the defaults."""

    create_quiet_s: float = 5.0
    create_quiet_by: dict[str, float] = field(default_factory=lambda: {"orders": 30.0})
    brake_least: int = 50
    brake_share: float = 0.10
    scan_s: float = 300.0  # how often mirror and base are compared in full
    scan_rows: int = 2000  # rows of one comparison
    claim_rows: int = 200  # touched rows weighed in one pass
    bulk_from: int = 50  # from so many waiting changes on, pushes take what is left of the budget, and no more
    doubt_look_s: float = 60.0  # between two looks for a create whose answer was lost
    doubt_looks: int = 2
    flaps_max: int = 5  # pushes of one field in an hour with alternating values
    fault_base_s: float = 2.0
    fault_max_s: float = 900.0
    history_days: float = 365.0  # how long history is kept
    every_s: float = 30.0  # the timetable's own look, beside the signal of a local edit

    def quiet_s(self, resource: str) -> float:
        """How long a new row must not have been touched before it is claimed."""
        return self.create_quiet_by.get(resource, self.create_quiet_s)


@dataclass(frozen=True, slots=True)
class HookRules:
    """How webhooks are registered, received and answered. Times in seconds."""

    public_url: str = ""  # the address under which shops reach us; empty: none are registered
    topics: tuple[str, ...] = ("product/create", "product/update", "product/delete", "order/create")
    check_s: float = 3600.0  # how often it is looked whether the shop still has them
    rate_per_s: float = 50.0  # deliveries that are taken through one door, with `burst` at once
    burst: float = 500.0
    same_s: float = 60.0  # within this time a delivery that says the same makes no row of its own
    looks_per_hour: float = 1800.0  # looks that the webhooks of one shop may cause
    unknown_per_hour: float = 8.0  # of these, looks for records that the shop turns out not to have either
    absent_s: float = 3600.0  # so long nobody asks again for a record that the shop did not have
    keep_days: float = 14.0  # how long the inbox is kept

    def destination(self, token: str) -> str:
        """The address of a door."""
        return f"{self.public_url.rstrip('/')}/webhooks/{token}"
