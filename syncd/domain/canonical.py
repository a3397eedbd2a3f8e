"""When two values of a field are the same, whoever wrote them down.

The shop sends flags as true, 1 and "1", ids as numbers and as text, times with and without fractions; a database keeps
what it can. Everything that is compared is compared here, in canonical form. Must not know fields, only kinds.

* FLAG: true, 1, "1" and "true" are one value; so are false, 0, "0" and "false".
* INT, DECIMAL: by number: 19800, 19800.0, "19800" are one value.
* TIME: the same instant, at the coarser precision of the two: whole seconds where one side has no fraction,
  milliseconds where one has no more. A time without a zone is UTC.
* JSON: by structure; the order of keys does not count, that of a list does; true and 1 are one value, as for flags.
* TEXT: exactly, letter by letter. The empty text is a value and not null: a shop may show the two differently.
* For every other kind the empty text *is* null: that is how a form sends "nothing" where a number belongs.
* A value that is not of its kind is compared as it stands; nothing here raises for it.
"""

import re
from collections.abc import Hashable
from datetime import UTC, datetime
from decimal import Decimal
from math import isnan
from typing import Final

from syncd.domain.record import Value
from syncd.domain.resource import Kind

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?")
_FLAGS: Final[dict[str, bool]] = {"1": True, "true": True, "0": False, "false": False}


def same(kind: Kind, one: Value, other: Value) -> bool:
    """Whether two values of a field of this kind are equal in canonical form."""
    if one is other:
        return True
    if kind is Kind.TIME and isinstance(one, datetime) and isinstance(other, datetime):
        step = max(_precision(one), _precision(other))
        return _cut(_utc(one), step) == _cut(_utc(other), step)
    return canonical(kind, one) == canonical(kind, other)


def canonical(kind: Kind, value: Value) -> Hashable:
    """The canonical form of a value, fit to be looked up by. Times are cut to the second."""
    if value is None:
        return None
    if kind is Kind.TEXT:
        if isinstance(value, str):
            return value
        return str(value) if type(value) is int else _structure(value)
    if value == "":
        return None
    if kind is Kind.FLAG:
        plain = _FLAGS.get(value.strip().lower(), value) if isinstance(value, str) else _structure(value)
        return bool(plain) if plain in (0, 1) else plain
    if kind is Kind.INT or kind is Kind.DECIMAL:
        return _number(value)
    if kind is Kind.TIME and isinstance(value, datetime):
        return _cut(_utc(value), 1_000_000)
    return _structure(value)


def _number(value: object) -> Hashable:
    """Python compares int and Decimal by value; a float is taken as it is written, so that 0.1 equals "0.1"."""
    if isinstance(value, str):
        text = value.strip()
        return Decimal(text) if _NUMBER.fullmatch(text) else value
    return _structure(Decimal(repr(value)) if isinstance(value, float) else value)


def _structure(value: object) -> Hashable:
    if isinstance(value, dict):
        return ("{}", frozenset((str(key), _structure(part)) for key, part in value.items()))
    if isinstance(value, list | tuple):
        return ("[]", tuple(_structure(part) for part in value))
    if (isinstance(value, Decimal) and value.is_nan()) or (isinstance(value, float) and isnan(value)):
        return "NaN"  # by itself it would differ even from itself
    return value


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    except OverflowError:  # within a day of the first or the last year, where UTC has no name for the moment
        return moment


def _precision(moment: datetime) -> int:
    """The step, in microseconds, at which this moment was written down."""
    if moment.microsecond == 0:
        return 1_000_000
    return 1000 if moment.microsecond % 1000 == 0 else 1


def _cut(moment: datetime, step: int) -> datetime:
    return moment.replace(microsecond=moment.microsecond - moment.microsecond % step)
