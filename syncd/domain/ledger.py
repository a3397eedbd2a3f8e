"""What the ledger says of one record: where its row is, what was last seen of it, and by which read.

`as_of` is the budget ticket of the read (or of the write's answer) behind base; an observation with an older ticket
only leaves a hint (design section 4, "no stale observation wins").
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from syncd.domain.record import Record


@dataclass(frozen=True, slots=True)
class Known:
    """One line of the ledger.

    `list_print` and `detail_print` are the fingerprints of the two shapes as last seen (None: never seen);
    `compared_at` is when its content was last compared in full; `missed` counts the walks in a row that did not show
    it; `gone_at` is set while it is a tombstone.
    """

    key: str
    row_id: int
    as_of: int
    list_print: bytes | None = None
    detail_print: bytes | None = None
    stamp: datetime | None = None
    compared_at: datetime | None = None
    missed: int = 0
    gone_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Images:
    """Two of the three copies of a record, as the database holds them, row ids included.

    `base` is None for a row that was never agreed on; `local` is None where the mirror row is missing (deleted by a
    user). `unreadable` names local columns whose value does not decode, with the text found; they are absent from
    `local`.
    """

    row_id: int
    base: Record | None
    local: Record | None
    deleted_at: datetime | None = None
    unreadable: Mapping[str, str] = field(default_factory=dict)


class HintSource(StrEnum):
    """Who said "look at this record"."""

    LISTING = "listing"  # a listing showed it changed, but does not carry all of it
    STALE = "stale"  # an older observation arrived, or its row moved or was locked
    MISSED = "missed"  # walks no longer show it: look directly
    WEBHOOK = "webhook"
    LOCAL = "local"  # a trigger saw its mirror row change
    SCAN = "scan"  # the slow comparison found mirror and base apart
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Hint:
    """A queued "look at this record"; `seq` is its place in the queue, `due_at` when it may be taken."""

    seq: int
    resource: str
    key: str
    source: HintSource
    left_at: datetime
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Parked:
    """A record (or part of one) that cannot be taken, kept with the path that failed."""

    resource: str
    key: str
    path: str
    reason: str
    sample: str
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Brake:
    """A stop before too much goes at once; `approved` once a person said to go on."""

    resource: str
    reason: str
    count: int
    since: datetime
    approved: bool = False
