"""The outbox: changes on their way to the shop, and what was turned down, by the shop or before it.

At most one open change per record; the index sees to it. Must not decide what may be sent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, bindparam, case, delete, func, or_, select, update

from syncd.domain.change import Change, ChangeState, Turned, Verb
from syncd.domain.decision import Refusal
from syncd.domain.resources import BY_NAME
from syncd.store.plain import part_text, patch_text, read_patch, read_record, record_text
from syncd.store.rows import by, save
from syncd.store.schema import OUTBOX, REFUSALS, REFUSED_EDITS

_O = OUTBOX.c
_COLUMNS = tuple(field.name for field in fields(Change))
_TURNED = tuple(field.name for field in fields(Turned))
_STATES = {state.value: state for state in ChangeState}
#: Those that the daemon works on by itself, without a person.
_MOVING = (ChangeState.READY.value, ChangeState.IN_DOUBT.value)
_DUE = or_(_O.due_at.is_(None), _O.due_at <= bindparam("at"))
#: Built once: to build such a statement costs more than to run it.
_ITSELF = (_O.shop_id == bindparam("of_shop"), _O.id == bindparam("of_id"))
_ADDED = OUTBOX.insert().returning(_O.id)
_SAVED, _CLOSED = update(OUTBOX).where(*_ITSELF), delete(OUTBOX).where(*_ITSELF)


class Outbox:
    """`ports.OutboxTable` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- open changes --------------------------------------------------------------------------------------------

    def add(self, shop_id: int, change: Change) -> Change:
        """Store a new change under the next number, which comes back in it."""
        row = _row(change) | {"shop_id": shop_id}
        del row["id"]
        return replace(change, id=self._connection.execute(_ADDED, row).scalar_one())

    def save(self, shop_id: int, change: Change) -> None:
        """Write a known change anew; one that was closed meanwhile stays closed."""
        self._connection.execute(_SAVED, _row(change) | {"of_shop": shop_id, "of_id": change.id})

    def close(self, shop_id: int, change_id: int) -> None:
        """The change is settled or dropped: its row goes."""
        self._connection.execute(_CLOSED, {"of_shop": shop_id, "of_id": change_id})

    def of_row(self, shop_id: int, resource: str, row_id: int) -> Change | None:
        """The open change of a record."""
        record = by(OUTBOX, "shop_id", "resource", "row_id", of=_COLUMNS)
        place = {"shop_id": shop_id, "resource": resource, "row_id": row_id}
        found = self._connection.execute(record, place).mappings().first()
        return None if found is None else _change(found)

    def waiting(self, shop_id: int, limit: int, at: datetime) -> list[Change]:
        """Those that are ready or in doubt, and due; the oldest first."""
        due = or_(_O.due_at.is_(None), _O.due_at <= at)
        return self._read(shop_id, _O.state.in_(_MOVING), due, limit=limit)

    def turns(self, shop_id: int, names: Sequence[str], at: datetime, limit: int | None) -> list[int]:
        """The numbers of those, up to `limit`, in the order in which they leave: creates before the rest, then in the
        order of these resources (of others there are none), then the oldest first."""
        wanted = {"shop": shop_id, "at": at} | ({} if limit is None else {"most": limit})
        return list(self._connection.execute(_turns(tuple(names), limited=limit is not None), wanted).scalars())

    def some(self, shop_id: int, numbers: Sequence[int]) -> list[Change]:
        """These changes, in this order, without those that are closed."""
        found = {each.id: each for each in self._read(shop_id, _O.id.in_(numbers))}
        return [found[number] for number in numbers if number in found]

    def hasten(self, shop_id: int, by: datetime) -> None:
        """What was put off longer is due at `by`."""
        self._connection.execute(update(OUTBOX).where(_O.shop_id == shop_id, _O.due_at > by).values(due_at=by))

    def all(self, shop_id: int) -> list[Change]:
        """Every open change, the oldest first."""
        return self._read(shop_id)

    def open(self, shop_id: int) -> frozenset[int]:
        """The numbers of every open change."""
        return frozenset(self._connection.execute(select(_O.id).where(_O.shop_id == shop_id)).scalars())

    def count(self, shop_id: int) -> dict[tuple[ChangeState, str], int]:
        """How many changes there are in each state, by resource."""
        counted = select(_O.state, _O.resource, func.count()).where(_O.shop_id == shop_id)
        counts: dict[tuple[ChangeState, str], int] = {}
        for state, resource, count in self._connection.execute(
            counted.group_by(_O.state, _O.resource).order_by(_O.state, _O.resource)
        ):
            place = (_STATES.get(state, ChangeState.PARKED), resource)
            counts[place] = counts.get(place, 0) + count
        return counts

    def inside(self, shop_id: int, state: ChangeState, limit: int | None = None) -> list[Change]:
        """Up to `limit` changes in a state, the oldest first."""
        there = _O.state == state.value
        if state is ChangeState.PARKED:
            there = or_(there, _O.state.not_in(list(_STATES)))
        return self._read(shop_id, there, limit=limit)

    def release(self, shop_id: int, resource: str, limit: int) -> int:
        """Up to `limit` of what the brake holds, of one resource or (no name) of all, is ready; returns how many."""
        held = [_O.shop_id == shop_id, _O.state == ChangeState.HELD.value]
        if resource:
            held.append(_O.resource == resource)
        some = select(_O.id).where(*held).order_by(_O.id).limit(limit)
        fresh = {"state": ChangeState.READY.value, "reason": "", "attempts": 0, "due_at": None}
        released = update(OUTBOX).where(_O.id.in_(some), *held).values(fresh)
        return self._connection.execute(released).rowcount

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
        known = by(REFUSALS, "shop_id", "resource", "row_id", "digest", of=("reason",))
        place = {"shop_id": shop_id, "resource": resource, "row_id": row_id, "digest": digest}
        return self._connection.execute(known, place).scalar()

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


@cache
def _turns(names: tuple[str, ...], *, limited: bool) -> Select[Any]:
    """What may leave now, in its order."""
    moving = (_O.shop_id == bindparam("shop"), _O.state.in_(_MOVING), _DUE, _O.resource.in_(names))
    is_create = case((_O.verb == Verb.CREATE.value, 0), else_=1)
    depth = case({name: place for place, name in enumerate(names)}, value=_O.resource)
    wanted = select(_O.id).where(*moving).order_by(is_create, depth, _O.claimed_at, _O.id)
    return wanted.limit(bindparam("most")) if limited else wanted


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
