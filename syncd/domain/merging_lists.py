"""Merging child lists, element by element: what both sides added, edited and removed.

An element removed here and edited there is disputed; the order of elements alone is no change. A list that one side
does not carry is as base has it. Ids that the shop computes are no edits: it may issue them anew at each write.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from syncd.domain.canonical import same
from syncd.domain.decision import ABSENT, Reason
from syncd.domain.matching import Trio, trios
from syncd.domain.merging import Court, Fields, bar_in_element, bar_to_list, merge_extra, merge_fields
from syncd.domain.patch import Act, ElementChange
from syncd.domain.record import Element, Value
from syncd.domain.resource import Access, Child
from syncd.domain.verdicts import VERDICTS, Ruling, State, Verdict


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one element: as the mirror has it then, as both agree on it then, what to send."""

    local: Element | None = None
    base: Element | None = None
    change: ElementChange | None = None


@dataclass(frozen=True, slots=True)
class Lists:
    """One child list, merged."""

    local: tuple[Element, ...]
    base: tuple[Element, ...]
    changes: tuple[ElementChange, ...] = ()


def merge_lists(
    court: Court, child: Child, base: Sequence[Element], local: Sequence[Element], remote: Sequence[Element]
) -> Lists:
    """Merge one child list of a record that both sides have."""
    if base == local == remote:
        return Lists(tuple(local), tuple(base))
    met = trios(child, base, local, remote)
    fates = [_fate(court, child, trio) for trio in met]
    seats = [len(local) if trio.seat is None else trio.seat for trio in met]
    order = sorted(range(len(met)), key=seats.__getitem__)
    return Lists(
        tuple(element for i in order if (element := fates[i].local) is not None),
        tuple(fate.base for fate in fates if fate.base is not None),
        tuple(fate.change for fate in fates if fate.change is not None),
    )


def _fate(court: Court, child: Child, trio: Trio) -> Fate:
    base, local, remote = trio.base, trio.local, trio.remote
    if local is not None and remote is not None:
        return _in_both(court, child, trio, local, remote)
    if base is None:
        if local is not None:
            return _only_here(court, child, trio, local)
        return Fate(remote, remote)
    if local is not None:
        return _gone_there(court, child, trio, base, local)
    if remote is not None:
        return _gone_here(court, child, trio, base, remote)
    return Fate()


def _in_both(court: Court, child: Child, trio: Trio, local: Element, remote: Element) -> Fate:
    base = trio.base or Element({})
    fields = _fields(court, child, trio, local, remote)
    extra = merge_extra(court, base.extra, local.extra, remote.extra, _path(child, trio) + ".")
    after = Element(fields.local, extra, local.row_id if local.row_id is not None else base.row_id)
    agreed = Element(fields.base, extra, base.row_id)
    if not fields.sent:
        return Fate(after, agreed)
    shown = Element({**base.fields, **remote.fields}, extra, base.row_id)
    return Fate(after, agreed, ElementChange(Act.EDIT, _path(child, trio), fields.sent, shown, after))


def _only_here(court: Court, child: Child, trio: Trio, local: Element) -> Fate:
    """A new row: an element to add, if the list is open."""
    path = _path(child, trio)
    if (barred := bar_to_list(court.resource, child)) is not None:
        court.refuse(path, local, barred)
        return Fate()
    for field in child.fields:
        value = local.fields.get(field.name)
        if value is not None and field.access is Access.READ:
            court.refuse(f"{path}.{field.name}", value, Reason.READ_ONLY)
    for name, unknown in local.extra.items():
        court.refuse(f"{path}.extra.{name}", unknown, Reason.EXTRA)
    return _added(child, trio, local)


def _gone_there(court: Court, child: Child, trio: Trio, base: Element, local: Element) -> Fate:
    """The shop removed it. An edit that could have been sent makes that a dispute; others go with the element."""
    path = _path(child, trio)
    verdict = VERDICTS[_edited(court, child, trio, local), State.DELETED]
    if verdict is Verdict.TAKE:
        return Fate()
    match court.ruling(path, child.name):
        case Ruling.OVERRULE:
            court.refuse(path, local, Reason.POLICY)
            return Fate()
        case Ruling.INSIST:
            return _added(child, trio, local)
        case Ruling.PARK:
            court.park(path, base, local, ABSENT)
            return Fate(local, base)


def _gone_here(court: Court, child: Child, trio: Trio, base: Element, remote: Element) -> Fate:
    """A user removed it. What the shop changed meanwhile, other than what it computes itself, makes that a dispute."""
    path = _path(child, trio)
    shown = Element({**base.fields, **remote.fields}, {**base.extra, **remote.extra}, base.row_id)
    barred = bar_to_list(court.resource, child)
    verdict = VERDICTS[State.DELETED, _moved(child, base, shown)]
    ruling = court.ruling(path, child.name) if barred is None and verdict is Verdict.DISPUTE else Ruling.INSIST
    if ruling is Ruling.PARK:
        court.park(path, base, ABSENT, shown)
        return Fate(None, base)
    if barred is not None or ruling is Ruling.OVERRULE:
        court.refuse(path, ABSENT, barred or Reason.POLICY)
        return Fate(shown, shown)
    return Fate(None, shown, ElementChange(Act.REMOVE, path, {}, shown, None))


def _added(child: Child, trio: Trio, local: Element) -> Fate:
    """An element to add: without what only the shop sets, for it will be another element there."""
    sent = sendable(child, local)
    kept: dict[str, Value] = {
        name: None if name in child.by_name and child.by_name[name].access is Access.READ else value
        for name, value in local.fields.items()
    }
    after = replace(local, fields=kept, extra={})
    return Fate(after, None, ElementChange(Act.ADD, _path(child, trio), sent, None, after))


def sendable(child: Child, element: Element) -> dict[str, Value]:
    """What a new element is made of for the shop: nulls need no sending, and it computes the rest."""
    return {
        field.name: value
        for field in child.fields
        if field.access is not Access.READ and (value := element.fields.get(field.name)) is not None
    }


def _edited(court: Court, child: Child, trio: Trio, local: Element) -> State:
    """What we did to an element that the shop no longer shows. Edits that could not be sent are refused here."""
    alone = Court(court.resource, court.policy)
    base = trio.base or Element({})
    sent = _fields(alone, child, trio, local, Element({})).sent
    merge_extra(alone, base.extra, local.extra, {}, _path(child, trio) + ".")
    court.refused += alone.refused
    return State.CHANGED if sent else State.SAME


def _moved(child: Child, base: Element, shown: Element) -> State:
    moved = any(
        not same(field.kind, base.fields.get(field.name), shown.fields.get(field.name))
        for field in child.fields
        if field.access is not Access.READ
    )
    return State.CHANGED if moved else State.SAME


def _fields(court: Court, child: Child, trio: Trio, local: Element, remote: Element) -> Fields:
    base = trio.base or Element({})
    # An element that the shop shows exists there, whoever made it: it is edited, not added.
    bar = bar_in_element(court.resource, child, new=False)
    within = (_path(child, trio) + ".", child.name + ".")
    return merge_fields(court, child.by_name, (base.fields, local.fields, remote.fields), bar, within)


def _path(child: Child, trio: Trio) -> str:
    return f"{child.name}[{trio.label}]"


def carried(lists: Iterable[str], *copies: Iterable[str]) -> list[str]:
    """The lists that at least one copy carries, in the order of the description."""
    known = frozenset(name for copy in copies for name in copy)
    return [name for name in lists if name in known]
