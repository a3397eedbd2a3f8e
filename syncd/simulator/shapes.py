"""How a record is shown: a shape of (sheet, switches, API generation, list or detail), worked out once and used often.

Also poison: what breaks the bytes of one record and leaves the rest of the page whole.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from syncd.simulator.ground import Wire
from syncd.simulator.sheets import Branch, Sheet, Spec
from syncd.simulator.switches import Switches
from syncd.simulator.times import net_form

Convert = Callable[[Any], Any]
Conversions = tuple[tuple[str, Convert], ...]
LONG_TEXTS = ("comment", "note", "notes")
POISONS = ("wrong_type", "null_list", "missing_id", "invalid_utf8", "huge_string")
HUGE = 10_000_000


class Shape:
    """One way to show the records of a resource. `show` returns a value to be encoded at once, never to be changed."""

    def __init__(self, sheet: Sheet, switches: Switches, generation: str, *, thin: bool) -> None:
        self._sheet = sheet
        self._api2 = generation == "api2"
        self._omit = switches.omit_empties
        hidden = [sheet.stamp] if switches.stamps == "absent" else []
        if not switches.extras:
            hidden += [spec.name for spec in sheet.fields if "?" in spec.marks]
            hidden += [branch.name for branch in sheet.branches if "?" in branch.marks]
        if thin:
            hidden += [*sheet.branch_by_name, *(name for name in LONG_TEXTS if name in sheet.by_name)]
        self._hidden = tuple(hidden)
        self._own = self._conversions(sheet.fields, switches)
        if sheet.name == "fulfillments":
            self._own += (("id", _string),)
        self._branches = tuple(
            (branch.name, branch.single, found)
            for branch in sheet.branches
            if branch.name not in hidden and (found := self._conversions(branch.fields, switches))
        )

    def show(self, record: Wire) -> Wire:
        """The record as this shape has it."""
        shown = dict(record)
        for name in self._hidden:
            shown.pop(name, None)
        for name, convert in self._own:
            shown[name] = convert(shown[name])
        for name, single, conversions in self._branches:
            value = shown[name]
            if single:
                shown[name] = _converted(value, conversions)
            else:
                shown[name] = [_converted(element, conversions) for element in value]
        if self._api2 and "line_items" in shown and self._sheet.name == "orders":
            shown["order_items"] = [_with_project(element) for element in shown.pop("line_items")]
        return _full_only(shown) if self._omit else shown

    def _conversions(self, fields: tuple[Spec, ...], switches: Switches) -> Conversions:
        found: list[tuple[str, Convert]] = []
        for spec in fields:
            if spec.name not in self._hidden:
                found += [(spec.name, convert) for convert in self._converts(spec, switches)]
        return tuple(found)

    def _converts(self, spec: Spec, switches: Switches) -> list[Convert]:
        if spec.kind in {"flag", "flag1"}:
            ints = spec.kind == "flag1" if switches.flags == "mixed" else switches.flags == "ints"
            return [int] if ints else []
        if spec.kind == "time":
            net = self._api2 if switches.times == "mixed" else switches.times == "net"
            return [_net] if net else []
        return [_string] if spec.is_id and switches.ids == "strings" else []


@lru_cache(maxsize=512)
def shape(sheet: Sheet, switches: Switches, generation: str, *, thin: bool) -> Shape:
    """The shape, made once. `switches` are those of the sheet's resource."""
    return Shape(sheet, switches, generation, thin=thin)


def _net(value: str | None) -> str | None:
    return net_form(value) if value else value


def _string(value: int | None) -> str | None:
    return None if value is None else str(value)


def _converted(element: Wire | None, conversions: Conversions) -> Wire | None:
    if element is None:
        return None
    shown = dict(element)
    for name, convert in conversions:
        shown[name] = convert(shown[name])
    return shown


def _with_project(line: Wire) -> Wire:
    """A line of an order as /api2 has it: what belongs to the product stands in `project`."""
    project = {name: line[name] for name in ("product_id", "title", "version")}
    return {name: value for name, value in line.items() if name not in project} | {"project": project}


def _full_only(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _full_only(each) for name, each in value.items() if each not in ("", None, [])}
    if isinstance(value, list):
        return [_full_only(each) for each in value]
    return value


def poisoned(sheet: Sheet, shown: Wire, poison: str) -> Wire:
    """A shown record, broken in one of the ways of POISONS."""
    lists: list[Branch] = [branch for branch in sheet.branches if not branch.single and branch.name in shown]
    text = next((spec.name for spec in sheet.fields if spec.kind == "text" and spec.settable(new=True)), sheet.key)
    number = next((spec.name for spec in sheet.fields if spec.kind == "int" and spec.name != "id"), sheet.key)
    match poison:
        case "wrong_type":
            return shown | {number: {"unexpected": ["object"]}}
        case "null_list":
            return shown | {lists[0].name if lists else text: None}
        case "missing_id":
            return {name: value for name, value in shown.items() if name != sheet.key}
        case "invalid_utf8":
            return shown | {text: "broken \udcff\udcfe bytes"}
        case _:
            return shown | {text: "x" * HUGE}
