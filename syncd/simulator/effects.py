"""What the shop itself adds to a write: what a new record is born with, one default address, what webhooks tell."""

from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from syncd.simulator.ground import Wire
from syncd.simulator.resources import SHEETS
from syncd.simulator.times import text_at

if TYPE_CHECKING:
    from syncd.simulator.shop import SimShop

TOLD = {"products": "product", "orders": "order", "customers": "customer"}
VERBS = {"create": "create", "edit": "update", "delete": "delete"}
TOPICS = frozenset(f"{noun}/{verb}" for noun in TOLD.values() for verb in VERBS.values())
EMPTY_SHA256 = sha256(b"").hexdigest()  # how the hash is made is not documented; this is the documented sample


def birth(shop: "SimShop", resource: str, fields: Mapping[str, Any]) -> Wire:
    """What the shop fills in when a record is created."""
    born: Wire = {"id": shop.new_id(), "created_at": text_at(shop.clock())}
    if resource == "products":
        code = f"{shop.rng.getrandbits(48):012X}"
        born |= {"product_id": f"0001-{code[:4]}-{code[4:8]}-{code[8:]}", "valid": True}
        born |= {"owner_company_id": shop.company_id, "age_rating": "0"}
    elif resource == "customers":
        born |= {"token": shop.new_token(), "group_member_of": [], "default": bool(fields.get("addresses"))}
    elif resource == "theme_settings":
        born |= {"company_id": shop.company_id}
    return {name: value for name, value in born.items() if name in SHEETS[resource].by_name}


def settle_default(addresses: list[Wire]) -> None:
    """Exactly one address is the default: the last that was made so, or the first."""
    chosen = [n for n, each in enumerate(addresses) if each["default"]] or [0]
    for n, each in enumerate(addresses):
        each["default"] = n == chosen[-1]


def tell(shop: "SimShop", resource: str, key: str, verb: str, long_id: str = "") -> None:
    """Note what registered webhooks are to be sent; `courier.py` delivers it. Of a product both ids are told."""
    if resource not in TOLD or verb not in VERBS:
        return
    topic = f"{TOLD[resource]}/{VERBS[verb]}"
    hooks = shop.shelves["webhooks"]
    for hook in (hooks.get(each) or {} for each in hooks.keys):
        if hook["scope"] == topic and hook["is_valid"]:
            told = {"type": TOLD[resource], "id": key} | ({"long_id": long_id} if long_id else {})
            body = {"company_id": shop.company_id, "producer": "shop", "scope": topic, "data": told}
            notice = {"hook": str(hook["id"]), "destination": hook["destination"]}
            shop.notices.append(notice | {"body": body | {"hash": EMPTY_SHA256}})
