"""The outbox: changes on their way to the shop, and what was turned down, by the shop or before it.

At most one open change per record; the index sees to it. Must not decide what may be sent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, or_, select, update

from syncd.domain.change import Change, ChangeState, Turned, Verb
from syncd.domain.decision import Refusal
from syncd.domain.resources import BY_NAME
from syncd.store.plain import part_text, patch_text, read_patch, read_record, record_text
from syncd.store.rows import save
from syncd.store.schema import OUTBOX, REFUSALS, REFUSED_EDITS

_O = OUTBOX.c
_COLUMNS = tuple(field.name for field in fields(Change))
_TURNED = tuple(field.name for field in fields(Turned))
_STATES = {state.value: state for state in ChangeState}
#: Those that the daemon works on by itself, without a person.
_MOVING = (ChangeState.READY.value, ChangeState.IN_DOUBT.value)


class Outbox:
    """`ports.OutboxTable` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- open changes --------------------------------------------------------------------------------------------

    def add(self, shop_id: int, change: Change) -> Change:
        """Store a new change under the next number, which comes back in it."""
        row = _row(change) | {"shop_id": shop_id}
        del row["id"]
        new = OUTBOX.insert().values(row).returning(_O.id)
        return replace(change, id=self._connection.execute(new).scalar_one())

    def save(self, shop_id: int, change: Change) -> None:
        """Write a known change anew; one that was closed meanwhile stays closed."""
        known = update(OUTBOX).where(_O.shop_id == shop_id, _O.id == change.id)
        self._connection.execute(known.values(_row(change)))

    def close(self, shop_id: int, change_id: int) -> None:
        """The change is settled or dropped: its row goes."""
        self._connection.execute(delete(OUTBOX).where(_O.shop_id == shop_id, _O.id == change_id))

    def of_row(self, shop_id: int, resource: str, row_id: int) -> Change | None:
        """The open change of a record."""
        found = self._read(shop_id, _O.resource == resource, _O.row_id == row_id)
        return found[0] if found else None

    def waiting(self, shop_id: int, limit: int, at: datetime) -> list[Change]:
        """Those that are ready or in doubt, and due; the oldest first."""
        due = or_(_O.due_at.is_(None), _O.due_at <= at)
        return self._read(shop_id, _O.state.in_(_MOVING), due, limit=limit)

    def hasten(self, shop_id: int, by: datetime) -> None:
        """What was put off longer is due at `by`."""
        self._connection.execute(update(OUTBOX).where(_O.shop_id == shop_id, _O.due_at > by).values(due_at=by))

    def all(self, shop_id: int) -> list[Change]:
        """Every open change, the oldest first."""
        return self._read(shop_id)

    def creates(self, shop_id: int, resource: str) -> list[Change]:
        """Records of a resource that wait for the shop to know them, in whatever state; the oldest first."""
        return self._read(shop_id, _O.resource == resource, _O.verb == Verb.CREATE.value)

    def _read(self, shop_id: int, *conditions: Any, limit: int | None = None) -> list[Change]:
        wanted = select(*(_O[name] for name in _COLUMNS)).where(_O.shop_id == shop_id, *conditions)
        rows = self._connection.execute(wanted.order_by(_O.claimed_at, _O.id).limit(limit)).mappings()
        return [_change(row) for row in rows]

    # --- what was turned down ------------------------------------------------------------------------------------

    def refuse(self, shop_id: int, change: Change, why: str, at: datetime) -> None:
        """The shop turned a change down: not to be tried again under the same digest."""
        place = {"shop_id": shop_id, "resource": change.resource, "row_id": change.row_id, "digest": change.digest}
        save(self._connection, REFUSALS, {**place, "reason": why, "at": at})

    def was_refused(self, shop_id: int, resource: str, row_id: int, digest: str) -> str | None:
        """Why the shop turned this very change down, None where it did not."""
        known = select(REFUSALS.c.reason).where(
            REFUSALS.c.shop_id == shop_id,
            REFUSALS.c.resource == resource,
            REFUSALS.c.row_id == row_id,
            REFUSALS.c.digest == digest,
        )
        return self._connection.execute(known).scalar()

    def turn_down(
        self, shop_id: int, resource: str, key: str, row_id: int, refusals: Sequence[Refusal], at: datetime
    ) -> None:
        """Record edits that the shop will not get. The same edit again only moves the date of its record."""
        t = REFUSED_EDITS.c
        for refusal in refusals:
            value, reason = part_text(refusal.value), refusal.reason.sentence
            record = (t.shop_id == shop_id, t.resource == resource, t.row_id == row_id)
            same = (t.path == refusal.path, t.value == value, t.reason == reason)
            again = update(REFUSED_EDITS).where(*record, *same).values(key=key, at=at)
            if self._connection.execute(again).rowcount == 0:
                place = {"shop_id": shop_id, "resource": resource, "key": key, "row_id": row_id}
                row = {**place, "path": refusal.path, "value": value, "reason": reason, "at": at}
                self._connection.execute(REFUSED_EDITS.insert().values(row))

    def turned(self, shop_id: int, limit: int) -> list[Turned]:
        """The last edits that were turned down, the newest first."""
        t = REFUSED_EDITS.c
        wanted = select(*(t[name] for name in _TURNED)).where(t.shop_id == shop_id)
        return [
            Turned(*row) for row in self._connection.execute(wanted.order_by(t.at.desc(), t.seq.desc()).limit(limit))
        ]


def _row(change: Change) -> dict[str, Any]:
    row = {name: getattr(change, name) for name in _COLUMNS}
    return row | {
        "verb": change.verb.value,
        "state": change.state.value,
        "patch": patch_text(change.patch),
        "frozen": None if change.frozen is None else record_text(change.frozen),
        "base": None if change.base is None else record_text(change.base),
    }


def _change(row: Mapping[Any, Any]) -> Change:
    resource = BY_NAME[row["resource"]]
    return Change(
        **dict(row)
        | {
            "verb": Verb(row["verb"]),
            "state": _STATES.get(row["state"], ChangeState.PARKED),  # people may write here
            "patch": read_patch(resource, row["patch"]),
            "frozen": None if row["frozen"] is None else read_record(resource, row["frozen"]),
            "base": None if row["base"] is None else read_record(resource, row["base"]),
        }
    )
