"""Conflicts for people: both values side by side, who changed them when, and what they choose.

A choice is stored here and carried out at the next look at its record, which the daemon takes soon. Must not know how
it is shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from syncd.domain.change import HistoryLine, OpenConflict
from syncd.domain.ids import RecordKey
from syncd.domain.policy import Choice
from syncd.domain.shop import Shop
from syncd.errors import UsageProblem
from syncd.ports import MirrorTx
from syncd.service import shops
from syncd.service.wire import House
from syncd.service.words import meant

_LIST: Final = "syncd conflict list"
_SIDES: Final = (Choice.LOCAL.value, Choice.REMOTE.value)


@dataclass(frozen=True, slots=True)
class Dispute:
    """One conflict with its shop; `history` are the changes of its record that touched the same part, newest last."""

    shop: Shop
    conflict: OpenConflict
    history: tuple[HistoryLine, ...] = ()

    @property
    def key(self) -> str:
        """The record's KEY."""
        return str(RecordKey(self.shop.name, self.conflict.resource, self.conflict.key))


async def listed(house: House, name: str | None = None) -> list[Dispute]:
    """Every open conflict, the oldest first."""
    known = [await shops.find(house.disk, name)] if name else await shops.listed(house.disk)

    def read(tx: MirrorTx) -> list[Dispute]:
        return [Dispute(shop, each) for shop in known for each in tx.conflicts.open(shop.id)]

    return sorted(await house.disk.reader.run(read), key=lambda each: (each.conflict.since, each.conflict.id))


async def show(house: House, which: str) -> list[Dispute]:
    """One conflict by its number, or all of a record by its KEY, with their history. Raises UsageProblem."""
    found = _chosen(await listed(house), which)

    def read(tx: MirrorTx) -> list[Dispute]:
        return [Dispute(each.shop, each.conflict, _touching(tx, each)) for each in found]

    return await house.disk.reader.run(read)


def _touching(tx: MirrorTx, dispute: Dispute) -> tuple[HistoryLine, ...]:
    conflict = dispute.conflict
    part = conflict.path.partition("[")[0].partition(".")[0]
    lines = tx.history.of(dispute.shop.id, conflict.resource, conflict.key)
    return tuple(line for line in lines if not part or part in line.changes or "" in line.changes)


async def resolve(house: House, which: str, take: str) -> list[Dispute]:
    """Store what a person chose: `local` or `remote` for what `which` names, or `FIELD=local,...` for fields of its
    record. Returns what was chosen for. Raises UsageProblem."""
    known = await listed(house)
    chosen = _chosen(known, which)
    picks = _picks(chosen, known, take)

    def store(tx: MirrorTx) -> None:
        for conflict_id, (shop_id, choice) in picks.items():
            if not tx.conflicts.resolve(shop_id, conflict_id, choice):
                raise UsageProblem(f"conflict {conflict_id} is over", hint=_LIST)

    await house.disk.mirror.run(store)
    return [each for each in known if each.conflict.id in picks]


def _chosen(known: list[Dispute], which: str) -> list[Dispute]:
    if which.isdecimal():
        found = [each for each in known if each.conflict.id == int(which)]
    else:
        key = str(RecordKey.parse(which))
        found = [each for each in known if each.key == key]
    if not found:
        raise UsageProblem(f"there is no open conflict {which}", hint=_LIST)
    return found


def _picks(chosen: list[Dispute], known: list[Dispute], take: str) -> Mapping[int, tuple[int, Choice]]:
    if take in _SIDES:
        return {each.conflict.id: (each.shop.id, Choice(take)) for each in chosen}
    paths = {each.conflict.path: each for each in known if each.key == chosen[0].key}
    picks: dict[int, tuple[int, Choice]] = {}
    for part in take.split(","):
        path, _, side = part.strip().rpartition("=")
        if side not in _SIDES or not path:
            raise UsageProblem(
                f"--take {part.strip()!r} is none of local, remote, FIELD=local, FIELD=remote",
                hint=f"syncd conflict show {chosen[0].conflict.id}",
            )
        if path not in paths:
            raise UsageProblem(
                f"{path!r} is not in conflict in {chosen[0].key}; {meant(path, paths)}",
                hint=f"syncd conflict show {chosen[0].key}",
            )
        picks[paths[path].conflict.id] = (paths[path].shop.id, Choice(side))
    return picks
