"""An observation of one record on its way into the mirror, and the scope that it belongs to."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from syncd.domain.policy import Policy
from syncd.domain.record import Item, Record
from syncd.domain.resource import Resource


class Form(StrEnum):
    """The shape in which a record was seen."""

    LISTED = "listed"
    DETAILED = "detailed"


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose records, of which kind, under which policy, and now."""

    shop_id: int
    resource: Resource
    policy: Policy
    at: datetime


@dataclass(frozen=True, slots=True)
class Seen:
    """A decoded observation with the ticket of its read. `lacks_detail`: the listing does not carry all of it."""

    item: Item
    record: Record
    ticket: int
    form: Form
    lacks_detail: bool = False
