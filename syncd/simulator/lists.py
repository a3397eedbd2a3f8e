"""Lists and counts: filters, order, pages, envelopes."""

from typing import TYPE_CHECKING, Any

from syncd.simulator.ground import Wire
from syncd.simulator.sales import SHIPPED
from syncd.simulator.shapes import Shape, poisoned, shape
from syncd.simulator.sheets import Sheet
from syncd.simulator.switches import Switches
from syncd.simulator.times import read
from syncd.simulator.wire import Reply, Request
from syncd.simulator.writes import RefusedError

if TYPE_CHECKING:
    from syncd.simulator.shop import SimShop

SEARCHED = ("version", "title", "comment", "product_id", "product_type")


def answer_list(shop: "SimShop", sheet: Sheet, generation: str, request: Request, state: str = "") -> Reply:
    """A list, or the page of it that was asked for."""
    switches = shop.switches.of(sheet.name)
    keys = _chosen(shop, sheet, request, state)
    if generation == "api2":
        return _entries(shop, sheet, keys, request)
    number = page_number(request, switches.page_param) if switches.paging else None
    if number is None and switches.paging and switches.without_page == "first":
        number = 1
    keys = _ordered(shop, sheet, keys, number)
    if number is not None:
        last = max(1, -(-len(keys) // switches.page_size))
        if number > last and switches.past_end == "not_found":
            return Reply.error(404, "Not found")
        if number > last and switches.past_end == "repeat_last":
            number = last
        keys = keys[(number - 1) * switches.page_size : number * switches.page_size]
    form = shape(sheet, switches, "v1", thin=switches.thin_lists)
    shown = [trimmed(switches, request, show(shop, sheet, form, key)) for key in keys]
    if sheet.name == "companies" and shown and request.asked("updated_at_min") is None:
        return Reply.of({sheet.singular: shown[0]})  # without being asked for more, a company sees itself
    if switches.singular_for_one and len(shown) == 1:
        return Reply.of({sheet.singular: shown[0]})
    return Reply.of({sheet.name: shown})


def answer_count(shop: "SimShop", sheet: Sheet, request: Request) -> Reply:
    """How many there are; honoured filters count too."""
    number = len(_chosen(shop, sheet, request, ""))
    match shop.switches.of(sheet.name).count:
        case "count":
            return Reply.of({"count": number})
        case "total":
            return Reply.of({"total": number})
        case "bare":
            return Reply.of(number)
        case _:
            return Reply.error(404, "Not found")


def show(shop: "SimShop", sheet: Sheet, form: Shape, key: str) -> Wire:
    """One record as it goes out, poison included. Raises KeyError."""
    record = shop.shelves[sheet.name].get(key)
    if record is None:
        raise KeyError(key)
    poison = shop.poison_of(sheet.name, key)
    shown = form.show(record)
    return poisoned(sheet, shown, poison) if poison else shown


def trimmed(switches: Switches, request: Request, record: Wire) -> Wire:
    """The record with the fields that `fields=` names, on the first level, where that is honoured."""
    wanted = request.asked("fields")
    if not wanted or not switches.fields:
        return record
    names = [name.strip() for name in wanted.split(",")]
    return {name: record[name] for name in names if name in record}


def page_number(request: Request, name: str) -> int | None:
    """The page that was asked for, None where none was. Raises RefusedError."""
    text = request.asked(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise RefusedError(f"{name} must be a number from 1", 400)
    return int(text)


def _entries(shop: "SimShop", sheet: Sheet, keys: list[str], request: Request) -> Reply:
    """A list of the second generation, in its own envelope (misspelt as it is)."""
    page = page_number(request, "page") or page_number(request, "Page") or 1
    size = shop.switches.of(sheet.name).page_size
    part = keys[(page - 1) * size : page * size]
    form = shape(sheet, shop.switches.of(sheet.name), "api2", thin=False)
    return Reply.of(
        {
            "entries": [show(shop, sheet, form, key) for key in part],
            "total": len(keys),
            "items": size,
            "page": page,
            "pages": -(-len(keys) // size),
            "sortOrder": "id",
            "sordDirection": "asc",
            "eChart": None,
            "jsonTable": None,
        }
    )


def _chosen(shop: "SimShop", sheet: Sheet, request: Request, state: str) -> list[str]:
    """The keys that the honoured filters leave, oldest first."""
    switches, shelf = shop.switches.of(sheet.name), shop.shelves[sheet.name]
    keys = list(shelf.keys)
    for name, value in request.query:
        if name in switches.filters and name.endswith(("_min", "_max")) and value:
            keys = _within(shop, sheet, keys, name, value)
    search = request.asked("query")
    if search and sheet.name == "products" and switches.search:
        keys = [key for key in keys if _matches(shelf.get(key) or {}, search)]
    if state:
        shipped = state == "complete"
        keys = [key for key in keys if ((shelf.get(key) or {})["shipping_status"] == SHIPPED) == shipped]
    return keys


def _within(shop: "SimShop", sheet: Sheet, keys: list[str], name: str, value: str) -> list[str]:
    """The keys whose time lies within a bound, itself included. Raises RefusedError."""
    try:
        bound = read(value)
    except ValueError:
        raise RefusedError(f"{name} is not a time", 400) from None
    if name.startswith("created_at"):
        at = 0
    elif sheet.stamp and name.startswith(sheet.stamp):
        at = 1
    else:
        return keys
    times = shop.shelves[sheet.name].times()
    if name.endswith("_min"):
        return [key for key in keys if times[key][at] >= bound]
    return [key for key in keys if times[key][at] <= bound]


def _matches(record: Wire, search: str) -> bool:
    field, _, value = search.partition(":")
    if field not in SEARCHED:
        return True
    have: Any = record.get(field)
    return value.casefold() in have.casefold() if isinstance(have, str) else str(have) == value


def _ordered(shop: "SimShop", sheet: Sheet, keys: list[str], page: int | None) -> list[str]:
    """The keys in the order of this shop; a shuffled walk keeps its order from page to page."""
    order = shop.switches.of(sheet.name).list_order
    if order == "id_desc":
        return keys[::-1]
    if order == "shuffled_each_call" or (order == "shuffled_each_walk" and page in {None, 1}):
        shop.orders_drawn[sheet.name] = shop.rng.getrandbits(32)
    if order != "id_asc":
        drawn = shop.orders_drawn.get(sheet.name, 0)
        keys.sort(key=lambda key: hash_of(key, drawn))
    return keys


def hash_of(key: str, drawn: int) -> int:
    """A place in an order that depends on key and draw only, so that a record keeps it while others come and go."""
    value = drawn ^ 2_166_136_261
    for byte in key.encode():
        value = (value ^ byte) * 16_777_619 & 0xFFFFFFFF
    return value ^ value >> 15
