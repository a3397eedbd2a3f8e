"""Shops, cursors, capabilities, parked records and brakes: one row each.

Off the hot path but for the cursor (once a page). Must not decide anything about them.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from syncd.domain.capability import Capabilities
from syncd.domain.cursor import Cursor, Feed, Walk
from syncd.domain.ledger import Brake, Parked
from syncd.domain.record import Broken
from syncd.domain.shop import Shop, ShopState
from syncd.store.bell import ring
from syncd.store.guard import own_writes
from syncd.store.rows import by, save
from syncd.store.schema import BRAKES, CAPABILITIES, CURSORS, MIRROR, PARKED, SHOPS

_WALK = tuple(field.name for field in fields(Walk))
_REST = tuple(field.name for field in fields(Cursor) if field.name != "walk")
_PARKED = tuple(field.name for field in fields(Parked))
_BRAKE = tuple(field.name for field in fields(Brake))
#: For each page and each look: to build it costs more than to run it.
_UNPARKED = delete(PARKED).where(
    PARKED.c.shop_id == bindparam("of_shop"),
    PARKED.c.resource == bindparam("of_resource"),
    PARKED.c.key.in_(bindparam("keys", expanding=True)),
)


class Books:
    """`ports.Books` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- shops ---------------------------------------------------------------------------------------------------

    def shops(self) -> list[Shop]:
        """All shops, by number."""
        rows = self._connection.execute(by(SHOPS, order=("id",))).mappings()
        return [_shop(row) for row in rows]

    def add_shop(self, shop: Shop) -> Shop:
        """Store a new shop under the next free number, which comes back in it."""
        values = _shop_row(shop)
        del values["id"]
        new = SHOPS.insert().values(values).returning(SHOPS.c.id)
        return replace(shop, id=self._connection.execute(new).scalar_one())

    def save_shop(self, shop: Shop) -> None:
        """Write a known shop anew."""
        self._connection.execute(update(SHOPS).where(SHOPS.c.id == shop.id).values(_shop_row(shop)))
        ring(self._connection)

    def remove_shop(self, shop_id: int) -> None:
        """Forget a shop with all that is mirrored of it."""
        own_writes(self._connection)
        for table in MIRROR.sorted_tables:
            if table is SHOPS or "shop_id" in table.c:
                column = table.c.id if table is SHOPS else table.c.shop_id
                self._connection.execute(delete(table).where(column == shop_id))

    # --- cursors and capabilities --------------------------------------------------------------------------------

    def cursor(self, shop_id: int, resource: str) -> Cursor:
        """Our place in the resource's feeds; the first one where nothing is stored."""
        row = self._one(CURSORS, shop_id, resource)
        return Cursor() if row is None else cursor_of(row)

    def save_cursor(self, shop_id: int, resource: str, cursor: Cursor) -> None:
        """Store our place; in the same transaction as the page that it stands for."""
        row: dict[str, Any] = {"shop_id": shop_id, "resource": resource}
        row |= {name: getattr(cursor.walk, name, None) for name in _WALK}
        row |= {name: getattr(cursor, name) for name in _REST}
        row["feed"] = cursor.walk.feed.value if cursor.walk else None
        save(self._connection, CURSORS, row)

    def capabilities(self, shop_id: int, resource: str) -> Capabilities | None:
        """What was learned about a resource, None before the first contact."""
        row = self._one(CAPABILITIES, shop_id, resource)
        return None if row is None else Capabilities.from_json(json.loads(row["learned"]))

    def save_capabilities(self, shop_id: int, resource: str, caps: Capabilities) -> None:
        """Store what was learned."""
        learned = json.dumps(caps.as_json(), sort_keys=True, ensure_ascii=False)
        save(self._connection, CAPABILITIES, {"shop_id": shop_id, "resource": resource, "learned": learned})

    # --- parked records and brakes -------------------------------------------------------------------------------

    def park(self, shop_id: int, resource: str, broken: Iterable[Broken], at: datetime) -> None:
        """Keep what cannot be taken; a known one keeps the date when it was first met."""
        for each in broken:
            place = (PARKED.c.key == each.key, PARKED.c.path == each.path)
            first = self._connection.execute(
                select(PARKED.c.first_at).where(PARKED.c.shop_id == shop_id, PARKED.c.resource == resource, *place)
            ).scalar()
            row = {
                "shop_id": shop_id,
                "resource": resource,
                "key": each.key,
                "path": each.path,
                "reason": each.reason,
                "sample": each.sample,
                "first_at": first or at,
                "last_at": at,
            }
            save(self._connection, PARKED, row)

    def unpark(self, shop_id: int, resource: str, keys: Sequence[str]) -> None:
        """These records were taken after all."""
        if keys:
            self._connection.execute(_UNPARKED, {"of_shop": shop_id, "of_resource": resource, "keys": list(keys)})

    def parked(self, shop_id: int) -> list[Parked]:
        """All that is parked of a shop."""
        wanted = by(PARKED, "shop_id", of=_PARKED, order=("resource", "key", "path"))
        return [Parked(*row) for row in self._connection.execute(wanted, {"shop_id": shop_id})]

    def brakes(self, shop_id: int) -> list[Brake]:
        """The brakes that are on, approved ones too."""
        wanted = by(BRAKES, "shop_id", of=_BRAKE, order=("resource",))
        return [Brake(*row) for row in self._connection.execute(wanted, {"shop_id": shop_id})]

    def set_brake(self, shop_id: int, brake: Brake) -> None:
        """Put a resource's brake on, or change what it says."""
        row = {name: getattr(brake, name) for name in _BRAKE}
        save(self._connection, BRAKES, {"shop_id": shop_id, **row})

    def lift_brake(self, shop_id: int, resource: str) -> None:
        """Take a resource's brake off."""
        off = delete(BRAKES).where(BRAKES.c.shop_id == shop_id, BRAKES.c.resource == resource)
        self._connection.execute(off)

    def _one(self, table: Any, shop_id: int, resource: str) -> Any:
        place = {"shop_id": shop_id, "resource": resource}
        return self._connection.execute(by(table, "shop_id", "resource"), place).mappings().first()


def cursor_of(row: Any) -> Cursor:
    """The cursor that a row holds."""
    walk = None
    if row["feed"] is not None:
        walk = Walk(**{name: row[name] for name in _WALK} | {"feed": Feed(row["feed"])})
    return Cursor(walk=walk, **{name: row[name] for name in _REST})


def _shop(row: Any) -> Shop:
    values = dict(row)
    values |= {name: tuple(values[name].split()) for name in ("scopes", "granted")}
    return Shop(**values | {"state": ShopState(values["state"])})


def _shop_row(shop: Shop) -> dict[str, Any]:
    row = {field.name: getattr(shop, field.name) for field in fields(Shop)}
    # Scopes are words without spaces (RFC 6749, section 3.3).
    return row | {"scopes": " ".join(shop.scopes), "granted": " ".join(shop.granted), "state": shop.state.value}
