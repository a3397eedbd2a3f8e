"""Whatever a client sends, the shop answers with a status of its own: it never breaks."""

import json

from hypothesis import example, given
from hypothesis import strategies as st

from syncd.simulator.resources import SHEETS
from tests.simulator.desk import open_desk

NAMES = sorted({spec for sheet in SHEETS.values() for spec in (*sheet.by_name, *sheet.branch_by_name)})
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=8,
)
BODIES = st.dictionaries(st.sampled_from([*NAMES, "password", "customer_token", "quantity"]), VALUES, max_size=5)
DESK = open_desk(products=3, orders=3, customers=3, categories=3)


@example("products", "POST", "api", {"access_group_date_fixed": True})
@given(st.sampled_from(sorted(SHEETS)), st.sampled_from(["POST", "PUT"]), st.sampled_from(["api", "api2"]), BODIES)
def test_any_body_is_answered(name: str, method: str, generation: str, fields: dict[str, object]) -> None:
    sheet = SHEETS[name]
    path = (sheet.path2 if generation == "api2" else sheet.path) or sheet.path
    key = DESK.shop.keys(name)[0] if method == "PUT" and DESK.shop.keys(name) else ""
    target = f"/{generation}/{path}/{key}.json" if key else f"/{generation}/{path}.json"
    reply = DESK.send(method, target, {sheet.singular: fields, "entry": fields})
    assert reply.status in {200, 400, 404, 405, 422}
    assert json.loads(reply.body)


@given(st.lists(VALUES, max_size=3), VALUES)
def test_any_order_is_answered(lines: list[object], customer: object) -> None:
    body = {"order": {"line_items": lines, "customer": customer, "email": customer}}
    assert DESK.send("POST", "/api/orders.json", body).status in {200, 400, 422}
    rows = [{"product_id": DESK.shop.record("products", DESK.shop.keys("products")[0])["product_id"]}]
    body = {"order": {"line_items": rows, "customer": customer, "email": customer}}
    assert DESK.send("POST", "/api/orders.json", body).status in {200, 400, 422}


@given(st.text(alphabet="/abcdeiprostuxAZ09.?&=_-", max_size=30), st.sampled_from(["GET", "PUT", "POST", "DELETE"]))
def test_any_address_is_answered(path: str, method: str) -> None:
    for target in (
        f"/{path}",
        f"/api/{path}",
        f"/api/customers/{path}.json",
        f"/token?{path}",
        f"/api/orders.json?{path}",
    ):
        reply = DESK.send(method, target, {})
        assert 200 <= reply.status < 500
