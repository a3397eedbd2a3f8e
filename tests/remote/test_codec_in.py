"""The codec's promises one by one: kinds, missing and null, envelopes, broken records, secrets."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from syncd.domain.record import Broken, Item, Record
from syncd.domain.resources import BY_NAME, COMPANIES, CUSTOMERS, ORDERS, PRODUCTS
from syncd.errors import NotUnderstood, SettingsProblem
from syncd.remote.codec_in import Codec
from syncd.remote.paging import digest, total_of
from syncd.remote.settings import RemoteSettings

CODEC = Codec(RemoteSettings())
NOON = datetime(2012, 4, 16, 12, tzinfo=UTC)


def split(text: str | bytes, resource: str = "products") -> tuple[Item | Broken, ...]:
    body = text if isinstance(text, bytes) else text.encode()
    _, items = CODEC.split(BY_NAME[resource], body)
    assert items is not None
    return items


def decoded(wire: dict[str, Any], resource: str = "products") -> Record | Broken:
    described = BY_NAME[resource]
    body = json.dumps({described.plural: [{described.key: "7"} | wire]})
    (item,) = split(body, resource)
    assert isinstance(item, Item), item
    return CODEC.decode(described, item)


def record(wire: dict[str, Any], resource: str = "products") -> Record:
    found = decoded(wire, resource)
    assert isinstance(found, Record), found
    return found


def broken(wire: dict[str, Any], resource: str = "products") -> Broken:
    found = decoded(wire, resource)
    assert isinstance(found, Broken), found
    return found


# --- kinds ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "sent", "value"),
    [
        ("valid", True, True),
        ("valid", 1, True),
        ("valid", "1", True),
        ("valid", 1.0, True),
        ("valid", "False", False),
        ("valid", 0, False),
        ("valid", "", None),
        ("runtime", 19800, 19800),
        ("runtime", "267227", 267227),
        ("runtime", 19800.0, 19800),
        ("runtime", "19800.00", 19800),
        ("runtime", " 12 ", 12),
        ("runtime", True, 1),
        ("runtime", "", None),
        ("runtime", -(2**63) + 1, -(2**63) + 1),
        ("weight", 4.3949, Decimal("4.3949")),
        ("weight", "4.3949", Decimal("4.3949")),
        ("weight", 3, Decimal(3)),
        ("weight", "", None),
        ("title", "Ein Titel: Ü", "Ein Titel: Ü"),
        ("title", "", ""),
        ("title", 44227, "44227"),
        ("version", 1.5, "1.5"),
        ("created_at", "2012-04-16T12:00:00", NOON),
        ("created_at", "2012-04-16 12:00:00", NOON),
        ("created_at", "2012-04-16T12:00:00Z", NOON),
        ("created_at", "2012-04-16T14:00:00.0000000+02:00", NOON),
        ("created_at", "2012-04-16T14:00:00.1234567+02:00", NOON.replace(microsecond=123456)),
        ("created_at", "2012-04-16", NOON.replace(hour=0)),
        ("created_at", "0001-01-01T00:00:00", datetime(1, 1, 1, tzinfo=UTC)),
        ("created_at", "0001-01-01T00:00:00+01:00", datetime(1, 1, 1, tzinfo=UTC)),
        ("created_at", "9999-12-31T23:59:59.9999999-02:00", datetime.max.replace(tzinfo=UTC)),
        ("created_at", "", None),
        ("created_at", None, None),
        ("title", None, None),
    ],
)
def test_each_kind_has_one_canonical_form(name: str, sent: Any, value: Any) -> None:
    found = record({name: sent}).fields[name]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("valid", 2),
        ("valid", "yes"),
        ("valid", []),
        ("runtime", "twelve"),
        ("runtime", 1.5),
        ("runtime", 2**63),
        ("runtime", "1e999999999"),
        ("runtime", "1_000"),
        ("runtime", {"a": 1}),
        ("runtime", float("nan")),
        ("weight", float("inf")),
        ("weight", "NaN"),
        ("weight", "0." + "1" * 100),
        ("weight", True),
        ("title", True),
        ("title", ["x"]),
        ("title", "a\0b"),
        ("title", "half a \ud83d pair"),
        ("title", "x" * 1_000_001),
        ("created_at", 1334584432),
        ("created_at", "yesterday"),
        ("created_at", "2012-W16-1"),
        ("created_at", "2012-02-30T00:00:00"),
    ],
)
def test_what_does_not_fit_its_kind_is_broken_with_its_path(name: str, sent: Any) -> None:
    found = broken({name: sent})
    assert (found.key, found.path) == ("7", name)
    assert found.reason
    assert len(found.sample) <= 80
    assert found.sample.isprintable()


def test_times_without_a_zone_are_of_the_zone_that_the_settings_name() -> None:
    codec = Codec(RemoteSettings(zone="Europe/Berlin"))
    _, items = codec.split(PRODUCTS, b'{"products": [{"id": 1, "created_at": "2012-04-16T14:00:00"}]}')
    assert items
    assert isinstance(items[0], Item)
    found = codec.decode(PRODUCTS, items[0])
    assert isinstance(found, Record)
    assert found.fields["created_at"] == NOON


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", "", "/abs"])
def test_a_zone_that_is_none(zone: str) -> None:
    with pytest.raises(SettingsProblem, match=r"remote\.zone"):
        Codec(RemoteSettings(zone=zone))


# --- missing, null, extra ---------------------------------------------------------------------------


def test_missing_is_not_null() -> None:
    found = record({"title": None})
    assert "title" in found.fields
    assert found.fields["title"] is None
    assert "comment" not in found.fields
    assert found.children == {}
    assert record({"locales": []}).children == {"locales": ()}


def test_unknown_fields_are_kept() -> None:
    found = record({"age_rating": "12", "themes": [{"theme_id": -1}], "locales": [{"language_id": "en", "mood": 3}]})
    assert found.extra == {"age_rating": "12", "themes": [{"theme_id": -1}]}
    assert found.children["locales"][0].extra == {"mood": 3}


def test_an_embedded_object_becomes_columns_and_its_rest_is_kept_under_its_key() -> None:
    found = record({"customer": {"id": "5", "email": "a@b.example", "mood": "good"}}, "orders")
    assert found.fields["customer_id"] == 5
    assert found.fields["customer_email"] == "a@b.example"
    assert "customer_token" not in found.fields
    assert found.extra == {"customer": {"mood": "good"}}


def test_an_embedded_object_that_is_null_is_null_in_every_column() -> None:
    found = record({"customer": None}, "orders")
    assert found.fields["customer_id"] is None
    assert found.fields["customer_email"] is None


def test_a_child_list_of_one_may_come_as_an_object() -> None:
    assert record({"locales": {"language_id": "en"}}).children["locales"][0].fields == {"language_id": "en"}


def test_aliases_are_read() -> None:
    found = record({"line_items": [{"Quantity": "2"}]}, "fulfillments")
    assert found.children["line_items"][0].fields == {"quantity": 2}


def test_api2_line_items_take_their_product_from_the_embedded_project() -> None:
    line = {
        "id": 9,
        "quantity": 1,
        "project": {"id": 75501, "product_id": "0001-26ED", "title": "T", "version": "1", "x": 2},
    }
    element = record({"order_items": [line]}, "orders").children["line_items"][0]
    assert element.fields == {"id": 9, "quantity": 1, "product_id": "0001-26ED", "title": "T", "version": "1"}
    assert element.extra == {"project": {"id": 75501, "x": 2}}


# --- broken -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wire", "path"),
    [
        ({"locales": None}, "locales"),
        ({"locales": "none"}, "locales"),
        ({"locales": [{"id": 1}, None]}, "locales[1]"),
        ({"locales": [{"id": 1}, {"id": "x"}]}, "locales[1].id"),
        ({"unknown": {"deep": [1, {"x": "\ud800"}]}}, "unknown.deep[1].x"),
        ({"unknown": float("nan")}, "unknown"),
        ({"unknown": 10**400}, "unknown"),
    ],
)
def test_the_path_says_where_it_failed(wire: dict[str, Any], path: str) -> None:
    assert broken(wire).path == path


def test_an_embedded_object_names_its_field() -> None:
    assert broken({"customer": {"id": []}}, "orders").path == "customer.id"
    assert broken({"customer": "nobody"}, "orders").path == "customer"


def test_bytes_that_are_not_utf8_break_their_record_only() -> None:
    items = split(b'{"products": [{"id": 1, "title": "a\xff"}, {"id": 2, "title": "\xc3\xbc"}]}')
    first, second = (CODEC.decode(PRODUCTS, item) for item in items if isinstance(item, Item))
    assert isinstance(first, Broken)
    assert (first.path, first.key) == ("title", "1")
    assert "UTF-8" in first.reason
    assert isinstance(second, Record)
    assert second.fields["title"] == "ü"


def test_a_record_that_is_no_json_breaks_alone() -> None:
    items = split('{"products": [{"id": 1}, {"id": 2, "title" "no colon, ]}"}, {"id": tru}, {"id": 4}]}')
    assert [type(item).__name__ for item in items] == ["Item", "Broken", "Broken", "Item"]
    assert isinstance(items[1], Broken)
    assert items[1].path == "products[1]"


def test_a_record_nested_too_deep_breaks_alone() -> None:
    deep = "[" * 100_000 + "]" * 100_000
    items = split('{"products": [{"id": 1}, {"id": 2, "x": ' + deep + '}, {"id": 3}]}')
    assert [type(item).__name__ for item in items] == ["Item", "Broken", "Item"]
    hundred = "[" * 100 + "]" * 100
    (item,) = split('{"products": [{"id": 1, "x": ' + hundred + "}]}")
    assert isinstance(item, Item)
    found = CODEC.decode(PRODUCTS, item)
    assert isinstance(found, Broken)
    assert "deeper" in found.reason


def test_a_name_that_stands_twice_is_noticed() -> None:
    (item,) = split('{"products": [{"id": 1, "locales": [{"id": 1, "id": 2}]}]}')
    assert isinstance(item, Item)
    found = CODEC.decode(PRODUCTS, item)
    assert isinstance(found, Broken)
    assert (found.path, found.reason) == ("locales[0]", "a name stands twice in one object")
    (item,) = split('{"products": [{"id": 1, "title": "a", "title": "b"}]}')
    assert isinstance(item, Item)
    found = CODEC.decode(PRODUCTS, item)
    assert isinstance(found, Broken)
    assert found.path == "product"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('{"products": [{"id": 1}, {"title": "x"}]}', "products[1].id"),
        ('{"products": [{"id": 1}, {"id": null}]}', "products[1].id"),
        ('{"products": [{"id": 1}, {"id": []}]}', "products[1].id"),
        ('{"products": [{"id": 1}, 5]}', "products[1]"),
        ('{"product": [{"id": 1}, {"id": ""}]}', "product[1].id"),
        ('[{"id": 1}, {"id": "x"}]', "[1].id"),
    ],
)
def test_a_record_without_a_usable_key_names_its_place(text: str, path: str) -> None:
    one, other = split(text)
    assert isinstance(one, Item)
    assert isinstance(other, Broken)
    assert (other.key, other.path) == ("", path)


def test_a_key_that_no_index_takes_is_no_key() -> None:
    (item,) = split(json.dumps({"customers": [{"token": "A" * 201}]}), "customers")
    assert isinstance(item, Broken)
    assert item.path == "customers[0].token"


# --- secrets ----------------------------------------------------------------------------------------


def test_secrets_are_dropped_at_every_depth() -> None:
    wire = {
        "external_access_token": "s3cr3t",
        "token": "ABCDEFGHIJKLMNOP",
        "player_refresh_token": "s3cr3t",
        "password": "s3cr3t",
        "password_confirmation": "s3cr3t",
        "unknown": {"apiKey": "s3cr3t", "kept": [{"client_secret": "s3cr3t", "n": 1}]},
        "group_member_of": [{"id": 1, "token": "s3cr3t"}],
        "addresses": [{"token": "QRSTUVWXYZABCDEF", "zip": "1", "door_key": "s3cr3t"}],
    }
    found = record(wire, "customers")
    assert "s3cr3t" not in repr(found)
    assert found.extra == {"unknown": {"kept": [{"n": 1}]}}
    assert found.fields["group_member_of"] == [{"id": 1}]
    assert found.children["addresses"][0].fields["token"] == "QRSTUVWXYZABCDEF"
    assert "s3cr3t" not in repr(decoded({"id": 1, "external_access_token": "s3cr3t"}, "companies"))


def test_samples_show_no_secret_and_nothing_but_the_offending_value() -> None:
    assert broken({"id": "x", "email": "a@b.example"}, "customers").sample == '"x"'
    assert broken({"runtime": {"password": "s3cr3t"}}).sample == "an object of 1 fields"
    (item,) = split(json.dumps({"customers": [{"token": "S3CR3T\0"}]}), "customers")
    assert isinstance(item, Broken)
    assert item.sample == ""


# --- envelopes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        '{"products": [{"id": 1}]}',
        '{"Products": [{"id": 1}]}',
        '{"product": {"id": 1}}',
        '{"product": [{"id": 1}]}',
        '{"products": {"id": 1}}',
        '{"entries": [{"id": 1}], "total": 1, "sordDirection": "asc"}',
        '{"total": 1, "list": [{"id": 1}], "isList": true}',
        '{"entry": {"id": 1}}',
        '[{"id": 1}]',
        '{"id": 1}',
        '\ufeff {"products" : [ {"id": 1} ] } \n',
    ],
)
def test_records_are_found_in_every_envelope(text: str) -> None:
    (item,) = split(text)
    assert item.key == "1"


@pytest.mark.parametrize(
    "text", ['{"products": []}', '{"products": null}', "[]", '{"product": {}}', '{"entries": [], "total": 0}']
)
def test_an_empty_list_is_empty(text: str) -> None:
    assert split(text) == ()


@pytest.mark.parametrize("text", ["{}", "null", '{"error": "gone", "error_code": -1}', '{"orders": [{"id": 1}]}', "5"])
def test_an_answer_without_records_is_told_from_an_empty_list(text: str) -> None:
    envelope, items = CODEC.split(PRODUCTS, text.encode())
    assert items is None
    assert envelope.is_empty == (text in {"{}", "null"})
    assert bool(envelope.error) == ("error" in text)


def test_an_error_counts_although_a_list_of_that_name_stands_beside_it() -> None:
    text = '{"error": "Customer found but password does not match.", "error_code": -1, "companies": ["Master Video"]}'
    envelope, _ = CODEC.split(COMPANIES, text.encode())
    assert envelope.error == "Customer found but password does not match."


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html>",
        '{"products": [{"id": 1}',
        '{"products": [{"id": 1}]} {}',
        '{"products": [1 2]}',
        '{"a" 1}',
        "{a: 1}",
    ],
)
def test_what_is_not_json_is_not_understood(text: str) -> None:
    with pytest.raises(NotUnderstood):
        CODEC.split(PRODUCTS, text.encode())


def test_the_key_is_the_one_of_the_description_and_always_text() -> None:
    assert split('{"customers": [{"id": 5, "token": "ABC"}]}', "customers")[0].key == "ABC"
    assert split('{"fulfillments": [{"id": "105489"}]}', "fulfillments")[0].key == "105489"
    assert split('{"orders": [{"id": 105489.0}]}', "orders")[0].key == "105489"


def test_stamp_and_fingerprint() -> None:
    one, same, other, unreadable = split(
        '{"products": [{"id": 1, "updated_at": "2012-04-16T12:00:00"},{"id": 1, "updated_at": "2012-04-16T12:00:00"},'
        '{"id": 1, "title": "ü"}, {"id": 1, "updated_at": 5}]}'
    )
    assert all(isinstance(item, Item) for item in (one, same, other, unreadable))
    assert isinstance(one, Item)
    assert isinstance(same, Item)
    assert isinstance(other, Item)
    assert isinstance(unreadable, Item)
    assert one.stamp == NOON
    assert one.fingerprint == same.fingerprint != other.fingerprint
    assert len(one.fingerprint) == 16
    assert unreadable.stamp is None


def test_fingerprints_do_not_depend_on_where_a_record_stands() -> None:
    alone = split('{"products": [{"id": 1}]}')[0]
    beside = split('{"products": [{"id": 7, "title": "日本"},   {"id": 1}]}')[1]
    assert isinstance(alone, Item)
    assert isinstance(beside, Item)
    assert alone.fingerprint == beside.fingerprint


def test_a_digest_tells_a_repeated_page() -> None:
    page = split('{"products": [{"id": 1}, {"id": 2}, {"title": 3}]}')
    assert digest(page) == digest(split('{"products": [{"id": 1}, {"id": 2}, {"title": 3}]}'))
    assert digest(page) != digest(split('{"products": [{"id": 2}, {"id": 1}, {"title": 3}]}'))
    assert digest(page) != digest(page[:2])


@pytest.mark.parametrize(
    ("facts", "total"),
    [
        ({"count": 5}, 5),
        ({"total": "7", "items": 50}, 7),
        ({"": 9}, 9),
        ({"": "9"}, 9),
        ({}, None),
        ({"count": -1}, None),
        ({"count": "many"}, None),
        ({"count": None}, None),
    ],
)
def test_totals(facts: dict[str, Any], total: int | None) -> None:
    assert total_of(facts) == total


def test_child_lists_from_an_address_of_their_own() -> None:
    child = CUSTOMERS.child_by_name["addresses"]

    def read(text: str) -> Any:
        return CODEC.elements(child, text.encode())

    for text in ('{"addresses": [{"id": 1}]}', '{"address": {"id": 1}}', '[{"id": 1}]', '{"id": 1}'):
        assert [element.fields for element in read(text)] == [{"id": 1}]
    assert read("{}") == () == read('{"addresses": null}')
    found = read('{"addresses": [{"id": 1}, {"id": "x"}]}')
    assert isinstance(found, Broken)
    assert found.path == "addresses[1].id"
    with pytest.raises(NotUnderstood):
        read('{"orders": []}')


def test_an_order_of_another_generation_has_the_same_form() -> None:
    first = record({"line_items": [{"id": 1, "product_id": "p", "title": "t", "quantity": 1}]}, "orders")
    second = record({"order_items": [{"id": 1, "quantity": 1, "project": {"product_id": "p", "title": "t"}}]}, "orders")
    assert first.children["line_items"][0].fields == second.children["line_items"][0].fields
    assert ORDERS.child_by_name["line_items"].aliases == ("order_items",)
