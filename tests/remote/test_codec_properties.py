"""Whatever a shop sends, the codec answers with records or broken ones, and never with an exception of its own."""

import json
from datetime import UTC
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from syncd.domain.record import Broken, Item, Record
from syncd.domain.resource import Kind, Resource
from syncd.domain.resources import RESOURCES
from syncd.domain.secret import is_secret_name
from syncd.errors import NotUnderstood
from syncd.remote.codec_in import Codec
from syncd.remote.settings import RemoteSettings
from syncd.remote.values import readers

CODEC = Codec(RemoteSettings(text_chars_max=200))

texts = st.text(st.characters(exclude_categories=())) | st.sampled_from(
    ["", "2012-04-16T12:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1e5", "true", "²", "x" * 300]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
SENT_NAMES = sorted({name for resource in RESOURCES for field in resource.fields for name in field.wire_path})
ODD_NAMES = [
    "locales",
    "line_items",
    "order_items",
    "addresses",
    "project",
    "password",
    "token",
    "api_key",
    "\ud800",
    "a\0",
]
names = st.sampled_from([*SENT_NAMES, *ODD_NAMES])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names | texts, inner, max_size=6),
    max_leaves=20,
)
resources = st.sampled_from(RESOURCES)


def sent(value: Any) -> bytes:
    return json.dumps(value).encode()


def check(resource: Resource, items: tuple[Item | Broken, ...] | None) -> None:
    for item in items or ():
        found = CODEC.decode(resource, item) if isinstance(item, Item) else item
        if isinstance(found, Broken):
            assert len(found.sample) <= 80
            assert found.reason
            (found.path + found.sample + found.key).encode()
            continue
        assert isinstance(found, Record)
        json.dumps([found.extra, [e.extra for es in found.children.values() for e in es]], allow_nan=False).encode()
        assert not [name for name in found.extra if is_secret_name(name)]
        repr(found).encode()


@given(resources, st.lists(st.dictionaries(names, values, max_size=8), max_size=4), st.booleans())
def test_any_records(resource: Resource, records: list[dict[str, Any]], keyed: bool) -> None:
    if keyed:
        records = [record | {resource.key: place} for place, record in enumerate(records)]
    _, items = CODEC.split(resource, sent({resource.plural: records}))
    assert items is not None
    assert len(items) == len(records)
    check(resource, items)


@given(resources, values)
def test_any_json(resource: Resource, value: Any) -> None:
    _, items = CODEC.split(resource, sent(value))
    check(resource, items)


@given(
    resources, st.binary(max_size=200) | values.map(sent).flatmap(lambda b: st.integers(0, len(b)).map(lambda n: b[:n]))
)
@example(RESOURCES[0], b'{"companies": [' + b"[" * 50_000)
@example(RESOURCES[0], b"[" * 50_000)
@example(RESOURCES[0], b'{"x": ' * 50_000)
@example(RESOURCES[0], b"1" * 5_000)
@example(RESOURCES[0], b'{"companies": [{"id": ' + b"1" * 5_000 + b"}]}")
def test_any_bytes(resource: Resource, body: bytes) -> None:
    try:
        _, items = CODEC.split(resource, body)
    except NotUnderstood as problem:
        problem.message.encode()
    else:
        check(resource, items)


@given(st.sampled_from(list(Kind)), st.integers(-(2**63) + 1, 2**63 - 1))
def test_numbers_are_equal_however_they_are_written(kind: Kind, number: int) -> None:
    read = readers(UTC, 200)[kind]
    if kind in {Kind.INT, Kind.DECIMAL}:
        assert read(number) == read(str(number)) == number
    if kind is Kind.TEXT:
        assert read(number) == read(str(number)) == str(number)
    if kind is Kind.FLAG and number in {0, 1}:
        assert read(number) == read(str(number)) == read(bool(number)) == bool(number)
