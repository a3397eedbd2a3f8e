"""Finds the records in an answer's text, whatever envelope the shop put around them.

Each record keeps its own slice of the text, for its fingerprint, and fails alone: one that is no JSON does not take the
page with it. Known envelopes: the plural key, the singular key (one object or a list), api2's `entries`, `list` and
`entry`, a bare list, a bare object. Must not know fields.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from json import JSONDecoder
from typing import Any, Final

from syncd.errors import NotUnderstood
from syncd.remote.values import NOT_A_NUMBER, Doubled, shown

_BLANK: Final = re.compile(r"[ \t\n\r]*")
_TOKEN: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},]', re.DOTALL)
_BOM: Final = "\ufeff"


@dataclass(frozen=True, slots=True)
class Row:
    """One record's place in the text. `value` is what was parsed, `failure` why it was not."""

    place: str
    start: int
    end: int
    value: Any = None
    failure: str = ""


@dataclass(slots=True)
class Envelope:
    """An answer taken apart. `rows` is None where no list and no record was found; `facts` are the other members.

    `bare` says that the outermost object is itself the record."""

    text: str
    rows: list[Row] | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    bare: bool = False

    @property
    def error(self) -> str:
        """The text of an error object, or nothing. An error counts even beside a list: it is not a listing then."""
        said = None if self.bare else self.facts.get("error")
        return shown(said if isinstance(said, str) else "an error") if said else ""

    @property
    def is_empty(self) -> bool:
        """Whether the answer holds nothing at all: null or `{}`."""
        return self.rows is None and not self.facts


def text_of(body: bytes) -> str:
    """The body as text. Bytes that are not UTF-8 become lone surrogates, so that only their record suffers."""
    return body.decode("utf-8", "surrogateescape").removeprefix(_BOM)


def unwrap(text: str, names: Sequence[str], key: str = "") -> Envelope:
    """Take an answer apart. Raises NotUnderstood where the text is not JSON.

    `names` are the envelope keys, the most telling first; an object without any of them that has `key` is itself
    the record."""
    envelope = Envelope(text)
    at = _blank(text, 0)
    end = at
    if text.startswith("[", at):
        envelope.rows, end = _rows(text, at, "")
    elif text.startswith("{", at):
        found, end = _members(text, at, names, envelope.facts)
        if found:
            envelope.rows = found[min(found)]
        elif key and key in envelope.facts:
            envelope.rows, envelope.bare = [_row(text, at, "")], True
    else:
        envelope.facts[""], end = _value(text, at)
        if envelope.facts[""] is None:
            envelope.facts = {}
    if _blank(text, end) < len(text):
        raise _no_json(text, end)
    return envelope


def _members(text: str, at: int, names: Sequence[str], facts: dict[str, Any]) -> tuple[dict[int, list[Row]], int]:
    """The members of the outermost object: rows by the rank of their name, everything else into `facts`."""
    found: dict[int, list[Row]] = {}
    at = _blank(text, at + 1)
    if text.startswith("}", at):
        return found, at + 1
    while True:
        if not text.startswith('"', at):
            raise _no_json(text, at)
        name, at = _value(text, at)
        at = _blank(text, at)
        if not text.startswith(":", at):
            raise _no_json(text, at)
        at = _blank(text, at + 1)
        rank = names.index(name.lower()) if name.lower() in names else -1
        if rank >= 0 and text.startswith("[", at):
            found[rank], at = _rows(text, at, name)
        elif rank >= 0 and text.startswith("{", at):
            row = _row(text, at, name)
            # Where one record stands, `{}` means that there is none.
            found[rank], at = ([] if row.value == {} else [row]), row.end
        else:
            value, at = _value(text, at)
            if rank >= 0 and value is None:
                found[rank] = []
            else:
                facts[name] = value
        at = _blank(text, at)
        if text.startswith("}", at):
            return found, at + 1
        if not text.startswith(",", at):
            raise _no_json(text, at)
        at = _blank(text, at + 1)


def _rows(text: str, at: int, name: str) -> tuple[list[Row], int]:
    """The elements of a list that starts at `at`, and where it ends."""
    rows: list[Row] = []
    at = _blank(text, at + 1)
    if text.startswith("]", at):
        return rows, at + 1
    while True:
        row = _row(text, at, f"{name}[{len(rows)}]")
        rows.append(row)
        at = _blank(text, row.end)
        if text.startswith("]", at):
            return rows, at + 1
        if not text.startswith(",", at):
            raise _no_json(text, at)
        at = _blank(text, at + 1)


def _row(text: str, at: int, place: str) -> Row:
    """One record. What the parser refuses is stepped over by its brackets, so that the others still count."""
    try:
        value, end = _scan(text, at)
    except ValueError:
        return Row(place, at, _skip(text, at), failure="is not JSON")
    except RecursionError:
        return Row(place, at, _skip(text, at), failure="is nested too deep")
    return Row(place, at, end, value)


def _skip(text: str, at: int) -> int:
    """Where the value that starts at `at` ends, judged by brackets and quotes alone. Raises NotUnderstood."""
    depth = 0
    for token in _TOKEN.finditer(text, at):
        mark = token.group()
        if depth == 0 and mark in {",", "]", "}"}:
            return token.start()
        if mark in {"[", "{"}:
            depth += 1
        elif mark in {"]", "}"}:
            depth -= 1
            if depth == 0:
                return token.end()
    raise _no_json(text, at)


def _value(text: str, at: int) -> tuple[Any, int]:
    try:
        return _scan(text, at)
    except ValueError:
        raise _no_json(text, at) from None
    except RecursionError:
        raise NotUnderstood("The shop's answer is nested too deep.") from None


def _blank(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at


def _no_json(text: str, at: int) -> NotUnderstood:
    if not text.strip():
        return NotUnderstood("The shop's answer is empty.")
    what = "a web page" if text.lstrip()[:1] == "<" else "no whole JSON"
    return NotUnderstood(f"The shop's answer is {what} (character {at} of {len(text)}).")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    return plain if len(plain) == len(pairs) else Doubled(plain)


def _constant(word: str) -> Any:  # noqa: ARG001 - the parser hands over which of the three it was
    return NOT_A_NUMBER


# Control characters inside texts are let in: they do no harm, and some shops send them.
_scan = JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, strict=False).raw_decode
