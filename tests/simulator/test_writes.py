"""Writes by clients: what PUT means under each switch, creates, deletes, orders, addresses; and the books."""

import json
from typing import Any

import pytest

from tests.simulator.desk import Desk, open_desk


def product_of(desk: Desk, n: int = 0) -> tuple[str, dict[str, Any]]:
    key = desk.shop.keys("products")[n]
    return f"/api/products/{key}.json", desk.get(f"/api/products/{key}.json")["product"]


def without(record: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in names}


def test_a_partial_put_changes_what_it_names_and_moves_the_stamp() -> None:
    desk = open_desk()
    path, before = product_of(desk)
    desk.pass_time(5)
    answer = desk.put(path, {"product": {"title": "New title", "id": 5, "created_at": "2001-01-01T00:00:00"}})
    after = desk.get(path)["product"]
    assert answer == {"product": after}
    assert after["title"] == "New title"
    assert after["updated_at"] == "2023-11-14T22:13:25"
    assert without(after, "title", "updated_at") == without(before, "title", "updated_at")
    [write] = desk.shop.books.writes
    assert (write.by, write.verb, write.resource, write.key) == ("api", "edit", "products", str(before["id"]))


def test_a_whole_put_empties_what_it_leaves_out() -> None:
    desk = open_desk("put=whole")
    path, before = product_of(desk)
    after = desk.put(path, {"product": {"title": "Alone"}})["product"]
    assert (after["version"], after["locales"], after["drm_protected"]) == ("", [], False)
    assert (after["product_type"], after["content_files"]) == (before["product_type"], before["content_files"])
    assert desk.send("PUT", path, {"product": {"comment": "no title"}}).status == 422


def test_stamps_may_stand_still() -> None:
    desk = open_desk("stamps=stands_still")
    path, before = product_of(desk)
    desk.pass_time(5)
    assert desk.put(path, {"product": {"title": "T"}})["product"]["updated_at"] == before["updated_at"]
    desk.shop.edit("products", str(before["id"]), {"title": "U"})
    assert product_of(desk)[1]["updated_at"] == before["updated_at"]


@pytest.mark.parametrize(("lists", "languages"), [("replace", ["de", "fr"]), ("merge", ["en", "de", "fr"])])
def test_child_lists_are_merged_or_replaced_by_key(lists: str, languages: list[str]) -> None:
    desk = open_desk(f"child_lists={lists}")
    path, before = product_of(desk)
    key = str(before["id"])
    desk.shop.edit("products", key, {"locales": [{"language_id": "en", "title": "E"}, {"language_id": "de"}]})
    ids = {each["language_id"]: each["id"] for each in product_of(desk)[1]["locales"]}
    given = [{"language_id": "de", "title": "D"}, {"language_id": "fr", "title": "F"}]
    after = desk.put(path, {"product": {"locales": given}})["product"]["locales"]
    assert [each["language_id"] for each in after] == languages
    german = next(each for each in after if each["language_id"] == "de")
    assert (german["id"], german["title"]) == (ids["de"], "D")
    assert len({each["id"] for each in after}) == len(after)


def test_child_ids_may_come_anew_at_each_write() -> None:
    desk = open_desk("child_ids_anew=true")
    path, before = product_of(desk)
    after = desk.put(path, {"product": {"locales": before["locales"]}})["product"]
    assert [each["id"] for each in after["locales"]] != [each["id"] for each in before["locales"]]
    assert [without(each, "id") for each in after["locales"]] == [without(each, "id") for each in before["locales"]]


def test_fields_may_be_ignored_or_normalised() -> None:
    desk = open_desk("products.ignored_fields=comment,images,locales.title", "trimmed_fields=title")
    path, before = product_of(desk)
    locales = [{**each, "title": "x"} for each in before["locales"]]
    sent = {"title": "  spaced ", "comment": "x", "images": [], "locales": locales}
    after = desk.put(path, {"product": sent})["product"]
    assert after["title"] == "spaced"
    for name in ("comment", "images", "locales"):
        assert after[name] == before[name]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b'{"order":{}}', 400),
        (b'{"product":{"title":7}}', 400),
        (b'{"product":{"title":""}}', 422),
        (b'{"product":{"runtime":"long"}}', 400),
        (b'{"product":{"valid":"perhaps"}}', 400),
        (b'{"product":{"published_at":"soon"}}', 400),
        (b'{"product":{"locales":7}}', 422),
        (b'{"product":{"weight":Infinity}}', 400),
        (b'{"product":{"title":"\\ud800"}}', 400),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(body: bytes, status: int) -> None:
    desk = open_desk()
    path, before = product_of(desk)
    assert desk.send("PUT", path, body).status == status
    assert product_of(desk)[1] == before
    assert desk.shop.books.writes == []


def test_a_created_product_gets_its_ids_and_a_second_one_is_another() -> None:
    desk = open_desk()
    body = {"product": {"title": "Twice", "product_type": 7, "locales": [{"language_id": "en", "title": "Twice"}]}}
    first, second = desk.post("/api2/products.json", body)["product"], desk.post("/api/products.json", body)["product"]
    assert first["id"] != second["id"]
    assert first["product_id"] != second["product_id"]
    assert first["locales"][0]["id"] > 0
    assert desk.get("/api/products/count.json") == {"count": 62}
    assert [write.key for write in desk.shop.books.creates] == [str(first["id"]), str(second["id"])]
    assert desk.send("POST", "/api/products.json", {"product": {"comment": "no title"}}).status == 422


def test_the_type_of_a_product_is_settled_at_creation() -> None:
    desk = open_desk()
    path, before = product_of(desk)
    assert desk.put(path, {"product": {"product_type": 99}})["product"]["product_type"] == before["product_type"]


def test_deletes_leave_nothing_behind() -> None:
    desk = open_desk()
    path, _ = product_of(desk)
    reply = desk.send("DELETE", path)
    assert (reply.status, reply.body) == (200, b"")
    assert desk.send("GET", path).status == 404
    assert desk.send("DELETE", path).status == 404


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("DELETE", "/api/orders/{orders}.json"),
        ("DELETE", "/api/fulfillments/{fulfillments}.json"),
        ("PUT", "/api/licenses/{licenses}.json"),
        ("PUT", "/api/prices/{prices}.json"),
        ("POST", "/api/prices.json"),
        ("POST", "/api/currency_rates.json"),
        ("DELETE", "/api/companies/{companies}.json"),
    ],
)
def test_verbs_that_the_reference_does_not_know_are_refused(method: str, target: str) -> None:
    desk = open_desk()
    keys = {name: desk.shop.keys(name)[0] for name in desk.shop.shelves if desk.shop.keys(name)}
    assert desk.send(method, target.format(**keys), {"price": {}}).status == 405
    assert desk.shop.books.writes == []


def test_without_theme_settings_the_shop_is_gone() -> None:
    desk = open_desk(themes=1)
    assert desk.send("DELETE", f"/api/themesettings/{desk.shop.keys('theme_settings')[0]}.json").status == 200
    assert desk.send("GET", "/api/products.json").status == 404
    assert desk.exchange(desk.shop.authorise("syncd.sim")).status == 404


# --- orders ---


def line_of(desk: Desk, *, physical: bool = False) -> dict[str, Any]:
    products = desk.get("/api/products.json")["products"]
    product = next(each for each in products if (each["product_type"] == 6) == physical)
    return {"product_id": product["product_id"].lower(), "quantity": 2}


PERSON = {
    "email": "new@mail.example",
    "first_name": "Neu",
    "last_name": "Kunde",
    "password": "p1",
    "password_confirmation": "p1",
    "addresses": [{"first_name": "Neu", "last_name": "Kunde", "city": "Wien", "country_code": "AT"}],
}


def test_an_order_of_a_new_customer_makes_both() -> None:
    desk = open_desk()
    body = {"order_number": "FR-WC-1", "customer": PERSON, "line_items": [line_of(desk)]}
    order = desk.post("/api/orders.json", {"order": body})["order"]
    assert order["order_number"] == "FR-WC-1"
    assert order["total_price"] == 2 * order["line_items"][0]["price"]
    assert order["line_items"][0]["code"]
    customer = desk.get(f"/api/customers/{order['customer']['token']}.json")["customer"]
    assert customer["name"] == "Neu Kunde"
    assert customer["orders_count"] == 1
    assert customer["total_spent"] == order["total_price"]
    assert customer["addresses"][0]["default"]
    assert "password" not in json.dumps(desk.shop.dump())


def test_an_order_of_a_known_customer_needs_the_right_password_or_a_token() -> None:
    desk = open_desk()
    lines = {"line_items": [line_of(desk)]}
    token = desk.post("/api/orders.json", {"order": lines | {"customer": PERSON}})["order"]["customer"]["token"]
    wrong = PERSON | {"password": "other", "password_confirmation": "other"}
    refused = desk.send("POST", "/api/orders.json", {"order": lines | {"customer": wrong}})
    assert (refused.status, json.loads(refused.body)["error_code"]) == (400, -1)
    for target, body in {
        "/api/orders.json": {"order": lines | {"customer": PERSON}},
        "/api/orders.json?": {"order": lines | {"customer_token": token}},
        "/api/orders.json?email=NEW@mail.example": {"order": lines},
    }.items():
        assert desk.post(target, body)["order"]["customer"]["token"] == token
    assert desk.get(f"/api/customers/{token}.json")["customer"]["orders_count"] == 4
    assert desk.send("POST", "/api/orders.json?email=nobody@mail.example", {"order": lines}).status == 422


@pytest.mark.parametrize(
    "lines",
    [None, [], [7], [{"product_id": "none", "quantity": 1}], [{"product_id": "", "quantity": 0}]],
)
def test_an_order_without_sense_makes_nothing(lines: object) -> None:
    desk = open_desk()
    reply = desk.send("POST", "/api/orders.json", {"order": {"customer": PERSON, "line_items": lines}})
    assert reply.status in {400, 422}
    assert desk.shop.books.writes == []


def test_a_physical_order_is_to_be_shipped() -> None:
    desk = open_desk()
    body = {"customer_token": desk.shop.keys("customers")[0], "line_items": [line_of(desk, physical=True)]}
    order = desk.post("/api/orders.json", {"order": body})["order"]
    parcel = desk.get(f"/api/fulfillments/{order['id']}.json")["fulfillment"]
    assert (parcel["id"], parcel["shipping_status"]) == (str(order["id"]), 0)
    assert parcel["line_items"][0]["Quantity"] == 2
    sent = {"fulfillment": {"shipping_status": 100, "tracking_number": "JD1", "shipping_model": "mule"}}
    shipped = desk.put(f"/api/fulfillments/{order['id']}.json", sent)["fulfillment"]
    assert (shipped["shipping_status"], shipped["tracking_number"]) == (100, "JD1")
    assert shipped["shipping_model"] == parcel["shipping_model"]


def test_of_an_order_only_a_few_attributes_change() -> None:
    desk = open_desk()
    key = desk.shop.keys("orders")[0]
    before = desk.get(f"/api/orders/{key}.json")["order"]
    sent = {"notes": "called", "confirmed": False, "email": "x", "order_number": "x", "line_items": []}
    after = desk.put(f"/api/orders/{key}.json", {"order": sent})["order"]
    assert (after["notes"], after["confirmed"]) == ("called", False)
    assert without(after, "notes", "confirmed", "updated_at") == without(before, "notes", "confirmed", "updated_at")


# --- customers and addresses ---


def test_a_customer_keeps_one_email_and_one_password() -> None:
    desk = open_desk()
    customer = desk.post("/api/customers.json", {"customer": PERSON})["customer"]
    path = f"/api/customers/{customer['token']}.json"
    assert desk.send("POST", "/api2/customers.json", {"customer": PERSON}).status == 422
    taken = desk.shop.record("customers", desk.shop.keys("customers")[0])["email"]
    assert desk.send("PUT", path, {"customer": {"email": taken}}).status == 422
    assert desk.send("PUT", path, {"customer": {"password": "a", "password_confirmation": "b"}}).status == 422
    desk.put(path, {"customer": {"email": "moved@mail.example", "password": "a", "password_confirmation": "a"}})
    assert desk.get("/api/customers.json?email=moved@mail.example&password=a")["customer"]["id"] == customer["id"]
    assert desk.get("/api/customers.json?email=new@mail.example&password=a") == {}


def test_the_name_follows_first_and_last_name() -> None:
    desk = open_desk()
    token = desk.shop.keys("customers")[0]
    sent = {"customer": {"first_name": "Ada", "last_name": "L", "name": "Bob"}}
    assert desk.put(f"/api/customers/{token}.json", sent)["customer"]["name"] == "Ada L"


def test_addresses_come_change_and_go_one_by_one() -> None:
    desk = open_desk()
    owner = desk.shop.create("customers", {"email": "a@mail.example"})
    base = f"/api/customers/{owner}/addresses"
    assert desk.get(f"{base}.json") == {"addresses": []}
    first = desk.post(f"{base}.json", {"address": {"first_name": "A", "city": "Wien"}})["address"]
    second = desk.post(f"{base}.json", {"address": {"city": "Linz"}})["address"]
    assert (first["default"], second["default"], first["name"]) == (True, False, "A")
    changed = desk.put(f"{base}/{second['token']}.json", {"address": {"zip": "4020", "token": "x"}})["address"]
    assert changed == second | {"zip": "4020"}
    assert desk.put(f"{base}/{second['token']}/default.json", None)["address"]["default"]
    assert not desk.get(f"{base}/{first['token']}.json")["address"]["default"]
    assert desk.put(f"{base}/{first['token']}.json", {"address": {"default": True}})["address"]["default"]
    assert not desk.get(f"{base}/{second['token']}.json")["address"]["default"]
    assert desk.send("DELETE", f"{base}/{first['token']}.json").status == 200
    [left] = desk.get(f"/api/customers/{owner}.json")["customer"]["addresses"]
    assert (left["token"], left["default"]) == (second["token"], True)
    assert desk.send("GET", f"{base}/{first['token']}.json").status == 404
    assert [(write.verb, write.resource) for write in desk.shop.books.writes if write.resource != "customers"] == [
        ("create", "customer_addresses"),
        ("create", "customer_addresses"),
        ("edit", "customer_addresses"),
        ("edit", "customer_addresses"),
        ("edit", "customer_addresses"),
        ("delete", "customer_addresses"),
    ]


def test_making_an_address_the_default_empties_nothing_in_it() -> None:
    desk = open_desk("put=whole")
    owner = desk.shop.create("customers", {"email": "a@mail.example"})
    base = f"/api/customers/{owner}/addresses"
    desk.post(f"{base}.json", {"address": {"city": "Wien"}})
    second = desk.post(f"{base}.json", {"address": {"city": "Linz", "zip": "4020"}})["address"]
    assert desk.put(f"{base}/{second['token']}/default.json", None)["address"] == second | {"default": True}


def test_a_category_is_made_and_moved() -> None:
    desk = open_desk()
    parent = int(desk.shop.keys("categories")[0])
    new = desk.post("/api/categories.json", {"category": {"title": "New", "parent_id": parent}})["category"]
    assert (new["parent_id"], new["locales"]) == (parent, [])
    moved = desk.put(f"/api/categories/{new['id']}.json", {"category": {"parent_id": None}})["category"]
    assert moved["parent_id"] is None


# --- webhooks ---


def test_a_registered_webhook_is_told_ids_only() -> None:
    desk = open_desk("singular_for_one=true")
    hook = {"scope": "product/update", "destination": "https://h.example/x", "is_valid": True}
    number = desk.post("/api/webhooks.json", {"webhook": hook})["webhook"]["id"]
    assert desk.get("/api/webhooks.json")["webhook"]["id"] == number
    key = desk.shop.keys("products")[0]
    desk.shop.edit("products", key, {"title": "T"})
    [notice] = desk.shop.notices
    assert notice["destination"] == "https://h.example/x"
    record = desk.shop.record("products", key)
    assert record is not None
    assert notice["body"]["data"] == {"type": "product", "id": key, "long_id": record["product_id"]}
    assert desk.send("DELETE", f"/api/webhooks/{number}.json").status == 200
    desk.shop.edit("products", key, {"title": "U"})
    assert len(desk.shop.notices) == 1
