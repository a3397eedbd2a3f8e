"""Where did every edit end? What people typed into the mirror is found again, or the judge says that it was lost.

Looks by plain SQL at the mirror, and at what the witness saw the shops take. Used when everything is quiet.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from syncd.domain.resources import BY_NAME
from syncd.service.settings import Loaded
from syncd.simulator.shop import SimShop
from tests.sim.machine import Files
from tests.sim.typists import ELEMENTS, KEYS, Book
from tests.sim.witness import Witness
from tests.support.equality import differences

Place = tuple[str, str, str]


class Traces:
    """Follows the edits of one run. `shop_ids` are the mirror's numbers of the shops."""

    def __init__(self, loaded: Loaded, world: Witness, book: Book) -> None:
        self._url = loaded.mirror_url
        self._files = Files(loaded.folder)
        self._world = world
        self._book = book

    def breaches(self) -> list[str]:
        """What is lost, was made twice, was written over unseen, or is still under way."""
        twice = [f"{name} was created {times} times" for name, times in self._world.made.items() if times > 1]
        return [*self._waiting(), *self._lost_values(), *self._lost_deletes(), *twice, *self._world.unseen]

    def _rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        try:
            return self._files.rows("mirror", statement, *values)
        finally:
            self._files.close()  # what compares brings a library of its own

    def _waiting(self) -> Iterator[str]:
        for what in self._rows("SELECT resource, row_id, key, verb, state FROM sync_outbox WHERE state != 'parked'"):
            yield f"still in the outbox: {what}"
        # A row that waits to be complete, and one behind a parked change, are nobody's fault.
        hints = "SELECT resource, row_id, source FROM sync_hints WHERE source IN ('local', 'scan') AND row_id NOT IN"
        for what in self._rows(f"{hints} (SELECT row_id FROM sync_outbox UNION SELECT row_id FROM orders)"):
            yield f"noticed and not weighed: {what}"

    def _lost_values(self) -> Iterator[str]:
        told = [*self._world.taken]
        for statement in (
            "SELECT local FROM sync_conflicts",
            "SELECT value FROM sync_refused_edits",
            "SELECT patch FROM sync_outbox",
        ):
            told += [str(text) for (text,) in self._rows(statement)]
        everything = "\n".join(told)
        for (table, row, name), value in self._book.values.items():
            if f'"{value}"' not in everything and not self._went(table, row):
                yield f"lost: {table}/{row}.{name} = {value}"

    def _went(self, table: str, row: int) -> bool:
        """Whether the row is gone because somebody here deleted it, or the record that it is part of."""
        if table not in ELEMENTS:
            there = self._rows(f"SELECT 1 FROM {table} WHERE row_id = ?", row)
            return not there and (table, row) in self._book.gone
        parents = self._rows(f"SELECT parent_row_id FROM {table} WHERE row_id = ?", row)
        return not parents or not self._rows(f"SELECT 1 FROM {ELEMENTS[table][0]} WHERE row_id = ?", parents[0][0])

    def _lost_deletes(self) -> Iterator[str]:
        names = dict(self._rows("SELECT id, name FROM shops"))
        for (table, row), (shop_id, key) in self._book.gone.items():
            there = key in self._world.shops[names[shop_id]].keys(table)
            if key and there and not self._told_of(shop_id, table, key):
                yield f"lost: {table}/{row} was deleted, and {key} is there"

    def _told_of(self, shop_id: int, resource: str, key: str) -> bool:
        where = "WHERE shop_id = ? AND resource = ? AND key = ?"
        both = f"SELECT 1 FROM sync_conflicts {where} UNION ALL SELECT 1 FROM sync_refused_edits {where}"
        return bool(self._rows(both, *(shop_id, resource, key) * 2))

    # --- equal but for what waits for a person -----------------------------------------------------------------------

    def unequal(self, shop: SimShop, shop_id: int) -> Iterator[str]:
        """Where mirror and shop differ although nobody is asked about it; and conflicts about what does not differ."""
        conflicts = self._rows("SELECT resource, key, path FROM sync_conflicts WHERE shop_id = ?", shop_id)
        asked = {(resource, key, _head(path)) for resource, key, path in conflicts}
        parked = set(self._rows("SELECT resource, key FROM sync_outbox WHERE shop_id = ?", shop_id))
        met: set[Place] = set()
        for line in self._differences(shop, shop_id):
            place = _place(line)
            place = place if place in asked else (place[0], place[1], "")
            if place in asked:
                met.add(place)
            elif not {(place[0], place[1]), (place[0], "" if place[1] == "None" else place[1])} & parked:
                yield line
        for place in sorted(asked - met):
            yield f"{place}: a conflict about nothing"
        yield from self._stale(shop, shop_id)

    def _differences(self, shop: SimShop, shop_id: int) -> Iterable[str]:
        for name, resource in BY_NAME.items():
            alike = shop.switches.of(name).omit_empties
            dump = shop.dump((name,))[name]
            yield from differences(self._url, shop_id, resource, dump, empties_alike=alike, at_most=10_000)

    def _stale(self, shop: SimShop, shop_id: int) -> Iterator[str]:
        """Conflicts of plain fields that do not hold what both sides have now."""
        open_ones = self._rows(
            "SELECT resource, key, row_id, path, local, remote FROM sync_conflicts WHERE shop_id = ? ORDER BY id",
            shop_id,
        )
        for resource, key, row_id, path, local, remote in open_ones:
            if path not in BY_NAME[resource].by_name or resource not in KEYS:
                continue
            record: Mapping[str, Any] = shop.record(resource, key) or {}
            mine = self._rows(f"SELECT {path} FROM {resource} WHERE row_id = ?", row_id)
            values = (orjson.loads(local), orjson.loads(remote))
            if not mine or values != (mine[0][0], record.get(path)):
                yield f"{resource}/{key}.{path}: a conflict of {values}, and the sides have {mine}, {record.get(path)}"


def _head(path: str) -> str:
    return path.partition("[")[0].partition(".")[0]


def _place(line: str) -> Place:
    """`products/75001.title: 'a' became 'b'`, or `products/75001 is missing in the mirror`."""
    name, _, rest = line.partition("/")
    key, _, path = rest.split(" ", 1)[0].rstrip(":").partition(".")
    return name, key, path.partition(".")[0]
