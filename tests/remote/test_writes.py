"""Writes against the simulated shop under each of its switches, and what every way of failing says about them."""

import asyncio
import json
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx
import pytest

from syncd.domain.canonical import same
from syncd.domain.patch import Act, ElementChange, Patch, applied
from syncd.domain.record import Broken, Element, Item, Record
from syncd.domain.resource import Resource
from syncd.domain.resources import BY_NAME, CATEGORIES, CUSTOMERS, ORDERS, PRODUCTS, RESOURCES
from syncd.domain.secret import Secret
from syncd.errors import (
    DatabaseBusy,
    LostAnswer,
    NotUnderstood,
    Rejected,
    RemoteDown,
    ScopeMissing,
    SyncdError,
    Throttled,
)
from syncd.ports import RemoteWriter, Written
from syncd.remote.gateway import ShopGateway
from syncd.remote.writes import ShopWriter
from syncd.simulator.server import SimServer
from syncd.simulator.shop import SimShop
from syncd.simulator.switches import Switches
from syncd.simulator.transport import Faults, SimTransport
from tests.remote.doubles import PURPOSE, CountedBudget, Rig, Script, StillClock, rig, shop_of, simulated

T = TypeVar("T")
SMALL = {"products": 6, "orders": 8, "customers": 5, "categories": 5, "themes": 1}
ADDRESSES = CUSTOMERS.child_by_name["addresses"]
PASSWORD = 'pw-"horse"-17'
TITLE = Patch({"title": "New"})
LIMIT = "X-FlickRocket-Shop-Api-Call-Limit"


@dataclass
class Recorder(httpx.AsyncBaseTransport):
    """A wire that writes down what was sent over it."""

    inner: httpx.AsyncBaseTransport
    seen: list[httpx.Request] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.seen.append(request)
        return await self.inner.handle_async_request(request)

    @property
    def writes(self) -> list[tuple[str, str]]:
        return [(each.method, each.url.path) for each in self.seen if each.method != "GET"]

    def body(self, place: int = -1) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.seen[place].content)
        return body


@dataclass
class Bench:
    """A simulated shop and the gateway to it."""

    sim: SimShop
    net: SimTransport
    wire: Recorder
    it: Rig

    @property
    def gateway(self) -> ShopGateway:
        return self.it.gateway

    @property
    def writer(self) -> ShopWriter:
        return self.it.gateway.writer

    def key(self, resource: Resource, place: int = 0) -> str:
        return self.sim.keys(resource.name)[place]

    async def read(self, resource: Resource, key: str) -> tuple[Item, Record]:
        item = (await self.gateway.one(resource, key, PURPOSE)).item
        assert isinstance(item, Item)
        return item, self.record(resource, item)

    def record(self, resource: Resource, item: Item | Broken | None) -> Record:
        assert isinstance(item, Item)
        record = self.gateway.decode(resource, item)
        assert isinstance(record, Record)
        return record


def at_the_shop(scenario: Callable[[Bench], Awaitable[T]], *settings: str, character: str = "plain") -> T:
    async def run() -> T:
        clock = StillClock()
        switches = Switches.named(character).flipped(settings)
        sim, net, token = simulated(clock, switches=switches, **SMALL)
        wire = Recorder(net)
        async with rig(wire, tokens=[token], clock=clock) as it:
            return await scenario(Bench(sim, net, wire, it))

    return asyncio.run(run())


def to_script(
    script: Script, scenario: Callable[[Rig], Awaitable[T]] | None = None, **facts: Any
) -> tuple[T | Written, Rig]:
    async def run() -> tuple[T | Written, Rig]:
        async with rig(script, **facts) as it:
            if scenario is not None:
                return await scenario(it), it
            return await it.gateway.writer.update(PRODUCTS, "7", TITLE, None, PURPOSE, None), it

    return asyncio.run(run())


def failing(script: Script, scenario: Callable[[Rig], Awaitable[Any]] | None = None, **facts: Any) -> SyncdError:
    with pytest.raises(SyncdError) as caught:
        to_script(script, scenario, **facts)
    return caught.value


def answer(value: object, status: int = 200, **headers: str) -> httpx.Response:
    return httpx.Response(status, json=value, headers={name.replace("_", "-"): text for name, text in headers.items()})


def stable(record: dict[str, Any] | None, resource: Resource) -> dict[str, Any]:
    """The truth about a record, without what a write may move by itself: its stamp, and ids of elements."""
    assert record is not None
    kept = {name: value for name, value in record.items() if name != resource.stamp}
    for child in resource.children:
        if isinstance(kept.get(child.name), list):
            kept[child.name] = [{k: v for k, v in each.items() if k != "id"} for each in kept[child.name]]
    return kept


def test_it_is_a_remote_writer() -> None:
    clock = StillClock()
    gateway = ShopGateway(shop_of(), Script(answer({})), None, None, clock, None)  # type: ignore[arg-type]
    writer: RemoteWriter = gateway.writer
    assert writer


# --- updates, under every switch --------------------------------------------------------------------

CHARACTERS = ["plain", "rich", "poor", "quirky"]
WRITABLE = [resource for resource in RESOURCES if resource.writable]


@pytest.mark.parametrize("character", CHARACTERS)
@pytest.mark.parametrize("put", ["partial", "whole"])
@pytest.mark.parametrize("lists", ["merge", "replace"])
def test_a_record_written_back_as_read_stays_as_it_was(character: str, put: str, lists: str) -> None:
    async def scenario(shop: Bench) -> None:
        for resource in WRITABLE:
            for key in shop.sim.keys(resource.name)[:3]:
                item, _ = await shop.read(resource, key)
                before = shop.sim.record(resource.name, key)
                written = await shop.writer.update(resource, key, Patch(), item, PURPOSE, None)
                assert stable(shop.sim.record(resource.name, key), resource) == stable(before, resource)
                assert isinstance(written.item, Item)
                assert written.item.key == key

    at_the_shop(scenario, f"put={put}", f"child_lists={lists}", "not_found=404", character=character)


@pytest.mark.parametrize("flags", ["flags=ints", "flags=bools", "flags=mixed"])
@pytest.mark.parametrize("times", ["times=v1", "times=net"])
@pytest.mark.parametrize("put", ["put=partial", "put=whole"])
@pytest.mark.parametrize("partial", [True, False])
def test_a_patch_arrives_in_every_form(flags: str, times: str, put: str, partial: bool) -> None:
    async def scenario(shop: Bench) -> None:
        key = shop.key(PRODUCTS)
        item, record = await shop.read(PRODUCTS, key)
        first = record.children["locales"][0]
        english = ElementChange(Act.EDIT, "", {"title": "Edited"}, first, None)
        french = ElementChange(Act.ADD, "", {"language_id": "xx", "title": "Ajouté"}, None, None)
        gone = ElementChange(Act.REMOVE, "", {}, record.children["content_files"][0], None)
        patch = Patch(
            {
                "title": "Neu ✓",
                "allow_download_trial": not record.fields["allow_download_trial"],
                "valid": not record.fields["valid"],
                "release_date": record.fields["created_at"],
                "published_at": None,
                "attribute_set_id": None,
                "weight": record.fields["weight"],
            },
            {"locales": (english, french)},
        )
        sent = Patch(patch.fields, {**patch.children, "content_files": (gone,)})  # nobody may remove a content file
        written = await shop.writer.update(PRODUCTS, key, sent, item, PURPOSE, None, partial=partial)
        answered, wanted = shop.record(PRODUCTS, written.item), applied(PRODUCTS, record, patch)
        for each in PRODUCTS.fields:
            if each.name != "updated_at" and (put == "put=partial" or not partial):
                assert same(each.kind, answered.fields[each.name], wanted.fields[each.name]), each.name
        titles = [element.fields["title"] for element in answered.children["locales"]]
        assert titles == [element.fields["title"] for element in wanted.children["locales"]]
        read = (await shop.read(PRODUCTS, key))[1]
        assert answered == read

    at_the_shop(scenario, flags, times, put, "child_lists=replace")


def test_a_shop_that_merges_lists_takes_edits_and_additions() -> None:
    async def scenario(shop: Bench) -> None:
        key = next(key for key in shop.sim.keys("products") if len(shop.sim.record("products", key)["locales"]) > 1)  # type: ignore[index]
        item, record = await shop.read(PRODUCTS, key)
        first, second = record.children["locales"][:2]
        changes = (
            ElementChange(Act.EDIT, "", {"title": "Edited"}, first, None),
            ElementChange(Act.REMOVE, "", {}, second, None),
            ElementChange(Act.ADD, "", {"language_id": "xx"}, None, None),
        )
        written = await shop.writer.update(PRODUCTS, key, Patch({}, {"locales": changes}), item, PURPOSE, None)
        found = shop.record(PRODUCTS, written.item).children["locales"]
        assert [e.fields["language_id"] for e in found] == [
            *(e.fields["language_id"] for e in record.children["locales"]),  # what is left out stays: it says so
            "xx",
        ]
        assert found[0].fields["title"] == "Edited"

    at_the_shop(scenario, "child_lists=merge", "child_ids_anew=true")


def test_what_the_shop_ignores_or_trims_shows_in_the_answer() -> None:
    async def scenario(shop: Bench) -> None:
        item, record = await shop.read(PRODUCTS, shop.key(PRODUCTS))
        patch = Patch({"title": "  Trim me ", "comment": "ignored"})
        written = await shop.writer.update(PRODUCTS, item.key, patch, item, PURPOSE, None)
        fields = shop.record(PRODUCTS, written.item).fields
        assert (fields["title"], fields["comment"]) == ("Trim me", record.fields["comment"])

    at_the_shop(scenario, "trimmed_fields=title", "ignored_fields=comment")


@pytest.mark.parametrize("resource", WRITABLE, ids=lambda r: r.name)
def test_a_change_goes_to_the_address_of_its_resource(resource: Resource) -> None:
    async def scenario(shop: Bench) -> None:
        key = shop.key(resource)
        await shop.writer.update(resource, key, Patch(), None, PURPOSE, None)
        await shop.writer.update(resource, key, Patch(), None, PURPOSE, None, base=resource.path)
        usual = "/api2/orders" if resource is ORDERS else resource.path
        assert shop.wire.writes == [("PUT", f"{usual}/{key}.json"), ("PUT", f"{resource.path}/{key}.json")]
        assert [shop.wire.body(n) for n in (0, 1)] == [{resource.singular: {}}] * 2
        assert shop.wire.seen[0].headers["Content-Type"] == "application/json"

    at_the_shop(scenario)


def test_the_other_generation_has_its_own_envelope() -> None:
    async def scenario(shop: Bench) -> None:
        settings = BY_NAME["theme_settings"]
        key = shop.key(settings)
        patch = Patch({"name": "Renamed"})
        written = await shop.writer.update(settings, key, patch, None, PURPOSE, None, base=settings.path2)
        assert shop.wire.body() == {"entry": {"name": "Renamed"}}
        assert shop.record(settings, written.item).fields["name"] == "Renamed"

    at_the_shop(scenario)


def test_where_one_generation_is_silent_the_other_is_asked_and_remembered() -> None:
    async def scenario(shop: Bench) -> None:
        key = shop.key(ORDERS)
        for _ in range(2):
            await shop.writer.update(ORDERS, key, Patch({"notes": "n"}), None, PURPOSE, None)
        await shop.writer.create(PRODUCTS, Record({"title": "T"}), {}, PURPOSE, None)
        assert shop.wire.writes == [
            ("PUT", f"/api2/orders/{key}.json"),
            ("PUT", f"/api/orders/{key}.json"),
            ("PUT", f"/api/orders/{key}.json"),
            ("POST", "/api2/products.json"),
            ("POST", "/api/products.json"),
        ]
        assert len(shop.it.budget.tickets) == 5
        assert len(shop.sim.keys("products")) == SMALL["products"] + 1

    at_the_shop(scenario, "generation=v1")


# --- creates and deletes ----------------------------------------------------------------------------


def test_a_product_is_created_with_its_lists_and_deleted_again() -> None:
    async def scenario(shop: Bench) -> None:
        lists = {"locales": (Element({"language_id": "en", "title": "T"}),)}
        body = Record({"title": "T", "product_type": 6, "valid": True}, lists)
        written = await shop.writer.create(PRODUCTS, body, {}, PURPOSE, None)
        record = shop.record(PRODUCTS, written.item)
        assert isinstance(written.item, Item)
        assert (record.fields["title"], record.fields["product_type"]) == ("T", 6)
        assert record.children["locales"][0].fields["title"] == "T"
        gone = await shop.writer.delete(PRODUCTS, written.item.key, PURPOSE, None)
        assert (gone.item, shop.sim.record("products", written.item.key)) == (None, None)
        assert shop.wire.writes == [
            ("POST", "/api2/products.json"),
            ("DELETE", f"/api/products/{written.item.key}.json"),
        ]

    at_the_shop(scenario)


def test_a_category_and_a_customer_are_created() -> None:
    async def scenario(shop: Bench) -> None:
        parent = int(shop.key(CATEGORIES))
        child = await shop.writer.create(CATEGORIES, Record({"title": "C", "parent_id": parent}), {}, PURPOSE, None)
        assert shop.record(CATEGORIES, child.item).fields["parent_id"] == parent
        secrets = {"password": Secret(PASSWORD)}
        made = await shop.writer.create(CUSTOMERS, Record({"email": "n@mail.example"}), secrets, PURPOSE, None)
        assert isinstance(made.item, Item)
        assert shop.sim.password_fits(made.item.key, PASSWORD)
        assert shop.wire.body() == {
            "customer": {"email": "n@mail.example", "password": PASSWORD, "password_confirmation": PASSWORD}
        }

    at_the_shop(scenario)


def test_an_order_names_its_buyer_by_token_by_email_or_brings_a_new_one() -> None:
    async def scenario(shop: Bench) -> None:
        product = shop.sim.record("products", shop.key(PRODUCTS))
        buyer = shop.sim.record("customers", shop.key(CUSTOMERS))
        assert product
        assert buyer
        lines = {"line_items": (Element({"product_id": product["product_id"], "quantity": 2}),)}
        by_token = Record({"order_number": "N-1", "customer_token": buyer["token"]}, lines)
        by_email = Record({"order_number": "N-2", "email": buyer["email"]}, lines)
        brought = Record({"order_number": "N-3", "email": "new@mail.example", "customer_last_name": "L"}, lines)
        secrets = {"password": Secret(PASSWORD)}
        found = []
        for body, given in ((by_token, {}), (by_email, {}), (brought, secrets)):
            written = await shop.writer.create(ORDERS, body, given, PURPOSE, None)
            found.append(shop.record(ORDERS, written.item).fields)
        assert [each["order_number"] for each in found] == ["N-1", "N-2", "N-3"]
        assert [each["customer_token"] for each in found[:2]] == [buyer["token"]] * 2
        assert (found[2]["customer_email"], found[2]["customer_last_name"]) == ("new@mail.example", "L")
        assert shop.sim.password_fits(str(found[2]["customer_token"]), PASSWORD)
        assert shop.wire.writes == [("POST", "/api/orders.json")] * 3
        assert [each.url.params.get("email") for each in shop.wire.seen] == [None, buyer["email"], None]
        for place in range(3):
            body = shop.wire.body(place)["order"]
            assert (body["customer_notification"], body["password_option"], body["generate_codes"]) == (0, 0, False)

    at_the_shop(scenario)


def test_of_two_creates_each_makes_one() -> None:
    async def scenario(shop: Bench) -> None:
        first, second = [
            await shop.writer.create(CATEGORIES, Record({"title": "Same"}), {}, PURPOSE, None) for _ in range(2)
        ]
        assert isinstance(first.item, Item)
        assert isinstance(second.item, Item)
        assert first.item.key != second.item.key
        assert len(shop.wire.writes) == 2

    at_the_shop(scenario)


@pytest.mark.parametrize(
    ("form", "outcome"), [("404", Rejected), ("error_object", Rejected), ("empty_object", Written)]
)
def test_a_record_that_is_not_there(form: str, outcome: type) -> None:
    async def scenario(shop: Bench) -> object:
        try:
            return await shop.writer.update(PRODUCTS, "1", TITLE, None, PURPOSE, None)
        except Rejected as problem:
            return problem

    found = at_the_shop(scenario, f"not_found={form}")
    assert isinstance(found, outcome)
    if isinstance(found, Written):
        assert found.item is None  # the next read says what that means
    else:
        assert "Not found" in str(found)


# --- elements with an address of their own ----------------------------------------------------------


@pytest.mark.parametrize("put", ["put=partial", "put=whole"])
def test_addresses_come_change_and_go(put: str) -> None:
    async def scenario(shop: Bench) -> None:
        key = shop.key(CUSTOMERS)
        home = f"/api/customers/{key}/addresses"
        before = len(await shop.gateway.elements(CUSTOMERS, ADDRESSES, key, PURPOSE))
        added = await shop.writer.add_element(CUSTOMERS, ADDRESSES, key, {"city": "Wien", "zip": "1010"}, PURPOSE)
        assert isinstance(added.item, Item)
        token = added.item.key
        element = shop.gateway.writer.decode_element(ADDRESSES, added.item)
        assert isinstance(element, Element)
        assert (element.fields["token"], element.fields["city"]) == (token, "Wien")
        edited = await shop.writer.edit_element(
            CUSTOMERS, ADDRESSES, key, token, {"city": "Linz", "default": True}, PURPOSE, whole=element
        )
        after = shop.gateway.writer.decode_element(ADDRESSES, edited.item) if isinstance(edited.item, Item) else None
        assert isinstance(after, Element)
        assert [after.fields[name] for name in ("city", "zip", "default")] == ["Linz", "1010", True]
        await shop.writer.edit_element(CUSTOMERS, ADDRESSES, key, token, {"default": True}, PURPOSE)
        removed = await shop.writer.remove_element(CUSTOMERS, ADDRESSES, key, token, PURPOSE)
        assert removed.item is None
        assert len(await shop.gateway.elements(CUSTOMERS, ADDRESSES, key, PURPOSE)) == before
        assert shop.wire.writes == [
            ("POST", f"{home}.json"),
            ("PUT", f"{home}/{token}.json"),
            ("PUT", f"{home}/{token}/default.json"),
            ("PUT", f"{home}/{token}/default.json"),
            ("DELETE", f"{home}/{token}.json"),
        ]
        assert len(shop.it.budget.tickets) == len(shop.wire.seen)

    at_the_shop(scenario, put)


def test_an_element_that_is_not_there_is_refused() -> None:
    async def scenario(shop: Bench) -> None:
        with pytest.raises(Rejected) as caught:
            await shop.writer.remove_element(CUSTOMERS, ADDRESSES, shop.key(CUSTOMERS), "A" * 16, PURPOSE)
        assert caught.value.status == 404

    at_the_shop(scenario)


# --- what a failure says ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "outcome", "acted"),
    [
        ("connect_failed", RemoteDown, False),
        ("unavailable", RemoteDown, False),
        ("refusals", Throttled, False),
        ("reset_before", LostAnswer, False),
        ("crash", LostAnswer, False),
        ("html", LostAnswer, False),
        ("answer_lost", LostAnswer, True),
        ("timed_out", LostAnswer, True),
        ("half_body", LostAnswer, True),
        ("slow_body", LostAnswer, True),
        ("garbled", Written, True),
    ],
)
@pytest.mark.parametrize("verb", ["create", "update", "delete", "add", "edit", "remove"])
def test_every_trouble_says_whether_the_shop_may_have_it(
    fault: str, outcome: type[SyncdError], acted: bool, verb: str
) -> None:
    async def scenario(shop: Bench) -> None:
        key = next(key for key in shop.sim.keys("customers") if shop.sim.record("customers", key)["addresses"])  # type: ignore[index]
        address = shop.sim.record("customers", key)["addresses"][0]["token"]  # type: ignore[index]
        writer = shop.writer
        deeds: dict[str, Callable[[], Awaitable[Written]]] = {
            "create": lambda: writer.create(CATEGORIES, Record({"title": "T"}), {}, PURPOSE, None),
            "update": lambda: writer.update(CUSTOMERS, key, Patch({"note": "n"}), None, PURPOSE, None),
            "delete": lambda: writer.delete(CUSTOMERS, key, PURPOSE, None),
            "add": lambda: writer.add_element(CUSTOMERS, ADDRESSES, key, {"city": "Wien"}, PURPOSE),
            "edit": lambda: writer.edit_element(CUSTOMERS, ADDRESSES, key, address, {"city": "Wien"}, PURPOSE),
            "remove": lambda: writer.remove_element(CUSTOMERS, ADDRESSES, key, address, PURPOSE),
        }
        if fault in {"half_body", "garbled", "slow_body"} and verb in {"delete", "remove"}:
            return  # their answers are empty: nothing can break in them
        shop.net.faults = Faults(slow_s=1000, **{fault: 1.0})  # type: ignore[arg-type]
        if outcome is Written:
            assert (await deeds[verb]()).item is None
        else:
            with pytest.raises(outcome) as caught:
                await deeds[verb]()
            assert caught.value.hint
        assert len(shop.wire.seen) == len(shop.it.budget.tickets) == 1  # sent once, whatever came back
        assert bool(shop.sim.books.writes) is acted

    at_the_shop(scenario)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (500, LostAnswer), (501, LostAnswer), (502, LostAnswer), (504, LostAnswer), (408, LostAnswer),
        (302, LostAnswer), (303, LostAnswer),
        (503, RemoteDown), (301, RemoteDown), (307, RemoteDown), (308, RemoteDown),
        (429, Throttled), (401, ScopeMissing), (403, ScopeMissing),
        (400, Rejected), (404, Rejected), (405, Rejected), (409, Rejected), (422, Rejected),
    ],
)  # fmt: skip
def test_a_status_says_whether_the_shop_may_have_it(status: int, outcome: type[SyncdError]) -> None:
    script = Script(answer({"error": "because"}, status))
    problem = failing(script)
    assert type(problem) is outcome
    assert isinstance(problem, Rejected) is (getattr(problem, "status", None) == status)
    assert problem.hint
    # Only where nobody took it (404, 405), or the token was refused, is it sent again: once.
    assert len(script.seen) == (2 if status in {401, 404, 405} else 1)


def test_a_full_bucket_is_known_by_its_header_too_and_told_to_the_budget() -> None:
    budget = CountedBudget()
    full = failing(Script(answer({}, 503, **{LIMIT: "40/40", "Retry-After": "7"})), budget=budget)
    assert isinstance(full, Throttled)
    assert (full.after_s, budget.refusals, budget.levels) == (7.0, [(7.0, True)], [(1, 40.0, 40.0)])
    down = failing(Script(answer({}, 503, **{"Retry-After": "9"})), budget=budget)
    assert isinstance(down, RemoteDown)
    assert (down.after_s, budget.pauses) == (9.0, [9.0])


def test_a_refused_token_is_renewed_and_the_write_sent_once_more() -> None:
    script = Script(answer({"error": "x"}, 401), answer({"product": {"id": 7, "title": "New"}}))
    written, it = to_script(script)
    assert isinstance(written, Written)
    assert isinstance(written.item, Item)
    assert [each.headers["Authorization"] for each in script.seen] == ["Bearer first", "Bearer second"]
    assert script.seen[0].content == script.seen[1].content
    assert len(it.budget.tickets) == 2


def test_a_ticket_in_hand_is_used_and_the_answer_carries_the_counter() -> None:
    async def scenario(it: Rig) -> Written:
        first = await it.budget.ticket(PURPOSE, 2)
        written = await it.gateway.writer.update(PRODUCTS, "7", TITLE, None, PURPOSE, first + 1)
        assert (len(it.budget.tickets), written.ticket) == (2, 2)
        await it.budget.ticket(PURPOSE)  # somebody else reads meanwhile
        return await it.gateway.writer.update(PRODUCTS, "7", TITLE, None, PURPOSE, None)

    written, it = to_script(Script(answer({"product": {"id": 7}})), scenario)
    assert isinstance(written, Written)
    assert written.ticket == len(it.budget.tickets) == 4
    assert it.budget.tickets[-1].word == "update"


@dataclass
class BusyBudget(CountedBudget):
    """A budget whose database is busy a few times when it is asked for the counter."""

    busy: int = 2

    async def mark(self) -> int:
        self.busy -= 1
        if self.busy >= 0:
            raise DatabaseBusy("busy")
        return await super().mark()


def test_an_answer_is_not_lost_to_a_busy_database() -> None:
    taken = answer({"product": {"id": 7}})
    written, it = to_script(Script(taken), budget=BusyBudget(busy=2))
    assert isinstance(written, Written)
    assert (written.ticket, len(it.clock.slept)) == (1, 2)
    assert isinstance(failing(Script(taken), budget=BusyBudget(busy=99)), LostAnswer)


@pytest.mark.parametrize(
    "said",
    [
        httpx.Response(200, content=b""),
        httpx.Response(204),
        httpx.Response(200, content=b"<html>thanks</html>"),
        answer({}),
        answer(None),
        answer({"product": {"id": 8}}),  # another record
        answer({"product": {"title": "no key"}, "products": []}),
        answer({"ok": True}),
        answer([1, 2]),
    ],
)
def test_a_success_that_makes_no_sense_is_a_success_without_a_record(said: httpx.Response) -> None:
    written, _ = to_script(Script(said))
    assert isinstance(written, Written)
    assert not isinstance(written.item, Item)


def test_an_answer_too_large_leaves_the_write_in_doubt() -> None:
    from syncd.remote.settings import RemoteSettings

    settings = RemoteSettings(response_bytes_max=1000)
    problem = failing(Script(answer({"product": {"id": 7, "title": "x" * 2000}})), settings=settings)
    assert isinstance(problem, LostAnswer)


def test_a_record_that_cannot_be_read_is_not_written() -> None:
    async def scenario(it: Rig) -> Written:
        whole = Item("7", b"", None, {"id": 7, "title": "T", "weight": "heavy"})
        return await it.gateway.writer.update(PRODUCTS, "7", TITLE, whole, PURPOSE, None)

    script = Script(answer({}))
    problem = failing(script, scenario)
    assert isinstance(problem, NotUnderstood)
    assert "demo/products, update 7: weight" in problem.message
    assert script.seen == []


# --- what a refusal says, and what it must not ------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (answer({"error": "title is required.", "error_code": 422}, 422), "(422): title is required."),
        (answer({"Message": "The request is invalid."}, 400), "(400): The request is invalid."),
        (answer({"errors": {"title": ["is blank"]}}, 400), '(400): {"title": ["is blank"]}.'),
        (answer({"product": {"comment": "private"}}, 400), "(400)."),
        (httpx.Response(409, content=b"locked by Bob\x07"), r"(409): locked by Bob\x07."),
        (httpx.Response(400, content=b"<html>Bad</html>"), "(400)."),
        (httpx.Response(400, content=b'{"error": "cut'), "(400)."),
        (answer({"error": "x" * 5000}, 400), "x" * 200 + "..."),
    ],
)
def test_a_refusal_shows_what_the_shop_says(said: httpx.Response, shown: str) -> None:
    problem = failing(Script(said))
    assert problem.message.startswith("demo/products, update 7: the shop refused it (")
    assert shown in problem.message
    assert len(problem.message) < 300


ECHO = {"error": f"bad password {PASSWORD} with Bearer abcdef"}
ENDINGS: list[httpx.Response | Exception] = [
    answer(ECHO, 422),
    answer(ECHO, 200),
    answer({"errors": {"password": [PASSWORD]}}, 400),
    httpx.Response(400, content=f"no: {PASSWORD}".encode()),
    answer(ECHO, 500),
    answer(ECHO, 503),
    answer(ECHO, 429),
    answer(ECHO, 403),
    httpx.ConnectError("no route"),
    httpx.ReadError("reset"),
    httpx.ReadTimeout("late"),
    httpx.WriteError("cut"),
    httpx.RemoteProtocolError("half"),
]


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda e: str(getattr(e, "status_code", e)))
@pytest.mark.parametrize("resource", [CUSTOMERS, ORDERS], ids=lambda r: r.name)
def test_a_password_is_in_no_error_and_no_traceback(
    ending: httpx.Response | Exception, resource: Resource, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(it: Rig) -> Written:
        secrets = {"password": Secret(PASSWORD)}
        return await it.gateway.writer.create(resource, Record({"email": "a@b.example"}), secrets, PURPOSE, None)

    caplog.set_level("DEBUG")
    script = Script(ending)
    problem = failing(script, scenario)
    assert PASSWORD in script.seen[0].content.decode().replace('\\"', '"')
    ours = traceback.TracebackException.from_exception(problem, capture_locals=True)
    ours.stack = traceback.StackSummary.from_list([f for f in ours.stack if "/syncd/" in f.filename])
    for text in (problem.message, problem.hint, repr(problem), "".join(ours.format()), caplog.text):
        assert "horse" not in text
        assert "abcdef" not in text
    assert problem.__cause__ is None


# --- over a real connection -------------------------------------------------------------------------


def test_writes_travel_over_real_http() -> None:
    async def scenario(url: str, token: str) -> None:
        async with rig(None, shop=shop_of(url), tokens=[token], clock=clock) as it:
            made = await it.gateway.writer.create(CATEGORIES, Record({"title": "Käse"}), {}, PURPOSE, None)
            assert isinstance(made.item, Item)
            changed = await it.gateway.writer.update(
                CATEGORIES, made.item.key, Patch({"title": "Brot"}), made.item, PURPOSE, None
            )
            assert isinstance(changed.item, Item)
            assert changed.served_at is not None
            assert it.gateway.decode(CATEGORIES, changed.item).fields["title"] == "Brot"  # type: ignore[union-attr]
            await it.gateway.writer.delete(CATEGORIES, made.item.key, PURPOSE, None)

    clock = StillClock()
    sim, net, token = simulated(clock, **SMALL)
    with SimServer(net.world) as server:
        asyncio.run(scenario(server.url, token))
    assert [write.verb for write in sim.books.writes] == ["create", "edit", "delete"]
