"""What leaves in a write: values in the shop's own forms, nothing that only the shop sets, no secrets."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from syncd.domain.patch import Act, ElementChange, Patch
from syncd.domain.record import Element, Item, Record, Value
from syncd.domain.resource import Access, Child, Field, Kind, Resource
from syncd.domain.resources import CATEGORIES, CUSTOMERS, ORDERS, PRODUCTS, RESOURCES, THEME_SETTINGS
from syncd.domain.secret import Secret
from syncd.remote.codec_in import Codec
from syncd.remote.codec_out import Encoder, as_resource, encode, sealed
from syncd.remote.settings import RemoteSettings
from syncd.remote.values import Unfit

SETTINGS = RemoteSettings()
CODEC = Codec(SETTINGS)
ENCODER = Encoder(SETTINGS, CODEC)
NOON = datetime(2026, 7, 1, 12, 0, 5, 123456, tzinfo=UTC)
LOCALES = PRODUCTS.child_by_name["locales"]
ADDRESSES = CUSTOMERS.child_by_name["addresses"]
PRODUCT: dict[str, Any] = {
    "id": 7,
    "product_id": "0001-AAAA-BBBB-CCCC",
    "title": "Old",
    "product_type": 6,
    "valid": 1,
    "weight": 12.5,
    "published_at": "2026-01-02T03:04:05",
    "updated_at": "2026-01-02T03:04:05",
    "age_rating": "0",
    "unlock_key": "k-1",
    "themes": [{"theme_id": -1, "token": "t-1"}],
    "locales": [
        {"id": 1, "language_id": "en", "title": "Old", "subtitle": "sub"},
        {"id": 2, "language_id": "de", "title": "Alt"},
    ],
    "categories": [{"category_id": 4, "created_at": "2026-01-02T03:04:05", "id": 40}],
    "content_files": [{"id": 9, "valid": 1}],
}


def item_of(resource: Resource, wire: dict[str, Any]) -> Item:
    _, items = CODEC.split(resource, json.dumps({resource.singular: wire}).encode())
    assert items
    [item] = items
    assert isinstance(item, Item)
    return item


def updated(
    wire: dict[str, Any] | None,
    fields: Mapping[str, Value] | None = None,
    lists: Mapping[str, tuple[ElementChange, ...]] | None = None,
    *,
    resource: Resource = PRODUCTS,
    partial: bool = False,
) -> dict[str, Any]:
    whole = None if wire is None else item_of(resource, wire)
    return ENCODER.updated(resource, Patch(fields or {}, lists or {}), whole, partial=partial)


def added(**fields: Value) -> ElementChange:
    return ElementChange(Act.ADD, "", fields, None, Element(fields))


def edited(before: Mapping[str, Value], **fields: Value) -> ElementChange:
    return ElementChange(Act.EDIT, "", fields, Element(before), Element({**before, **fields}))


def removed(**before: Value) -> ElementChange:
    return ElementChange(Act.REMOVE, "", {}, Element(before), None)


# --- values -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "value", "sample", "sent"),
    [
        (Kind.FLAG, True, None, True),
        (Kind.FLAG, True, False, True),
        (Kind.FLAG, True, 0, 1),
        (Kind.FLAG, False, 1, 0),
        (Kind.FLAG, True, "0", "1"),
        (Kind.FLAG, False, "True", "false"),
        (Kind.FLAG, None, 1, None),
        (Kind.INT, 19800, "1", 19800),
        (Kind.DECIMAL, Decimal("4.3949"), None, 4.3949),
        (Kind.DECIMAL, Decimal("12.0"), None, 12),
        (Kind.DECIMAL, Decimal(10**25), None, 10**25),
        (Kind.TEXT, "", None, ""),
        (Kind.TEXT, None, "x", None),
        (Kind.JSON, {"a": [1]}, None, {"a": [1]}),
        (Kind.TIME, NOON, None, "2026-07-01T12:00:05"),
        (Kind.TIME, NOON, "2015-01-01T00:00:00", "2026-07-01T12:00:05"),
        (Kind.TIME, NOON, "2015-01-01T00:00:00.1234567+02:00", "2026-07-01T14:00:05.1234560+02:00"),
        (Kind.TIME, NOON, "2015-01-01T00:00:00.12-03:30", "2026-07-01T08:30:05.12-03:30"),
        (Kind.TIME, NOON, "2015-01-01T00:00:00Z", "2026-07-01T12:00:05Z"),
        (Kind.TIME, datetime(1, 1, 1, tzinfo=UTC), "2015-01-01T00:00:00-01:00", "0001-01-01T00:00:00Z"),
    ],
)
def test_a_value_goes_out_in_the_form_in_which_the_shop_sent_it(
    kind: Kind, value: Value, sample: object, sent: object
) -> None:
    found = encode(kind, value, sample=sample)
    assert (type(found), found) == (type(sent), sent)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind.INT, True),
        (Kind.INT, "7"),
        (Kind.FLAG, 1),
        (Kind.TEXT, 7),
        (Kind.TIME, "2026-07-01"),
        (Kind.DECIMAL, Decimal("NaN")),
        (Kind.JSON, "x"),
    ],
)
def test_a_value_of_another_kind_does_not_leave(kind: Kind, value: Value) -> None:
    with pytest.raises(TypeError):
        encode(kind, value)


def test_times_without_a_zone_are_in_the_zone_of_the_settings() -> None:
    settings = RemoteSettings(zone="Europe/Berlin")
    encoder = Encoder(settings, Codec(settings))
    body = encoder.updated(PRODUCTS, Patch({"release_date": NOON}), None)
    assert body == {"release_date": "2026-07-01T14:00:05"}


def test_an_empty_time_follows_the_form_of_its_neighbours() -> None:
    wire = PRODUCT | {"published_at": None, "updated_at": "2026-01-02T03:04:05.1234567+01:00"}
    assert updated(wire, {"published_at": NOON})["published_at"] == "2026-07-01T13:00:05.1234560+01:00"


# --- updates ----------------------------------------------------------------------------------------


def test_without_the_record_only_the_patch_leaves() -> None:
    assert updated(None, {"title": "New", "valid": False, "comment": None}) == {
        "title": "New",
        "valid": False,
        "comment": None,
    }


def test_a_list_never_leaves_incomplete() -> None:
    with pytest.raises(ValueError, match="locales"):
        updated(None, {}, {"locales": (added(language_id="fr"),)})


def test_the_record_just_read_goes_back_with_the_patch_in_it() -> None:
    assert updated(PRODUCT, {"title": "New", "valid": False, "gtin": "4"}) == {
        "title": "New",
        "valid": 0,
        "gtin": "4",
        "weight": 12.5,
        "published_at": "2026-01-02T03:04:05",
        "age_rating": "0",
        "themes": [{"theme_id": -1}],
        "locales": PRODUCT["locales"],
        "categories": [{"category_id": 4, "id": 40}],
    }


def test_a_partial_write_has_the_patch_and_its_lists_complete() -> None:
    change = edited({"id": 2, "language_id": "de", "title": "Alt"}, title="Neu")
    assert updated(PRODUCT, {"valid": True}, {"locales": (change,)}, partial=True) == {
        "valid": 1,
        "locales": [PRODUCT["locales"][0], PRODUCT["locales"][1] | {"title": "Neu"}],
    }


def test_elements_are_edited_added_and_removed_in_their_list() -> None:
    changes = (
        edited({"language_id": "en", "title": "Old"}, title="New", description="d"),
        removed(id=2, language_id="de", title="Alt"),
        added(language_id="fr", title="Neuf", id=99),
    )
    assert updated(PRODUCT, {}, {"locales": changes})["locales"] == [
        {"id": 1, "language_id": "en", "title": "New", "subtitle": "sub", "description": "d"},
        {"language_id": "fr", "title": "Neuf"},
    ]


def test_of_equal_elements_the_one_that_is_meant_is_changed() -> None:
    wire = PRODUCT | {"images": [{"id": n, "src": "a.jpg", "position": n} for n in (1, 2, 3)]}
    change = removed(id=2, src="a.jpg", position=2)
    assert [each["id"] for each in updated(wire, {}, {"images": (change,)})["images"]] == [1, 3]


def test_new_elements_take_the_forms_of_the_others() -> None:
    binding = {"license_id": 1, "price_id": 2, "hd": 0, "audio_type": 0, "num_users": 1}
    wire = PRODUCT | {"price_license_binding": [binding]}
    change = added(license_id=1, price_id=2, hd=True)
    sent = updated(wire, {}, {"price_license_binding": (change,)})["price_license_binding"]
    assert sent == [binding, {"license_id": 1, "price_id": 2, "hd": 1}]
    assert type(sent[1]["hd"]) is int


def test_a_list_that_came_as_one_object_goes_back_as_a_list() -> None:
    wire = PRODUCT | {"locales": {"id": 1, "language_id": "en", "title": "Old"}}
    assert updated(wire)["locales"] == [{"id": 1, "language_id": "en", "title": "Old"}]


def test_a_list_that_the_shop_left_out_begins_empty() -> None:
    wire = {"id": 7, "title": "Old"}
    assert updated(wire, {}, {"locales": (added(language_id="fr"),)}) == {
        "title": "Old",
        "locales": [{"language_id": "fr"}],
    }


@pytest.mark.parametrize("whole", [None, PRODUCT])
def test_nothing_leaves_in_an_update_that_only_the_shop_or_a_create_sets(whole: dict[str, Any] | None) -> None:
    fields: dict[str, Value] = {"id": 8, "product_type": 1, "updated_at": NOON, "mirrored": True, "unheard_of": 1}
    sent = updated(whole, fields)
    assert not sent.keys() & {*fields, "product_id", "content_files", "unlock_key"}


def test_of_an_order_only_what_may_change_goes_back() -> None:
    wire = {
        "id": 5,
        "order_number": "N-1",
        "notes": "",
        "confirmed": True,
        "customer": {"id": 1, "token": "T", "email": "a@b.example", "loyalty": 3},
        "line_items": [{"id": 1, "product_id": "P", "quantity": 1}],
        "sales_channel": "web",
    }
    assert updated(wire, {"notes": "call"}, resource=ORDERS) == {
        "notes": "call",
        "confirmed": True,
        "sales_channel": "web",
    }


def test_addresses_go_back_as_read_and_change_elsewhere() -> None:
    address = {"id": 1, "token": "A" * 16, "city": "Jena", "name": "x"}
    wire = {"token": "T" * 16, "email": "a@b.example", "addresses": [address], "player_refresh_token": "s"}
    change = edited({"token": "A" * 16}, city="Wien")
    kept = {"id": 1, "token": "A" * 16, "city": "Jena"}
    assert updated(wire, {"note": "n"}, {"addresses": (change,)}, resource=CUSTOMERS) == {
        "email": "a@b.example",
        "note": "n",
        "addresses": [kept],
    }
    assert updated(wire, {"note": "n"}, {"addresses": (change,)}, resource=CUSTOMERS, partial=True) == {"note": "n"}
    assert updated(None, {"note": "n"}, {"addresses": (change,)}, resource=CUSTOMERS) == {"note": "n"}


def test_what_cannot_be_read_is_not_written_back() -> None:
    with pytest.raises(Unfit) as caught:
        updated(PRODUCT | {"weight": "heavy"}, {"title": "New"})
    assert caught.value.path == "weight"


def test_an_embedded_field_and_an_alias_are_written_where_they_lie() -> None:
    writable = Access.WRITE
    lists = Child(
        "rows", "rows", (Field("count", Kind.INT, writable, aliases=("Count",)),), aliases=("lines",), access=writable
    )
    resource = Resource(
        "parcels", "/api/parcels", "parcels", "parcel", "",
        (
            Field("id", Kind.INT),
            Field("label", Kind.TEXT, writable, aliases=("Label",)),
            Field("to_city", Kind.TEXT, writable, path=("to", "city")),
            Field("to_id", Kind.INT, path=("to", "id")),
            Field("facts", Kind.JSON, writable),
        ),
        (lists,),
    )  # fmt: skip
    wire = {
        "id": 1,
        "Label": "old",
        "to": {"id": 4, "city": "Jena", "street": "x"},
        "facts": {"a": 1, "secret": "s"},
        "lines": [{"Count": 1}],
    }
    patch = Patch({"label": "new", "to_city": "Wien"}, {"rows": (edited({"count": 1}, count=2),)})
    assert ENCODER.updated(resource, patch, item_of(resource, wire)) == {
        "Label": "new",
        "to": {"city": "Wien"},
        "facts": {"a": 1},
        "lines": [{"Count": 2}],
    }


# --- creates ----------------------------------------------------------------------------------------


def test_a_new_record_has_what_may_be_set_and_no_nulls() -> None:
    record = Record(
        {"id": 1, "title": "T", "comment": None, "product_type": 6, "valid": True, "updated_at": NOON},
        {"locales": (Element({"id": 3, "language_id": "en", "title": None}),), "images": ()},
    )
    assert ENCODER.created(PRODUCTS, record) == {
        "title": "T",
        "product_type": 6,
        "valid": True,
        "locales": [{"language_id": "en"}],
    }


def test_a_new_order_tells_the_shop_to_be_quiet_unless_somebody_said_otherwise() -> None:
    line = Element({"product_id": "P", "license_id": 1, "quantity": 2, "code": "x"})
    record = Record({"order_number": "N", "customer_token": "T"}, {"line_items": (line,)})
    assert ENCODER.created(ORDERS, record) == {
        "order_number": "N",
        "customer_token": "T",
        "customer_notification": 0,
        "password_option": 0,
        "generate_codes": False,
        "line_items": [{"product_id": "P", "license_id": 1, "quantity": 2}],
    }
    louder = Record({"order_number": "N", "customer_notification": 1, "generate_codes": True, "password_option": None})
    assert {**ENCODER.created(ORDERS, louder)} == {
        "order_number": "N",
        "customer_notification": 1,
        "password_option": 0,
        "generate_codes": True,
    }


def test_addresses_never_go_with_a_new_customer() -> None:
    record = Record({"email": "a@b.example"}, {"addresses": (Element({"city": "Wien"}),)})
    assert ENCODER.created(CUSTOMERS, record) == {"email": "a@b.example"}


# --- elements with an address of their own ----------------------------------------------------------


def test_an_element_goes_alone_or_whole() -> None:
    whole = Element({"id": 1, "token": "A", "name": "x", "city": "Jena", "default": True}, {"floor": 2})
    assert ENCODER.element(ADDRESSES, {"city": "Wien", "token": "B"}, None, new=True) == {"city": "Wien"}
    assert ENCODER.element(ADDRESSES, {"city": None}, None, new=False) == {"city": None}
    assert ENCODER.element(ADDRESSES, {"city": "Wien"}, whole, new=False) == {
        "floor": 2,
        "city": "Wien",
        "default": True,
    }


def test_an_element_is_read_as_a_record_of_its_own() -> None:
    assert (as_resource(ADDRESSES).singular, as_resource(ADDRESSES).key) == ("address", "token")
    assert as_resource(CATEGORIES.child_by_name["locales"]).singular == "locale"


# --- secrets ----------------------------------------------------------------------------------------


def test_a_password_comes_into_the_body_last_and_with_its_confirmation() -> None:
    text = sealed("customer", {"email": "a"}, {"password": Secret("p-1")})
    assert "p-1" not in repr(text)
    twice = {"password": "p-1", "password_confirmation": "p-1"}
    assert json.loads(text.reveal()) == {"customer": {"email": "a"} | twice}
    inside = sealed("order", {"customer": {"email": "a"}, "notes": "n"}, {"password": Secret("p-1")}, "customer")
    assert json.loads(inside.reveal()) == {"order": {"customer": {"email": "a"} | twice, "notes": "n"}}


@pytest.mark.parametrize("resource", [r for r in RESOURCES if r.writable], ids=lambda r: r.name)
def test_no_description_lets_a_secret_or_a_key_out(resource: Resource) -> None:
    wire: dict[str, Any] = {"id": 1, resource.key: "1", "api_key": "leak", "deep": {"more": [{"password": "leak"}]}}
    for child in resource.children:
        wire[child.name] = [{"session_token": "leak", "id": 1}]
    body = updated(wire, resource=resource)
    assert "leak" not in json.dumps(body)
    assert body.keys().isdisjoint({resource.key, "id"})


def test_theme_settings_keep_their_theme_to_themselves() -> None:
    wire = {"id": 1, "name": "n", "theme": {"id": 3, "name": "t", "mobified_at": "x"}}
    assert updated(wire, {"name": "m"}, resource=THEME_SETTINGS) == {"name": "m"}
