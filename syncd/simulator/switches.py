"""What the reference leaves open about the shop, one switch each, with four ready-made characters.

A switch may differ per resource: `orders.list_order=id_desc`. Must not know how an answer is built.
"""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_type_hints

Change = tuple[str, Any]


@dataclass(frozen=True, slots=True)
class Switches:
    """The character of a shop. `per` holds what differs for single resources, as (resource, changes)."""

    # Lists. `without_page` is what a list gives that was asked for without a page number. The walk order is
    # shuffled when the first page is asked for, the call order at every page.
    paging: bool = True
    page_param: str = "Page"
    page_size: int = 50
    without_page: Literal["all", "first"] = "all"
    past_end: Literal["empty", "repeat_last", "not_found"] = "empty"
    list_order: Literal["id_asc", "id_desc", "shuffled_each_walk", "shuffled_each_call"] = "id_asc"
    filters: frozenset[str] = frozenset()
    fields: bool = True
    search: bool = True
    thin_lists: bool = False
    singular_for_one: bool = False
    count: Literal["count", "bare", "total", "missing"] = "count"
    # Records. `mixed` is what the reference saw: 1/0 and true/false field by field, ids as strings in fulfillments,
    # times without zone in /api and as .NET writes them in /api2.
    stamps: Literal["moves", "stands_still", "absent"] = "moves"
    omit_empties: bool = False
    extras: bool = True
    generation: Literal["both", "v1", "api2"] = "both"
    not_found: Literal["404", "empty_object", "error_object"] = "404"
    times: Literal["mixed", "v1", "net"] = "mixed"
    flags: Literal["mixed", "ints", "bools"] = "mixed"
    ids: Literal["mixed", "strings"] = "mixed"
    # Writes. `put` is what happens to fields that the body leaves out: kept, or emptied.
    put: Literal["partial", "whole"] = "partial"
    child_lists: Literal["merge", "replace"] = "replace"
    child_ids_anew: bool = False
    ignored_fields: frozenset[str] = frozenset()
    trimmed_fields: frozenset[str] = frozenset()
    # The shop as a whole.
    limit_header: str = "X-FlickRocket-Shop-Api-Call-Limit"
    limit_status: Literal[429, 503] = 429
    retry_after: bool = True
    token_grace: bool = False
    clock_skew_s: int = 0
    per: tuple[tuple[str, tuple[Change, ...]], ...] = ()

    def of(self, resource: str) -> "Switches":
        """The switches as they stand for one resource."""
        changes = dict(self.per).get(resource, ())
        return dataclasses.replace(self, **dict(changes)) if changes else self

    def where(self, resource: str, **changes: Any) -> "Switches":
        """A copy that differs for one resource."""
        per = dict(self.per)
        per[resource] = tuple({**dict(per.get(resource, ())), **changes}.items())
        return dataclasses.replace(self, per=tuple(per.items()))

    def flipped(self, settings: Iterable[str]) -> "Switches":
        """A copy with each `key=value` or `resource.key=value` applied. Raises ValueError, naming what exists."""
        switches = self
        for setting in settings:
            place, equals, text = setting.partition("=")
            resource, _, key = place.strip().rpartition(".")
            if not equals:
                raise ValueError(f"{setting!r} is not a switch; write key=value or resource.key=value")
            value = _read(key, text.strip())
            if resource:
                switches = switches.where(resource, **{key: value})
            else:
                switches = dataclasses.replace(switches, **{key: value})
        return switches

    @classmethod
    def named(cls, name: str) -> "Switches":
        """One of the ready-made characters: plain, rich, poor, quirky. Raises ValueError."""
        if name not in CHARACTERS:
            raise ValueError(f"no character is named {name!r}; there are {', '.join(CHARACTERS)}")
        return cls().flipped(CHARACTERS[name].split())


KINDS: dict[str, Any] = {name: kind for name, kind in get_type_hints(Switches).items() if name != "per"}


def _read(key: str, text: str) -> Any:
    """A switch's value from its text."""
    if key not in KINDS:
        raise ValueError(f"no switch is named {key!r}; there are {', '.join(KINDS)}")
    kind = KINDS[key]
    if kind is int:
        return int(text)
    if kind is str:
        return text
    if kind == frozenset[str]:
        return frozenset(part.strip() for part in text.split(",") if part.strip())
    choices = {str(choice).lower(): choice for choice in get_args(kind) or (True, False)}
    if text.lower() not in choices:
        raise ValueError(f"{key} is one of {', '.join(choices)}, not {text!r}")
    return choices[text.lower()]


FILTERS = "created_at_min,created_at_max,updated_at_min,updated_at_max,modified_at_min,modified_at_max"

#: Ready-made characters, as settings between blanks.
CHARACTERS: dict[str, str] = {
    # What the reference documents, and its best assumption elsewhere.
    "plain": """
        orders.fields=false customers.fields=false categories.fields=false prices.fields=false
        fulfillments.fields=false fulfillments.filters=created_at_min,created_at_max
        companies.filters=updated_at_min currency_rates.paging=false
    """,
    # Everything that a reader could wish for.
    "rich": f"filters={FILTERS} child_lists=merge",
    # Nothing honoured, little shown.
    "poor": """
        paging=false fields=false search=false list_order=shuffled_each_call count=missing generation=v1
        stamps=absent thin_lists=true omit_empties=true put=whole child_ids_anew=true
        limit_header= retry_after=false
    """,
    # Every oddity of the reference at once.
    "quirky": """
        singular_for_one=true past_end=repeat_last list_order=id_desc without_page=first thin_lists=true
        stamps=stands_still count=bare not_found=empty_object times=net flags=ints ids=strings limit_status=503
        child_lists=merge child_ids_anew=true trimmed_fields=title,comment,first_name,last_name
    """,
}
