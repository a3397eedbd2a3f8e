"""What is to be done about one record, out of its three copies: what the shop says, what both last agreed on, what the
mirror holds. The one place where syncd decides; pure and total.

The truth table is in `verdicts.py` and docs/reconcile.md. Guarantees, all tested: doing what a decision says and asking
again gives `Same` (or the same open conflicts, and nothing else); every local edit is in `local_after` and `to_remote`,
in `conflicts`, or in `refused` with a reason; what only one side changed is never asked about.
Must not know rows, calls, or who asks.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from syncd.domain.canonical import same
from syncd.domain.creation import created
from syncd.domain.decision import (
    ABSENT,
    Absent,
    AdoptRemote,
    Conflict,
    CreateLocal,
    Decision,
    DeleteLocal,
    DeleteRemote,
    Merge,
    Reason,
    Refuse,
    Same,
    SendLocal,
    Sighting,
)
from syncd.domain.merging import Court, bar_in_record, bar_to_list, merge_extra, merge_fields
from syncd.domain.merging_lists import carried, merge_lists
from syncd.domain.patch import ElementChange, Patch
from syncd.domain.policy import Policy
from syncd.domain.record import Element, Record
from syncd.domain.resource import Resource
from syncd.domain.verdicts import VERDICTS, Ruling, State, Verdict

__all__ = ["ABSENT", "Conflict", "Decision", "Sighting", "reconcile", "same_business"]

_NOTHING: Final = Record({})


def reconcile(
    resource: Resource,
    base: Record | None,
    local: Record | None,
    remote: Sighting,
    policy: Policy,
    unreadable: Mapping[str, str] | None = None,
) -> Decision:
    """Decide about one record. `base` None: never agreed on. `local` None: no row (deleted, or never there).

    `remote` may be partial: what it does not carry stays as it is. `unreadable` names columns whose text is no value of
    their kind; they are missing from `local`, are refused, and show the shop's value again.
    """
    if base is not None and local == base and (remote == base or remote is base) and not unreadable:
        return Same(local, base)
    court = Court(resource, policy)
    for path, text in (unreadable or {}).items():
        court.refuse(path, text, Reason.UNREADABLE)
    if unreadable and "extra" in unreadable and local is not None:
        local = replace(local, extra=base.extra if base is not None else {})
    if isinstance(remote, Absent):
        return _not_there(court, base, local)
    if local is None:
        return CreateLocal(remote, remote) if base is None else _not_here(court, base, remote)
    return _merged(court, base, local, remote)


def same_business(resource: Resource, one: Record, other: Record) -> bool:
    """Whether two records created apart are the same thing in the world (an order by its number, a customer by email).

    False where the resource has no business key, or where either lacks a part of it that the other has."""
    values = [
        (resource.by_name[name].kind, one.fields.get(name), other.fields.get(name)) for name in resource.business_key
    ]
    return any(ours is not None for _, ours, _ in values) and all(same(*parts) for parts in values)


# --- both have it ---------------------------------------------------------------------------------


def _merged(court: Court, base: Record | None, local: Record, remote: Record) -> Decision:
    """Merge part by part, and name what came out."""
    after, agreed, patch = _parts(court, base, local, remote)
    carry = (after, agreed, patch, tuple(court.conflicts), tuple(court.refused))
    if court.conflicts:
        return Conflict(*carry)
    if patch:
        return SendLocal(*carry) if after == local else Merge(*carry)
    if court.refused:
        return Refuse(*carry)
    if after == local and agreed == base:
        return Same(local, base)
    return AdoptRemote(*carry)


def _parts(court: Court, base: Record | None, local: Record, remote: Record) -> tuple[Record, Record, Patch]:
    """The record as the mirror has it then, as both agree on it then, and what to send."""
    resource = court.resource
    agreed = _lost_base(resource, local, remote) if base is None else base
    fields = merge_fields(
        court,
        resource.by_name,
        (agreed.fields, local.fields, remote.fields),
        bar_in_record(resource, new=False),
    )
    extra = merge_extra(court, agreed.extra, local.extra, remote.extra)
    local_lists: dict[str, tuple[Element, ...]] = {}
    base_lists: dict[str, tuple[Element, ...]] = {}
    changes: dict[str, tuple[ElementChange, ...]] = {}
    for name in carried(resource.child_by_name, agreed.children, local.children, remote.children):
        was = agreed.children.get(name, ())
        ours, theirs = local.children.get(name, was), remote.children.get(name, was)
        merged = merge_lists(court, resource.child_by_name[name], was, ours, theirs)
        local_lists[name], base_lists[name] = merged.local, merged.base
        if merged.changes:
            changes[name] = merged.changes
    return (
        Record(fields.local, local_lists, extra),
        Record(fields.base, base_lists, extra),
        Patch(fields.sent, changes),
    )


def _lost_base(resource: Resource, local: Record, remote: Record) -> Record:
    """A stand-in for a base that never was or got lost: what only the shop sets, and does not show just now, is taken
    as the row has it; a look that shows it will correct it."""
    shops = bar_in_record(resource, new=False)
    return Record(
        {
            name: value
            for name, value in local.fields.items()
            if name not in remote.fields and name in resource.by_name and shops(resource.by_name[name])
        },
        {
            name: elements
            for name, elements in local.children.items()
            if name not in remote.children and bar_to_list(resource, resource.child_by_name[name])
        },
    )


# --- the shop has none ----------------------------------------------------------------------------


def _not_there(court: Court, base: Record | None, local: Record | None) -> Decision:
    """The shop says that there is no such record."""
    if local is None:
        return Same(None, None) if base is None else DeleteLocal(None, None)
    if base is None:
        return created(court, local, typed=True)
    _, _, patch = _parts(court, base, local, _NOTHING)
    verdict = VERDICTS[State.CHANGED if patch else State.SAME, State.DELETED]
    ruling = court.ruling("") if verdict is Verdict.DISPUTE else Ruling.OVERRULE
    if ruling is Ruling.INSIST and not court.resource.creatable:
        ruling = Ruling.PARK  # a wish that the API cannot grant becomes a question
    match ruling:
        case Ruling.OVERRULE:
            _refuse_all(court, patch)
            return DeleteLocal(None, None, refused=tuple(court.refused))
        case Ruling.INSIST:
            return created(court, local, typed=False)
        case Ruling.PARK:
            court.park("", base, local, ABSENT)
            # The row stays as it is, with edits that would be refused elsewhere: the conflict shows them all.
            refused = tuple(refusal for refusal in court.refused if refusal.reason is Reason.UNREADABLE)
            return Conflict(local, base, conflicts=tuple(court.conflicts), refused=refused)


def _refuse_all(court: Court, patch: Patch) -> None:
    for name, value in patch.fields.items():
        court.refuse(name, value, Reason.POLICY)
    for changes in patch.children.values():
        for change in changes:
            court.refuse(change.path, ABSENT if change.after is None else change.after, Reason.POLICY)


# --- the mirror has none --------------------------------------------------------------------------


def _not_here(court: Court, base: Record, remote: Record) -> Decision:
    """The row was deleted, and the shop has the record."""
    resource, policy = court.resource, court.policy
    _, shown, _ = _parts(court, base, base, remote)
    verdict = VERDICTS[State.DELETED, _moved(resource, base, shown)]
    barred: Reason | None = None
    if not resource.deletable:
        barred = Reason.NOT_DELETABLE
    elif not policy.deletes:
        barred = Reason.DELETES_OFF
    ruling = court.ruling("") if barred is None and verdict is Verdict.DISPUTE else Ruling.INSIST
    if ruling is Ruling.PARK:
        court.park("", base, ABSENT, shown)
        return Conflict(None, base, conflicts=tuple(court.conflicts))
    if barred is not None or ruling is Ruling.OVERRULE:
        court.refuse("", ABSENT, barred or Reason.POLICY)
        return Refuse(shown, shown, refused=tuple(court.refused))
    return DeleteRemote(None, shown)


def _moved(resource: Resource, base: Record, shown: Record) -> State:
    """Whether the shop changed the record; a new stamp alone is no change."""

    def content(record: Record) -> object:
        fields = {name: value for name, value in record.fields.items() if value is not None and name != resource.stamp}
        lists = {
            name: [{k: v for k, v in element.fields.items() if v is not None} for element in elements]
            for name, elements in record.children.items()
            if elements
        }
        return fields, lists, record.extra

    return State.SAME if content(base) == content(shown) else State.CHANGED
