"""What a write does to a record: which fields a client may set, what they become, how nested lists are taken.

Pure: new ids, tokens and the time come from outside. Must not know HTTP.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from syncd.simulator.ground import Wire
from syncd.simulator.sheets import Branch, Sheet, Spec
from syncd.simulator.switches import Switches
from syncd.simulator.times import read

FLAGS = {True: True, False: False, "true": True, "false": False, "1": True, "0": False, None: False}


class RefusedError(Exception):
    """The shop does not take a write. `more` goes into the error object."""

    def __init__(self, text: str, status: int = 422, **more: Any) -> None:
        super().__init__(text)
        self.text = text
        self.status = status
        self.more = more


@dataclass(frozen=True, slots=True)
class Press:
    """What a write needs from the shop: its switches for the resource, the time, new ids and tokens.

    `free` is set for edits that the shop itself makes: they may set any field.
    """

    switches: Switches
    now: str
    new_id: Callable[[], int]
    new_token: Callable[[], str]
    free: bool = False


def written(sheet: Sheet, press: Press, record: Wire, body: Mapping[str, Any], *, new: bool) -> Wire:
    """The record after a write of `body`. Raises RefusedError."""
    out = dict(record)
    whole = press.switches.put == "whole" and not new and not press.free
    for spec in sheet.fields:
        if not (press.free or spec.settable(new=new)) or spec.name in press.switches.ignored_fields:
            continue
        if spec.name in body:
            out[spec.name] = settled(spec, body[spec.name], press)
        elif whole:
            out[spec.name] = spec.blank
    for branch in sheet.branches:
        if not (press.free or _open(branch, new=new)) or branch.name in press.switches.ignored_fields:
            continue
        if branch.name in body:
            out[branch.name] = _branch(branch, press, record.get(branch.name), body[branch.name])
        elif whole:
            out[branch.name] = []
    for name in sheet.required.split():
        if not out.get(name):
            raise RefusedError(f"{name} is required")
    return named(sheet.by_name, out)


def named(fields: Mapping[str, Spec], record: Wire) -> Wire:
    """The record with the name that is made of first and last name, where it has one."""
    if "first_name" in fields and "name" in fields:
        record["name"] = f"{record['first_name']} {record['last_name']}".strip()
    return record


def _open(branch: Branch, *, new: bool) -> bool:
    return not ("!" in branch.marks or "?" in branch.marks or ("+" in branch.marks and not new))


def _branch(branch: Branch, press: Press, old: Any, given: Any) -> Any:
    """A nested value after a write: old elements are known by id or by their key, and keep what is not given."""
    if branch.single:
        return None if given is None else branch.blank | dict(given)
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise RefusedError(f"{branch.name} must be a list of objects")
    left = list(old or [])
    merge = press.switches.child_lists == "merge" and not press.free
    out = list(left) if merge else []
    for wanted in given:
        match = _match(branch, press, left, wanted)
        fresh = element(branch, press, match, wanted)
        if match is not None:
            left.remove(match)
        if merge and match is not None:
            out[out.index(match)] = fresh
        else:
            out.append(fresh)
    if press.switches.child_ids_anew and not press.free and "id" in branch.by_name:
        out = [each | {"id": press.new_id()} for each in out]
    return out


def _match(branch: Branch, press: Press, old: list[Wire], given: Wire) -> Wire | None:
    """The old element that a given one means."""
    number = given.get("id")
    if number is not None and "id" in branch.by_name:
        for each in old:
            if str(each["id"]) == str(number):
                return each
    if not all(name in given for name in branch.key):
        return None
    wanted = [settled(branch.by_name[name], given[name], press) for name in branch.key]
    for each in old:
        if [each[name] for name in branch.key] == wanted:
            return each
    return None


def element(branch: Branch, press: Press, match: Wire | None, given: Wire) -> Wire:
    """One element after a write; `match` is what it was before, None for a new one. Raises RefusedError."""
    out = dict(match or branch.blank)
    for spec in branch.fields:
        settable = press.free or spec.settable(new=match is None)
        if spec.name in given and settable and f"{branch.name}.{spec.name}" not in press.switches.ignored_fields:
            out[spec.name] = settled(spec, given[spec.name], press)
        elif match is not None and press.switches.put == "whole" and settable and not press.free:
            out[spec.name] = spec.blank
    if match is None:
        for name, spec in branch.by_name.items():
            if name == "id" and (not out["id"] or not press.free):
                out["id"] = press.new_id()
            elif name == "token" and not out["token"]:
                out["token"] = press.new_token()
            elif name == "created_at" and spec.kind == "time" and not out["created_at"]:
                out["created_at"] = press.now
    return named(branch.by_name, out)


def settled(spec: Spec, value: Any, press: Press) -> Any:
    """A field's value as the shop keeps it. Raises RefusedError where it cannot be one."""
    try:
        return _taken(spec, value, press)
    except (ValueError, TypeError, KeyError):
        raise RefusedError(f"{spec.name} is not a valid {spec.kind.rstrip('1')}", 400) from None


def _taken(spec: Spec, value: Any, press: Press) -> Any:
    if value is None and spec.kind not in {"flag", "flag1"}:
        return spec.blank
    match spec.kind:
        case "text":
            if not isinstance(value, str):
                raise TypeError(spec.name)
            value.encode()  # half of a surrogate pair is not text
            return value.strip() if spec.name in press.switches.trimmed_fields else value
        case "int":
            if isinstance(value, bool | float):
                raise TypeError(spec.name)
            return int(value)
        case "decimal":
            number = float(value)
            if not isfinite(number):
                raise ValueError(spec.name)
            return int(number) if number.is_integer() else number
        case "flag" | "flag1":
            return FLAGS[value]
        case "time":
            if value and not isinstance(value, str):
                raise TypeError(spec.name)
            return read(value) if value else None
        case _:
            return value
