"""One value from the wire to its canonical form, by kind: tolerant of how a shop writes it, strict about what it means.

`Unfit` says where and why a value cannot be taken. Must not know resources or pages.
"""

import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final

from syncd.domain.record import Json, Value
from syncd.domain.resource import Kind
from syncd.domain.secret import is_secret_name

INT_MAX: Final = 2**63 - 1
DEPTH_MAX: Final = 64
SAMPLE_CHARS: Final = 80
NAME_CHARS_MAX: Final = 200
_DIGITS_MAX: Final = 30
_NUMBER_CHARS_MAX: Final = 60
_LEAF_CHARS: Final = 60
_NOTHING: Final = object()
_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)

Reader = Callable[[Any], Value]


class Unfit(Exception):
    """A value that cannot be taken. `path` grows on its way up to the record; `sample` is short and harmless."""

    def __init__(self, reason: str, raw: Any = _NOTHING, *, path: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path
        self.sample = "" if raw is _NOTHING else sample_of(raw)

    def under(self, step: str) -> "Unfit":
        """The same, seen from one level up; a value whose name tells a secret is not shown."""
        if not self.path and secret_name(step.partition("[")[0]):
            self.sample = ""
        step = shown(step)
        joint = "" if not self.path or self.path.startswith("[") else "."
        self.path = f"{step}{joint}{self.path}"
        return self


class Doubled(dict[str, Any]):
    """An object in which a name stood twice."""


class NotANumber:
    """Stands for NaN or Infinity, which are not JSON."""


NOT_A_NUMBER: Final = NotANumber()


@lru_cache(maxsize=4096)
def secret_name(name: str) -> bool:
    """Whether a field that no description names must be taken for a secret."""
    return is_secret_name(name)


def shown(text: str, chars_max: int = _LEAF_CHARS) -> str:
    """A name or text as messages show it: short, printable, no lone surrogates."""
    short = text if len(text) <= chars_max else text[:chars_max] + "..."
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in short)


def sample_of(raw: Any) -> str:
    """A harmless excerpt: a scalar shortened, of anything bigger only its form."""
    match raw:
        case dict():
            text = f"an object of {len(raw)} fields"
        case list():
            text = f"a list of {len(raw)}"
        case str():
            text = f'"{shown(raw)}"'
        case None | bool():
            text = json.dumps(raw)
        case float():
            text = repr(raw)
        case int():
            text = str(raw) if abs(raw) < 10**40 else "a number of more than 40 digits"
        case _:
            text = "NaN or Infinity"
    return text[:SAMPLE_CHARS]


def read_int(raw: Any) -> int | None:
    """`19800`, `19800.0`, `"19800"`, `true`; an empty text is null."""
    if type(raw) is not int:
        if isinstance(raw, str):
            text = raw.strip()
            if not text:
                return None
            number = _number(text, raw)
        elif isinstance(raw, float) and math.isfinite(raw):
            number = Decimal(raw)
        elif isinstance(raw, bool):
            return int(raw)
        else:
            raise Unfit("a whole number was expected", raw)
        if number != number.to_integral_value():
            raise Unfit("a whole number was expected", raw)
        raw = int(number)
    if not -INT_MAX <= raw <= INT_MAX:
        raise Unfit("the number does not fit into 64 bits", raw)
    return int(raw)


def read_decimal(raw: Any) -> Decimal | None:
    """A number or its text; an empty text is null."""
    if isinstance(raw, str):
        text = raw.strip()
        return _number(text, raw) if text else None
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise Unfit("a number was expected", raw)
    if isinstance(raw, int):
        if not -INT_MAX <= raw <= INT_MAX:
            raise Unfit("the number does not fit into 64 bits", raw)
        return Decimal(raw)
    return _number(repr(raw), raw)


def read_flag(raw: Any) -> bool | None:
    """`true`, `1`, `"1"`, `"true"` and their opposites; an empty text is null."""
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, str):
        raw_word = raw.strip().lower()
        if not raw_word:
            return None
        if raw_word in {"1", "true"}:
            return True
        if raw_word in {"0", "false"}:
            return False
    elif isinstance(raw, int | float) and raw in (0, 1):
        return bool(raw)
    raise Unfit("true, false, 1 or 0 was expected", raw)


def readers(zone: tzinfo, text_chars_max: int) -> Mapping[Kind, Reader]:
    """One reader per kind. `zone` is that of times without one. None never comes to a reader."""

    def read_text(raw: Any) -> str:
        if type(raw) is str:
            return checked_text(raw, text_chars_max)
        if isinstance(raw, int | float) and not isinstance(raw, bool):
            return str(_checked_number(raw))
        raise Unfit("a text was expected", raw)

    def read_time(raw: Any) -> datetime | None:
        if not isinstance(raw, str):
            raise Unfit("a time was expected", raw)
        text = raw.strip()
        if not text:
            return None
        if len(text) < 10 or text[4] != "-" or text[7] != "-" or not text.isascii():
            raise Unfit("a time was expected", raw)
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise Unfit("a time was expected", raw) from None
        return _in_utc(moment, zone)

    def read_json(raw: Any) -> Value:
        if raw == "":
            return None
        if not isinstance(raw, dict | list):
            raise Unfit("an object or a list was expected", raw)
        kept: Any = clean(raw, text_chars_max)
        return kept  # type: ignore[no-any-return] # an object or a list stays one

    return {
        Kind.INT: read_int,
        Kind.DECIMAL: read_decimal,
        Kind.TEXT: read_text,
        Kind.FLAG: read_flag,
        Kind.TIME: read_time,
        Kind.JSON: read_json,
    }


def checked_text(text: str, chars_max: int) -> str:
    """The text, if it is one that every database can keep. Raises Unfit."""
    if len(text) > chars_max:
        raise Unfit(f"the text is longer than {chars_max} characters", text)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as problem:
            bad = text[problem.start]
            reason = "bytes that are not UTF-8" if "\udc80" <= bad <= "\udcff" else "half a surrogate pair"
            raise Unfit(f"the text holds {reason}", text) from None
    if "\0" in text:
        raise Unfit("the text holds a NUL character", text)
    return text


def clean(raw: Any, chars_max: int, depth: int = 0) -> Json:
    """A JSON value that is kept whole, without its secrets, at every depth. Raises Unfit."""
    if isinstance(raw, str):
        return checked_text(raw, chars_max)
    if isinstance(raw, dict | list) and depth >= DEPTH_MAX:
        raise Unfit(f"nested deeper than {DEPTH_MAX}")
    if isinstance(raw, dict):
        check_names(raw)
        kept: dict[str, Json] = {}
        for name, value in raw.items():
            if not secret_name(name):
                try:
                    kept[name] = clean(value, chars_max, depth + 1)
                except Unfit as problem:
                    raise problem.under(name) from None
        return kept
    if isinstance(raw, list):
        items: list[Json] = []
        for place, value in enumerate(raw):
            try:
                items.append(clean(value, chars_max, depth + 1))
            except Unfit as problem:
                raise problem.under(f"[{place}]") from None
        return items
    return raw if raw is None or isinstance(raw, bool) else _checked_number(raw)


def check_names(raw: Mapping[str, Any]) -> None:
    """Refuse an object with a name twice, or with a name that cannot be kept."""
    if isinstance(raw, Doubled):
        raise Unfit("a name stands twice in one object")
    together = "".join(raw)
    if len(together) <= NAME_CHARS_MAX and together.isascii() and "\0" not in together:
        return
    for name in raw:
        if len(name) > NAME_CHARS_MAX:
            raise Unfit(f"a name is longer than {NAME_CHARS_MAX} characters", name)
        checked_text(name, NAME_CHARS_MAX)


def _checked_number(raw: Any) -> int | float:
    if isinstance(raw, int) and -INT_MAX <= raw <= 2 * INT_MAX + 1:
        return raw
    if isinstance(raw, float) and math.isfinite(raw):
        return raw
    raise Unfit("the number is too large, or none at all", raw)


def _number(text: str, raw: Any) -> Decimal:
    """A finite decimal of a size that every database can keep. Underscores and the like are not numbers."""
    try:
        plain = len(text) <= _NUMBER_CHARS_MAX and text.isascii() and "_" not in text
        number = Decimal(text) if plain else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite():
        raise Unfit("a number was expected", raw)
    if number and not -_DIGITS_MAX <= number.adjusted() <= _DIGITS_MAX:
        raise Unfit("the number is too large or too small", raw)
    return number


def _in_utc(moment: datetime, zone: tzinfo) -> datetime:
    """The moment in UTC; one that would leave the calendar stops at its edge (the year 1 means "never" to .NET)."""
    if moment.tzinfo is None:
        if zone is UTC:
            return moment.replace(tzinfo=UTC)
        moment = moment.replace(tzinfo=zone)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return _FIRST if moment.year == 1 else _LAST
