"""How each kind of value lies in a column, on both databases: column types, and values on their way in and out.

SQLite has no times, decimals or flags of its own: times are UTC text that sorts (`2026-11-23 14:40:00`), decimals REAL,
flags 0 and 1. It also lets people store any type in any column, so what comes out is decoded strictly: `Unreadable` is
an answer, not a crash. Must not know tables.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import BigInteger, Boolean, Dialect, Numeric, Text
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import REAL, TypeDecorator, TypeEngine

from syncd.domain.resource import Kind

Encode = Callable[[Any], Any]


class Unreadable(ValueError):
    """A column holds something that is not of its kind. The message is the text found, shortened."""


def text_of(moment: datetime) -> str:
    """A moment as SQLite stores it: UTC text without a zone. Raises ValueError for a moment without a zone."""
    if moment.tzinfo is not UTC:
        if moment.tzinfo is None:
            raise ValueError("a moment without a time zone cannot be stored")
        moment = moment.astimezone(UTC)
    return moment.isoformat(" ")[:-6]


def moment_of(found: Any) -> datetime:
    """A stored moment as an aware UTC value; text without a zone is UTC. Raises Unreadable."""
    if isinstance(found, str):
        try:
            found = datetime.fromisoformat(found)
        except ValueError:
            raise Unreadable(found[:80]) from None
    if not isinstance(found, datetime):
        raise Unreadable(repr(found)[:80])
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


class Moment(TypeDecorator[datetime]):
    """A point in time: timestamptz on PostgreSQL, sortable UTC text on SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.TIMESTAMP(timezone=True))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        return value if value is None or dialect.name == "postgresql" else text_of(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else moment_of(value)


#: The column types. JSON is text in the database's own json type where it has one: it keeps what was sent.
COLUMN_TYPES: Mapping[Kind, TypeEngine[Any]] = {
    Kind.INT: BigInteger(),
    Kind.DECIMAL: Numeric().with_variant(REAL(), "sqlite"),
    Kind.TEXT: Text(),
    Kind.FLAG: Boolean(),
    Kind.TIME: Moment(),
    Kind.JSON: Text().with_variant(postgresql.JSON(), "postgresql"),
}


def json_text(value: Any) -> str:
    """The one text of a JSON value: keys sorted, no spaces, letters as they are."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


#: What a value needs before the driver takes it; kinds that are absent need nothing.
SQLITE_ENCODE: Mapping[Kind, Encode] = {Kind.TIME: text_of, Kind.DECIMAL: float, Kind.JSON: json_text}
POSTGRES_ENCODE: Mapping[Kind, Encode] = {Kind.JSON: json_text}


def _int(found: Any) -> int:
    if type(found) is not int:
        raise Unreadable(repr(found)[:80])
    return found


def _text(found: Any) -> str:
    if not isinstance(found, str):
        raise Unreadable(repr(found)[:80])
    return found


def _flag(found: Any) -> bool:
    if found not in (0, 1) or isinstance(found, str | float):
        raise Unreadable(repr(found)[:80])
    return bool(found)


def _decimal(found: Any) -> Decimal:
    if isinstance(found, Decimal):
        if not found.is_finite():
            raise Unreadable(str(found))
        return found
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise Unreadable(repr(found)[:80])
    try:
        value = Decimal(repr(found))
    except InvalidOperation:
        raise Unreadable(repr(found)[:80]) from None
    if not value.is_finite():
        raise Unreadable(repr(found)[:80])
    return value


def _no_json(word: str) -> Any:
    raise ValueError(word)


def _json(found: Any) -> Any:
    try:
        return json.loads(_text(found), parse_constant=_no_json)
    except (ValueError, RecursionError):
        raise Unreadable(str(found)[:80]) from None


def as_object(found: Any) -> dict[str, Any]:
    """The stored text of a JSON object. Raises Unreadable."""
    value = _json(found)
    if not isinstance(value, dict):
        raise Unreadable(str(found)[:80])
    return value


#: The strict way out, the same for both databases. None never comes here.
DECODE: Mapping[Kind, Encode] = {
    Kind.INT: _int,
    Kind.DECIMAL: _decimal,
    Kind.TEXT: _text,
    Kind.FLAG: _flag,
    Kind.TIME: moment_of,
    Kind.JSON: _json,
}
