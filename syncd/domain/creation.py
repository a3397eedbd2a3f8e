"""A record that the mirror has and the shop has not (any more): what is sent to create it, what the row shows then.

What only the shop sets leaves the row until the shop has answered: somebody typed it in, and that is refused, or it is
what the record had before it went, and the new one will have its own.
"""

from syncd.domain.decision import CreateRemote, DeleteLocal, Reason
from syncd.domain.matching import trios
from syncd.domain.merging import Court, bar_by_access, bar_in_record, merge_extra
from syncd.domain.merging_lists import addition, refuse_unsendable
from syncd.domain.patch import ElementChange, Patch
from syncd.domain.record import Element, Record, Value
from syncd.domain.resource import Child


def created(court: Court, local: Record, *, typed: bool) -> CreateRemote | DeleteLocal:
    """Create `local` at the shop; where its API cannot, the row is refused. `typed`: all of it came from a user."""
    resource = court.resource
    if not resource.creatable:
        court.refuse("", local, Reason.NOT_CREATABLE)
        return DeleteLocal(None, None, refused=tuple(court.refused))
    said = court if typed else Court(resource, court.policy)
    kept, sent = _fields(said, local)
    merge_extra(said, {}, local.extra, {})
    lists: dict[str, tuple[Element, ...]] = {}
    changes: dict[str, tuple[ElementChange, ...]] = {}
    for child in resource.children:
        if child.name in local.children:
            added = _additions(said, child, local.children[child.name])
            lists[child.name] = tuple(change.after for change in added if change.after is not None)
            if added:
                changes[child.name] = added
    return CreateRemote(Record(kept, lists), None, Patch(sent, changes), refused=tuple(court.refused))


def _fields(court: Court, local: Record) -> tuple[dict[str, Value], dict[str, Value]]:
    """The fields that the row keeps, and those to send: nulls need no sending."""
    bar, described = bar_in_record(court.resource, new=True), court.resource.by_name
    kept: dict[str, Value] = dict(local.fields)
    sent: dict[str, Value] = {}
    for name, value in local.fields.items():
        if value is None or name not in described:
            continue
        if (barred := bar(described[name])) is None:
            sent[name] = value
        else:
            kept[name] = None
            court.refuse(name, value, barred)
    return kept, sent


def _additions(court: Court, child: Child, elements: tuple[Element, ...]) -> tuple[ElementChange, ...]:
    barred = bar_by_access(child.access, new=True)
    added: list[ElementChange] = []
    for trio in trios(child, (), elements, ()):
        path = f"{child.name}[{trio.label}]"
        if trio.local is not None and barred is not None:
            court.refuse(path, trio.local, barred)
        elif trio.local is not None:
            refuse_unsendable(court, child, path, trio.local)
            added.append(addition(child, path, trio.local))
    return tuple(added)
