"""Placing an order: who buys, what, and the fulfillment that follows. Takes no payment, as the reference says."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from syncd.simulator.catalogue import AMOUNTS, PHYSICAL, Ware, price_key
from syncd.simulator.ground import Wire
from syncd.simulator.people import LANDS
from syncd.simulator.resources import ORDERS
from syncd.simulator.sales import line, shipment, total
from syncd.simulator.writes import Press, RefusedError, settled, written

if TYPE_CHECKING:
    from syncd.simulator.shop import SimShop

WRONG_PASSWORD = "Customer found but password does not match."  # noqa: S105 - a message, as documented
LINES = ORDERS.branch_by_name["line_items"].by_name
CHOSEN = ("license_id", "hd", "audio_type", "num_users")
ASIDE = 999  # the price of a product that has no binding


def place_order(shop: "SimShop", press: Press, body: Mapping[str, Any]) -> Wire:
    """The order, its customer created or found, its fulfillment kept where something ships. Raises RefusedError."""
    wares = _wares(shop, body.get("line_items"))
    buyer = _buyer(shop, body)
    number = shop.new_id()
    rows = [
        line(ware, shop.new_id(), count, f"{shop.rng.getrandbits(48):012X}")
        | {name: settled(LINES[name], given[name], press) for name in CHOSEN if name in given}
        for ware, count, given in wares
    ]
    born = {
        "id": number,
        "order_number": f"FR-{number}",
        "created_at": press.now,
        "status": "completed",
        "confirmed": True,
        "currency": next((land.currency for land in LANDS if land.code == buyer["country_code"]), "EUR"),
        "exchange": 1,
        "total_price": total(rows),
        "sales_channel": "api",
        "customer": {name: buyer[name] for name in ("id", "token", "email", "first_name", "last_name", "company")},
        "payment": {"method": "none", "reference": ""},
    }
    plain = {name: value for name, value in body.items() if name != "line_items" and value not in (None, "")}
    order = written(ORDERS, press, ORDERS.blank | born | {"line_items": rows}, plain, new=True)
    order |= {"email": buyer["email"], "line_items": rows}
    things = [(ware, count) for ware, count, _ in wares if ware.product_type == PHYSICAL]
    if things:
        shop.shelves["fulfillments"].put(str(number), shipment(shop.company_id, order, buyer, things))
        shop.book("fulfillments", str(number), "create", "shop", ())
    count, spent = buyer["orders_count"] + 1, buyer["total_spent"] + order["total_price"]
    shop.edit("customers", buyer["token"], {"orders_count": count, "total_spent": spent})
    return order


def _buyer(shop: "SimShop", body: Mapping[str, Any]) -> Wire:
    """The customer of an order: by token, by an email that needs no password (`known_email`), or by email and
    password, which creates the customer where there is none."""
    customers = shop.shelves["customers"]
    person = body.get("customer") or {}
    if not isinstance(person, dict):
        raise RefusedError("customer must be an object", 400)
    token = body.get("customer_token") or person.get("token") or ""
    known = str(body.get("known_email") or "")
    if known:
        token = customers.find("email", known.lower()) or ""
    if token or known:
        buyer = customers.get(str(token))
        if buyer is None:
            raise RefusedError("the customer does not exist")
        return buyer
    email = str(body.get("email") or person.get("email") or "")
    password = str(person.get("password") or body.get("password") or "")
    if not email or not password:
        raise RefusedError("an order needs customer_token, or email and password")
    found = customers.find("email", email.lower())
    if found is None:
        if password != str(person.get("password_confirmation") or password):
            raise RefusedError("password_confirmation does not match")
        found = shop.create("customers", {**person, "email": email}, by="api")
        shop.set_password(found, password)
    elif not shop.password_fits(found, password):
        raise RefusedError(WRONG_PASSWORD, 400, error_code=-1, companies=[shop.name])
    return customers.get(found) or {}


def _wares(shop: "SimShop", rows: Any) -> list[tuple[Ware, int, Wire]]:
    if not isinstance(rows, list) or not rows:
        raise RefusedError("an order needs line_items")
    found = []
    for row in rows:
        if not isinstance(row, dict):
            raise RefusedError("line_items must be a list of objects", 400)
        products = shop.shelves["products"]
        key = products.find("product_id", str(row.get("product_id", "")).upper())
        product = products.get(key) if key else None
        if product is None:
            raise RefusedError(f"no product has the product_id {row.get('product_id')!r}")
        count = row.get("quantity", 1)
        if not isinstance(count, int) or count < 1:
            raise RefusedError("quantity must be a whole number from 1")
        found.append((_ware(shop, product), count, row))
    return found


def _ware(shop: "SimShop", product: Wire) -> Ware:
    """What an order line takes over from a product as it is now."""
    prices = {price_key(shop.ground, place): cents for place, cents in enumerate(AMOUNTS)}
    binding = next(iter(product["price_license_binding"]), {"license_id": 1, "price_id": 0})
    return Ware(
        id=product["id"],
        product_id=product["product_id"],
        title=product["title"],
        version=product["version"],
        product_type=product["product_type"],
        license_id=binding["license_id"],
        price=prices.get(binding["price_id"], ASIDE),
        gtin=product["gtin"],
        weight=product["weight"],
    )
