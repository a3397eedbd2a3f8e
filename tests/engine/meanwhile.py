"""People at both ends who edit the same few records at any moment of a push, and a ledger of what they did.

Every value is written once in the whole run, so that where it ended tells what became of the edit. `seen` is what the
mirror showed when somebody here typed over it: what a shop's value may be overwritten by is an edit that knew it.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx

from tests.engine.push_kit import PushDesk
from tests.engine.tapped import Tap, lost

Place = tuple[str, str, str]
"""Resource, key, and what of the record: a field, or a list and a field of its first element."""

FIELDS = {
    "products": ("title", "comment", "locales.description"),
    "customers": ("first_name", "note", "addresses.city"),
    "categories": ("comment", "locales.description"),
}
TABLES = {
    "products.locales": "product_locales",
    "customers.addresses": "customer_addresses",
    "categories.locales": "category_locales",
}
RECORDS = 2


@dataclass
class Ledger:
    """Who wrote what where, in order."""

    here: dict[Place, list[str]] = field(default_factory=dict)
    there: dict[Place, list[str]] = field(default_factory=dict)
    seen: dict[str, Any] = field(default_factory=dict)  # by value written here: what the mirror showed before
    number: int = 0

    def fresh(self, mark: str) -> str:
        self.number += 1
        return f"{mark}{self.number}."

    def knew(self, value: str, other: str) -> bool:
        """Whether whoever wrote `value` here had `other` before their eyes, or wrote over something that had."""
        while value in self.seen:
            value = self.seen[value]
            if value == other:
                return True
        return False


class People:
    """Two of them. Hook `before` and `after` into a tap; luck decides when they act."""

    def __init__(self, desk: PushDesk, tap: Tap, seed: int, losses: float = 0.08) -> None:
        self.ledger = Ledger()
        self.sent: list[str] = []  # bodies that reached the shop
        self._desk = desk
        self._luck = Random(seed)
        self._losses = losses
        self._places = [
            (resource, key, name)
            for resource, names in FIELDS.items()
            for key in self._keys(resource)
            for name in names
        ]
        self._tap = tap
        tap.rewind(before=self.before, after=self.after)

    def go_home(self) -> None:
        """Nobody edits any more, and every answer arrives; what is sent is still written down."""
        self._tap.rewind(after=self._note)

    def _note(self, _number: int, request: httpx.Request) -> None:
        if request.method != "GET":
            self.sent.append(request.content.decode())

    def _keys(self, resource: str) -> list[str]:
        keys = [
            key
            for key in self._desk.at.sim.keys(resource)
            if resource != "customers" or (self._desk.at.sim.record(resource, key) or {})["addresses"]
        ]
        return keys[:RECORDS]

    def before(self, _number: int, request: httpx.Request) -> None:
        """A request is about to reach the shop. Nobody edits there between our read and our write: that gap cannot be
        closed, and is documented."""
        if request.method == "GET" and self._luck.random() < 0.15:
            self.edit_there()
        if self._luck.random() < 0.25:
            self.edit_here()

    def after(self, number: int, request: httpx.Request) -> None:
        """The shop has acted, and nobody here knows yet."""
        self._note(number, request)
        if self._luck.random() < 0.25:
            self.edit_here()
        if self._luck.random() < self._losses:
            raise lost(request)

    def edit_here(self) -> None:
        """Plain SQL, by a client of its own."""
        place = self._luck.choice(self._places)
        value = self.ledger.fresh("L")
        self.ledger.seen[value] = self.shown_here(place)
        table, where = self._where(place)
        name = place[2].rpartition(".")[2]
        self._desk.sql(f"UPDATE {table} SET {name} = :value WHERE {where}", value=value, key=_bind(place))
        self.ledger.here.setdefault(place, []).append(value)

    def edit_there(self) -> None:
        """Somebody in the admin pages."""
        place = self._luck.choice(self._places)
        resource, key, path = place
        value = self.ledger.fresh("R")
        listed, _, name = path.rpartition(".")
        fields: dict[str, Any] = {name: value}
        if listed:
            elements = self._desk.at.sim.shelves[resource].copy(key)[listed]
            fields = {listed: [{**elements[0], name: value}, *elements[1:]]}
        self._desk.at.sim.edit(resource, key, fields)
        self.ledger.there.setdefault(place, []).append(value)

    def shown_here(self, place: Place) -> Any:
        table, where = self._where(place)
        name = place[2].rpartition(".")[2]
        return self._desk.one(f"SELECT {name} AS value FROM {table} WHERE {where}", key=_bind(place))["value"]

    def shown_there(self, place: Place) -> Any:
        resource, key, path = place
        listed, _, name = path.rpartition(".")
        record = self._desk.at.sim.record(resource, key) or {}
        return record[listed][0][name] if listed else record[name]

    def _where(self, place: Place) -> tuple[str, str]:
        """The table and the condition of the row that is edited; `:key` is the record's key."""
        resource, _, path = place
        own = "token" if resource == "customers" else "id"
        listed = path.rpartition(".")[0]
        if not listed:
            return resource, f"{own} = :key"
        table = TABLES[f"{resource}.{listed}"]
        parent = f"parent_row_id = (SELECT row_id FROM {resource} WHERE {own} = :key)"
        return table, f"{parent} AND row_id = (SELECT min(row_id) FROM {table} WHERE {parent})"

    # --- what came of it ---------------------------------------------------------------------------------------------

    def lost_here(self) -> list[str]:
        """Edits made here, the last of each place, that are neither at the shop nor in a conflict nor refused."""
        texts = [row["local"] for row in self._desk.sql("SELECT local FROM sync_conflicts")]
        texts += [row["value"] for row in self._desk.sql("SELECT value FROM sync_refused_edits")]
        texts += self.sent
        found = []
        for place, values in self.ledger.here.items():
            if not any(f'"{values[-1]}"' in text for text in texts):
                found.append(f"{place}: {values[-1]}")
        return found

    def overruled_there(self) -> list[str]:
        """Edits made there, the last of each place, that were written over by somebody who had not seen them."""
        found = []
        for place, values in self.ledger.there.items():
            now = self.shown_there(place)
            if now != values[-1] and not self.ledger.knew(str(now), values[-1]):
                found.append(f"{place}: {values[-1]} became {now}")
        return found

    def unequal(self) -> list[Place]:
        """Where mirror and shop show different values."""
        return [place for place in self._places if self.shown_here(place) != self.shown_there(place)]


def _bind(place: Place) -> Any:
    resource, key, _ = place
    return key if resource == "customers" else int(key)
