"""Merging the fields of one thing (a record, or an element of a list), one by one, out of its three copies.

A field that one side does not carry is as base has it: missing is not null, and says nothing. A field that base does
not carry was null when last agreed on. Must not know lists.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from syncd.domain.canonical import same
from syncd.domain.decision import ABSENT, FieldConflict, Part, Reason, Refusal
from syncd.domain.policy import Policy
from syncd.domain.record import Json, Value
from syncd.domain.resource import Access, Child, Field, Kind, Resource
from syncd.domain.verdicts import RULINGS, VERDICTS, Ruling, State, Verdict

Bar = Callable[[Field], Reason | None]
"""Why a field cannot be sent, or None where it can."""


@dataclass(slots=True)
class Court:
    """One look at one record: whose it is, which policy holds, and what came up. Filled while the record is weighed."""

    resource: Resource
    policy: Policy
    conflicts: list[FieldConflict] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)

    def ruling(self, path: str, *wider: str) -> Ruling:
        """What the policy says about a dispute at `path`."""
        return RULINGS[self.policy.choice(self.resource, path, *wider)]

    def park(self, path: str, base: Part, local: Part, remote: Part) -> None:
        """Leave it to a person."""
        self.conflicts.append(FieldConflict(path, base, local, remote))

    def refuse(self, path: str, value: Part, reason: Reason) -> None:
        """Record an edit that will not be sent."""
        self.refused.append(Refusal(path, value, reason))


@dataclass(slots=True)
class Fields:
    """Merged fields: as the mirror shows them then, as both agree on them then, and those to send."""

    local: dict[str, Value]
    base: dict[str, Value]
    sent: dict[str, Value] = field(default_factory=dict)


def bar_in_record(resource: Resource, *, new: bool) -> Bar:
    """What the API takes of a record's own fields; `new`: while the record is created."""
    closed = None if (resource.creatable if new else resource.writable) else Reason.NOT_WRITABLE
    return lambda field: closed or bar_by_access(field.access, new=new)


def bar_in_element(resource: Resource, child: Child, *, new: bool) -> Bar:
    """What the API takes of an element's fields in a record that exists; `new`: while the element is added."""
    closed = bar_to_list(resource, child)
    return lambda field: closed or bar_by_access(field.access, new=new)


def bar_to_list(resource: Resource, child: Child) -> Reason | None:
    """Why elements of this list cannot come, go or change in a record that exists."""
    return bar_by_access(child.access, new=False) if resource.writable else Reason.NOT_WRITABLE


def bar_by_access(access: Access, *, new: bool) -> Reason | None:
    """What the access of a field or list bars, in what exists or in what is `new`."""
    if access is Access.READ:
        return Reason.READ_ONLY
    return Reason.CREATE_ONLY if access is Access.CREATE and not new else None


def merge_fields(
    court: Court,
    described: Mapping[str, Field],
    copies: tuple[Mapping[str, Value], Mapping[str, Value], Mapping[str, Value]],
    bar: Bar,
    within: tuple[str, str] = ("", ""),
) -> Fields:
    """Merge `copies` (base, local, remote). `within` is the element's path and the list's name, each with its dot."""
    base, local, remote = copies
    merged = Fields({**base, **local}, dict(base))
    for name, described_field in described.items():
        was = base.get(name)
        ours = local.get(name, was)
        theirs = remote.get(name, was)
        if name in remote and name not in base:
            merged.base[name] = None
            merged.local.setdefault(name, None)
        if was == ours == theirs:
            continue
        kind = described_field.kind
        verdict = VERDICTS[_state(kind, was, ours), _state(kind, was, theirs)]
        if verdict is Verdict.WEIGH:
            verdict = Verdict.AGREE if same(kind, ours, theirs) else Verdict.DISPUTE
        if verdict is Verdict.TAKE or verdict is Verdict.AGREE:
            merged.local[name] = merged.base[name] = theirs
        elif verdict is not Verdict.NOTHING:
            barred = bar(described_field)
            _settle(court, merged, name, within, (was, ours, theirs), verdict, barred)
    return merged


def _settle(
    court: Court,
    merged: Fields,
    name: str,
    within: tuple[str, str],
    values: tuple[Value, Value, Value],
    verdict: Verdict,
    barred: Reason | None,
) -> None:
    """A value that only we changed, or both did."""
    was, ours, theirs = values
    path = within[0] + name
    ruling: Ruling | None = None
    if barred is None and verdict is Verdict.DISPUTE:
        wider = (within[1] + name, within[1].removesuffix(".")) if within[1] else ()
        ruling = court.ruling(path, *wider)
    if ruling is Ruling.PARK:
        court.park(path, was, ours, theirs)
        return
    if barred is not None or ruling is Ruling.OVERRULE:
        court.refuse(path, ours, barred or Reason.POLICY)
        merged.local[name] = theirs
    else:
        merged.sent[name] = ours
    if verdict is Verdict.DISPUTE or barred is not None:
        merged.base[name] = theirs


def _state(kind: Kind, was: Value, now: Value) -> State:
    return State.SAME if same(kind, was, now) else State.CHANGED


def merge_extra(
    court: Court,
    base: Mapping[str, Json],
    local: Mapping[str, Json],
    remote: Mapping[str, Json],
    within: str = "",
) -> dict[str, Json]:
    """Fields that no description names: the shop's, key by key. What was edited into them is refused."""
    after = {**base, **remote}
    if local in (base, after):
        return after
    for name in dict.fromkeys([*base, *local]):
        ours = local.get(name, ABSENT)
        if ours not in (base.get(name, ABSENT), after.get(name, ABSENT)):
            court.refuse(f"{within}extra.{name}", ours, Reason.EXTRA)
    return after
