"""Which elements of two child lists are the same element: by key, by position only among equals.

Ids of elements do not help where a shop issues them anew at each write; row ids help where a user's row still is the
row that base was stored for. Must not decide what becomes of an element.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

from syncd.domain.canonical import canonical, same
from syncd.domain.record import Element
from syncd.domain.resource import Access, Child, Kind

Token = Callable[[Element], Hashable | None]
"""What an element is looked up by; None where it has no such thing."""


@dataclass(frozen=True, slots=True)
class Trio:
    """One element as the three copies have it; `seat` is its place in the local list, if it has one."""

    label: str
    base: Element | None = None
    local: Element | None = None
    remote: Element | None = None
    seat: int | None = None


def pair(left: Sequence[Element], right: Sequence[Element], *ways: Token) -> dict[int, int]:
    """Places in `left` to places in `right`: each way in turn pairs what the ways before it left over, in order."""
    paired: dict[int, int] = {}
    for way in ways:
        _pair_more(paired, left, right, way)
    return paired


def _pair_more(paired: dict[int, int], left: Sequence[Element | None], right: Sequence[Element], way: Token) -> None:
    taken = frozenset(paired.values())
    waiting: defaultdict[Hashable, deque[int]] = defaultdict(deque)
    for place, element in enumerate(right):
        if place not in taken and (token := way(element)) is not None:
            waiting[token].append(place)
    for place, found in enumerate(left):
        if found is not None and place not in paired and (token := way(found)) is not None and waiting.get(token):
            paired[place] = waiting[token].popleft()


def tokens(child: Child) -> tuple[Token, ...]:
    """The ways to find elements again in the record that they were seen in: what is the same to a letter first."""
    key, every, content = _key(child), _every(child), _content(child)
    return (lambda e: (key(e), every(e)), lambda e: (key(e), content(e)), key)


def trios(child: Child, base: Sequence[Element], local: Sequence[Element], remote: Sequence[Element]) -> list[Trio]:
    """The elements of three lists, each once: those of base in order, then new local ones, then new remote ones."""
    name = _key(child)
    plain = _plain_pairs(name, base, local, remote)
    if plain is not None:
        here, there = plain
    else:
        repeated = _repeated(child, base, local, remote)
        name = _name(child, repeated, remote)
        here = _at_home(child, repeated, name, base, local)
        there = _at_the_shop(child, name, base, here, remote)
        if key_is_the_shops(child):
            shown = [remote[there[place]] if place in there else None for place in range(len(base))]
            seen = frozenset(there.values())
            new_keys = frozenset(_key(child)(element) for place, element in enumerate(remote) if place not in seen)
            _find_rewritten(child, here, (base, shown), local, new_keys)
    here_known, there_known = frozenset(here.values()), frozenset(there.values())
    new_here = [place for place in range(len(local)) if place not in here_known]
    new_there = [place for place in range(len(remote)) if place not in there_known]
    both = _new_pairs(child, name, [local[p] for p in new_here], [remote[p] for p in new_there])

    found = [
        Trio(
            "",
            element,
            _as_base_has(child, element, local[here[place]]) if place in here else None,
            remote[there[place]] if place in there else None,
            here.get(place),
        )
        for place, element in enumerate(base)
    ]
    found += [
        Trio("", None, local[place], remote[new_there[both[i]]] if i in both else None, place)
        for i, place in enumerate(new_here)
    ]
    known = frozenset(both.values())
    found += [Trio("", None, None, remote[place]) for i, place in enumerate(new_there) if i not in known]
    return _labelled(child, found)


def _plain_pairs(
    key: Token, base: Sequence[Element], local: Sequence[Element], remote: Sequence[Element]
) -> tuple[dict[int, int], dict[int, int]] | None:
    """The pairs where nothing is in doubt, which is nearly always: the rows of base are all here, and no key repeats.
    Otherwise None, and the long way says the same and more."""
    if [(e.row_id, key(e)) for e in base] != [(e.row_id, key(e)) for e in local]:
        return None
    at_home = {key(element): place for place, element in enumerate(base)}
    at_the_shop = {key(element): place for place, element in enumerate(remote)}
    if len(at_home) != len(base) or len(at_the_shop) != len(remote):
        return None
    there = {place: at_the_shop[token] for token, place in at_home.items() if token in at_the_shop}
    return {place: place for place in range(len(base))}, there


def key_is_the_shops(child: Child) -> bool:
    """Whether only the shop can give an element its key: then a row without it is no other element for that."""
    return bool(child.key) and all(
        name in child.by_name and child.by_name[name].access is Access.READ for name in child.key
    )


def _repeated(
    child: Child, base: Sequence[Element], local: Sequence[Element], remote: Sequence[Element]
) -> frozenset[Hashable]:
    """The keys that do not tell elements apart. Rows that users copied do not make a key of the shop's ambiguous."""
    key, keyless = _key(child), key_is_the_shops(child)
    counts = [Counter(key(e) for e in found) for found in (base, remote, () if keyless else local)]
    return frozenset(token for count in counts for token, times in count.items() if times > 1)


def _name(child: Child, repeated: frozenset[Hashable], remote: Sequence[Element]) -> Token:
    """What an element is known by: its key; where that repeats, all that people may write and the shop shows, so that
    an edited element is another one. Only then is it the same at each look which of two equals is which."""
    key = _key(child)
    content = _content(child, [n for n in _writable(child) if all(n in element.fields for element in remote)])

    def name(element: Element) -> Hashable:
        own = key(element)
        return (own, content(element)) if own in repeated else own

    return name


def _at_the_shop(
    child: Child, name: Token, base: Sequence[Element], here: Mapping[int, int], remote: Sequence[Element]
) -> dict[int, int]:
    """The elements of base among those that the shop shows. Of two that are alike in everything the one that is still
    here is found first: else the echo of removing one would remove the other."""
    every = _every(child)
    kept = [element if place in here else None for place, element in enumerate(base)]
    found: dict[int, int] = {}
    for way in (lambda e: (name(e), every(e)), name):
        _pair_more(found, kept, remote, way)
        _pair_more(found, base, remote, way)
    return found


def _at_home(
    child: Child, repeated: frozenset[Hashable], name: Token, base: Sequence[Element], local: Sequence[Element]
) -> dict[int, int]:
    """The elements of base among the rows that users edit."""
    key = _key(child)

    def row(element: Element) -> Hashable | None:
        return element.row_id

    def row_and_name(element: Element) -> Hashable | None:
        return None if element.row_id is None else (element.row_id, name(element))

    found = pair(base, local, row_and_name)
    if not key_is_the_shops(child):
        _pair_more(found, base, local, name)
        return found
    # The row decides before the key here: who writes into a read-only key makes no other element of it.
    _pair_more(found, [None if key(element) in repeated else element for element in base], local, row)
    _pair_more(found, base, local, lambda e: None if _keyless(child, e) and key(e) not in repeated else name(e))
    return found


def _find_rewritten(
    child: Child,
    here: dict[int, int],
    copies: tuple[Sequence[Element], Sequence[Element | None]],
    local: Sequence[Element],
    new_keys: frozenset[Hashable],
) -> None:
    """Rows written anew without their keys, or with made-up ones (DELETE, then INSERT), are what they say: the element
    with that content in base, or at the shop by now (`copies`); but not where the shop has just given that key."""
    key, content = _key(child), _content(child)
    known = frozenset(here.values())
    anew = [
        place
        for place, element in enumerate(local)
        if place not in known and (_keyless(child, element) or key(element) not in new_keys)
    ]
    found: dict[int, int] = {}
    for elements in copies:
        lost = [None if place in here else element for place, element in enumerate(elements)]
        _pair_more(found, lost, [local[place] for place in anew], content)
    here.update({place: anew[i] for place, i in found.items()})


def _new_pairs(child: Child, name: Token, local: Sequence[Element], remote: Sequence[Element]) -> dict[int, int]:
    """Elements that both sides have and base has not: by key. Where only the shop gives keys, also where nothing speaks
    against it (the answer to an element that we sent was lost, or both sides added the same)."""
    if not key_is_the_shops(child):
        return pair(local, remote, name)
    paired = pair(local, remote, lambda e: None if _keyless(child, e) else name(e))
    taken = set(paired.values())
    for here, ours in enumerate(local):
        if here in paired:
            continue
        for there, theirs in enumerate(remote):
            if there not in taken and _agrees(child, ours, theirs):
                paired[here] = there
                taken.add(there)
                break
    return paired


def _agrees(child: Child, ours: Element, theirs: Element) -> bool:
    """Whether all that we would send is what the shop shows, and there is something to show."""
    told = [
        (field.kind, ours.fields[field.name], theirs.fields[field.name])
        for field in child.fields
        if field.access is not Access.READ and ours.fields.get(field.name) is not None and field.name in theirs.fields
    ]
    return bool(told) and all(same(kind, one, other) for kind, one, other in told)


def _as_base_has(child: Child, base: Element, local: Element) -> Element:
    """A row that was found without its key has lost only what the shop alone sets: that is no edit."""
    if not key_is_the_shops(child) or not _keyless(child, local) or _keyless(child, base):
        return local
    kept = {
        name: value
        for name, value in local.fields.items()
        if value is not None or name not in child.by_name or child.by_name[name].access is not Access.READ
    }
    return replace(local, fields=kept, extra={**base.extra, **local.extra})


def _keyless(child: Child, element: Element) -> bool:
    return bool(child.key) and all(element.fields.get(name) is None for name in child.key)


def _key(child: Child) -> Token:
    kinds = [(name, child.by_name[name].kind) for name in child.key]
    return lambda element: tuple(canonical(kind, element.fields.get(name)) for name, kind in kinds)


def _writable(child: Child) -> list[str]:
    return [field.name for field in child.fields if field.access is not Access.READ]


def _content(child: Child, names: Sequence[str] | None = None) -> Token:
    """What people may write, or some of it."""
    kinds = [(name, child.by_name[name].kind) for name in (_writable(child) if names is None else names)]
    return lambda element: tuple(canonical(kind, element.fields.get(name)) for name, kind in kinds)


def _every(child: Child) -> Token:
    """All of an element, the fields that no description names too."""
    kinds = [(field.name, field.kind) for field in child.fields]

    def every(element: Element) -> Hashable:
        known = tuple(canonical(kind, element.fields.get(name)) for name, kind in kinds)
        return known, canonical(Kind.JSON, dict(element.extra))

    return every


def _labelled(child: Child, found: list[Trio]) -> list[Trio]:
    """Each trio with the name by which people and policies speak of it, counted among equals."""
    counts: defaultdict[str, int] = defaultdict(int)
    labelled = []
    for trio in found:
        element = trio.base or trio.remote or trio.local
        values = [] if element is None else [element.fields.get(name) for name in child.key]
        text = ",".join("" if value is None else str(value) for value in values).rstrip(",") or "new"
        counts[text] += 1
        label = text if counts[text] == 1 else f"{text}#{counts[text]}"
        labelled.append(replace(trio, label=label))
    return labelled
