"""Judging absence: when a record counts as gone, and when too many would go at once (design section 5).

A record is gone when two unresumed walks, both begun after its last sighting, missed it and a direct look says so.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from syncd.domain.ledger import Known

MISSES = 2
"""Walks in a row that must miss a record before it is looked at directly."""


@dataclass(frozen=True, slots=True)
class Absence:
    """What a finished walk says: `missed` it did not show, `back` were missed before and were shown now,
    `suspects` have now been missed often enough for a direct look."""

    missed: tuple[str, ...]
    back: tuple[str, ...]
    suspects: tuple[str, ...]


def judged(lines: Iterable[Known], seen: Collection[str], ticket: int) -> Absence:
    """Compare the ledger with the keys that a walk begun at `ticket` has shown."""
    missed: list[str] = []
    back: list[str] = []
    suspects: list[str] = []
    for line in lines:
        if line.gone_at is not None:
            continue
        if line.key in seen:
            if line.missed:
                back.append(line.key)
        elif line.as_of < ticket:
            missed.append(line.key)
            if line.missed + 1 >= MISSES:
                suspects.append(line.key)
    return Absence(tuple(missed), tuple(back), tuple(suspects))


def brake_holds(going: Sequence[str] | int, live: int, *, least: int, share: float) -> bool:
    """Whether so many of `live` records may not go at once: more than max(least, share of live)."""
    count = going if isinstance(going, int) else len(going)
    return count > max(least, share * live)
