"""The shop from its owner's side: seeded content, remote edits, the dump, and determinism."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from syncd.simulator.resources import SHEETS
from syncd.simulator.shop import SimShop
from tests.simulator.desk import START, open_desk


def test_every_record_has_exactly_the_fields_of_its_sheet() -> None:
    shop = open_desk().shop
    rng = Random(3)
    for _ in range(150):
        shop.random_edit(rng)
    for name, records in shop.dump(tuple(SHEETS)).items():
        sheet = SHEETS[name]
        for record in records.values():
            assert set(record) == set(sheet.by_name) | set(sheet.branch_by_name)
            for branch in sheet.branches:
                value = record[branch.name]
                for element in [value] if branch.single else value:
                    assert element is None or set(element) == set(branch.by_name), (name, branch.name)


def test_what_belongs_together_fits_together() -> None:
    dump = open_desk().shop.dump()
    products = {record["product_id"] for record in dump["products"].values()}
    for order in dump["orders"].values():
        assert order["customer"]["token"] in dump["customers"]
        assert 1 <= len(order["line_items"]) <= 5
        assert {line["product_id"] for line in order["line_items"]} <= products
        assert order["total_price"] == sum(line["price"] * line["quantity"] for line in order["line_items"])
        assert order["created_at"] <= order["updated_at"] <= "2023-11-14T22:13:20"
    shipped = {
        key for key, order in dump["orders"].items() if any(_physical(dump, line) for line in order["line_items"])
    }
    assert shipped == set(dump["fulfillments"])
    for token, customer in dump["customers"].items():
        mine = [order for order in dump["orders"].values() if order["customer"]["token"] == token]
        assert customer["orders_count"] == len(mine)
        assert customer["total_spent"] == sum(order["total_price"] for order in mine)
        assert sum(address["default"] for address in customer["addresses"]) == bool(customer["addresses"])
    assert {len(customer["addresses"]) for customer in dump["customers"].values()} == {0, 1, 2, 3}
    categories = dump["categories"]
    assert all(c["parent_id"] is None or str(c["parent_id"]) in categories for c in categories.values())
    addresses = {address["token"] for c in dump["customers"].values() for address in c["addresses"]}
    assert set(dump["customer_addresses"]) == addresses


def _physical(dump: dict, line: dict) -> bool:
    return any(p["product_type"] == 6 for p in dump["products"].values() if p["product_id"] == line["product_id"])


def test_orders_rise_with_time_over_the_days_that_were_asked_for() -> None:
    shop = open_desk(days=30).shop
    times = [record["created_at"] for record in shop.dump(("orders",))["orders"].values()]
    assert times == sorted(times)
    assert "2023-10-15" <= times[0] < "2023-10-17"
    assert times[-1] > "2023-11-13"


def test_the_dump_belongs_to_the_caller() -> None:
    shop = open_desk().shop
    key = shop.keys("products")[0]
    shop.edit("products", key, {"title": "Kept"})
    shop.dump()["products"][key]["locales"].clear()
    assert shop.record("products", key)["locales"]


def test_remote_edits_show_at_once() -> None:
    desk = open_desk()
    key = desk.shop.keys("products")[4]
    desk.pass_time(9)
    desk.shop.edit("products", key, {"title": "T", "product_id": "0001-AAAA-BBBB-CCCC"})
    shown = desk.get(f"/api/products/{key}.json")["product"]
    assert (shown["title"], shown["product_id"]) == ("T", "0001-AAAA-BBBB-CCCC")
    assert shown["updated_at"] == "2023-11-14T22:13:29"
    desk.shop.touch("products", desk.shop.keys("products")[5])
    desk.shop.delete("products", key)
    assert desk.send("GET", f"/api/products/{key}.json").status == 404
    assert [(write.by, write.verb) for write in desk.shop.books.writes] == [
        ("shop", "edit"),
        ("shop", "touch"),
        ("shop", "delete"),
    ]
    with pytest.raises(KeyError):
        desk.shop.edit("products", key, {"title": "gone"})
    with pytest.raises(KeyError, match="no nonsense"):
        desk.shop.edit("products", desk.shop.keys("products")[0], {"nonsense": 1})


def test_an_address_can_be_edited_by_its_own_token() -> None:
    desk = open_desk()
    address = next(iter(desk.shop.dump()["customer_addresses"].values()))
    desk.shop.edit("customer_addresses", address["token"], {"city": "Riga"})
    new = desk.shop.create("customer_addresses", {"customer_token": address["customer_token"], "city": "Gent"})
    dump = desk.shop.dump()["customer_addresses"]
    assert dump[address["token"]] == address | {"city": "Riga"}
    assert dump[new]["city"] == "Gent"
    desk.shop.delete("customer_addresses", address["token"])
    assert address["token"] not in desk.shop.dump()["customer_addresses"]


def test_drawn_edits_repeat_and_can_be_narrowed() -> None:
    shops = [open_desk(seed=5).shop for _ in range(2)]
    runs = [[shop.random_edit(rng) for _ in range(80)] for shop, rng in ((each, Random(1)) for each in shops)]
    assert runs[0] == runs[1]
    assert shops[0].dump() == shops[1].dump()
    assert {write.verb for write in runs[0]} == {"edit", "create", "delete"}
    assert {shops[0].random_edit(Random(n), ("edit",)).verb for n in range(20)} == {"edit"}
    empty = open_desk(products=0, orders=0, customers=0, categories=0, themes=0).shop
    with pytest.raises(ValueError, match="nothing in shop-1"):
        empty.random_edit(Random(1), ("delete",))


def test_a_shop_can_be_empty_or_have_one_of_each() -> None:
    empty = open_desk(products=0, orders=0, customers=0, categories=0, themes=0)
    assert empty.get("/api/products.json") == {"products": []}
    tiny = open_desk(products=1, orders=6, customers=1, categories=1, themes=1)
    assert tiny.get("/api/fulfillments.json") == {"fulfillments": []}
    assert len(tiny.get("/api/orders.json")["orders"]) == 6
    assert len(open_desk(products=2, orders=6).get("/api/fulfillments.json")["fulfillments"]) == 1
    with pytest.raises(ValueError, match="needs customers"):
        open_desk(orders=1, customers=0)


def test_fifty_thousand_orders_are_no_strain() -> None:
    desk = open_desk(products=2_000, orders=50_000, customers=8_000)
    assert desk.get("/api/orders/count.json") == {"count": 50_000}
    first = desk.get("/api/orders.json?Page=1")["orders"]
    last = desk.get("/api/orders.json?Page=1000")["orders"]
    assert (len(first), len(last)) == (50, 50)
    assert last[-1]["created_at"] > first[0]["created_at"]
    assert desk.get(f"/api/orders/{last[-1]['id']}.json")["order"] == last[-1]


def test_two_seeds_differ_and_two_names_share_no_token() -> None:
    shops = [SimShop(name, now=lambda: START, seed=seed) for name, seed in (("a", 1), ("b", 1), ("a", 2))]
    titles = [[record["title"] for record in shop.dump(("products",))["products"].values()] for shop in shops]
    assert titles[0] == titles[1]
    assert titles[0] != titles[2]
    assert shops[0].authorise("syncd.sim") != shops[1].authorise("syncd.sim")


DIGEST = """
import hashlib, json, random
from syncd.simulator.shop import SimShop
shop = SimShop(now=lambda: 1_700_000_000.0, seed=11)
rng = random.Random(4)
for _ in range(100):
    shop.random_edit(rng)
shop.authorise("syncd.sim")
text = json.dumps([shop.dump(), shop.books.as_json()], sort_keys=False)
print(hashlib.sha256(text.encode()).hexdigest())
"""


def test_the_same_seed_gives_the_same_shop_whatever_the_hash_seed() -> None:
    root = Path(__file__).parents[2]
    digests = [
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(root)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    ]
    assert digests[0] == digests[1]
    assert len(digests[0]) == len(hashlib.sha256().hexdigest())


def test_the_books_are_plain_json() -> None:
    desk = open_desk()
    desk.get(f"/api/products/{desk.shop.keys('products')[0]}.json")
    desk.get(f"/api/customers/{desk.shop.keys('customers')[0]}/addresses.json")
    books = json.loads(json.dumps(desk.shop.books.as_json()))
    assert books["calls"] == {
        "GET /api/customers/{}/addresses.json": 1,
        "GET /api/products/{}.json": 1,
        "POST /token": 1,
    }
    assert books["answered"] == {"200": 3}
