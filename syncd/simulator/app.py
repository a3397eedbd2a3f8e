"""The HTTP side of a simulated shop: `answer(shop, request) -> reply`, pure but for what the shop writes down.

Who may come in, in which order: token, bucket, scope, then the resource. Must not know sockets, faults or other shops.
"""

import re

from syncd.simulator import addresses, lists, oauth
from syncd.simulator.resources import SHEETS
from syncd.simulator.sheets import Sheet
from syncd.simulator.shop import SimShop
from syncd.simulator.single import answer_single, create, login
from syncd.simulator.times import http_date
from syncd.simulator.wire import Reply, Request
from syncd.simulator.writes import RefusedError

KEY = re.compile(r"/(?:[A-Z]{16}|\d+)(?=[/.])")
BY_PATH = {
    **{("api", sheet.path): sheet for sheet in SHEETS.values()},
    **{("api2", sheet.path2): sheet for sheet in SHEETS.values() if sheet.path2},
}
OPEN = {
    ("GET", "/oauth2/auth"): oauth.answer_consent,
    ("POST", "/token"): oauth.answer_token,
    ("GET", "/api/tokeninfo"): oauth.answer_token_facts,
}
REPORTS = ("/api/logging.json", "/api/tokenfailed.json")


def answer(shop: SimShop, request: Request) -> Reply:
    """The shop's reply to one request; it is in the books when this returns."""
    shop.books.calls[request.method, KEY.sub("/{}", request.path)] += 1
    door = OPEN.get((request.method, request.path))
    if not shop.reachable:
        reply = Reply.error(404, "This shop does not exist.")
    elif door is not None:
        reply = door(shop, request)
    elif request.path.startswith(("/api/", "/api2/")):
        reply = _answer_api(shop, request)
    else:
        reply = Reply.error(404, "Not found")
    shop.books.answered[reply.status] += 1
    reply.headers["Date"] = http_date(shop.clock())
    return reply


def _answer_api(shop: SimShop, request: Request) -> Reply:
    access = shop.grants.access(oauth.bearer(request))
    if access is None or access.expires_at <= shop.clock():
        reply = Reply.error(401, "Authorization has been denied for this request.")
        reply.headers["WWW-Authenticate"] = "Bearer"
        return reply
    wait = shop.take(access.client_id)
    reply = throttled(shop, wait) if wait is not None else _route(shop, request, access.scopes)
    if shop.switches.limit_header:
        reply.headers[shop.switches.limit_header] = shop.gauge(access.client_id)
    return reply


def throttled(shop: SimShop, wait_s: float) -> Reply:
    """What a caller gets who finds the bucket full."""
    status = shop.switches.limit_status
    reply = Reply.error(status, "Exceeded the API call limit. Reduce request rates to resume service.")
    if shop.switches.retry_after:
        reply.headers["Retry-After"] = str(int(wait_s) + 1)
    return reply


def _route(shop: SimShop, request: Request, scopes: tuple[str, ...]) -> Reply:
    if request.path in REPORTS and request.method == "POST":
        shop.books.reports.append(request.body.decode("utf-8", "replace"))
        return Reply.of({})
    if request.path == "/api/apps.json":
        return Reply.of({"app": {"id": 1, "client_id": shop.client_ids[0]}})
    generation, *parts = request.path.removesuffix(".json").strip("/").split("/")
    sheet = BY_PATH.get((generation, parts[0])) if parts and request.path.endswith(".json") else None
    if sheet is None:
        return Reply.error(404, "Not found")
    if sheet.scope and sheet.scope not in scopes:
        return Reply.error(403, f"The scope {sheet.scope} was not granted.")
    try:
        return _serve(shop, sheet, generation, parts[1:], request)
    except RefusedError as refusal:
        return Reply.error(refusal.status, refusal.text, **refusal.more)


def _serve(shop: SimShop, sheet: Sheet, generation: str, rest: list[str], request: Request) -> Reply:
    """The reply of one resource: `rest` is what follows its path."""
    match request.method, rest:
        case "GET", []:
            if sheet.name == "customers" and request.asked("email") is not None:
                return login(shop, generation, request)
            return lists.answer_list(shop, sheet, generation, request)
        case "GET", ["count"] if "count" in sheet.verbs:
            return lists.answer_count(shop, sheet, request)
        case "GET", [("open" | "complete") as state] if sheet.name == "fulfillments":
            return lists.answer_list(shop, sheet, generation, request, state)
        case "GET", ["search"] if sheet.name == "companies":
            return Reply.of({"companies": []})
        case "POST", [] if "create" in sheet.verbs:
            return create(shop, sheet, generation, request)
        case _, [key]:
            return answer_single(shop, sheet, generation, key, request)
        case _, [token, "addresses", *more] if sheet.name == "customers" and generation == "api":
            return addresses.answer_addresses(shop, token, more, request)
    return Reply.error(405 if not rest else 404, "Not found" if rest else "Method not allowed")
