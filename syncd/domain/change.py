"""A change: one record's local edits on their way to the shop, frozen when they were claimed (design section 8).

Its states are a table; the picture in docs/push.md is drawn from it and a test compares. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from syncd.domain.patch import Patch
from syncd.domain.record import Record


class Verb(StrEnum):
    """What a change asks of the shop."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


class ChangeState(StrEnum):
    """Where a change stands in the outbox."""

    HELD = "held"  # the brake holds it until a person approves
    READY = "ready"
    SENDING = "sending"  # a line is in the push journal: it may have left
    IN_DOUBT = "in_doubt"  # it left, and we do not know
    PARKED = "parked"  # waits for a person: `reason` says why
    DONE = "done"  # settled; the row is gone from the outbox
    DROPPED = "dropped"  # a person, or an undone edit, took it back


STEPS: Mapping[ChangeState, frozenset[ChangeState]] = {
    ChangeState.HELD: frozenset({ChangeState.READY, ChangeState.DROPPED}),
    ChangeState.READY: frozenset({ChangeState.SENDING, ChangeState.DONE, ChangeState.PARKED, ChangeState.DROPPED}),
    ChangeState.SENDING: frozenset(
        {ChangeState.DONE, ChangeState.READY, ChangeState.IN_DOUBT, ChangeState.PARKED, ChangeState.DROPPED}
    ),
    ChangeState.IN_DOUBT: frozenset({ChangeState.DONE, ChangeState.READY, ChangeState.PARKED, ChangeState.DROPPED}),
    ChangeState.PARKED: frozenset({ChangeState.READY, ChangeState.DROPPED, ChangeState.DONE}),
    ChangeState.DONE: frozenset(),
    ChangeState.DROPPED: frozenset(),
}
"""From each state, where a change may go next."""


IN_DOUBT = "in doubt: "
"""So begins the reason of a change that waits for a person because it may have been carried out already."""


@dataclass(frozen=True, slots=True)
class Change:
    """One row of the outbox. At most one open change per record.

    `frozen` is the mirror's image that was claimed (None for a delete), `base` what both sides agreed on then (None for
    a create), `patch` what differs. `digest` names (base, patch): what was refused is not tried again under the same
    digest. `generation` is the lease under which it last was about to leave. Times are UTC.
    """

    id: int
    resource: str
    row_id: int
    key: str  # "" until the shop has given one
    verb: Verb
    state: ChangeState
    patch: Patch
    frozen: Record | None
    base: Record | None
    digest: str
    claimed_at: datetime
    due_at: datetime | None = None
    attempts: int = 0
    generation: int = 0
    reason: str = ""

    @property
    def may_be_done(self) -> bool:
        """Whether only a person may send it again: the shop may have carried it out, and nobody can tell."""
        return self.state is ChangeState.PARKED and self.reason.startswith(IN_DOUBT)


@dataclass(frozen=True, slots=True)
class Touch:
    """A row that local hints name: its mirror row (or where it was), and when it was last noticed to be touched.
    `edited` unless only the slow comparison named it: that names a row as long as it differs, edited anew or not."""

    resource: str
    row_id: int
    last_at: datetime
    seqs: tuple[int, ...]
    edited: bool = True


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """What became of touched rows that share a remote id with another row. `doubles` are parked: they are never pushed.
    `later` are not to be claimed while a change of one of them is under way."""

    doubles: frozenset[int]
    later: frozenset[int]


@dataclass(frozen=True, slots=True)
class OpenConflict:
    """One field that both sides changed, with all three values as canonical JSON text; `choice` once a person chose."""

    id: int
    resource: str
    key: str
    row_id: int
    path: str
    base: str
    local: str
    remote: str
    since: datetime
    choice: str = ""


class Origin(StrEnum):
    """Who changed a record."""

    SHOP = "shop"
    LOCAL = "local"
    MERGE = "merge"
    RESOLUTION = "resolution"


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One change of one record: for each path the value before and after, as canonical JSON text."""

    resource: str
    key: str
    row_id: int
    at: datetime
    origin: Origin
    changes: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Turned:
    """A refused local edit, as it was recorded: which part, the value, and the reason as a sentence."""

    resource: str
    key: str
    row_id: int
    path: str
    value: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class JournalLine:
    """A line of the push journal in the state database: written before a write leaves, and again with its answer."""

    change_id: int
    resource: str
    row_id: int
    key: str
    verb: Verb
    step: str  # what leaves: "record", or the path of a list element with an address of its own
    digest: str
    sent_at: datetime
    answered_at: datetime | None = None
    answer_key: str = ""  # the key that the shop gave to a created record
    generation: int = 0
