"""What holds for reconcile whatever the three copies are: total, nothing vanishes, it settles, both sides are alike."""

from collections import Counter
from collections.abc import Hashable
from dataclasses import replace
from random import Random
from typing import Any, assert_never

from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.domain.canonical import canonical, same
from syncd.domain.decision import (
    ABSENT,
    AdoptRemote,
    Conflict,
    CreateLocal,
    CreateRemote,
    DeleteLocal,
    DeleteRemote,
    Merge,
    Part,
    Refuse,
    Same,
    SendLocal,
    Sighting,
)
from syncd.domain.patch import Act, ElementChange, applied
from syncd.domain.policy import Choice, Policy
from syncd.domain.reconcile import Decision, reconcile
from syncd.domain.record import Element, Record
from syncd.domain.resource import Access, Child, Field, Kind, Resource

W, C, R = Access.WRITE, Access.CREATE, Access.READ
ID = Field("id", Kind.INT, R)

#: One list of each sort that the shop's resources have: a natural key with ids beside it, a key that the shop gives, a
#: key of several parts that may repeat, what can only be set on creation, and what is only shown.
LISTS = (
    Child("locales", "l", (ID, Field("language", Kind.TEXT, W), Field("title", Kind.TEXT, W)), ("language",), access=W),
    Child("addresses", "a", (ID, Field("city", Kind.TEXT, W), Field("main", Kind.FLAG, W)), ("id",), access=W),
    Child(
        "prices", "p", (Field("a", Kind.INT, W), Field("b", Kind.INT, W), Field("c", Kind.INT, W)), ("a", "b"), access=W
    ),
    Child("items", "i", (ID, Field("count", Kind.INT, C)), ("id",), access=C),
    Child("files", "f", (ID, Field("url", Kind.TEXT, R)), ("id",)),
)
FIELDS = (
    ID,
    Field("title", Kind.TEXT, W),
    Field("valid", Kind.FLAG, W),
    Field("stock", Kind.INT, W),
    Field("kind", Kind.INT, C),
    Field("total", Kind.INT, R),
)
THINGS = Resource(
    "things", "/t", "things", "thing", "", FIELDS, LISTS, writable=True, creatable=True, deletable=True
)  # fmt: skip
SHOWN_ONLY = Resource("shown", "/s", "shown", "shown", "", FIELDS, LISTS)
#: Everything may be edited by both: what reconcile does for one side it does for the other.
WORDS = Child("words", "w", LISTS[0].fields[1:], ("language",), access=W)
EQUALS = Resource("equals", "/e", "equals", "equal", "", FIELDS[1:4], (LISTS[2], WORDS), writable=True)

VALUES: dict[Kind, tuple[Any, ...]] = {
    Kind.INT: (None, 0, 1, 2, "1"),
    Kind.TEXT: (None, "", "x", "y", "z"),
    Kind.FLAG: (None, True, False, 1, "0"),
}


class Draw:
    """Copies of a record out of one seed: quicker by far than drawing every value, so that many more are tried."""

    def __init__(self, seed: int, resource: Resource = THINGS) -> None:
        self._random = Random(seed)
        self._resource = resource

    def fields(self, fields: tuple[Field, ...]) -> dict[str, Any]:
        return {field.name: self._random.choice(VALUES[field.kind]) for field in fields}

    def elements(self, child: Child) -> tuple[Element, ...]:
        count = self._random.choice((0, 1, 2, 2, 3))
        # Which of several equals has fields that no description names cannot be told while they come and go.
        names = "" if child.name == "prices" else "u"
        return tuple(Element(self.fields(child.fields), self.extra(names)) for _ in range(count))

    def extra(self, names: str) -> dict[str, Any]:
        return {name: self._random.randint(0, 1) for name in names if self._random.random() < 0.2}

    def record(self) -> Record:
        lists = {child.name: self.elements(child) for child in self._resource.children}
        return Record(self.fields(self._resource.fields), lists, self.extra("uv"))

    def edited(self, record: Record) -> Record:
        """`record` with some of another in it: sides that share most are what reconcile meets."""
        other = self.record()
        names = [*record.fields, *record.children, "extra"]
        moved = frozenset(self._random.sample(names, self._random.choice((0, 1, 2, 3, len(names)))))
        return Record(
            {name: other.fields[name] if name in moved else value for name, value in record.fields.items()},
            {
                name: self._mixed(self._resource.child_by_name[name], elements) if name in moved else elements
                for name, elements in record.children.items()
            },
            other.extra if "extra" in moved else record.extra,
        )

    def _mixed(self, child: Child, elements: tuple[Element, ...]) -> tuple[Element, ...]:
        kept = [element for element in elements if self._random.random() < 0.7]
        for place, element in enumerate(kept):
            if self._random.random() < 0.5:
                name = self._random.choice(child.fields).name
                value = self._random.choice(VALUES[child.by_name[name].kind])
                kept[place] = replace(element, fields={**element.fields, name: value})
        kept += [element for element in self.elements(child) if self._random.random() < 0.5]
        self._random.shuffle(kept)
        return tuple(kept)

    def whole(self) -> tuple[Record, Record, Record]:
        """Base, local, remote of a record that is there on all sides."""
        base = numbered(issued(self.record()), 1)
        return base, numbered(self.edited(base), 100), bare(issued(self.edited(base)))

    def copies(self) -> tuple[Record | None, Record | None, Sighting]:
        """Base, local, remote; any of them may be missing."""
        base, local, remote = self.whole()
        there = [self._random.random() < 0.8 for _ in range(3)]
        local = base if self._random.random() < 0.2 else local
        return base if there[0] else None, local if there[1] else None, remote if there[2] else ABSENT

    def thinned(self, record: Record) -> Record:
        """What a shape that carries less shows of a record."""
        fields = {name: value for name, value in record.fields.items() if self._random.random() < 0.5}
        lists = {name: elements for name, elements in record.children.items() if self._random.random() < 0.5}
        return Record(fields, lists, record.extra)

    def policy(self) -> Policy:
        names = ("*", "title", "stock", "locales", "locales.title", "addresses", "prices")
        picked = self._random.sample(names, self._random.randint(0, 3))
        return Policy({name: self._random.choice(list(Choice)) for name in picked}, self._random.random() < 0.5)


seeds = st.integers(0, 2**32)


def numbered(record: Record, first: int) -> Record:
    """Give a row to each element that has none."""
    row = max([first, *(e.row_id or 0 for elements in record.children.values() for e in elements)])
    children = {}
    for name, elements in record.children.items():
        placed = []
        for element in elements:
            row += element.row_id is None
            placed.append(element if element.row_id is not None else replace(element, row_id=row))
        children[name] = tuple(placed)
    return replace(record, children=children)


def issued(record: Record) -> Record:
    """A record as a shop shows it: ids are its own, and a language comes once; prices may repeat."""
    children = dict(record.children)
    for child in LISTS:
        if child.name in children and child.name != "prices":
            (name,) = child.key
            kind = child.by_name[name].kind
            keyed = {canonical(kind, element.fields[name]): element for element in children[child.name]}
            children[child.name] = tuple(element for own, element in keyed.items() if own is not None or name != "id")
    return replace(record, children=children)


def bare(record: Record) -> Record:
    """A record as a shop has it: without rows."""
    children = {name: tuple(replace(e, row_id=None) for e in found) for name, found in record.children.items()}
    return replace(record, children=children)


def name_of(decision: Decision) -> str:
    match decision:
        case Same() | AdoptRemote() | SendLocal() | Merge() | Conflict() | Refuse():
            return "stays"
        case CreateLocal() | CreateRemote():
            return "comes"
        case DeleteLocal() | DeleteRemote():
            return "goes"
        case _:
            assert_never(decision)


# --- total --------------------------------------------------------------------------------------------


@settings(max_examples=300)
@given(seeds, st.sampled_from([THINGS, SHOWN_ONLY]))
def test_there_is_always_an_answer(seed: int, resource: Resource) -> None:
    draw = Draw(seed)
    assert name_of(reconcile(resource, *draw.copies(), draw.policy())) in {"stays", "comes", "goes"}


# --- it settles ---------------------------------------------------------------------------------------


def signs(decision: Decision, base: Record | None, remote: Sighting) -> tuple[list[str], list[str]]:
    """What is open after a decision, and what the shop has after it: where keys repeat, editing an element and
    replacing it by another come to the same."""
    seen = remote if isinstance(remote, Record) else Record({})
    known = Record({**(base or seen).fields, **seen.fields}, {**(base or seen).children, **seen.children})
    after = applied(THINGS, known, decision.to_remote)
    lists = [
        repr(
            (
                child.name,
                sorted(str([str(value) for value in written(child, e)]) for e in after.children.get(child.name, ())),
            )
        )
        for child in LISTS
    ]
    return sorted(told(c.base, c.local, c.remote) for c in decision.conflicts), [repr(after.fields), *lists]


def unordered(record: Record | None) -> object:
    """A record to compare: the order of elements is no difference, nor are the rows that they lie in."""
    if record is None:
        return None
    lists = {
        name: sorted(repr((whole(THINGS.child_by_name[name], e), e.extra)) for e in elements)
        for name, elements in record.children.items()
    }
    return record.fields, record.extra, lists


@settings(max_examples=500)
@given(seeds, st.booleans())
def test_asking_again_before_anything_was_sent_says_the_same_and_changes_nothing(seed: int, thin: bool) -> None:
    draw = Draw(seed)
    (base, local, remote), policy = draw.copies(), draw.policy()
    if thin and isinstance(remote, Record):
        remote = draw.thinned(remote)
    first = reconcile(THINGS, base, local, remote, policy)
    assert rows_are_single(first.local_after)
    assert rows_are_single(first.base_after)
    again = reconcile(THINGS, *stored(first, 1000), remote, policy)
    assert signs(again, base, remote) == signs(first, base, remote)
    assert again.refused == ()
    assert unordered(again.local_after) == unordered(first.local_after)
    assert unordered(again.base_after) == unordered(first.base_after)


def told(*sides: Part) -> str:
    """Three sides of a conflict, without the rows that they lie in."""
    return repr(
        [bare(s) if isinstance(s, Record) else replace(s, row_id=None) if isinstance(s, Element) else s for s in sides]
    )


def rows_are_single(record: Record | None) -> bool:
    lists = record.children.values() if record is not None else ()
    rows = [[e.row_id for e in elements if e.row_id is not None] for elements in lists]
    return all(len(found) == len(frozenset(found)) for found in rows)


def stored(decision: Decision, first: int) -> tuple[Record | None, Record | None]:
    """Base and mirror as a store keeps them: an element that is new on both sides lies in one row of both."""
    base, local = decision.base_after, decision.local_after
    if local is None or base is None:
        return base, local and numbered(local, first)
    local = numbered(local, first)
    children = {}
    for name, elements in base.children.items():
        free = [e for e in local.children.get(name, ()) if e.row_id not in {b.row_id for b in elements}]
        placed = [e for e in elements if e.row_id is not None]
        for element in (e for e in elements if e.row_id is None):
            twin = next((other for other in free if other == element), None)
            free = [other for other in free if other is not twin]
            placed.append(replace(element, row_id=twin and twin.row_id))
        children[name] = tuple(placed)
    return numbered(replace(base, children=children), first + 500), local


def shop_after(decision: Decision, remote: Sighting) -> Sighting:
    """What a shop has once the decision is done there; it gives ids to what is new."""
    if isinstance(decision, DeleteRemote):
        return ABSENT
    if isinstance(decision, CreateRemote):
        remote = Record(dict.fromkeys(THINGS.by_name), {child.name: () for child in LISTS})
        remote = replace(remote, fields={**remote.fields, "id": 77, "total": 5})
    if not isinstance(remote, Record):
        return remote
    after = applied(THINGS, remote, decision.to_remote)
    children = {
        name: tuple(shown(THINGS.child_by_name[name], element, 100 + place) for place, element in enumerate(elements))
        for name, elements in after.children.items()
    }
    return replace(after, children=children)


def shown(child: Child, element: Element, number: int) -> Element:
    """An element as the shop shows it once it has it: all its fields, and an id where it gives one."""
    if len(element.fields) == len(child.fields):
        return element
    given = {"id": number} if "id" in child.by_name else {}
    return replace(element, fields={**dict.fromkeys(child.by_name), **element.fields, **given})


@settings(max_examples=500)
@given(seeds)
def test_once_done_there_is_nothing_left_but_open_conflicts(seed: int) -> None:
    draw = Draw(seed)
    (base, local, remote), policy = draw.copies(), draw.policy()
    first = reconcile(THINGS, base, local, remote, policy)
    remote = shop_after(first, remote)
    answer = reconcile(THINGS, *stored(first, 1000), remote, policy)
    assert len(answer.conflicts) == len(first.conflicts)
    assert not answer.to_remote
    agreed, mirror = stored(answer, 2000)
    last = reconcile(THINGS, agreed, mirror, remote, policy)
    assert isinstance(last, Conflict if first.conflicts else Same)
    assert unordered(last.local_after) == unordered(answer.local_after)
    assert unordered(last.base_after) == unordered(answer.base_after)
    if not first.conflicts and isinstance(remote, Record) and mirror is not None:
        assert alike(mirror, remote)


def alike(one: Record, other: Record) -> bool:
    """Equal but for the order of elements, and for those that say nothing (yet)."""

    def listed(record: Record) -> dict[str, Counter[Hashable]]:
        return {
            child.name: Counter(
                tuple(canonical(f.kind, e.fields.get(f.name)) for f in child.fields)
                for e in record.children.get(child.name, ())
                if child.access is R or any(e.fields.get(f.name) is not None for f in child.fields if f.access is not R)
            )
            for child in (*LISTS, *EQUALS.children)
        }

    fields = all(same(f.kind, one.fields.get(f.name), other.fields.get(f.name)) for f in FIELDS)
    return fields and listed(one) == listed(other)


# --- nothing vanishes ---------------------------------------------------------------------------------


@settings(max_examples=300)
@given(seeds)
def test_no_edit_of_a_field_vanishes(seed: int) -> None:
    draw = Draw(seed)
    (base, local, remote), policy = draw.whole(), draw.policy()
    decision = reconcile(THINGS, base, local, remote, policy)
    assert decision.local_after is not None
    refused = {refusal.path: refusal.value for refusal in decision.refused}
    parked = {conflict.path: conflict.local for conflict in decision.conflicts}
    for field in FIELDS:
        name, mine = field.name, local.fields[field.name]
        if same(field.kind, mine, base.fields[name]):
            assert name not in refused
            assert name not in parked
        elif same(field.kind, mine, remote.fields[name]):
            assert same(field.kind, decision.local_after.fields[name], mine)
        elif name in refused:
            assert refused[name] == mine
        else:
            assert decision.local_after.fields[name] == mine
            assert parked.get(name, mine) == mine
            assert name in parked or decision.to_remote.fields[name] == mine


@settings(max_examples=300)
@given(seeds)
def test_no_row_of_a_list_vanishes(seed: int) -> None:
    draw = Draw(seed)
    (base, local, remote), policy = draw.whole(), draw.policy()
    decision = reconcile(THINGS, base, local, remote, policy)
    assert decision.local_after is not None
    refused = [refusal.path for refusal in decision.refused]
    for name in ("locales", "addresses", "prices"):
        child = THINGS.child_by_name[name]
        known = [written(child, e) for e in (*base.children[name], *remote.children[name])]
        after = [written(child, e) for e in decision.local_after.children[name]]
        for element in local.children[name]:
            mine = written(child, element)
            says_something = any(value is not None for value in mine)
            if says_something and mine not in known and not any(path.startswith(f"{name}[") for path in refused):
                # The rest of an edited element may have come from the shop meanwhile.
                assert any(one == other for found in after for one, other in zip(mine, found, strict=True))


def whole(child: Child, element: Element) -> list[str]:
    return [str(canonical(f.kind, element.fields.get(f.name))) for f in child.fields]


def written(child: Child, element: Element) -> list[Hashable]:
    """What people may write of an element."""
    return [canonical(f.kind, element.fields.get(f.name)) for f in child.fields if f.access is not R]


@settings(max_examples=300)
@given(seeds)
def test_what_only_one_side_changed_is_never_asked_about(seed: int) -> None:
    draw = Draw(seed)
    (base, local, remote), policy = draw.whole(), draw.policy()
    ours = reconcile(THINGS, base, local, base, policy)
    assert not ours.conflicts
    assert ours.base_after is not None
    assert alike(ours.base_after, base)
    theirs = reconcile(THINGS, base, base, remote, policy)
    assert not theirs.conflicts
    assert not theirs.to_remote
    assert not theirs.refused
    assert theirs.local_after == theirs.base_after
    assert theirs.local_after is not None
    assert alike(theirs.local_after, remote)


# --- both sides are alike -----------------------------------------------------------------------------


def unrepeated(record: Record) -> Record:
    """Each key once, and none that says nothing: which of two equals is which is told by rows, and a shop has none."""
    children = {}
    for child in EQUALS.children:
        keyed = {
            tuple(canonical(child.by_name[name].kind, element.fields[name]) for name in child.key): replace(
                element, extra={}
            )
            for element in record.children[child.name]
            if any(value is not None for value in element.fields.values())
        }
        children[child.name] = tuple(keyed.values())
    return replace(record, children=children, extra={})


@settings(max_examples=300)
@given(seeds)
def test_it_makes_no_difference_which_side_is_which(seed: int) -> None:
    base, local, remote = (unrepeated(copy) for copy in Draw(seed, EQUALS).whole())
    one = reconcile(EQUALS, base, local, remote, Policy())
    other = reconcile(EQUALS, base, numbered(remote, 500), bare(local), Policy())
    assert one.local_after is not None
    assert alike(one.local_after, applied(EQUALS, bare(local), other.to_remote))
    mirrored = sorted(told(c.base, c.remote, c.local) for c in other.conflicts)
    assert sorted(told(c.base, c.local, c.remote) for c in one.conflicts) == mirrored


@given(seeds)
def test_a_patch_is_found_again_in_the_record_that_it_was_made_for(seed: int) -> None:
    base, local, remote = Draw(seed).whole()
    patch = reconcile(THINGS, base, local, remote, Policy()).to_remote
    after = applied(THINGS, remote, patch)
    for name, changes in patch.children.items():
        acts = [change.act for change in changes]
        grown = acts.count(Act.ADD) - acts.count(Act.REMOVE)
        assert len(after.children[name]) == len(remote.children[name]) + grown
        assert all(is_whole(change) for change in changes)


def is_whole(change: ElementChange) -> bool:
    return (change.before is None) == (change.act is Act.ADD) and (change.after is None) == (change.act is Act.REMOVE)
