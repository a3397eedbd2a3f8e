"""Lists and counts under every switch that concerns them."""

import json
from itertools import chain
from typing import Any

import pytest

from syncd.simulator.resources import SHEETS
from tests.simulator.desk import Desk, open_desk

PATHS = {name: sheet.path for name, sheet in SHEETS.items()}


def ids(desk: Desk, target: str, name: str = "products") -> list[Any]:
    return [record["id"] for record in desk.get(target)[name]]


@pytest.mark.parametrize("name", [name for name in SHEETS if name != "companies"])
def test_a_list_stands_under_its_plural(name: str) -> None:
    desk = open_desk()
    records = desk.get(f"/api/{PATHS[name]}.json")[name]
    assert len(records) == len(desk.shop.keys(name))


def test_the_own_company_stands_under_its_singular() -> None:
    desk = open_desk(company_id=77)
    assert desk.get("/api/companies.json?self=1")["company"]["id"] == 77
    assert desk.get("/api/companies/search.json?query=email:a@b.example") == {"companies": []}
    assert desk.send("GET", "/api/companies/78.json").status == 404


@pytest.mark.parametrize("name", [name for name in SHEETS if name not in {"companies", "webhooks"}])
@pytest.mark.parametrize("character", ["plain", "rich"])
def test_a_list_shows_the_truth(name: str, character: str) -> None:
    desk = open_desk("flags=bools", character=character, products=6, orders=9, customers=5)
    records = desk.get(f"/api/{PATHS[name]}.json")[name]
    truth = desk.shop.dump((name,))[name]
    assert {str(record[SHEETS[name].key]): record for record in records} == truth


def test_pages_begin_at_one_and_end_empty() -> None:
    desk = open_desk("page_size=25")
    pages = [ids(desk, f"/api/products.json?Page={number}") for number in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [25, 25, 10, 0]
    assert list(chain.from_iterable(pages)) == [int(key) for key in desk.shop.keys("products")]
    assert len(ids(desk, "/api/products.json")) == 60
    assert desk.send("GET", "/api/products.json?Page=0").status == 400
    assert desk.send("GET", "/api/products.json?Page=x").status == 400


def test_the_page_parameter_is_capitalised_unless_switched() -> None:
    desk = open_desk("page_size=7")
    assert len(ids(desk, "/api/products.json?page=1")) == 60
    desk.shop.switches = desk.shop.switches.flipped(["page_param=page"])
    assert len(ids(desk, "/api/products.json?page=1")) == 7


def test_paging_may_be_ignored_and_the_first_page_may_be_the_default() -> None:
    assert len(ids(open_desk("paging=false"), "/api/products.json?Page=2")) == 60
    assert len(ids(open_desk("without_page=first"), "/api/products.json")) == 50


def test_what_lies_past_the_end_is_a_switch() -> None:
    repeating = open_desk("past_end=repeat_last")
    assert ids(repeating, "/api/products.json?Page=9") == ids(repeating, "/api/products.json?Page=2")
    assert open_desk("past_end=not_found").send("GET", "/api/products.json?Page=3").status == 404


def test_the_order_is_a_switch() -> None:
    rising = ids(open_desk(), "/api/products.json")
    assert ids(open_desk("list_order=id_desc"), "/api/products.json") == rising[::-1]
    calls = open_desk("list_order=shuffled_each_call")
    first, second = ids(calls, "/api/products.json"), ids(calls, "/api/products.json")
    assert first != second
    assert sorted(first) == sorted(second) == rising


def test_a_walk_keeps_its_order_when_only_walks_are_shuffled() -> None:
    desk = open_desk("list_order=shuffled_each_walk", "page_size=20")
    walks = [
        list(chain.from_iterable(ids(desk, f"/api/products.json?Page={number}") for number in (1, 2, 3)))
        for _ in range(2)
    ]
    assert walks[0] != walks[1]
    assert sorted(walks[0]) == sorted(walks[1]) == [int(key) for key in desk.shop.keys("products")]


def test_filters_are_ignored_unless_honoured() -> None:
    assert len(ids(open_desk(), "/api/products.json?updated_at_min=2999-01-01T00:00:00")) == 60
    desk = open_desk(character="rich")
    assert ids(desk, "/api/products.json?updated_at_min=2999-01-01T00:00:00") == []
    assert desk.send("GET", "/api/products.json?updated_at_min=yesterday").status == 400


@pytest.mark.parametrize("form", ["{0}T{1}", "{0}%20{1}", "{0}T{1}Z", "{0}T{1}.0000000%2B00:00"])
def test_a_filter_includes_its_bound_in_every_form_of_time(form: str) -> None:
    desk = open_desk(character="rich")
    stamp = sorted(record["updated_at"] for record in desk.get("/api/products.json")["products"])[30]
    wanted = [record["id"] for record in desk.get("/api/products.json")["products"] if record["updated_at"] >= stamp]
    bound = form.format(*stamp.split("T"))
    assert ids(desk, f"/api/products.json?updated_at_min={bound}") == wanted
    assert desk.get(f"/api/products/count.json?updated_at_min={bound}") == {"count": len(wanted)}


def test_a_filter_sees_edits_creates_and_deletes() -> None:
    desk = open_desk(character="rich")
    keys = desk.shop.keys("products")
    assert ids(desk, "/api/products.json?updated_at_min=2023-11-14T22:13:21") == []
    desk.pass_time(60)
    desk.shop.edit("products", keys[3], {"title": "Edited"})
    new = desk.shop.create("products", {"title": "New"})
    desk.shop.touch("products", keys[5])
    desk.shop.delete("products", keys[5])
    assert ids(desk, "/api/products.json?updated_at_min=2023-11-14T22:13:21") == [int(keys[3]), int(new)]


def test_fulfillments_know_dates_and_states() -> None:
    desk = open_desk()
    everything = desk.get("/api/fulfillments.json")["fulfillments"]
    middle = everything[len(everything) // 2]["created_at"]
    late = desk.get(f"/api/fulfillments.json?created_at_min={middle}")["fulfillments"]
    early = desk.get(f"/api/fulfillments.json?created_at_max={middle}")["fulfillments"]
    assert len(late) + len(early) == len(everything) + 1
    opened = desk.get("/api/fulfillments/open.json")["fulfillments"]
    complete = desk.get("/api/fulfillments/complete.json")["fulfillments"]
    assert {record["shipping_status"] for record in opened} == {0}
    assert {record["shipping_status"] for record in complete} == {100}
    assert len(opened) + len(complete) == len(everything)


def test_fields_trim_the_first_level_where_honoured() -> None:
    desk = open_desk()
    assert set(desk.get("/api/products.json?fields=id,images,nonsense")["products"][0]) == {"id", "images"}
    one = desk.get(f"/api/products/{desk.shop.keys('products')[0]}.json?fields=title")
    assert set(one["product"]) == {"title"}
    assert len(desk.get("/api/orders.json?fields=id")["orders"][0]) > 1


def test_search_is_by_field() -> None:
    desk = open_desk()
    title = desk.shop.record("products", desk.shop.keys("products")[2])["title"]
    assert title in [each["title"] for each in desk.get(f"/api/products.json?query=title:{title}")["products"]]
    assert len(ids(open_desk("search=false"), "/api/products.json?query=title:nothing-like-it")) == 60


@pytest.mark.parametrize("name", ["products", "orders", "customers", "categories"])
def test_thin_lists_carry_no_children(name: str) -> None:
    desk = open_desk("thin_lists=true")
    record = desk.get(f"/api/{name}.json")[name][0]
    assert not set(record) & set(SHEETS[name].branch_by_name)
    detail = desk.get(f"/api/{name}/{record[SHEETS[name].key]}.json")[SHEETS[name].singular]
    assert set(SHEETS[name].branch_by_name) <= set(detail)


def test_a_list_of_one_may_come_under_the_singular() -> None:
    desk = open_desk("singular_for_one=true", categories=1)
    assert desk.get("/api/categories.json")["category"]["title"] == "Film"
    assert len(desk.get("/api/themesettings.json")["theme_settings"]) == 2


@pytest.mark.parametrize(("shape", "body"), [("count", {"count": 60}), ("total", {"total": 60}), ("bare", 60)])
def test_the_count_has_several_shapes(shape: str, body: object) -> None:
    assert open_desk(f"count={shape}").get("/api/products/count.json") == body


def test_the_count_may_be_missing() -> None:
    assert open_desk("count=missing").send("GET", "/api/products/count.json").status == 404
    assert open_desk().send("GET", "/api/licenses/count.json").status == 404


def test_the_second_generation_has_an_envelope_of_its_own() -> None:
    desk = open_desk(themes=3)
    answer = desk.get("/api2/theme_settings.json")
    assert {"entries", "total", "items", "page", "pages", "sortOrder", "sordDirection", "eChart", "jsonTable"} == set(
        answer
    )
    assert (answer["total"], answer["pages"], len(answer["entries"])) == (3, 1, 3)


def test_a_switch_can_differ_by_resource() -> None:
    desk = open_desk("orders.page_size=9")
    assert len(ids(desk, "/api/orders.json?Page=1", "orders")) == 9
    assert len(ids(desk, "/api/products.json?Page=1")) == 50


def test_poison_breaks_one_record_and_leaves_the_rest() -> None:
    desk = open_desk()
    key = desk.shop.keys("products")[1]
    healthy = desk.get("/api/products.json")["products"]
    for kind, check in {
        "wrong_type": lambda record: isinstance(record["product_type"], dict),
        "null_list": lambda record: record["locales"] is None,
        "missing_id": lambda record: "id" not in record,
        "huge_string": lambda record: len(record["title"]) == 10_000_000,
    }.items():
        desk.shop.poison("products", key, kind)
        served = desk.get("/api/products.json")["products"]
        assert check(served[1]), kind
        assert served[:1] + served[2:] == healthy[:1] + healthy[2:]
    desk.shop.poison("products", key, "invalid_utf8")
    body = desk.send("GET", f"/api/products/{key}.json").body
    with pytest.raises(UnicodeDecodeError):
        body.decode()
    desk.shop.heal()
    assert desk.get("/api/products.json")["products"] == healthy
    with pytest.raises(ValueError, match="no poison"):
        desk.shop.poison("products", key, "arsenic")


def test_an_answer_is_json_with_the_shops_own_date() -> None:
    reply = open_desk("clock_skew_s=3600").send("GET", "/api/products.json")
    assert reply.headers["Date"] == "Tue, 14 Nov 2023 23:13:20 GMT"
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
    assert json.loads(reply.body)
