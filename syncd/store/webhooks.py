"""Webhooks in the state database: doors, what is registered at the shops, and the inbox of what they delivered.

Must not know how a door's token is sealed, nor what becomes of a delivery.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, select, update

from syncd.domain.webhook import Arrival, Door, Hook, InboxCount, InboxState, Waiting
from syncd.store.rows import save
from syncd.store.schema import WEBHOOK_DOORS, WEBHOOK_INBOX, WEBHOOKS

_I = WEBHOOK_INBOX.c
_DOOR = tuple(field.name for field in fields(Door))
_HOOK = tuple(field.name for field in fields(Hook))
_WAITING = tuple(field.name for field in fields(Waiting))
_NEWEST = (
    select(func.max(_I.seq))
    .where(_I.shop_id == bindparam("its_shop"), _I.digest == bindparam("its_digest"))
    .where(_I.received_at >= bindparam("since"))
    .scalar_subquery()
)
_AGAIN = (
    update(WEBHOOK_INBOX)
    .where(_I.seq == _NEWEST)
    .values(times=_I.times + bindparam("more"), state=InboxState.WAITING.value, settled_at=None)
)


class Webhooks:
    """`ports.WebhookTable` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- doors and what is registered --------------------------------------------------------------------------------

    def doors(self) -> list[Door]:
        """All doors, by shop."""
        rows = select(*(WEBHOOK_DOORS.c[name] for name in _DOOR)).order_by(WEBHOOK_DOORS.c.shop_id)
        return [Door(*row) for row in self._connection.execute(rows)]

    def door(self, shop_id: int) -> Door | None:
        """A shop's door."""
        row = select(*(WEBHOOK_DOORS.c[name] for name in _DOOR)).where(WEBHOOK_DOORS.c.shop_id == shop_id)
        found = self._connection.execute(row).first()
        return None if found is None else Door(*found)

    def save_door(self, door: Door) -> None:
        """Write a door, new or changed."""
        save(self._connection, WEBHOOK_DOORS, {name: getattr(door, name) for name in _DOOR})

    def note_check(self, shop_id: int, at: datetime, said: str) -> None:
        """What the last check at the shop found; nothing else of the door changes."""
        noted = update(WEBHOOK_DOORS).where(WEBHOOK_DOORS.c.shop_id == shop_id)
        self._connection.execute(noted.values(checked_at=at, said=said))

    def count_refused(self, shop_id: int, count: int, at: datetime) -> None:
        """Deliveries came through a shop's door and were not taken."""
        doors = WEBHOOK_DOORS.c
        more = update(WEBHOOK_DOORS).where(doors.shop_id == shop_id)
        self._connection.execute(more.values(refused=doors.refused + count, refused_at=at))

    def hooks(self, shop_id: int) -> list[Hook]:
        """What we registered at a shop, by topic."""
        columns = [WEBHOOKS.c[name] for name in _HOOK]
        rows = select(*columns).where(WEBHOOKS.c.shop_id == shop_id).order_by(WEBHOOKS.c.topic)
        return [Hook(*row) for row in self._connection.execute(rows)]

    def save_hook(self, shop_id: int, hook: Hook) -> None:
        """Note a webhook that is registered, or about to be."""
        save(self._connection, WEBHOOKS, {name: getattr(hook, name) for name in _HOOK} | {"shop_id": shop_id})

    def drop_hook(self, shop_id: int, topic: str) -> None:
        """It is not registered any more."""
        gone = delete(WEBHOOKS).where(WEBHOOKS.c.shop_id == shop_id, WEBHOOKS.c.topic == topic)
        self._connection.execute(gone)

    # --- the inbox ---------------------------------------------------------------------------------------------------

    def receive(self, arrivals: Sequence[Arrival], since: datetime) -> None:
        """Store deliveries. One that says the same as a row received after `since` only makes that row wait again."""
        counted = Counter((arrival.shop_id, arrival.notice.digest) for arrival in arrivals)
        for arrival in arrivals:
            more = counted.pop((arrival.shop_id, arrival.notice.digest), 0)
            if not more:
                continue
            same = {"its_shop": arrival.shop_id, "its_digest": arrival.notice.digest, "since": since, "more": more}
            if self._connection.execute(_AGAIN, same).rowcount == 0:
                self._connection.execute(WEBHOOK_INBOX.insert().values(_row(arrival, more)))

    def waiting(self, shop_id: int, limit: int) -> list[Waiting]:
        """What nobody took in yet, the oldest first."""
        columns = [_I[name] for name in _WAITING]
        rows = select(*columns).where(_I.shop_id == shop_id, _I.state == InboxState.WAITING.value)
        return [Waiting(*row) for row in self._connection.execute(rows.order_by(_I.seq).limit(limit))]

    def settle(self, shop_id: int, rows: Sequence[Waiting], state: InboxState, at: datetime) -> None:
        """These were taken in; one that was delivered again meanwhile goes on waiting."""
        if rows:
            seen = (_I.shop_id == shop_id, _I.seq == bindparam("its_seq"), _I.times == bindparam("its_times"))
            settled = update(WEBHOOK_INBOX).where(*seen).values(state=state.value, settled_at=at)
            self._connection.execute(settled, [{"its_seq": row.seq, "its_times": row.times} for row in rows])

    def absent(self, shop_id: int, resource: str, keys: Sequence[str]) -> None:
        """The shop has no such records: what was delivered of them and led to a look is marked so."""
        named = (_I.shop_id == shop_id, _I.resource == resource, _I.key.in_(keys))
        hinted = (*named, _I.state == InboxState.HINTED.value)
        self._connection.execute(update(WEBHOOK_INBOX).where(*hinted).values(state=InboxState.ABSENT.value))

    def between(self, shop_id: int, since: datetime, until: datetime) -> list[tuple[str, str, InboxState]]:
        """Each (resource, key) that was delivered in a span of time, with the state of its newest row."""
        rows = select(_I.resource, _I.key, _I.state).where(_I.shop_id == shop_id)
        rows = rows.where(_I.received_at >= since, _I.received_at <= until).order_by(_I.seq)
        newest = {(row[0], row[1]): InboxState(row[2]) for row in self._connection.execute(rows)}
        return [(resource, key, state) for (resource, key), state in newest.items()]

    def count(self, shop_id: int) -> InboxCount:
        """What lies in a shop's inbox."""
        last = select(_I.received_at).where(_I.shop_id == shop_id).order_by(_I.seq.desc()).limit(1)
        states = select(_I.state, func.count()).where(_I.shop_id == shop_id).group_by(_I.state).order_by(_I.state)
        by_state = {row[0]: int(row[1]) for row in self._connection.execute(states)}
        return InboxCount(self._connection.execute(last).scalar(), by_state)

    def purge(self, before: datetime) -> int:
        """Forget what was received before a moment; returns how much that was. What nobody took in for so long goes
        too: its shop is paused or waits for a person, and the ordinary looks find what it told of."""
        return self._connection.execute(delete(WEBHOOK_INBOX).where(_I.received_at < before)).rowcount

    def forget(self, shop_id: int) -> None:
        """The shop is removed: its door, its webhooks and its inbox go."""
        for table in (WEBHOOK_DOORS, WEBHOOKS, WEBHOOK_INBOX):
            self._connection.execute(delete(table).where(table.c.shop_id == shop_id))


def _row(arrival: Arrival, times: int) -> dict[str, Any]:
    notice = arrival.notice
    return {
        "shop_id": arrival.shop_id,
        "received_at": arrival.at,
        "digest": notice.digest,
        "topic": notice.topic,
        "resource": notice.resource,
        "key": notice.key,
        "body": notice.body,
        "state": InboxState.WAITING.value,
        "times": times,
        "settled_at": None,
    }
