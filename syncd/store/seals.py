"""Every sealed text of the state database, wherever it lies, for the change of the sealing key.

To what a seal is bound is known here a second time, beside the code that seals it: a test seals each kind by that code
and opens it by this. Must not know how anything is sealed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Column, Connection, Table, literal, select, update

from syncd.domain.sealed import SealedText
from syncd.store.schema import PASSWORDS, TOKENS, WEBHOOK_DOORS


@dataclass(frozen=True, slots=True)
class _Place:
    """A column of sealed texts; `generation` is the column whose number the seal is bound to, None binds to 0."""

    table: Table
    column: Column[Any]
    field: str
    generation: Column[Any] | None


_PLACES: Final[Mapping[str, _Place]] = {
    "access tokens": _Place(TOKENS, TOKENS.c.access, "access", TOKENS.c.generation),
    "refresh tokens": _Place(TOKENS, TOKENS.c.refresh, "refresh", TOKENS.c.generation),
    "passwords of new customers": _Place(PASSWORDS, PASSWORDS.c.sealed, "password", PASSWORDS.c.row_id),
    "webhook addresses": _Place(WEBHOOK_DOORS, WEBHOOK_DOORS.c.sealed, "webhook door", None),
}


class Seals:
    """`ports.SealTable` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> list[SealedText]:
        """Every sealed text, shop by shop."""
        found = []
        for name, place in _PLACES.items():
            bound = literal(0) if place.generation is None else place.generation
            rows = select(place.table.c.shop_id, bound, place.column)
            found += [SealedText(name, row[0], place.field, row[1], row[2]) for row in self._connection.execute(rows)]
        return sorted(found, key=lambda each: (each.shop_id, each.place, each.generation))

    def replace(self, before: SealedText, text: str) -> bool:
        """Put another text in its place, if it is still the one that it was; says whether it did."""
        place = _PLACES[before.place]
        changed = update(place.table).where(place.table.c.shop_id == before.shop_id, place.column == before.text)
        if place.generation is not None:
            changed = changed.where(place.generation == before.generation)
        return self._connection.execute(changed.values({place.column.name: text})).rowcount == 1
