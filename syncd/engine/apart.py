"""What the database takes of a batch of which it refuses something: each record in a transaction of its own.

A constraint, index or trigger that people put on a table may stand in one record's way, or somebody was quicker. That
is about one record; the rest of its page goes on.
"""

from collections.abc import Sequence

from syncd.domain.record import Broken
from syncd.engine.sighting import Scope, Seen
from syncd.engine.take import Taken, take
from syncd.errors import RowRefused
from syncd.ports import Disk


async def apart(disk: Disk, scope: Scope, seen: Sequence[Seen]) -> tuple[list[Taken], list[Broken]]:
    """Take observations one by one; what the database refuses even then comes back, to be parked."""
    taken: list[Taken] = []
    refused: list[Broken] = []
    for each in seen:
        try:
            taken.append(await disk.mirror.run(lambda tx, each=each: take(tx, scope, [each])))  # type: ignore[misc]
        except RowRefused as problem:
            refused.append(Broken(each.item.key, "", problem.message))
    return taken, refused
