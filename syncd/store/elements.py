"""Which row each element of a child list gets, so that the same element has one number in mirror and twin. Pure."""

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from syncd.domain.record import Element
from syncd.domain.resource import Child

Elements = tuple[Element, ...]


def placed(
    child: Child,
    local: Elements | None,
    base: Elements | None,
    barred: Collection[int],
    new_ids: Callable[[int], Sequence[int]],
) -> tuple[Elements | None, Elements | None]:
    """Both lists with a row id in every element. None stands for a list that is not written, and stays so.

    An element without one takes the number of the element of the same key on the other side, in order among equals;
    else both get a new one. Numbers in `barred` are taken in the mirror, by elements of another record."""
    if barred and local:
        local = tuple(replace(element, row_id=None) if element.row_id in barred else element for element in local)
    local = _borrowed(child, local, base, barred)
    base = _borrowed(child, base, local, ())
    bare = [element for element in local or () if element.row_id is None]
    twins = [element for element in base or () if element.row_id is None]
    keys = [_key(child, element) for element in bare]
    # What only the base lacks needs a number of its own; what both lack shares one.
    unmatched = list(keys)
    for element in twins:
        if _key(child, element) in unmatched:
            unmatched.remove(_key(child, element))
        else:
            keys.append(_key(child, element))
    fresh: dict[object, deque[int]] = defaultdict(deque)
    for key, row_id in zip(keys, new_ids(len(keys)) if keys else (), strict=True):
        fresh[key].append(row_id)
    return _numbered(child, local, fresh), _numbered(child, base, fresh)


def _numbered(child: Child, side: Elements | None, fresh: dict[object, deque[int]]) -> Elements | None:
    if side is None:
        return None
    left = {key: deque(row_ids) for key, row_ids in fresh.items()}
    return tuple(
        element if element.row_id is not None else replace(element, row_id=left[_key(child, element)].popleft())
        for element in side
    )


def _borrowed(child: Child, side: Elements | None, other: Elements | None, barred: Collection[int]) -> Elements | None:
    """`side` with the numbers of the elements that only the other side has given a row."""
    if not side or not other or all(element.row_id is not None for element in side):
        return side
    own = {element.row_id for element in side}
    free: dict[object, deque[int]] = defaultdict(deque)
    for element in other:
        if element.row_id is not None and element.row_id not in own and element.row_id not in barred:
            free[_key(child, element)].append(element.row_id)
    return tuple(
        replace(element, row_id=free[_key(child, element)].popleft())
        if element.row_id is None and free[_key(child, element)]
        else element
        for element in side
    )


def _key(child: Child, element: Element) -> object:
    return tuple(element.fields.get(name) for name in child.key)
