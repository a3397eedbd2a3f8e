"""A storm of edits on both sides of a mirror, and the book of what people here did: where did each edit end?

People here use a plain SQL client beside the daemon's process, people there the shop's control address. Each value is
written once in the whole storm, so that it can be found again: in what the shop took, in a conflict, or refused.
"""

import json
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import Engine, create_engine, make_url, text

from syncd.service.simulation import SimulatedShop, build
from syncd.simulator.server import SimServer
from syncd.simulator.shop import SimShop
from syncd.simulator.wire import Reply, Request
from syncd.simulator.world import SimWorld
from syncd.store.database import sqlite_module
from tests.process.scene import CLIENT, GENEROUS, Scene

SHOP: dict[str, Any] = {"products": 30, "orders": 30, "customers": 24, "character": "rich"}
SWITCHES = ("child_lists=replace",)
BUSINESS = {"product": "title", "category": "title", "customer": "email", "order": "order_number"}
KEYS = {"products": "id", "categories": "id", "customers": "token", "orders": "id"}
FIELDS = {
    "products": ("title", "comment", "version", "gtin"),
    "customers": ("first_name", "last_name", "note", "company"),
    "categories": ("title", "comment"),
    "orders": ("notes", "status"),
}
ELEMENTS = {
    "product_locales": ("products", "description"),
    "category_locales": ("categories", "seo_title"),
    "customer_addresses": ("customers", "city"),
}
DELETED = ("products", "categories", "customers")
#: As quick as settings allow: a storm is short.
QUICK = {
    "SYNCD_PULL__QUICK_S": "1",
    "SYNCD_PULL__LOOKS_S": "0.2",
    "SYNCD_PULL__BRAKE_LEAST": "1000",
    "SYNCD_PUSH__EVERY_S": "1",
    "SYNCD_PUSH__CREATE_QUIET_S": "0.3",
    "SYNCD_PUSH__SCAN_S": "5",
    "SYNCD_PUSH__DOUBT_LOOK_S": "1",
    "SYNCD_PUSH__BRAKE_LEAST": "1000",
    "SYNCD_RESOURCES__ORDERS__CREATE_QUIET_S": "1",
    **{f"SYNCD_RESOURCES__{name.upper()}__DELETES": "true" for name in DELETED},
}


class Witness(SimWorld):
    """A world that remembers what clients wrote: every body that a shop took, and what was created under which name."""

    def __init__(self, shop: SimShop) -> None:
        super().__init__([shop])
        self.taken: list[str] = []
        self.made: Counter[str] = Counter()

    def answer(self, request: Request) -> Reply:
        reply = super().answer(request)
        if request.method != "GET" and request.path.startswith("/api") and reply.status < 300:
            body = request.body.decode()
            self.taken.append(body)
            for envelope, name in BUSINESS.items():
                content = json.loads(body).get(envelope) if request.method == "POST" and body else None
                if content and request.path.count("/") == 2:
                    self.made[f"{envelope} {content[name]}"] += 1
        return reply


@contextmanager
def stormy_scene(folder: Path, url: str) -> Iterator[tuple[Scene, Witness]]:
    """The shop is up, watched by a witness; nothing is installed yet."""
    shop = build(SimulatedShop(**{**GENEROUS, **SHOP, "switches": SWITCHES, "client_id": CLIENT}))
    folder.mkdir(parents=True, exist_ok=True)
    figures = {"SYNCD_BUDGET__SIZE": str(shop.bucket_size), "SYNCD_BUDGET__LEAK_PER_S": str(shop.leak)}
    witness = Witness(shop)
    with SimServer(witness) as server:
        yield Scene(folder, shop, server.url, url, {**figures, **QUICK, "SYNCD_DATABASE_URL": url}), witness


@dataclass
class Wrote:
    """The book of edits made here. `values`: by row and what of it, the last value; `gone`: rows that were deleted."""

    values: dict[tuple[str, int, str], str] = field(default_factory=dict)
    gone: dict[tuple[str, int], str] = field(default_factory=dict)
    elements_gone: dict[tuple[str, int], tuple[str, str, str]] = field(default_factory=dict)
    parents: dict[tuple[str, int], int] = field(default_factory=dict)  # of elements
    deeds: Counter[str] = field(default_factory=Counter)


class Storm:
    """People on both sides. Close it at the end: it is a client of the database."""

    def __init__(self, at: Scene, witness: Witness, seed: int) -> None:
        self.wrote = Wrote()
        self.luck = Random(seed)
        self._at = at
        self._witness = witness
        self._number = 0
        self.engine = client(at.url)

    # --- here: plain SQL ---------------------------------------------------------------------------------------------

    def edit_here(self) -> None:
        """One edit of a drawn kind, in one transaction."""
        deeds = (
            self._set_field,
            self._set_element,
            self._add_element,
            self._remove_element,
            self._create,
            self._delete,
        )
        [deed] = self.luck.choices(deeds, (44, 14, 8, 6, 20, 8))
        deed()
        self.wrote.deeds[f"here:{deed.__name__.strip('_')}"] += 1

    def rows(self, statement: str, **values: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(text(statement), values).mappings())

    def _run(self, statement: str, **values: Any) -> Any:
        with self.engine.begin() as connection:
            result = connection.execute(text(statement), values)
            return result.scalar() if result.returns_rows else None

    def _value(self) -> str:
        self._number += 1
        return f"L{self._number}."

    def _draw(self, table: str, where: str = "deleted_at IS NULL") -> Any:
        """A row; mostly one of the first few, where the others edit too."""
        found = self.rows(f"SELECT * FROM {table} WHERE shop_id = 1 AND {where} ORDER BY row_id")
        return self.luck.choice(found[:4] if self.luck.random() < 0.7 else found)

    def _set_field(self) -> None:
        table = self.luck.choice(list(FIELDS))
        name, row, value = self.luck.choice(FIELDS[table]), self._draw(table), self._value()
        self._run(f"UPDATE {table} SET {name} = :value WHERE row_id = :row", value=value, row=row["row_id"])
        self.wrote.values[table, row["row_id"], name] = value

    def _set_element(self) -> None:
        table = self.luck.choice(list(ELEMENTS))
        (parents, name), value = ELEMENTS[table], self._value()
        row = self._draw(table, f"parent_row_id IN (SELECT row_id FROM {parents} WHERE deleted_at IS NULL)")
        self._run(f"UPDATE {table} SET {name} = :value WHERE row_id = :row", value=value, row=row["row_id"])
        self.wrote.values[table, row["row_id"], name] = value
        self.wrote.parents[table, row["row_id"]] = row["parent_row_id"]

    def _add_element(self) -> None:
        table = self.luck.choice(list(ELEMENTS))
        parents, name = ELEMENTS[table]
        value, parent = self._value(), self._draw(parents)
        more = {"first_name": "Ada", "last_name": "L", "zip": "1"} if table == "customer_addresses" else {}
        if not more:
            more = {"language_id": f"x{self._number}", "title": "T"}
        row = self._insert(table, parent_row_id=parent["row_id"], ordinal=7, **{name: value}, **more)
        self.wrote.values[table, row, name] = value
        self.wrote.parents[table, row] = parent["row_id"]

    def _remove_element(self) -> None:
        table, own, listed = self.luck.choice(
            [("product_images", "src", "images"), ("customer_addresses", "token", "addresses")]
        )
        parents = ELEMENTS.get(table, ("products", ""))[0]
        parent = f"parent_row_id IN (SELECT row_id FROM {parents} WHERE deleted_at IS NULL)"
        row = self._draw(table, f"{own} IS NOT NULL AND {parent}")
        record = self.rows(f"SELECT * FROM {parents} WHERE row_id = :row", row=row["parent_row_id"])[0]
        self._run(f"DELETE FROM {table} WHERE row_id = :row", row=row["row_id"])
        key = str(record[KEYS[parents]])
        self.wrote.elements_gone[table, row["row_id"]] = (parents, key, f"{listed}[{row[own]}]")

    def _create(self) -> None:
        table, value = self.luck.choice(list(KEYS)), self._value()
        if table == "customers":
            value = f"{value}@example.org"
            row = self._insert(table, email=value, first_name="Ada", last_name="L")
            for city in ("London", "Turin"):
                self._insert("customer_addresses", parent_row_id=row, ordinal=1, first_name="Ada", city=city, zip="1")
        elif table == "orders":
            buyer = self._draw("customers", "deleted_at IS NULL AND token IS NOT NULL")
            ware = self._draw("products", "deleted_at IS NULL AND product_id IS NOT NULL")
            row = self._insert(table, email=buyer["email"], notes=value)
            item = {"product_id": ware["product_id"], "license_id": 1, "quantity": 1}
            self._insert("order_line_items", parent_row_id=row, ordinal=0, **item)
        else:
            kind = {"version": "1.0", "product_type": 1} if table == "products" else {"parent_id": 0, "position": 1}
            row = self._insert(table, title=value, **kind)
            locales = "product_locales" if table == "products" else "category_locales"
            self._insert(locales, parent_row_id=row, ordinal=0, language_id="en", title=value)
        self.wrote.values[
            table, row, "notes" if table == "orders" else "email" if table == "customers" else "title"
        ] = value

    def _insert(self, table: str, **values: Any) -> int:
        names = ["shop_id", *values]
        marks = ", ".join(f":{name}" for name in names)
        statement = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks}) RETURNING row_id"
        return int(self._run(statement, shop_id=1, **values))

    def _delete(self) -> None:
        table = self.luck.choice(DELETED)
        row = self._draw(table)
        self._run(f"DELETE FROM {table} WHERE row_id = :row", row=row["row_id"])
        self.wrote.gone[table, row["row_id"]] = str(row[KEYS[table]] or "")

    # --- there: the shop's control address ---------------------------------------------------------------------------

    def edit_there(self) -> None:
        """One edit by the shop's own people."""
        self._number += 1
        value = f"R{self._number}."
        deed = self.luck.choices(("field", "locale", "address", "create", "delete", "touch"), (52, 12, 12, 14, 6, 4))[0]
        getattr(self, f"_there_{deed}")(value)
        self.wrote.deeds[f"there:{deed}"] += 1

    def _control(self, deed: str, **what: Any) -> None:
        """The answer does not matter: a record may have gone a moment ago."""
        request = urllib.request.Request(f"{self._at.address}/_sim/{self._at.shop.name}/{deed}", method="POST")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            opener.open(request, data=json.dumps(what).encode(), timeout=20).close()
        except urllib.error.HTTPError as refusal:
            refusal.close()

    def _key(self, resource: str) -> str:
        keys = self._at.shop.keys(resource)
        return self.luck.choice(keys[:4] if self.luck.random() < 0.7 else keys)

    def _there_field(self, value: str) -> None:
        resource = self.luck.choice(list(FIELDS))
        fields = {self.luck.choice(FIELDS[resource]): value}
        self._control("edit", resource=resource, key=self._key(resource), fields=fields)

    def _there_locale(self, value: str) -> None:
        key = self._key("products")
        locales = (self._at.shop.record("products", key) or {}).get("locales") or []
        changed = [{**each, "description": value} if place == 0 else each for place, each in enumerate(locales)]
        self._control("edit", resource="products", key=key, fields={"locales": changed})

    def _there_address(self, value: str) -> None:
        owner = self._key("customers")
        known = (self._at.shop.record("customers", owner) or {}).get("addresses") or []
        draw = self.luck.random()
        if known and draw < 0.6:
            token = self.luck.choice(known)["token"]
            self._control("edit", resource="customer_addresses", key=token, fields={"city": value})
        elif known and draw < 0.75:
            self._control("delete", resource="customer_addresses", key=self.luck.choice(known)["token"])
        else:
            self._control("create", resource="customer_addresses", fields={"customer_token": owner, "city": value})

    def _there_create(self, value: str) -> None:
        resource = self.luck.choice(("products", "categories", "customers", "orders"))
        fields: dict[str, Any] = {"title": value}
        if resource == "customers":
            fields = {"email": f"{value}@example.org", "first_name": "Bo"}
        elif resource == "orders":
            ware = (self._at.shop.record("products", self._key("products")) or {}).get("product_id")
            fields = {"customer_token": self._key("customers"), "line_items": [{"product_id": ware, "quantity": 1}]}
        self._control("create", resource=resource, fields=fields)

    def _there_delete(self, _value: str) -> None:
        resource = self.luck.choice(DELETED)
        self._control("delete", resource=resource, key=self._key(resource))

    def _there_touch(self, _value: str) -> None:
        self._control("touch", resource="products", key=self._key("products"))

    # --- what waits --------------------------------------------------------------------------------------------------

    def waiting(self) -> int:
        """Edits that were not weighed yet, and changes that are on their way."""
        hints = "SELECT count(*) AS n FROM sync_hints WHERE source IN ('local', 'scan', 'stale', 'missed')"
        moving = "SELECT count(*) AS n FROM sync_outbox WHERE state <> 'parked'"
        return int(self.rows(hints)[0]["n"]) + int(self.rows(moving)[0]["n"])

    def lost(self) -> list[str]:
        """Edits made here of which nobody can say where they are."""
        return [*self._lost_values(), *self._lost_deletes(), *self._made_twice()]

    def _lost_values(self) -> Iterator[str]:
        told = [*self._witness.taken]
        told += [row["local"] for row in self.rows("SELECT local FROM sync_conflicts")]
        told += [row["value"] for row in self.rows("SELECT value FROM sync_refused_edits")]
        told += [row["patch"] for row in self.rows("SELECT patch FROM sync_outbox WHERE state = 'parked'")]
        everything = "\n".join(told)
        for (table, row, name), value in self.wrote.values.items():
            if f'"{value}"' not in everything and not self._went_with_its_row(table, row):
                yield f"{table}/{row}.{name}: {value}"

    def _went_with_its_row(self, table: str, row: int) -> bool:
        """Whether somebody here deleted it afterwards, or the record that it was an element of."""
        if table not in ELEMENTS:
            return (table, row) in self.wrote.gone
        parent = (ELEMENTS[table][0], self.wrote.parents[table, row])
        return (table, row) in self.wrote.elements_gone or parent in self.wrote.gone

    def _lost_deletes(self) -> Iterator[str]:
        for (table, row), key in self.wrote.gone.items():
            if key and key in self._at.shop.keys(table) and not self._told_of(table, key, ""):
                yield f"{table}/{row}: deleted, and {key} is there"
        for resource, key, path in self.wrote.elements_gone.values():
            listed, _, own = path.removesuffix("]").partition("[")
            known = (self._at.shop.record(resource, key) or {}).get(listed) or []
            name = "src" if listed == "images" else "token"
            if own in [each[name] for each in known] and not self._told_of(resource, key, path):
                yield f"{resource}/{key}.{path}: removed, and it is there"

    def _told_of(self, resource: str, key: str, path: str) -> bool:
        place = {"resource": resource, "key": key, "path": path}
        where = "resource = :resource AND key = :key AND path IN (:path, '')"
        return any(
            self.rows(f"SELECT 1 FROM {table} WHERE {where}", **place)
            for table in ("sync_conflicts", "sync_refused_edits")
        )

    def _made_twice(self) -> Iterator[str]:
        for name, times in self._witness.made.items():
            if times > 1:
                yield f"{name} was created {times} times"


def client(url: str) -> Engine:
    """A user's own connection. Two SQLite libraries on one file in one process undo each other's locks: it is the one
    that syncd uses."""
    address = make_url(url)
    if address.get_backend_name() != "sqlite":
        return create_engine(address)
    return create_engine(address, module=sqlite_module(), connect_args={"timeout": 60})
