"""What is to be done about one record, as a value; doing it is somebody else's work.

Every decision carries the two copies as they have to be afterwards, so that whoever keeps them has nothing to think
about: write `local_after` and `base_after`, queue `to_remote`, show `conflicts`, record `refused`.
"""

from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Final, Literal

from syncd.domain.patch import Patch
from syncd.domain.record import Element, Json, Record, Value


class Absent(Enum):
    """The type of `ABSENT`."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT
"""Not there, and known not to be there: a record that the shop said it has not, a deleted row or element."""

Sighting = Record | Literal[Absent.ABSENT]
"""What the shop says of a record: all of it, the part that one shape carries, or that there is none."""

Part = Value | Json | Element | Record | Absent
"""What a conflict or a refusal is about: one value, one element of a list, or the record as a whole."""


class Reason(StrEnum):
    """Why a local edit is refused."""

    READ_ONLY = "read_only"
    CREATE_ONLY = "create_only"
    NOT_WRITABLE = "not_writable"
    NOT_CREATABLE = "not_creatable"
    NOT_DELETABLE = "not_deletable"
    DELETES_OFF = "deletes_off"
    EXTRA = "extra"
    UNREADABLE = "unreadable"
    POLICY = "policy"
    IGNORED = "ignored"
    NO_RECORD = "no_record"

    @property
    def sentence(self) -> str:
        """The reason for a person."""
        return _SENTENCES[self]


_SENTENCES: Final[dict[Reason, str]] = {
    Reason.READ_ONLY: "only the shop sets this",
    Reason.CREATE_ONLY: "this can be set when the record is created, and not later",
    Reason.NOT_WRITABLE: "the API offers no way to change such records",
    Reason.NOT_CREATABLE: "the API offers no way to create such records",
    Reason.NOT_DELETABLE: "the API offers no way to delete this",
    Reason.DELETES_OFF: "deletes are not sent to the shop until that is switched on",
    Reason.EXTRA: "fields in `extra` are kept for reading, since nobody knows how to send them",
    Reason.UNREADABLE: "this is no value of the column's kind",
    Reason.IGNORED: "the shop took the write and left this as it was",
    Reason.NO_RECORD: "the record that it belonged to is not there",
    Reason.POLICY: "the shop changed it too, and the policy lets the shop win",
}


@dataclass(frozen=True, slots=True)
class FieldConflict:
    """Both sides changed one thing, differently, and a person has to decide.

    `path` is `title`, `locales[de].title`, `locales[de]` (edited here, deleted there) or empty (the whole record)."""

    path: str
    base: Part
    local: Part
    remote: Part


@dataclass(frozen=True, slots=True)
class Refusal:
    """An edit that the shop will not get: the mirror shows the shop's value again. `value` is what was edited in."""

    path: str
    value: Part
    reason: Reason


@dataclass(frozen=True, slots=True)
class After:
    """What all decisions carry. None stands for "no such row" (a tombstone counts as none).

    `base_after` is what both sides agree on then: what waits to be sent keeps its base, so does what is parked."""

    local_after: Record | None
    base_after: Record | None
    to_remote: Patch = field(default_factory=Patch)
    conflicts: tuple[FieldConflict, ...] = ()
    refused: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class Same(After):
    """Nothing to do."""


@dataclass(frozen=True, slots=True)
class AdoptRemote(After):
    """Take the shop's changes over; or both made the same change, and only base moves."""


@dataclass(frozen=True, slots=True)
class SendLocal(After):
    """Send the local edits; the mirror stays as it is."""


@dataclass(frozen=True, slots=True)
class Merge(After):
    """Both changed different things: take the shop's, send ours."""


@dataclass(frozen=True, slots=True)
class Conflict(After):
    """Something waits for a person; the rest of the record goes on, in both directions."""


@dataclass(frozen=True, slots=True)
class Refuse(After):
    """Nothing to send: the local edits cannot go there, and the mirror shows the shop's values again."""


@dataclass(frozen=True, slots=True)
class CreateLocal(After):
    """The shop has a record that the mirror does not know."""


@dataclass(frozen=True, slots=True)
class CreateRemote(After):
    """The mirror has a record that the shop does not know: `to_remote` is all of it that can be set."""


@dataclass(frozen=True, slots=True)
class DeleteLocal(After):
    """The record is gone at the shop: bury its row (if it is still there) and end its base."""


@dataclass(frozen=True, slots=True)
class DeleteRemote(After):
    """The row was deleted here: delete the record at the shop, if it still is `base_after`."""


Decision = (
    Same | AdoptRemote | SendLocal | Merge | Conflict | Refuse | CreateLocal | CreateRemote | DeleteLocal | DeleteRemote
)
