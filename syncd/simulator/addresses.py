"""The addresses of a customer, the one nested list that the shop also serves and takes element by element."""

from collections.abc import Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from syncd.simulator.ground import Wire
from syncd.simulator.resources import CUSTOMERS
from syncd.simulator.shapes import shape
from syncd.simulator.sheets import Sheet
from syncd.simulator.single import absent, body_of
from syncd.simulator.wire import Reply, Request
from syncd.simulator.writes import element

if TYPE_CHECKING:
    from syncd.simulator.shop import SimShop

ADDRESSES = "customer_addresses"
BRANCH = CUSTOMERS.branch_by_name["addresses"]
SHEET = Sheet(ADDRESSES, "", "address", "customers", frozenset(), BRANCH.fields, (), key="token")


def owner_of(shop: "SimShop", key: str) -> str:
    """The token of the customer who has an address. Raises KeyError."""
    token = shop.shelves["customers"].find("address", key)
    if token is None:
        raise KeyError(key)
    return token


def write(shop: "SimShop", owner: str, key: str, fields: Mapping[str, Any], by: str) -> str:
    """Change the address `key` of a customer, or add one where the key is empty; its token."""
    addresses = _all(shop, owner)
    old = next((each for each in addresses if each["token"] == key), None)
    if key and old is None:
        raise KeyError(key)
    new = element(BRANCH, shop.press("customers", by), old, dict(fields))
    if new["default"]:
        addresses = [each | {"default": False} for each in addresses]
    kept = [new if each["token"] == key else each for each in addresses]
    shop.keep_addresses(owner, kept if key else [*kept, new], new["token"], "edit" if key else "create", by)
    return str(new["token"])


def remove(shop: "SimShop", owner: str, key: str, by: str) -> None:
    """Take an address away."""
    kept = [each for each in _all(shop, owner) if each["token"] != key]
    shop.keep_addresses(owner, kept, key, "delete", by)


def answer_addresses(shop: "SimShop", owner: str, rest: list[str], request: Request) -> Reply:
    """`/api/customers/{owner}/addresses...`; `rest` is what follows. Raises RefusedError."""
    not_found = shop.switches.of("customers").not_found
    if owner not in shop.shelves["customers"]:
        return absent(not_found)
    if not rest:
        return _answer_all(shop, owner, request)
    key = rest[0]
    if key not in [each["token"] for each in _all(shop, owner)]:
        return absent(not_found)
    match request.method, rest[1:]:
        case "GET", []:
            pass
        case "PUT", []:
            write(shop, owner, key, body_of(request, "address"), "api")
        case "PUT", ["default"]:
            # This address knows one deed only: whatever a PUT of a whole address means, nothing else is emptied.
            old = next(each for each in _all(shop, owner) if each["token"] == key)
            write(shop, owner, key, old | {"default": True}, "api")
        case "DELETE", []:
            remove(shop, owner, key, "api")
            return Reply(200)
        case _:
            return Reply.error(405, "Method not allowed")
    return _shown(shop, owner, key)


def _answer_all(shop: "SimShop", owner: str, request: Request) -> Reply:
    if request.method == "POST":
        return _shown(shop, owner, write(shop, owner, "", body_of(request, "address"), "api"))
    if request.method != "GET":
        return Reply.error(405, "Method not allowed")
    shown = [_dressed(shop, each) for each in _all(shop, owner)]
    if shop.switches.of("customers").singular_for_one and len(shown) == 1:
        return Reply.of({"address": shown[0]})
    return Reply.of({"addresses": shown})


def _all(shop: "SimShop", owner: str) -> list[Wire]:
    customer = shop.shelves["customers"].get(owner)
    if customer is None:
        raise KeyError(owner)
    return deepcopy(list(customer["addresses"]))


def _dressed(shop: "SimShop", address: Wire) -> Wire:
    return shape(SHEET, shop.switches.of("customers"), "v1", thin=False).show(address)


def _shown(shop: "SimShop", owner: str, key: str) -> Reply:
    address = next(each for each in _all(shop, owner) if each["token"] == key)
    return Reply.of({"address": _dressed(shop, address)})
