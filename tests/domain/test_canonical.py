"""Values that mean the same are the same, and values that do not are not."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.domain.canonical import canonical, same
from syncd.domain.resource import Kind

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)

values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["0", "1", "true", "", "12", "-3.50", "1e5"]),
    st.decimals(allow_nan=True),
    st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=14)), timezone(-timedelta(hours=12))])),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=6,
    ),
)


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        (Kind.FLAG, True, 1),
        (Kind.FLAG, True, "1"),
        (Kind.FLAG, "true", "True "),
        (Kind.FLAG, False, "0"),
        (Kind.FLAG, None, ""),
        (Kind.INT, 267227, "267227"),
        (Kind.INT, 19800, 19800.0),
        (Kind.INT, 19800, " 19800.00"),
        (Kind.DECIMAL, Decimal("1.50"), Decimal("1.5")),
        (Kind.DECIMAL, Decimal("0.1"), 0.1),
        (Kind.DECIMAL, Decimal(0), Decimal("-0.0")),
        (Kind.DECIMAL, Decimal("NaN"), Decimal("NaN")),
        (Kind.TEXT, "267227", 267227),
        (Kind.TIME, NOON, NOON.replace(tzinfo=None)),
        (Kind.TIME, NOON, datetime(2026, 11, 23, 14, tzinfo=timezone(timedelta(hours=2)))),
        (Kind.TIME, NOON, NOON.replace(microsecond=730_000)),
        (Kind.TIME, NOON.replace(microsecond=123_000), NOON.replace(microsecond=123_456)),
        (Kind.TIME, None, ""),
        (Kind.JSON, {"a": 1, "b": [2]}, {"b": [2], "a": 1}),
        (Kind.JSON, {"on": 1}, {"on": True}),
    ],
)
def test_what_means_the_same_is_the_same(kind: Kind, one: object, other: object) -> None:
    assert same(kind, one, other)  # type: ignore[arg-type]
    assert same(kind, other, one)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        (Kind.FLAG, True, False),
        (Kind.FLAG, False, None),
        (Kind.FLAG, True, 2),
        (Kind.FLAG, True, "yes"),
        (Kind.INT, 0, None),
        (Kind.INT, 1, 1.5),
        (Kind.INT, 1, "one"),
        (Kind.DECIMAL, Decimal("1.5"), Decimal("1.51")),
        (Kind.TEXT, "", None),
        (Kind.TEXT, "a", "A"),
        (Kind.TEXT, "a", "a "),
        (Kind.TEXT, "true", True),
        (Kind.TIME, NOON, NOON + timedelta(seconds=1)),
        (Kind.TIME, NOON.replace(microsecond=1), NOON.replace(microsecond=2)),
        (Kind.TIME, NOON.replace(microsecond=1000), NOON.replace(microsecond=2001)),
        (Kind.TIME, NOON, "noon"),
        (Kind.JSON, [1, 2], [2, 1]),
        (Kind.JSON, {}, []),
        (Kind.JSON, {"a": None}, {}),
    ],
)
def test_what_differs_differs(kind: Kind, one: object, other: object) -> None:
    assert not same(kind, one, other)  # type: ignore[arg-type]
    assert not same(kind, other, one)  # type: ignore[arg-type]


@given(st.sampled_from(Kind), values, values)
def test_comparing_is_total_reflexive_and_symmetric(kind: Kind, one: object, other: object) -> None:
    assert same(kind, one, one)  # type: ignore[arg-type]
    assert same(kind, one, other) == same(kind, other, one)  # type: ignore[arg-type]


@given(st.sampled_from(Kind), values, values)
def test_the_canonical_form_can_be_looked_up_by(kind: Kind, one: object, other: object) -> None:
    forms = canonical(kind, one), canonical(kind, other)  # type: ignore[arg-type]
    if forms[0] == forms[1]:
        assert hash(forms[0]) == hash(forms[1])
    if kind is not Kind.TIME and same(kind, one, other):  # type: ignore[arg-type]
        assert forms[0] == forms[1]
