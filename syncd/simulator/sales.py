"""Seeded orders over the last days, and the fulfillments of those with something to ship."""

from functools import lru_cache
from math import pi, sin

from syncd.simulator.catalogue import PHYSICAL, Ware, is_physical, ware
from syncd.simulator.ground import DAY_S, Ground, Wire, spaced_id, words
from syncd.simulator.people import buyer, customer, face
from syncd.simulator.premises import theme_key

STATES = ("completed", "completed", "completed", "completed", "paid", "refunded")
METHODS = ("paypal", "card", "invoice", "sofort")
SHIPPED = 100
SHIP_TO = words(
    "id|first_name|last_name|name|company|address1|address2|zip|city|country_name|country_code|default|token"
)


def order_key(_: Ground, place: int) -> int:
    """The id of the order at a place."""
    return spaced_id(105_489, place)


def ships(ground: Ground, place: int) -> bool:
    """Whether the order at a place holds a physical product: every fifth does."""
    return place % 5 == 2 and ground.products > 1


def order_times(ground: Ground, place: int) -> tuple[str, str]:
    """(created_at, updated_at) of an order: ids rise with time, weekends sell more."""
    share = (place + ground.share("order-time", place)) / ground.orders
    weeks = max(1, ground.days // 7)
    share -= 0.5 * sin(2 * pi * weeks * share) / (2 * pi * weeks)
    age = (1 - share) * ground.days * DAY_S
    quiet = ground.share("order-age", place)
    return ground.ago(age), ground.ago(max(0.0, age - 3 * DAY_S * quiet**4))


def order(ground: Ground, place: int) -> Wire:
    """The order at a place, whole. Customer and titles are as they were when it was placed."""
    who = face(ground, buyer(ground, place))
    dice = ground.dice("order", place)
    created, updated = order_times(ground, place)
    lines = [
        line(item, 1_000_000 + 10 * place + n, count, f"{dice.getrandbits(48):012X}")
        for n, (item, count) in enumerate(basket(ground, place))
    ]
    return {
        "id": order_key(ground, place),
        "order_number": f"FR-{order_key(ground, place)}",
        "email": who.email,
        "confirmed": dice.random() < 0.96,
        "notes": "" if dice.random() < 0.9 else "Please leave the parcel with the neighbour.",
        "status": dice.choice(STATES),
        "created_at": created,
        "updated_at": updated,
        "theme_setting_id": theme_key(ground, place % max(1, ground.themes)),
        "currency": who.land.currency,
        "total_price": total(lines),
        "exchange": {"EUR": 1, "GBP": 0.8457, "USD": 1.0831, "CHF": 0.9412}[who.land.currency],
        "is_subscription": dice.random() < 0.04,
        "sales_channel": dice.choice(("shop", "shop", "marketplace")),
        "customer": {
            "id": who.id,
            "token": who.token,
            "email": who.email,
            "first_name": who.first_name,
            "last_name": who.last_name,
            "company": who.company,
        },
        "line_items": lines,
        "billing_address": {
            "name": f"{who.first_name} {who.last_name}",
            "address1": "",
            "zip": who.land.places[0][1],
            "city": who.land.places[0][0],
            "country_code": who.land.code,
        },
        "payment": {"method": dice.choice(METHODS), "reference": f"TX{dice.getrandbits(40):010X}"},
    }


def line(item: Ware, number: int, quantity: int, code: str) -> Wire:
    """One line of an order."""
    return {
        "id": number,
        "product_id": item.product_id,
        "title": item.title,
        "version": item.version,
        "license_id": item.license_id,
        "quantity": quantity,
        "hd": item.product_type == 9,
        "audio_type": 0,
        "num_users": 1,
        "price": item.price,
        "code": code,
        "tax_rate": 0.07 if item.product_type in {7, 16} else 0.19,
    }


def total(lines: list[Wire]) -> int:
    """What the lines of an order cost together, in cents."""
    return sum(row["price"] * row["quantity"] for row in lines)


def basket(ground: Ground, place: int) -> list[tuple[Ware, int]]:
    """What was bought, and how many: one to five products, some of them far more popular than others."""
    if not ground.products:
        return []
    luck = ground.number("lines", place)
    count = (1, 1, 1, 2, 2, 3, 4, 5)[luck % 8]
    places = [int(ground.products * ground.share(f"pick-{n}", place) ** 2) for n in range(count)]
    bought = [n for n in places if not is_physical(ground, n)]
    if ships(ground, place):
        last = ground.products - 1
        thing = places[0] // 6 * 6 + 5 if last >= 5 else last
        bought = [*bought[:4], thing if thing <= last else 5]
    picked = list(dict.fromkeys(bought)) or [0]
    return [(ware(ground, n), (1, 1, 1, 1, 2, 3)[(luck >> 8 + 3 * at) % 6]) for at, n in enumerate(picked)]


@lru_cache(maxsize=8)
def spent(ground: Ground) -> dict[int, tuple[int, int]]:
    """Per customer's place: how many orders, and what they cost together in cents."""
    sums: dict[int, tuple[int, int]] = {}
    for place in range(ground.orders):
        who = buyer(ground, place)
        count, cents = sums.get(who, (0, 0))
        sums[who] = count + 1, cents + sum(item.price * n for item, n in basket(ground, place))
    return sums


def fulfillment_places(ground: Ground) -> list[int]:
    """The places of all orders that ship."""
    return [place for place in range(ground.orders) if ships(ground, place)]


def fulfillment(ground: Ground, place: int) -> Wire:
    """The fulfillment of the order at a place. Province and code are swapped, as in the reference."""
    home = customer(ground, buyer(ground, place))
    lines = [(item, count) for item, count in basket(ground, place) if item.product_type == PHYSICAL]
    old = place < ground.orders * 0.97
    return shipment(ground.company_id, order(ground, place), home, lines) | {
        "shipping_status": SHIPPED if old else 0,
        "tracking_number": f"JD{ground.number('parcel', place) % 10**14:014d}" if old else "",
    }


def shipment(company_id: int, sold: Wire, home: Wire, lines: list[tuple[Ware, int]]) -> Wire:
    """A fulfillment, not shipped yet."""
    return {
        "id": sold["id"],
        "created_at": sold["created_at"],
        "company_id": company_id,
        "shipping_status": 0,
        "shipping_model": "Standard parcel",
        "tracking_number": "",
        "customer": {name: home[name] for name in SHIP_TO}
        | {"province_code": home["province"], "province": home["province_code"]},
        "line_items": [
            {
                "id": item.id,
                "product_id": item.product_id,
                "title": item.title,
                "version": item.version,
                "Quantity": quantity,
                "gtin": item.gtin,
                "weight": item.weight,
            }
            for item, quantity in lines
        ],
    }
