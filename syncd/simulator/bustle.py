"""What happens in a shop by itself: one drawn edit, create or delete on the remote side."""

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from syncd.simulator.books import Write
from syncd.simulator.catalogue import DIGITAL, FORMS, NOUNS
from syncd.simulator.ground import Wire
from syncd.simulator.people import FIRST, LAST
from syncd.simulator.sales import SHIPPED, STATES

if TYPE_CHECKING:
    from syncd.simulator.shop import SimShop

VERBS = ("edit", "create", "delete")
Draw = Callable[["SimShop", Random], None]


def random_edit(shop: "SimShop", rng: Random, verbs: tuple[str, ...] = VERBS) -> Write:
    """Let one thing happen; what it was. Raises ValueError for a shop in which nothing of the kind can happen."""
    before = len(shop.books.writes)
    open_draws = [(weight, draw) for verb, weight, needs, draw in DRAWS if verb in verbs and _has(shop, needs)]
    if not open_draws:
        raise ValueError(f"nothing in {shop.name} can be changed by {', '.join(verbs)}")
    [draw] = rng.choices([draw for _, draw in open_draws], [weight for weight, _ in open_draws])
    draw(shop, rng)
    return shop.books.writes[before:][-1]


def _has(shop: "SimShop", needs: str) -> bool:
    return all(len(shop.shelves[name]) for name in needs.split())


def _edit(resource: str, change: Callable[[Random, Wire], Wire]) -> Draw:
    def draw(shop: "SimShop", rng: Random) -> None:
        key = rng.choice(shop.keys(resource))
        shop.edit(resource, key, change(rng, shop.shelves[resource].copy(key)))

    return draw


def _title(rng: Random) -> str:
    return f"{rng.choice(NOUNS)} {rng.choice(FORMS)} {rng.randrange(1000, 9999)}"


def _change_product(rng: Random, record: Wire) -> Wire:
    return rng.choice(
        (
            {"title": _title(rng)},
            {"comment": f"stock counted, {rng.randrange(900)} left", "items_in_stock": rng.randrange(900)},
            {"valid": not record["valid"]},
            {"locales": [{**each, "description": f"<p>{_title(rng)}</p>"} for each in record["locales"]]},
            {"images": record["images"][1:]},
        )
    )


def _change_customer(rng: Random, record: Wire) -> Wire:
    moved = [{**each, "city": rng.choice(("Gent", "Riga", "Porto"))} for each in record["addresses"]]
    return rng.choice(
        (
            {"last_name": rng.choice(LAST)},
            {"phone": f"+49 {rng.randrange(10**9)}"},
            {"tags": rng.choice(("", "vip", "newsletter"))},
            {"addresses": moved},
        )
    )


def _change_order(rng: Random, record: Wire) -> Wire:
    note = f"called on day {rng.randrange(365)}"
    return rng.choice(({"notes": note}, {"status": rng.choice(STATES)}, {"confirmed": not record["confirmed"]}))


def _change_price(rng: Random, record: Wire) -> Wire:
    return {"currencies": [{**each, "price": rng.randrange(99, 9999)} for each in record["currencies"]]}


def _ship(rng: Random, _: Wire) -> Wire:
    return {"shipping_status": SHIPPED, "tracking_number": f"JD{rng.randrange(10**14):014d}"}


def _create_product(shop: "SimShop", rng: Random) -> None:
    title = _title(rng)
    locale = {"language_id": "en", "title": title, "version": "1.0"}
    shop.create(
        "products",
        {"title": title, "version": "1.0", "product_type": rng.choice(DIGITAL), "locales": [locale]},
    )


def _create_customer(shop: "SimShop", rng: Random) -> None:
    first, last = rng.choice(FIRST), rng.choice(LAST)
    email = f"new.{rng.getrandbits(40):x}@mail.example"
    address = {"first_name": first, "last_name": last, "city": "Gent", "zip": "9000", "country_code": "BE"}
    shop.create("customers", {"email": email, "first_name": first, "last_name": last, "addresses": [address]})


def _create_order(shop: "SimShop", rng: Random) -> None:
    products = shop.shelves["products"]
    picked = [products.copy(rng.choice(products.keys)) for _ in range(rng.choice((1, 1, 2, 3)))]
    lines = [{"product_id": each["product_id"], "quantity": rng.choice((1, 1, 2))} for each in picked]
    shop.create("orders", {"customer_token": rng.choice(shop.keys("customers")), "line_items": lines})


def _delete(resource: str) -> Draw:
    return lambda shop, rng: shop.delete(resource, rng.choice(shop.keys(resource)))


# verb, weight, resources that must not be empty, what happens
DRAWS: tuple[tuple[str, int, str, Draw], ...] = (
    ("edit", 30, "products", _edit("products", _change_product)),
    ("edit", 15, "orders", _edit("orders", _change_order)),
    ("edit", 20, "customers", _edit("customers", _change_customer)),
    ("edit", 3, "categories", _edit("categories", lambda rng, _: {"title": _title(rng)})),
    ("edit", 2, "prices", _edit("prices", _change_price)),
    ("edit", 3, "fulfillments", _edit("fulfillments", _ship)),
    ("edit", 2, "currency_rates", _edit("currency_rates", lambda rng, _: {"rate_to_eur": rng.randrange(9999) / 1000})),
    ("edit", 1, "theme_settings", _edit("theme_settings", lambda rng, _: {"meta_tag": f"tag-{rng.randrange(99)}"})),
    ("create", 4, "", _create_product),
    ("create", 5, "", _create_customer),
    ("create", 12, "products customers", _create_order),
    ("delete", 2, "products", _delete("products")),
    ("delete", 2, "customers", _delete("customers")),
)
