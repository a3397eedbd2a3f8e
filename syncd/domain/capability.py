"""What a shop was seen to be able to do, per resource: discovered, stored with a date, dropped when contradicted.

Design section 5. None means "not known"; a feature that is not known is never relied on. Pure: the calls that find
these facts are made by `engine/discovery.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from syncd.domain.record import Shape


class Order(StrEnum):
    """In which order a listing comes."""

    ID_UP = "id_up"  # new records at the end
    ID_DOWN = "id_down"  # new records on the first page
    LOOSE = "loose"  # none that can be relied on


class PastEnd(StrEnum):
    """What a listing says to a page number past its last page."""

    EMPTY = "empty"
    REPEATED = "repeated"
    ABSENT = "absent"  # an answer that means "not there"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """One resource of one shop.

    `filters` are the query parameters proven to narrow a listing by the changed-at time; `doubtful` those not decided
    yet (fewer than two records with stamps). `stamps_move` is False once a change was found under an unmoved stamp.
    """

    learned_at: datetime | None = None
    available: bool = True  # False: the grant or the shop does not offer this resource
    why_not: str = ""
    pages: bool | None = None  # whether `Page` pages
    page_size: int | None = None
    order: Order | None = None
    past_end: PastEnd | None = None
    trims: bool | None = None  # whether `fields=` trims
    counts: bool | None = None  # whether count.json answers a number
    filters: tuple[str, ...] = ()
    doubtful: tuple[str, ...] = ()
    detail_path: str = ""  # base of the generation that serves one record; "" = none
    absent_form: str = ""  # what "not there" looked like: "404", "empty", "error"
    stamps_move: bool = True
    answers_agree: bool | None = None  # whether a write's answer shows what a read shows; None: not compared yet
    list_shape: Shape = field(default_factory=Shape)
    detail_shape: Shape = field(default_factory=Shape)
    notes: tuple[str, ...] = ()  # contradictions met, newest last

    @property
    def list_is_whole(self) -> bool:
        """Whether the list form carries all that the detail form was seen to carry."""
        return self.list_shape.covers(self.detail_shape)

    def withdrawn(self, what: str, why: str) -> "Capabilities":
        """The capabilities without the feature `what` (a filter's name, 'order', 'trims', 'stamps'); `why` is noted."""
        note = (*self.notes, f"{what}: {why}")[-20:]
        match what:
            case "order":
                return replace(self, order=Order.LOOSE, notes=note)
            case "trims":
                return replace(self, trims=False, notes=note)
            case "stamps":
                return replace(self, stamps_move=False, filters=(), notes=note)
            case _:
                kept = tuple(name for name in self.filters if name != what)
                return replace(self, filters=kept, notes=note)

    def as_json(self) -> dict[str, Any]:
        """A form for storage; `from_json` reads it back."""
        plain: dict[str, Any] = {
            name: getattr(self, name)
            for name in (
                "available", "why_not", "pages", "page_size", "trims", "counts", "detail_path", "absent_form",
                "stamps_move",
                "answers_agree",
            )
        }  # fmt: skip
        plain |= {name: list(getattr(self, name)) for name in ("filters", "doubtful", "notes")}
        plain["learned_at"] = self.learned_at.isoformat() if self.learned_at else None
        plain["order"] = self.order.value if self.order else None
        plain["past_end"] = self.past_end.value if self.past_end else None
        for name in ("list_shape", "detail_shape"):
            shape: Shape = getattr(self, name)
            plain[name] = {"fields": sorted(shape.fields), "children": sorted(shape.children)}
        return plain

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> "Capabilities":
        """Read what `as_json` wrote; keys of other versions are passed over."""
        known = {name: plain[name] for name in cls.__slots__ if name in plain}
        for name in ("filters", "doubtful", "notes"):
            known[name] = tuple(known.get(name, ()))
        if known.get("learned_at"):
            known["learned_at"] = datetime.fromisoformat(known["learned_at"])
        known["order"] = Order(known["order"]) if known.get("order") else None
        known["past_end"] = PastEnd(known["past_end"]) if known.get("past_end") else None
        for name in ("list_shape", "detail_shape"):
            shape = known.get(name) or {}
            known[name] = Shape(frozenset(shape.get("fields", ())), frozenset(shape.get("children", ())))
        return cls(**known)
