"""Conflicts, where people read them and say in SQL what they want: `UPDATE sync_conflicts SET resolution = 'local'`.

A trigger on the table leaves a hint of a person, so that the record is looked at soon. A choice holds for what the
person could see: when the other side's value moved since, it is withdrawn. Must not carry a choice out.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, select, update

from syncd.domain.change import OpenConflict
from syncd.domain.decision import FieldConflict
from syncd.domain.policy import Choice
from syncd.store.plain import part_text
from syncd.store.rows import by
from syncd.store.schema import CONFLICTS

_C = CONFLICTS.c
_OPEN = (_C.id, _C.resource, _C.key, _C.row_id, _C.path, _C.base, _C.local, _C.remote, _C.since, _C.resolution)


class Conflicts:
    """`ports.ConflictTable` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def derive(
        self, shop_id: int, resource: str, key: str, row_id: int, conflicts: Sequence[FieldConflict], at: datetime
    ) -> None:
        """Store exactly these conflicts of a record; the others are over. One that goes on keeps its number and age.

        A choice goes on too, unless the value that it gives up is another one now: nobody has seen that."""
        known = {
            row.path: row for row in self._connection.execute(select(CONFLICTS).where(_of(shop_id, resource, row_id)))
        }
        found = {each.path: each for each in conflicts}
        for path, over in known.items():
            if path not in found:
                self._connection.execute(delete(CONFLICTS).where(_C.id == over.id))
        for path, each in found.items():
            texts: dict[str, str | None] = {
                "base": part_text(each.base),
                "local": part_text(each.local),
                "remote": part_text(each.remote),
            }
            old = known.get(path)
            if old is None:
                place = {"shop_id": shop_id, "resource": resource, "key": key, "row_id": row_id, "path": path}
                self._connection.execute(CONFLICTS.insert().values({**place, **texts, "since": at}))
                continue
            given_up = {"local": "remote", "remote": "local"}.get(old.resolution or "")
            if given_up is not None and texts[given_up] != getattr(old, given_up):
                texts["resolution"] = None
            if old.key != key or any(getattr(old, name) != text for name, text in texts.items()):
                self._connection.execute(update(CONFLICTS).where(_C.id == old.id).values({**texts, "key": key}))

    def open(self, shop_id: int) -> list[OpenConflict]:
        """All conflicts of a shop, the oldest first."""
        rows = select(*_OPEN).where(_C.shop_id == shop_id).order_by(_C.since, _C.id)
        return [_open(row) for row in self._connection.execute(rows).mappings()]

    def paths(self, shop_id: int, resource: str, row_id: int) -> frozenset[str]:
        """What waits for a person in a record."""
        rows = by(CONFLICTS, "shop_id", "resource", "row_id", of=("path",))
        record = {"shop_id": shop_id, "resource": resource, "row_id": row_id}
        return frozenset(self._connection.execute(rows, record).scalars())

    def newest(self, shop_id: int, resource: str, row_id: int) -> datetime | None:
        """Since when the youngest conflict of a record is open; None where there is none."""
        youngest = by(CONFLICTS, "shop_id", "resource", "row_id", of=("since",))
        record = {"shop_id": shop_id, "resource": resource, "row_id": row_id}
        return max(self._connection.execute(youngest, record).scalars(), default=None)

    def picks(self, shop_id: int, resource: str, row_id: int) -> dict[str, Choice]:
        """The choices made for a record and not carried out yet, by path."""
        rows = select(_C.path, _C.resolution).where(_of(shop_id, resource, row_id), _C.resolution.is_not(None))
        return {path: Choice(text) for path, text in self._connection.execute(rows.order_by(_C.path))}

    def resolved_rows(self, shop_id: int) -> list[tuple[str, int, str]]:
        """The records with such choices: resource, row id, key."""
        rows = select(_C.resource, _C.row_id, _C.key).where(_C.shop_id == shop_id, _C.resolution.is_not(None))
        ordered = rows.distinct().order_by(_C.resource, _C.row_id)
        return [(row[0], row[1], row[2]) for row in self._connection.execute(ordered)]

    def resolve(self, shop_id: int, conflict_id: int, choice: Choice) -> bool:
        """A person's choice; `manual` takes one back. Says whether there is such a conflict."""
        value = None if choice is Choice.MANUAL else choice.value
        chosen = update(CONFLICTS).where(_C.shop_id == shop_id, _C.id == conflict_id).values(resolution=value)
        return self._connection.execute(chosen).rowcount == 1


def _of(shop_id: int, resource: str, row_id: int) -> ColumnElement[bool]:
    return and_(_C.shop_id == shop_id, _C.resource == resource, _C.row_id == row_id)


def _open(row: Mapping[Any, Any]) -> OpenConflict:
    choice = row["resolution"] or ""
    return OpenConflict(**{name: value for name, value in row.items() if name != "resolution"}, choice=choice)
