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
    seated = sorted(zip(met, fates, strict=True), key=lambda each: _seat(each[0], len(local)))
    return Lists(
        _placed([(trio.local, fate.local) for trio, fate in seated]),
        _placed([(trio.base, fate.base) for trio, fate in zip(met, fates, strict=True)]),
        tuple(fate.change for fate in fates if fate.change is not None),
    )


def _seat(trio: Trio, last: int) -> int:
    return last if trio.seat is None else trio.seat


def _placed(moves: Sequence[tuple[Element | None, Element | None]]) -> tuple[Element, ...]:
    """The elements afterwards, each in a row of its own: a row whose key was rewritten stays with what it says now."""
    kept = frozenset(was.row_id for was, now in moves if was is not None and now is not None)
    placed: list[Element] = []
    used: set[int | None] = {None}
    for was, now in moves:
        if now is None:
            continue
        own = was is not None and was.row_id == now.row_id
        free = own or now.row_id not in kept
        placed.append(now if free and now.row_id not in used else replace(now, row_id=None))
        used.add(now.row_id)
    return tuple(placed)


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
    agreed = Element(fields.base, extra, after.row_id if trio.base is None else base.row_id)
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
    refuse_unsendable(court, child, path, local)
    return _added(child, trio, local)


def _gone_there(court: Court, child: Child, trio: Trio, base: Element, local: Element) -> Fate:
    """The shop removed it. An edit that could have been sent makes that a dispute; others are refused, and go too."""
    path = _path(child, trio)
    fields = _fields(court, child, trio, local, Element({}))
    extra = merge_extra(court, base.extra, local.extra, {}, path + ".")
    after = Element(fields.local, extra, local.row_id)
    verdict = VERDICTS[State.CHANGED if fields.sent else State.SAME, State.DELETED]
    if verdict is Verdict.TAKE:
        return Fate()
    match court.ruling(path, child.name):
        case Ruling.OVERRULE:
            court.refuse(path, after, Reason.POLICY)
            return Fate()
        case Ruling.INSIST:
            return _added(child, trio, after)
        case Ruling.PARK:
            court.park(path, base, after, ABSENT)
            return Fate(after, base)


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
    change = addition(child, _path(child, trio), local)
    # A row that says nothing yet has nothing to send: somebody is about to fill it in.
    return Fate(change.after, None, change if change.fields else None)


def refuse_unsendable(court: Court, child: Child, path: str, element: Element) -> None:
    """Record what somebody typed into a new element, and only the shop sets."""
    for field in child.fields:
        value = element.fields.get(field.name)
        if value is not None and field.access is Access.READ:
            court.refuse(f"{path}.{field.name}", value, Reason.READ_ONLY)
    merge_extra(court, {}, element.extra, {}, path + ".")


def addition(child: Child, path: str, element: Element) -> ElementChange:
    """An element to add: without what only the shop sets, for it will be another element there. Nulls are not sent."""
    shops = frozenset(field.name for field in child.fields if field.access is Access.READ)
    kept: dict[str, Value] = {n: None if n in shops else value for n, value in element.fields.items()}
    sent = {n: value for n, value in kept.items() if value is not None and n in child.by_name}
    return ElementChange(Act.ADD, path, sent, None, replace(element, fields=kept, extra={}))


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
