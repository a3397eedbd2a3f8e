"""What is to be sent to a shop for one record: the fields and list elements that change.

A patch says what changes, not how: whether a shop takes a partial record or wants the whole one is known elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from syncd.domain.matching import pair, tokens
from syncd.domain.record import Element, Record, Value
from syncd.domain.resource import Child, Resource


class Act(StrEnum):
    """What happens to one element of a child list."""

    ADD = "add"
    EDIT = "edit"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class ElementChange:
    """One element's change. `fields` are those to send. `before` is the element as the shop has it (None: a new one),
    `after` as the mirror has it (None: a removed one); its row_id says which row waits for the answer."""

    act: Act
    path: str
    fields: Mapping[str, Value]
    before: Element | None
    after: Element | None


@dataclass(frozen=True, slots=True)
class Patch:
    """The changes of one record. False where there are none."""

    fields: Mapping[str, Value] = field(default_factory=dict)
    children: Mapping[str, tuple[ElementChange, ...]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.fields or self.children)


def applied(resource: Resource, record: Record, patch: Patch) -> Record:
    """`record` (whole, as just read and reconciled) with the patch in it. A change of an element that is not there is
    passed over: such a patch is out of date, and reconcile would have said so."""
    children = dict(record.children)
    for name, changes in patch.children.items():
        children[name] = _listed(resource.child_by_name[name], children.get(name, ()), changes)
    return replace(record, fields={**record.fields, **patch.fields}, children=children)


def _listed(child: Child, elements: tuple[Element, ...], changes: tuple[ElementChange, ...]) -> tuple[Element, ...]:
    meant = [(change, change.before) for change in changes if change.before is not None]
    befores = [before for _, before in meant]
    found = pair(befores, elements, *tokens(child))
    change_at = {place: meant[index][0] for index, place in found.items()}
    after: list[Element] = []
    for place, element in enumerate(elements):
        change = change_at.get(place)
        if change is None:
            after.append(element)
        elif change.act is Act.EDIT:
            after.append(replace(element, fields={**element.fields, **change.fields}))
    after += [Element(change.fields) for change in changes if change.act is Act.ADD]
    return tuple(after)
