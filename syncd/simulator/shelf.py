"""The shelf of one resource: records in id order, made from their place when somebody looks, kept once written.

Must not know what a write means, nor how a record is shown.
"""

from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass

from syncd.simulator import catalogue, people, premises, sales
from syncd.simulator.ground import Ground, Wire

Times = tuple[str, str]  # created, changed
Finder = Callable[[Wire], list[str]]


@dataclass(frozen=True, slots=True)
class Maker:
    """How seeded records come about: the taken places, the key at a place, the whole record, its times."""

    places: Callable[[Ground], Iterable[int]]
    key: Callable[[Ground, int], object]
    make: Callable[[Ground, int], Wire]
    times: Callable[[Ground, int], Times] | None = None


def _customer(ground: Ground, place: int) -> Wire:
    count, cents = sales.spent(ground).get(place, (0, 0))
    return people.customer(ground, place) | {"orders_count": count, "total_spent": cents}


MAKERS = {
    "companies": Maker(lambda _: range(1), lambda ground, _: ground.company_id, premises.company),
    "currency_rates": Maker(
        lambda _: range(len(catalogue.RATES)), lambda _, place: catalogue.RATES[place][0], catalogue.rate
    ),
    "licenses": Maker(lambda _: range(len(catalogue.LICENCES)), lambda _, place: place + 1, catalogue.licence),
    "prices": Maker(lambda _: range(len(catalogue.AMOUNTS)), catalogue.price_key, catalogue.price),
    "categories": Maker(
        lambda ground: range(ground.categories),
        catalogue.category_key,
        catalogue.category,
        catalogue.category_times,
    ),
    "theme_settings": Maker(lambda ground: range(ground.themes), premises.theme_key, premises.theme_setting),
    "products": Maker(
        lambda ground: range(ground.products),
        catalogue.product_key,
        catalogue.product,
        catalogue.product_times,
    ),
    "customers": Maker(lambda ground: range(ground.customers), people.customer_token, _customer, people.customer_times),
    "orders": Maker(lambda ground: range(ground.orders), sales.order_key, sales.order, sales.order_times),
    "fulfillments": Maker(
        sales.fulfillment_places,
        sales.order_key,
        sales.fulfillment,
        lambda ground, place: (sales.order_times(ground, place)[0], ""),
    ),
    "webhooks": Maker(lambda _: (), lambda _, place: place, lambda *_: {}),
}


class Shelf:
    """Records by key. What `get` returns belongs to the shelf: change it through `put` only.

    `finders` name what a record can be found by, and how to read those values from it.
    """

    def __init__(self, ground: Ground, maker: Maker, stamp: str, **finders: Finder) -> None:
        self.ground = ground
        self.maker = maker
        self.stamp = stamp
        self.version = 0
        self._places = {str(maker.key(ground, place)): place for place in maker.places(ground)}
        self._kept: dict[str, Wire] = {}
        self._times: dict[str, Times] | None = None
        self._keys: tuple[str, ...] | None = None
        self._finders = finders
        self._found: dict[str, dict[str, str]] = {}

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, key: str) -> bool:
        return key in self._places

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys, oldest record first."""
        if self._keys is None:
            self._keys = tuple(self._places)
        return self._keys

    def get(self, key: str) -> Wire | None:
        """The record, or None where there is none."""
        kept = self._kept.get(key)
        if kept is not None:
            return kept
        place = self._places.get(key)
        return None if place is None else self.maker.make(self.ground, place)

    def copy(self, key: str) -> Wire:
        """A record that the caller may change. Raises KeyError."""
        record = self.get(key)
        if record is None:
            raise KeyError(key)
        return deepcopy(record) if key in self._kept else record

    def put(self, key: str, record: Wire) -> None:
        """Keep a record, new or changed."""
        self._forget(key)
        if key not in self._places:
            self._places[key] = -1
            self._keys = None
        self._kept[key] = record
        for finder, found in self._found.items():
            found.update(dict.fromkeys(self._finders[finder](record), key))
        if self._times is not None:
            self._times[key] = self._read_times(record)
        self.version += 1

    def drop(self, key: str) -> None:
        """Take a record away. Raises KeyError."""
        self._forget(key)
        del self._places[key]
        self._kept.pop(key, None)
        self._keys = None
        if self._times is not None:
            del self._times[key]
        self.version += 1

    def find(self, finder: str, value: str) -> str | None:
        """The key of the record that one of the finders finds under a value."""
        if finder not in self._found:
            read = self._finders[finder]
            self._found[finder] = {each: key for key in self.keys for each in read(self.get(key) or {})}
        return self._found[finder].get(value)

    def _forget(self, key: str) -> None:
        old = self.get(key) if self._found else None
        for finder, found in self._found.items():
            for value in self._finders[finder](old) if old else ():
                if found.get(value) == key:
                    del found[value]

    def times(self) -> dict[str, Times]:
        """(created, changed) of every record, "" where the resource has no such field; in key order."""
        if self._times is None:
            when = self.maker.times
            self._times = {}
            for key, place in self._places.items():
                kept = self._kept.get(key)
                if kept is None and when is not None:
                    self._times[key] = when(self.ground, place)
                else:
                    self._times[key] = self._read_times(kept or self.maker.make(self.ground, place))
        return self._times

    def _read_times(self, record: Wire) -> Times:
        return str(record.get("created_at") or ""), str(record.get(self.stamp) or "")
