"""How people's edits stand, per shop: what waits, what is on its way, what a person must decide, what was refused.

Read from the databases alone. Must not know how it is shown.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from syncd.domain.change import Change, ChangeState, OpenConflict, Turned
from syncd.domain.shop import Shop
from syncd.ports import MirrorTx
from syncd.service.words import amount

_REFUSED: Final = 5
_ASKING: Final = (ChangeState.HELD, ChangeState.PARKED)
"""What waits for a person."""


@dataclass(frozen=True, slots=True)
class Need:
    """Something that a person must do, and the command for it."""

    what: str
    command: str


@dataclass(frozen=True, slots=True)
class Edits:
    """The edits of one shop. `touched` counts rows that are not claimed yet, by resource; `outbox` changes by state;
    `refused` are the last edits that the shop will not get."""

    touched: Mapping[str, int]
    outbox: Mapping[str, int]
    conflicts: int
    refused: tuple[Turned, ...]
    needs: tuple[Need, ...]

    @property
    def waiting(self) -> int:
        """Edits that will leave by themselves."""
        moving = (ChangeState.READY, ChangeState.SENDING, ChangeState.IN_DOUBT)
        return sum(self.touched.values()) + sum(self.outbox.get(state.value, 0) for state in moving)


def edits(tx: MirrorTx, shop: Shop) -> Edits:
    """How the edits of a shop stand."""
    conflicts, counts = tx.conflicts.open(shop.id), Counter[str]()
    for (state, _), count in tx.outbox.count(shop.id).items():
        counts[state.value] += count
    firsts = {state: tx.outbox.inside(shop.id, state, 1) for state in _ASKING if counts[state.value]}
    return Edits(
        tx.local.count_touched(shop.id),
        dict(sorted(counts.items())),
        len(conflicts),
        tuple(tx.outbox.turned(shop.id, _REFUSED)),
        tuple(_needs(shop, counts, firsts, [each for each in conflicts if not each.choice])),
    )


def name_of(change: Change | OpenConflict | Turned) -> str:
    """A record in a few words: `products/12`, or by its row where it has no key yet."""
    return f"{change.resource}/{change.key}" if change.key else f"{change.resource}, row {change.row_id}"


def as_json(found: Edits) -> dict[str, Any]:
    """The same as plain values."""
    return {
        "touched": dict(found.touched),
        "outbox": dict(found.outbox),
        "conflicts": found.conflicts,
        "refused": [
            {
                "resource": each.resource,
                "key": each.key,
                "row_id": each.row_id,
                "path": each.path,
                "reason": each.reason,
                "at": _time(each.at),
            }
            for each in found.refused
        ],
    }


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _needs(
    shop: Shop,
    counts: Mapping[str, int],
    firsts: Mapping[ChangeState, list[Change]],
    conflicts: list[OpenConflict],
) -> list[Need]:
    needs = []
    for first in firsts.get(ChangeState.HELD, []):
        count = amount(counts[ChangeState.HELD.value], "change")
        what = f"{count} held by the brake, first {name_of(first)}: {first.reason}"
        needs.append(Need(what, f"syncd outbox approve --all --shop {shop.name}    (look first: syncd plan)"))
    for first in firsts.get(ChangeState.PARKED, []):
        what = f"{amount(counts[ChangeState.PARKED.value], 'change')} parked, first {name_of(first)}: {first.reason}"
        needs.append(Need(what, f"syncd outbox list {shop.name}"))
    if conflicts:
        asked = conflicts[0]
        what = f"{amount(len(conflicts), 'conflict')}, first {name_of(asked)} {asked.path or '(the record)'}"
        needs.append(Need(what, f"syncd conflict show {asked.id}"))
    return needs
