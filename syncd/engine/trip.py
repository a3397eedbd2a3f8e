"""A walk under way in this process: what it is for, what it has learned, and what it has seen so far."""

from dataclasses import dataclass, field

from syncd.domain.capability import Capabilities
from syncd.domain.cursor import Cursor, Walk
from syncd.domain.feeds import Choice
from syncd.domain.policy import Policy
from syncd.domain.record import Broken
from syncd.domain.resource import Resource
from syncd.domain.run import Tally
from syncd.ports import Purpose


@dataclass(slots=True)
class Trip:
    """`keys` are the records that the walk has shown; `previous` those of its last page; `idle` how many pages in a
    row showed nothing new; `parked` the records that were parked when it began; `keyless` what this round showed
    without a key. The cursor is the part of it that outlives the process."""

    resource: Resource
    caps: Capabilities
    cursor: Cursor
    choice: Choice
    purpose: Purpose
    tally: Tally
    policy: Policy
    keys: set[str] = field(default_factory=set)
    previous: frozenset[str] = frozenset()
    idle: int = 0
    parked: frozenset[str] = frozenset()
    keyless: list[Broken] = field(default_factory=list)

    @property
    def walk(self) -> Walk:
        """The walk in the cursor; there is one from `begin` to `finish`."""
        if self.cursor.walk is None:
            raise LookupError("no walk is under way")
        return self.cursor.walk
