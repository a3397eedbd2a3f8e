"""People at an SQL client beside the daemon: they edit, insert and delete in the mirror, one statement at a time.

Every value is written once in a run, so that the judge can find it again. `book` is what they did. They know nothing
of syncd but its tables, and the daemon works on between their statements.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from syncd.service.settings import Loaded
from syncd.simulator.shop import SimShop
from syncd.store.database import sqlite_module
from tests.sim.chronicle import Chronicle
from tests.sim.witness import TYPED, Witness
from tests.sim.world import DELETED, Typing

FIELDS: Final = {
    "products": ("title", "comment", "version", "gtin"),
    "customers": ("first_name", "last_name", "note", "company"),
    "categories": ("title", "comment"),
    "orders": ("notes", "status"),
}
ELEMENTS: Final = {
    "product_locales": ("products", "description"),
    "category_locales": ("categories", "seo_title"),
    "customer_addresses": ("customers", "city"),
}
KEYS: Final = {"products": "id", "categories": "id", "customers": "token", "orders": "id"}
Row = dict[str, Any]
Made = tuple[str, int, str]  # table, row, field


@dataclass(slots=True)
class Book:
    """What was typed: the last value of each field, and the rows that were deleted with the key they had."""

    values: dict[Made, str] = field(default_factory=dict)
    gone: dict[tuple[str, int], tuple[int, str]] = field(default_factory=dict)  # whose it was, and its key
    edits: int = 0


class Typists:
    """One or more people on one connection's worth of file, each statement in a transaction of its own."""

    def __init__(
        self,
        typing: Typing,
        loaded: Loaded,
        world: Witness,
        chronicle: Chronicle,
        luck: Random,
    ) -> None:
        self.book = Book()
        self._typing = typing
        self._file = loaded.folder / "mirror.db"
        self._world = world
        self._chronicle = chronicle
        self._luck = luck
        self._number = 0

    async def work(self) -> None:
        """Edit here and there until cancelled."""
        deeds: tuple[tuple[int, Callable[[], Awaitable[None]]], ...] = (
            (40, self._set_field),
            (14, self._set_element),
            (8, self._add_element),
            (6, self._set_many),
            (6, self._undone),
            (18, self._create),
            (8, self._delete),
            (40, self._there),
        )
        if self._typing.more:
            deeds += ((6, self._replace), (8, self._decide))
        while True:
            await asyncio.sleep(self._luck.expovariate(1 / self._typing.every_s))
            [deed] = self._luck.choices([deed for _, deed in deeds], [weight for weight, _ in deeds])
            await deed()

    def query(self, statement: str, *values: Any) -> list[Row]:
        """The rows of a statement, in a transaction of its own."""
        connection = sqlite_module().connect(self._file)
        try:
            connection.execute("PRAGMA synchronous=OFF")
            cursor = connection.execute(statement, values)
            names = [each[0] for each in cursor.description or ()]
            found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
            connection.commit()
            return found
        finally:
            connection.close()

    # --- here: plain SQL ---------------------------------------------------------------------------------------------

    def _value(self, letter: str = "L") -> str:
        self._number += 1
        return f"{letter}{self._number}."

    async def _moment(self) -> None:
        """What somebody needs between two statements."""
        await asyncio.sleep(self._luck.choice((0.0, 0.001, 0.05, 0.5, 3.0)))

    def _draw(self, table: str, where: str = "deleted_at IS NULL") -> Row | None:
        """A row; often one of the first few, where the others edit too."""
        found = self.query(f"SELECT * FROM {table} WHERE {where} ORDER BY row_id")
        return self._luck.choice(found[:5] if self._luck.random() < 0.6 else found) if found else None

    def _say(self, what: str) -> None:
        self.book.edits += 1
        self._chronicle.write("typist", what)

    def _set(self, table: str, row: Row, name: str, value: str) -> None:
        self._world.seen[value] = str(row[name])
        self.query(f"UPDATE {table} SET {name} = ? WHERE row_id = ?", value, row["row_id"])
        self.book.values[table, row["row_id"], name] = value
        self._say(f"UPDATE {table}/{row['row_id']} {name} = {value}")

    async def _set_field(self) -> None:
        table = self._luck.choice(list(FIELDS))
        row = self._draw(table)
        if row is not None:
            self._set(table, row, self._luck.choice(FIELDS[table]), self._value())

    async def _set_element(self) -> None:
        table = self._luck.choice(list(ELEMENTS))
        parents, name = ELEMENTS[table]
        row = self._draw(table, f"parent_row_id IN (SELECT row_id FROM {parents} WHERE deleted_at IS NULL)")
        if row is not None:
            self._set(table, row, name, self._value())

    async def _set_many(self) -> None:
        """One statement, a few rows, below the brake."""
        table = self._luck.choice(("products", "customers"))
        name = FIELDS[table][1]
        before = self.query(f"SELECT * FROM {table} WHERE deleted_at IS NULL ORDER BY row_id LIMIT 4")
        value = self._value()
        self.query(
            f"UPDATE {table} SET {name} = ? || row_id || '.' WHERE row_id IN"
            f" (SELECT row_id FROM {table} WHERE deleted_at IS NULL ORDER BY row_id LIMIT 4)",
            value[:-1] + "00",
        )
        for row in before:
            own = f"{value[:-1]}00{row['row_id']}."
            self._world.seen[own] = str(row[name])
            self.book.values[table, row["row_id"], name] = own
        self._say(f"UPDATE {table}.{name} of {len(before)} rows = {value}")

    async def _undone(self) -> None:
        """An edit that is taken back, often before it was noticed."""
        row = self._draw("orders")
        if row is None:
            return
        value = self._value()
        self._world.seen[value] = str(row["notes"])
        self.query("UPDATE orders SET notes = ? WHERE row_id = ?", value, row["row_id"])
        self._say(f"UPDATE orders/{row['row_id']} notes = {value}, to be undone")
        await self._moment()
        self.query("UPDATE orders SET notes = ? WHERE row_id = ? AND notes = ?", row["notes"], row["row_id"], value)
        self.book.values.pop(("orders", row["row_id"], "notes"), None)
        self._say(f"UPDATE orders/{row['row_id']} undone")

    async def _add_element(self) -> None:
        table = self._luck.choice(list(ELEMENTS))
        parents, name = ELEMENTS[table]
        parent, value = self._draw(parents), self._value()
        if parent is None:
            return
        more: Row = {"first_name": "Ada", "last_name": "L", "zip": "1"}
        if table != "customer_addresses":
            more = {"language_id": f"x{self._number}", "title": "T"}
        row = self._insert(table, parent["shop_id"], parent_row_id=parent["row_id"], ordinal=7, **{name: value}, **more)
        self.book.values[table, row, name] = value

    async def _create(self) -> None:
        table, value = self._luck.choice(list(KEYS)), self._value()
        shop = self._luck.choice(self.query("SELECT id FROM shops ORDER BY id"))["id"]
        if table == "customers":
            value = f"{value}@example.org"
            row = self._insert(table, shop, email=value, first_name="Ada", last_name="L")
            self.book.values[table, row, "email"] = value
            for city in (self._value(), self._value()):
                await self._moment()
                address = {"first_name": "Ada", "city": city, "zip": "1"}
                place = self._insert("customer_addresses", shop, parent_row_id=row, ordinal=1, **address)
                self.book.values["customer_addresses", place, "city"] = city
        elif table == "orders":
            await self._order(shop, value)
        else:
            kind: Row = {"version": "1.0", "product_type": 1} if table == "products" else {"parent_id": 0}
            row = self._insert(table, shop, title=value, **kind)
            self.book.values[table, row, "title"] = value
            await self._moment()
            locales = "product_locales" if table == "products" else "category_locales"
            self._insert(locales, shop, parent_row_id=row, ordinal=0, language_id="en", title=value)

    async def _order(self, shop: int, value: str) -> None:
        buyer = self._draw("customers", f"deleted_at IS NULL AND token IS NOT NULL AND shop_id = {shop}")
        ware = self._draw("products", f"deleted_at IS NULL AND product_id IS NOT NULL AND shop_id = {shop}")
        if buyer is None or ware is None:
            return
        row = self._insert("orders", shop, email=buyer["email"], notes=value)
        self.book.values["orders", row, "notes"] = value
        await self._moment()
        item = {"product_id": ware["product_id"], "license_id": 1, "quantity": 1}
        self._insert("order_line_items", shop, parent_row_id=row, ordinal=0, **item)

    def _insert(self, table: str, shop: int, **values: Any) -> int:
        names = ["shop_id", *values]
        marks = ", ".join("?" * len(names))
        statement = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks}) RETURNING row_id"
        row = int(self.query(statement, shop, *values.values())[0]["row_id"])
        self._say(f"INSERT {table}/{row} {values}")
        return row

    async def _delete(self) -> None:
        table = self._luck.choice(DELETED)
        row = self._draw(table)
        if row is not None:
            self._forget(table, row["row_id"])
            self.query(f"DELETE FROM {table} WHERE row_id = ?", row["row_id"])
            self.book.gone[table, row["row_id"]] = (row["shop_id"], str(row[KEYS[table]] or ""))
            self._say(f"DELETE {table}/{row['row_id']} {row[KEYS[table]]}")

    async def _replace(self) -> None:
        """`INSERT OR REPLACE` of a whole row, as tools do that load an export: it comes back under another number."""
        table = self._luck.choice(("products", "categories"))
        row = self._draw(table, f"deleted_at IS NULL AND {KEYS[table]} IS NOT NULL")
        if row is None:
            return
        old, name, value = row["row_id"], FIELDS[table][1], self._value()
        self._world.seen[value] = str(row[name])
        new = {**row, name: value}
        del new["row_id"]
        names = ", ".join(f'"{each}"' for each in new)
        marks = ", ".join("?" * len(new))
        self.query(f"DELETE FROM {table} WHERE row_id = ?", old)
        made = self.query(f"INSERT INTO {table} ({names}) VALUES ({marks}) RETURNING row_id", *new.values())
        number = int(made[0]["row_id"])
        kept = {place: typed for place, typed in self.book.values.items() if place[:2] == (table, old)}
        for place, typed in kept.items():
            del self.book.values[place]
            self.book.values[table, number, place[2]] = typed
        self.book.values[table, number, name] = value
        self._say(f"REPLACE {table}/{old} by {number} {name} = {value}")

    async def _decide(self) -> None:
        """Somebody answers one of the open questions, in SQL."""
        asked = self.query("SELECT id, resource, key, path, local, remote FROM sync_conflicts ORDER BY id")
        if not asked:
            return
        one = self._luck.choice(asked)
        choice = self._luck.choice(("local", "remote"))
        if choice == "local":
            self._world.chosen |= set(TYPED.findall(str(one["local"])))
            self._world.wished.append((str(one["remote"]), str(one["local"])))
        self.query("UPDATE sync_conflicts SET resolution = ? WHERE id = ?", choice, one["id"])
        self._say(f"RESOLVE {one['resource']}/{one['key']} {one['path']} = {choice}")

    def _forget(self, table: str, row: int) -> None:
        """Whoever deletes a record gives up what was typed into it, also where the delete is refused."""
        inside = {(table, row)}
        for child in [name for name, (parents, _) in ELEMENTS.items() if parents == table]:
            found = self.query(f"SELECT row_id FROM {child} WHERE parent_row_id = ?", row)
            inside |= {(child, each["row_id"]) for each in found}
        self.book.values = {made: value for made, value in self.book.values.items() if made[:2] not in inside}

    # --- there: the shop's own people, at the same records -----------------------------------------------------------

    async def _there(self) -> None:
        shop = self._world.shops[self._luck.choice(sorted(self._world.shops))]
        resource, value = self._luck.choice(list(FIELDS)), self._value("R")
        keys = shop.keys(resource)
        if not keys:
            return
        key = self._luck.choice(keys[:5] if self._luck.random() < 0.6 else keys)
        if self._luck.random() < 0.05 and resource in DELETED:
            shop.delete(resource, key)
            self._say_there(shop, f"delete {resource}/{key}")
            return
        name = self._luck.choice(FIELDS[resource])
        shop.edit(resource, key, {name: value})
        self._world.set_at[value] = shop.clock()
        self._say_there(shop, f"edit {resource}/{key} {name} = {value}")

    def _say_there(self, shop: SimShop, what: str) -> None:
        self._chronicle.write("staff", f"{what} {shop.name}")
