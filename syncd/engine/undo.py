"""Taking edits back: a record as it was at a moment, as a new local edit; and a change that shall not leave after all.

Plain functions inside one transaction. An undo goes the way of every edit: it is claimed, reconciled and sent; so what
only the shop sets stays as it is, and is named.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from syncd.domain.canonical import same
from syncd.domain.change import Change, ChangeState, HistoryLine, Verb
from syncd.domain.history import differences
from syncd.domain.ledger import HintSource, Images
from syncd.domain.matching import pair, tokens
from syncd.domain.merging import bar_by_access, bar_in_record, bar_to_list
from syncd.domain.patch import Act, ElementChange
from syncd.domain.record import Element, Record, Value
from syncd.domain.resource import Child, Field, Kind, Resource
from syncd.engine.claim import key_of, weigh
from syncd.engine.sighting import Scope
from syncd.errors import Retry, UsageProblem
from syncd.ports import MirrorTx

HELD = "the row is held by somebody else"


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo set in the mirror: by path, as JSON text, what was there and what is there now; and what stays as it
    is, with the reason."""

    restored: Mapping[str, tuple[str, str]]
    left: Sequence[tuple[str, str]]


# --- a record as it was ---------------------------------------------------------------------------------------------


def undo(tx: MirrorTx, scope: Scope, key: str, to: datetime) -> Undone:
    """Set the mirror's row to what the record was at `to`, as far as people may edit it.

    Raises UsageProblem for a record that is not there (any more, or was not at `to`), Retry for a row that is held."""
    resource, shop_id = scope.resource, scope.shop_id
    known = tx.ledger.find(shop_id, resource.name, [key]).get(key)
    if known is None or known.gone_at is not None:
        raise UsageProblem(f"{resource.name}/{key} is not in the mirror, or is deleted", hint="syncd history KEY")
    image = tx.mirror.load(shop_id, resource, [known.row_id]).get(known.row_id)
    if image is None:
        raise Retry(HELD)
    if image.local is None:
        raise UsageProblem(f"the row of {resource.name}/{key} was deleted in the mirror", hint="syncd outbox list")
    was = _then(resource, [line for line in tx.history.of(shop_id, resource.name, key) if line.at > to])
    after, left = _restored(resource, image.local, was)
    restored = differences(resource, image.local, after)
    if restored:
        tx.mirror.write(shop_id, resource, image, after, image.base, scope.at)
        tx.hints.leave(shop_id, resource.name, [key], HintSource.LOCAL, scope.at)
    return Undone(restored, left)


def _then(resource: Resource, later: Sequence[HistoryLine]) -> dict[str, Any]:
    """What each part was before the first of these changes, as JSON. Raises UsageProblem where there was no record."""
    was: dict[str, str] = {}
    for line in reversed(later):
        if line.changes.get(resource.key, ("", ""))[0] == "null":
            raise UsageProblem(
                f"{resource.name}/{line.key} was created later, at {line.at:%Y-%m-%d %H:%M:%S} UTC",
                hint="choose a later moment: syncd history KEY",
            )
        was |= {path: before for path, (before, _) in line.changes.items() if path}
    return {path: json.loads(text) for path, text in was.items()}


def _restored(resource: Resource, now: Record, was: Mapping[str, Any]) -> tuple[Record, list[tuple[str, str]]]:
    fields, children = dict(now.fields), dict(now.children)
    left: list[tuple[str, str]] = []
    bar = bar_in_record(resource, new=False)
    for path, plain in was.items():
        field, child = resource.by_name.get(path), resource.child_by_name.get(path)
        if field is not None and not same(field.kind, value := _typed(field, plain), fields.get(path)):
            if (barred := bar(field)) is None:
                fields[path] = value
            else:
                left.append((path, barred.sentence))
        elif child is not None and (elements := _listed(child, now.children.get(path, ()), plain)) is not None:
            if (barred := bar_to_list(resource, child)) is None:
                children[path] = elements
            else:
                left.append((path, barred.sentence))
    return replace(now, fields=fields, children=children), left


def _listed(child: Child, now: tuple[Element, ...], plain: Sequence[Mapping[str, Any]]) -> tuple[Element, ...] | None:
    """The list as it was, on the rows that it has now; None where nothing that people may set differs."""
    was = [Element({name: _typed(child.by_name[name], each[name]) for name in each if name in child.by_name})
           for each in plain]  # fmt: skip
    found = pair(was, now, *tokens(child))
    after = tuple(_set(child, now[found[place]] if place in found else None, each) for place, each in enumerate(was))
    unmoved = len(after) == len(now) and all(each in now for each in after)
    return None if unmoved else after


def _set(child: Child, now: Element | None, was: Element) -> Element:
    """An element with what people may set of it as it was."""
    mine = {
        name: value
        for name, value in was.fields.items()
        if bar_by_access(child.by_name[name].access, new=now is None) is None
    }
    return Element(mine) if now is None else replace(now, fields={**now.fields, **mine})


def _typed(field: Field, plain: Any) -> Value:
    """A value out of history's JSON."""
    if isinstance(plain, str) and field.kind is Kind.DECIMAL:
        return Decimal(plain)
    if isinstance(plain, str) and field.kind is Kind.TIME:
        return datetime.fromisoformat(plain).astimezone(UTC)
    return plain  # type: ignore[no-any-return]


# --- a change that shall not leave ------------------------------------------------------------------------------------


def drop(tx: MirrorTx, scope: Scope, change: Change) -> None:
    """Close a change and take its edit out of the mirror, which shows base again; what waits for a person stays.

    The row of a record that was to be created goes. Raises Retry for a row that is held."""
    resource, shop_id = scope.resource, scope.shop_id
    image = tx.mirror.load(shop_id, resource, [change.row_id]).get(change.row_id)
    if image is None:
        raise Retry(HELD)
    weighed = weigh(tx, scope, image)
    if weighed is not None:
        image = weighed.image
        if weighed.verb is Verb.CREATE:
            after = None
        elif weighed.verb is Verb.DELETE or image.local is None:
            after = image.base
        else:
            after = _taken_back(image.local, image, weighed.patch.fields, weighed.patch.children)
        tx.mirror.write(shop_id, resource, image, after, image.base, scope.at)
    tx.outbox.close(shop_id, change.id)
    if change.state is ChangeState.PARKED and (key := key_of(resource, image.base)):
        # The shop's side may have moved: a look settles what is left.
        tx.hints.leave(shop_id, resource.name, [key], HintSource.PERSON, scope.at)


def _taken_back(
    local: Record, image: Images, fields: Mapping[str, Value], lists: Mapping[str, Sequence[ElementChange]]
) -> Record:
    base = image.base or Record({})
    children = {name: _without(local.children.get(name, ()), changes) for name, changes in lists.items()}
    return replace(
        local,
        fields={**local.fields, **{name: base.fields.get(name) for name in fields}},
        children={**local.children, **children},
    )


def _without(elements: tuple[Element, ...], changes: Sequence[ElementChange]) -> tuple[Element, ...]:
    """A list less the changes that were made to it. Elements are found again by their rows."""
    edited = {each.after.row_id: each for each in changes if each.after is not None}
    kept: list[Element] = []
    for element in elements:
        change = edited.get(element.row_id)
        if change is None:
            kept.append(element)
        elif change.act is Act.EDIT and change.before is not None:
            was = {name: change.before.fields.get(name) for name in change.fields}
            kept.append(replace(element, fields={**element.fields, **was}))
    kept += [each.before for each in changes if each.act is Act.REMOVE and each.before is not None]
    return tuple(kept)
