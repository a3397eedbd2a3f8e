"""The simulated shop itself: its records, its door, its books, and everything that its owner may do to it.

Must not know HTTP: `app.py` answers requests with what is here.
"""

from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from random import Random
from typing import Any

from syncd.simulator import addresses, bustle, effects
from syncd.simulator.addresses import ADDRESSES
from syncd.simulator.books import Books, Write
from syncd.simulator.bucket import Bucket
from syncd.simulator.ground import Ground, Wire
from syncd.simulator.oauth import Grants
from syncd.simulator.purchase import place_order
from syncd.simulator.resources import SCOPES, SHEETS
from syncd.simulator.shapes import POISONS, shape
from syncd.simulator.sheets import Sheet
from syncd.simulator.shelf import MAKERS, Finder, Shelf
from syncd.simulator.switches import Switches
from syncd.simulator.times import text_at
from syncd.simulator.writes import Press, RefusedError, written

FINDERS: dict[str, dict[str, Finder]] = {
    "products": {"product_id": lambda record: [str(record["product_id"]).upper()]},
    "customers": {
        "email": lambda record: [record["email"].lower()],
        "address": lambda record: [address["token"] for address in record["addresses"]],
    },
}


class SimShop:
    """One company's shop. `now` gives unix seconds; everything else follows from the seed and the calls."""

    def __init__(  # noqa: PLR0913 - one keyword for each property of a shop, all with defaults
        self,
        name: str = "shop-1",
        *,
        now: Callable[[], float],
        seed: int = 1,
        switches: Switches | None = None,
        products: int = 60,
        orders: int = 300,
        customers: int = 80,
        categories: int = 16,
        themes: int = 2,
        days: int = 90,
        company_id: int = 1202,
        client_ids: tuple[str, ...] = ("syncd.sim",),
        scopes: tuple[str, ...] = SCOPES,
        redirect_uris: tuple[str, ...] = (),
        bucket_size: float = 40,
        leak: float = 2.0,
        host: str = "",
    ) -> None:
        if orders and not customers:
            raise ValueError("a shop with orders needs customers")
        self.name = name
        self.host = host or f"{name}.sim"
        self.company_id = company_id
        self.owner = f"owner@shop-{company_id}.example"
        self.client_ids = client_ids
        self.redirect_uris = redirect_uris
        self.scopes = scopes
        self.switches = switches or Switches.named("plain")
        self.bucket_size = bucket_size
        self.leak = leak
        self.books = Books()
        self.notices: list[Wire] = []
        self.rng = Random(f"{seed}/{name}/shop")
        self.grants = Grants(self.rng, self.books)
        self._now = now
        counts = (products, orders, customers, categories, themes, days)
        self.ground = Ground(seed, int(self.clock()), company_id, *counts)
        self.shelves = {
            each: Shelf(self.ground, MAKERS[each], sheet.stamp, **FINDERS.get(each, {}))
            for each, sheet in SHEETS.items()
        }
        self._buckets: dict[str, Bucket] = {}
        self.orders_drawn: dict[str, int] = {}  # in which order a shuffled list stands now
        self._last_id = 50_000_000
        self._passwords: dict[str, str] = {}
        self._poisons: dict[tuple[str, str], str] = {}

    # --- the door ---

    def clock(self) -> float:
        """The shop's own time, in unix seconds; its clock may be wrong by a switch."""
        return self._now() + self.switches.clock_skew_s

    def bucket(self, client_id: str) -> Bucket:
        """The bucket of one app at this shop."""
        bucket = self._buckets.setdefault(client_id, Bucket(self.bucket_size, self.leak, at=self._now()))
        bucket.size, bucket.leak = self.bucket_size, self.leak
        return bucket

    def take(self, client_id: str) -> float | None:
        """Let one call of an app in: None, or the seconds until there is room."""
        bucket = self.bucket(client_id)
        wait = bucket.take(self._now())
        if wait is None:
            self.books.admitted += 1
            self.books.bucket_peak = max(self.books.bucket_peak, bucket.level)
        else:
            self.books.refused += 1
        return wait

    def gauge(self, client_id: str) -> str:
        """The value of the call limit header."""
        return self.bucket(client_id).gauge(self._now())

    def knows_client(self, client_id: str) -> bool:
        """Whether an app of that id is registered."""
        return client_id in self.client_ids

    def authorise(self, client_id: str, scopes: Iterable[str] = SCOPES) -> str:
        """The owner gives an app what it asks for, as far as this shop grants it: a refresh token."""
        return self.grants.consent(client_id, tuple(scope for scope in scopes if scope in self.scopes))

    def revoke(self, client_id: str = "") -> None:
        """The owner removes an app's permission, or every app's."""
        self.grants.revoke(client_id)

    @property
    def reachable(self) -> bool:
        """A shop without theme settings is not."""
        return len(self.shelves["theme_settings"]) > 0 or not self.ground.themes

    # --- looking ---

    def keys(self, resource: str) -> tuple[str, ...]:
        """All keys of a resource, oldest record first."""
        return self.shelves[resource].keys

    def record(self, resource: str, key: str) -> Wire | None:
        """The truth about one record: everything that its fullest shape could show, in plain values.

        Times are GMT text without zone, flags are bool, the ids of fulfillments strings; a stamp that the shop does
        not show, and fields that it does not have, are left out. The result is the caller's own.
        """
        sheet, shelf = SHEETS[resource], self.shelves[resource]
        if key not in shelf:
            return None
        switches = self.switches.of(resource)
        truth = Switches(stamps=switches.stamps, extras=switches.extras, times="v1", flags="bools")
        return shape(sheet, truth, "v1", thin=False).show(shelf.copy(key))

    def dump(self, resources: Iterable[str] = ()) -> dict[str, dict[str, Wire]]:
        """The truth about every record, by resource and key. Addresses stand by themselves too, under their token
        and with the `customer_token` that they belong to."""
        names = tuple(resources) or (*SHEETS, ADDRESSES)
        dump: dict[str, dict[str, Wire]] = {}
        for name in names:
            if name != ADDRESSES:
                dump[name] = {key: self.record(name, key) or {} for key in self.keys(name)}
        if ADDRESSES in names:
            customers = dump.get("customers") or self.dump(("customers",))["customers"]
            dump[ADDRESSES] = {
                address["token"]: address | {"customer_token": token}
                for token, customer in customers.items()
                for address in customer["addresses"]
            }
        return dump

    @property
    def secrets(self) -> list[str]:
        """Every secret that was ever issued or served: tokens, and those inside records."""
        inside = [record["external_access_token"] for record in self.dump(("companies",))["companies"].values()]
        players = [(self.shelves["customers"].get(key) or {}) for key in self.keys("customers")]
        return [*self.books.tokens, *inside, *(each["player_refresh_token"] for each in players)]

    # --- writing ---

    def edit(self, resource: str, key: str, fields: Mapping[str, Any], by: str = "shop") -> None:
        """Change a record. The shop itself may set any field; a client (`api`) what the reference allows, under the
        switches. Raises KeyError, RefusedError."""
        if resource == ADDRESSES:
            addresses.write(self, addresses.owner_of(self, key), key, fields, by)
            return
        sheet, shelf = SHEETS[resource], self.shelves[resource]
        if by == "shop" and (wrong := set(fields) - set(sheet.by_name) - set(sheet.branch_by_name)):
            raise KeyError(f"{resource} has no {', '.join(sorted(wrong))}")
        record = written(sheet, self.press(resource, by), shelf.copy(key), fields, new=False)
        self._keep(sheet, key, record, "edit", by, fields)

    def touch(self, resource: str, key: str) -> None:
        """Move a record's stamp and nothing else. Raises KeyError."""
        self._keep(SHEETS[resource], key, self.shelves[resource].copy(key), "touch", "shop", ())

    def create(self, resource: str, fields: Mapping[str, Any], by: str = "shop") -> str:
        """A new record; its key. An order takes `line_items` and names its customer; an address takes the
        `customer_token` that it is for. Raises RefusedError, KeyError."""
        if resource == ADDRESSES:
            return addresses.write(self, fields["customer_token"], "", fields, by)
        sheet = SHEETS[resource]
        press = self.press(resource, by)
        if resource == "orders":
            record = place_order(self, press, fields)
        else:
            record = written(sheet, press, sheet.blank | effects.birth(self, resource, fields), fields, new=True)
        if resource == "customers" and self.shelves[resource].find("email", record["email"].lower()):
            raise RefusedError("a customer with this email exists")
        key = str(record[sheet.key])
        self._keep(sheet, key, record, "create", by, fields)
        return key

    def delete(self, resource: str, key: str, by: str = "shop") -> None:
        """Take a record away. Raises KeyError."""
        if resource == ADDRESSES:
            addresses.remove(self, addresses.owner_of(self, key), key, by)
            return
        gone = self.shelves[resource].get(key) or {}
        self.shelves[resource].drop(key)
        self.book(resource, key, "delete", by, (), gone)

    def random_edit(self, rng: Random, verbs: tuple[str, ...] = bustle.VERBS) -> Write:
        """Let one drawn thing happen on the remote side; what it was."""
        return bustle.random_edit(self, rng, verbs)

    def keep_addresses(self, owner: str, kept: list[Wire], key: str, verb: str, by: str) -> None:
        """Keep the addresses of a customer after a write to the one named by `key`."""
        customer = self.shelves["customers"].copy(owner) | {"addresses": kept}
        self.book(ADDRESSES, key, verb, by, ())
        self._keep(SHEETS["customers"], owner, customer, "edit", by, ("addresses",))

    def press(self, resource: str, by: str) -> Press:
        """What a write needs from the shop."""
        switches = self.switches.of(resource)
        return Press(switches, text_at(self.clock()), self.new_id, self.new_token, free=by == "shop")

    def new_id(self) -> int:
        """An id that was never given."""
        self._last_id += 1
        return self._last_id

    def new_token(self) -> str:
        """A record's token of 16 capital letters."""
        return "".join(chr(65 + self.rng.randrange(26)) for _ in range(16))

    def set_password(self, token: str, password: str) -> None:
        """Only the hash is kept."""
        self._passwords[token] = sha256(password.encode()).hexdigest()

    def password_fits(self, token: str, password: str) -> bool:
        """Seeded customers have `pw-` and their token for a password."""
        stored = self._passwords.get(token) or sha256(f"pw-{token}".encode()).hexdigest()
        return sha256(password.encode()).hexdigest() == stored

    def poison(self, resource: str, key: str, kind: str) -> None:
        """Break the bytes of one record wherever it is served; `kind` is one of shapes.POISONS."""
        if kind not in POISONS:
            raise ValueError(f"no poison is named {kind!r}; there are {', '.join(POISONS)}")
        if key not in self.shelves[resource]:
            raise KeyError(key)
        self._poisons[resource, key] = kind

    def heal(self) -> None:
        """Serve every record whole again."""
        self._poisons.clear()

    def poison_of(self, resource: str, key: str) -> str | None:
        """How a record is broken, if it is."""
        return self._poisons.get((resource, key)) if self._poisons else None

    # --- inside ---

    def _keep(self, sheet: Sheet, key: str, record: Wire, verb: str, by: str, fields: Iterable[str]) -> None:
        own = sheet.stamp in fields and by == "shop"
        moves = self.switches.of(sheet.name).stamps != "stands_still" or verb == "create"
        if sheet.stamp and moves and not own:
            record[sheet.stamp] = text_at(self.clock())
        if sheet.name == "customers":
            effects.settle_default(record["addresses"])
        self.shelves[sheet.name].put(key, record)
        self.book(sheet.name, key, verb, by, fields, record)

    def book(
        self,
        resource: str,
        key: str,
        verb: str,
        by: str,
        fields: Iterable[str],
        record: Mapping[str, Any] | None = None,
    ) -> None:
        """Write a write into the books, and note what webhooks are to tell of it."""
        self.books.writes.append(Write(self.clock(), by, verb, resource, key, tuple(sorted(fields))))
        effects.tell(self, resource, key, verb, str((record or {}).get("product_id") or ""))
