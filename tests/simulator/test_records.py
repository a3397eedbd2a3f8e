"""Single records: shapes, quirks of section 8 of the reference, and what absence looks like."""

import json
import re
from typing import Any

import pytest

from syncd.simulator.resources import SHEETS
from tests.simulator.desk import open_desk

NET = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}\+0[12]:00")
V1 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
DETAILED = [name for name, sheet in SHEETS.items() if "one" in sheet.verbs]


@pytest.mark.parametrize("name", DETAILED)
def test_a_record_stands_under_its_singular_and_shows_every_field(name: str) -> None:
    desk, sheet = open_desk(), SHEETS[name]
    record = desk.get(f"/api/{sheet.path}/{desk.shop.keys(name)[0]}.json")[sheet.singular]
    assert set(record) == set(sheet.by_name) | set(sheet.branch_by_name)


@pytest.mark.parametrize(("name", "key"), [("products", "product"), ("orders", "order"), ("licenses", "entry")])
def test_the_second_generation_names_and_dates_differently(name: str, key: str) -> None:
    desk, sheet = open_desk(), SHEETS[name]
    record = desk.get(f"/api2/{sheet.path2}/{desk.shop.keys(name)[0]}.json")[key]
    assert NET.fullmatch(record["created_at"])
    assert V1.fullmatch(desk.get(f"/api/{sheet.path}/{desk.shop.keys(name)[0]}.json")[sheet.singular]["created_at"])


def test_lines_are_line_items_in_one_generation_and_order_items_in_the_other() -> None:
    desk = open_desk()
    key = desk.shop.keys("orders")[0]
    line = desk.get(f"/api/orders/{key}.json")["order"]["line_items"][0]
    order = desk.get(f"/api2/orders/{key}.json")["order"]
    assert "line_items" not in order
    assert order["order_items"][0]["project"]["product_id"] == line["product_id"]
    assert order["order_items"][0]["quantity"] == line["quantity"]


def test_a_fulfillment_has_its_three_oddities() -> None:
    desk = open_desk()
    for record in desk.get("/api/fulfillments.json")["fulfillments"]:
        assert isinstance(record["id"], str)
        assert all("Quantity" in line for line in record["line_items"])
        customer = desk.shop.record("customers", record["customer"]["token"])
        assert record["customer"]["province"] == customer["province_code"]
        assert record["customer"]["province_code"] == customer["province"]


def test_prices_are_modified_and_rates_are_upper_case() -> None:
    desk = open_desk()
    price = desk.get("/api/prices.json")["prices"][0]
    assert "modified_at" in price
    assert "updated_at" not in price
    assert {entry["currency"] for entry in price["currencies"]} == {"eur", "usd", "gbp", "chf"}
    assert "USD" in [rate["currency"] for rate in desk.get("/api/currency_rates.json")["currency_rates"]]


def test_languages_are_letters_in_products_and_numbers_in_themes_and_licences() -> None:
    desk = open_desk()
    assert desk.get("/api/products.json")["products"][0]["locales"][0]["language_id"] == "en"
    assert desk.get("/api/themesettings.json")["theme_settings"][0]["locales"][0]["language_id"] == 1
    assert desk.get("/api/licenses.json")["licenses"][0]["locales"][0]["language_id"] == 1
    assert "mobified_by" in desk.get("/api/themesettings.json")["theme_settings"][0]["theme"]


def test_flags_are_mixed_or_of_one_kind() -> None:
    def flags(desk: Any) -> tuple[object, object]:
        product = desk.get("/api/products.json")["products"][0]
        return type(product["valid"]), type(product["allow_download_trial"])

    assert flags(open_desk()) == (bool, int)
    assert flags(open_desk("flags=ints")) == (int, int)
    assert flags(open_desk("flags=bools")) == (bool, bool)


def test_ids_may_be_strings_everywhere() -> None:
    product = open_desk("ids=strings").get("/api/products.json")["products"][0]
    assert isinstance(product["id"], str)
    assert isinstance(product["locales"][0]["id"], str)
    assert product["price_license_binding"][0]["compare_price_id"] is None


def test_times_may_be_net_everywhere() -> None:
    product = open_desk("times=net").get("/api/products.json")["products"][0]
    assert NET.fullmatch(product["created_at"])
    assert open_desk("times=v1").get("/api2/products/75001.json")["product"]["created_at"][-1].isdigit()


def test_empties_may_be_left_out() -> None:
    desk = open_desk("omit_empties=true")
    for record in desk.get("/api/products.json")["products"]:
        assert "" not in record.values()
        assert None not in record.values()
        assert [] not in record.values()
        assert all("" not in locale.values() for locale in record.get("locales", []))


def test_unknown_fields_and_stamps_may_be_absent() -> None:
    plain = open_desk().get("/api/products.json")["products"][0]
    bare = open_desk("extras=false", "stamps=absent").get("/api/products.json")["products"][0]
    assert set(plain) - set(bare) == {"age_rating", "themes", "groups", "updated_at"}


@pytest.mark.parametrize(
    ("form", "status", "body"),
    [
        ("404", 404, {"error": "Not found", "error_code": 404}),
        ("empty_object", 200, {}),
        ("error_object", 200, {"error": "Not found", "error_code": -2}),
    ],
)
def test_what_is_not_there_has_several_looks(form: str, status: int, body: object) -> None:
    desk = open_desk(f"not_found={form}")
    for target in ("/api/products/1.json", "/api/customers/AAAAAAAAAAAAAAAA/addresses.json"):
        reply = desk.send("GET", target)
        assert (reply.status, json.loads(reply.body)) == (status, body)
    assert desk.send("GET", "/api/nonsense.json").status == 404


def test_a_generation_may_not_answer_for_single_records() -> None:
    only_v1, only_2 = open_desk("generation=v1"), open_desk("generation=api2")
    key = only_v1.shop.keys("products")[0]
    assert only_v1.send("GET", f"/api2/products/{key}.json").status == 404
    assert only_v1.send("GET", f"/api/products/{key}.json").status == 200
    assert only_2.send("GET", f"/api/products/{key}.json").status == 404
    assert only_2.send("GET", f"/api2/products/{key}.json").status == 200
    assert only_2.send("GET", f"/api/categories/{only_2.shop.keys('categories')[0]}.json").status == 200
    new = {"product": {"title": "New"}}
    assert only_v1.send("POST", "/api2/products.json", new).status == 404
    assert only_v1.send("POST", "/api/products.json", new).status == 200
    assert only_2.send("POST", "/api/products.json", new).status == 404
    assert only_2.send("POST", "/api2/products.json", new).status == 200


def test_login_tells_match_mismatch_and_stranger_apart() -> None:
    desk = open_desk()
    token = desk.shop.keys("customers")[0]
    email = desk.shop.record("customers", token)["email"]
    found = desk.get(f"/api/customers.json?email={email}&password=pw-{token}")
    assert found["customer"]["token"] == token
    wrong = desk.get(f"/api2/customers.json?email={email}&password=x")
    assert wrong == {
        "error": "Customer found but password does not match.",
        "error_code": -1,
        "companies": ["shop-1"],
    }
    assert desk.get("/api/customers.json?email=nobody@mail.example&password=x") == {}
    assert desk.send("GET", f"/api/customers.json?email={email}&password=").status == 400


def test_secrets_inside_records_are_named() -> None:
    desk = open_desk()
    secrets = desk.shop.secrets
    assert desk.get("/api/companies.json?self=1")["company"]["external_access_token"] in secrets
    assert desk.get("/api/customers.json")["customers"][0]["player_refresh_token"] in secrets
    assert desk.token in secrets


def test_reports_are_taken_and_kept() -> None:
    desk = open_desk()
    assert desk.post("/api/logging.json", {"hello": 1}) == {}
    assert desk.shop.books.reports == ['{"hello": 1}']
    assert "app" in desk.get("/api/apps.json")
