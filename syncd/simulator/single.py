"""One record: read, create, change, delete, and the login that looks a customer up by email and password."""

import json
from typing import TYPE_CHECKING, Any

from syncd.simulator.effects import TOPICS
from syncd.simulator.ground import Wire
from syncd.simulator.lists import show, trimmed
from syncd.simulator.purchase import WRONG_PASSWORD
from syncd.simulator.resources import CUSTOMERS
from syncd.simulator.shapes import shape
from syncd.simulator.sheets import Sheet
from syncd.simulator.switches import Switches
from syncd.simulator.wire import Reply, Request
from syncd.simulator.writes import RefusedError

if TYPE_CHECKING:
    from syncd.simulator.shop import SimShop


def answer_single(shop: "SimShop", sheet: Sheet, generation: str, key: str, request: Request) -> Reply:
    """GET, PUT and DELETE of one record."""
    verb = {"GET": "one", "PUT": "update", "DELETE": "delete"}.get(request.method, "")
    if verb not in sheet.verbs:
        return Reply.error(405, "Method not allowed")
    switches = shop.switches.of(sheet.name)
    if not _serves(switches, sheet, generation):
        return Reply.error(404, "Not found")
    if key not in shop.shelves[sheet.name]:
        return absent(switches.not_found)
    if verb == "one":
        return _enveloped(shop, sheet, generation, key, request)
    if verb == "delete":
        shop.delete(sheet.name, key, by="api")
        return Reply(200)
    fields = body_of(request, sheet)
    if sheet.name == "customers":
        _change_login(shop, key, fields)
    shop.edit(sheet.name, key, fields, by="api")
    return _enveloped(shop, sheet, generation, key)


def create(shop: "SimShop", sheet: Sheet, generation: str, request: Request) -> Reply:
    """POST of a new record. Not idempotent: the same body twice makes two."""
    if not _serves(shop.switches.of(sheet.name), sheet, generation):
        return Reply.error(404, "Not found")
    fields = body_of(request, sheet)
    if sheet.name == "webhooks" and fields.get("scope") not in TOPICS:
        raise RefusedError("there is no such scope", 400)
    fields.pop("known_email", None)
    if sheet.name == "orders" and (email := request.asked("email")) is not None:
        fields["known_email"] = email
    if sheet.name == "customers":
        password = _new_password(fields)
        key = shop.create(sheet.name, fields, by="api")
        if password:
            shop.set_password(key, password)
    else:
        key = shop.create(sheet.name, fields, by="api")
    return _enveloped(shop, sheet, generation, key)


def _serves(switches: Switches, sheet: Sheet, generation: str) -> bool:
    """Whether this generation takes single records of the resource."""
    return not sheet.path2 or switches.generation in {"both", "api2" if generation == "api2" else "v1"}


def login(shop: "SimShop", generation: str, request: Request) -> Reply:
    """`GET customers.json?email=&password=`: the customer, an error that names the companies, or {} where unknown."""
    email, password = request.asked("email") or "", request.asked("password") or ""
    if not password:
        return Reply.error(400, "password is required")
    key = shop.shelves["customers"].find("email", email.lower())
    if key is None:
        return Reply.of({})
    if not shop.password_fits(key, password):
        return Reply.of({"error": WRONG_PASSWORD, "error_code": -1, "companies": [shop.name]})
    return _enveloped(shop, CUSTOMERS, generation, key)


def absent(form: str) -> Reply:
    """What a record that is not there looks like."""
    if form == "empty_object":
        return Reply.of({})
    if form == "error_object":
        return Reply.of({"error": "Not found", "error_code": -2})
    return Reply.error(404, "Not found")


def body_of(request: Request, sheet: Sheet | str) -> Wire:
    """The object in a request's envelope. Raises RefusedError."""
    try:
        body: Any = json.loads(request.body)
    except ValueError:
        raise RefusedError("the body is not JSON", 400) from None
    keys = (sheet,) if isinstance(sheet, str) else (sheet.singular, sheet.singular2)
    for key in keys:
        if isinstance(body, dict) and key and isinstance(body.get(key), dict):
            return dict(body[key])
    raise RefusedError(f"the body has no {keys[0]}", 400)


def _enveloped(shop: "SimShop", sheet: Sheet, generation: str, key: str, request: Request | None = None) -> Reply:
    """One record in the envelope of a generation; only a GET trims."""
    switches = shop.switches.of(sheet.name)
    form = shape(sheet, switches, "api2" if generation == "api2" else "v1", thin=False)
    shown = show(shop, sheet, form, key)
    envelope = sheet.singular2 if generation == "api2" else sheet.singular
    return Reply.of({envelope: trimmed(switches, request, shown) if request else shown})


def _new_password(fields: Wire) -> str:
    """The password in a body, taken out of it. Raises RefusedError where its confirmation differs."""
    password = str(fields.pop("password", "") or "")
    if password and str(fields.pop("password_confirmation", "")) != password:
        raise RefusedError("password_confirmation does not match")
    return password


def _change_login(shop: "SimShop", key: str, fields: Wire) -> None:
    email = fields.get("email")
    if email and shop.shelves["customers"].find("email", str(email).lower()) not in {None, key}:
        raise RefusedError("a customer with this email exists")
    if password := _new_password(fields):
        shop.set_password(key, password)
