"""Outbox, conflicts, refused edits, history and push journal keep what they are given, on both databases."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.domain.change import Change, ChangeState, HistoryLine, JournalLine, Origin, Turned, Verb
from syncd.domain.decision import ABSENT, FieldConflict, Reason, Refusal
from syncd.domain.patch import Act, ElementChange, Patch
from syncd.domain.policy import Choice
from syncd.domain.record import Element, Record
from syncd.domain.resource import Resource
from syncd.domain.resources import PRODUCTS, RESOURCES
from syncd.store.plain import part_text, patch_text, read_patch, read_record, record_text
from tests.contract.conftest import AT, Store
from tests.contract.test_mirror import records

LATER = AT + timedelta(hours=1)
ELEMENT = Element({"language_id": "de", "title": "ü"}, {"x": 1}, 9)
PATCH = Patch(
    {"title": "x\0", "published_at": AT},
    {
        "locales": (
            ElementChange(Act.EDIT, "locales[de]", {"title": "b"}, ELEMENT, replace(ELEMENT, fields={"title": "b"})),
            ElementChange(Act.ADD, "locales[en]", {"title": "a"}, None, Element({"title": "a"})),
            ElementChange(Act.REMOVE, "locales[fr]", {}, ELEMENT, None),
        )
    },
)
CHANGE = Change(
    id=0,
    resource="products",
    row_id=7,
    key="P-1",
    verb=Verb.UPDATE,
    state=ChangeState.READY,
    patch=PATCH,
    frozen=Record({"title": "x", "published_at": AT, "weight": None}, {"locales": (ELEMENT,)}, {"e": [1.5]}),
    base=Record({"title": ""}),
    digest="d1",
    claimed_at=AT,
)


# --- JSON text -------------------------------------------------------------------------------------------------------


@settings(max_examples=15)
@given(st.data())
def test_records_and_patches_come_back_from_their_text(choice: st.DataObject) -> None:
    for resource in RESOURCES:
        record = choice.draw(records(resource))
        text = record_text(record)
        assert read_record(resource, text) == record
        assert record_text(read_record(resource, text)) == text
        patch = Patch(record.fields, _additions(resource, record))
        assert read_patch(resource, patch_text(patch)) == patch


def _additions(resource: Resource, record: Record) -> dict[str, tuple[ElementChange, ...]]:
    return {
        name: tuple(ElementChange(Act.ADD, f"{name}[+]", each.fields, None, each) for each in elements)
        for name, elements in record.children.items()
        if elements
    }


def test_row_ids_of_elements_come_back_too() -> None:
    record = Record({}, {"locales": (ELEMENT, Element({"title": "new"}))})
    back = read_record(PRODUCTS, record_text(record))
    assert [element.row_id for element in back.children["locales"]] == [9, None]
    (edit, _, _) = read_patch(PRODUCTS, patch_text(PATCH)).children["locales"]
    assert edit.before is not None
    assert edit.before.row_id == 9


def test_parts_are_text_that_people_can_read() -> None:
    assert part_text(ABSENT) == ""
    assert part_text(None) == "null"
    assert part_text("ü") == '"ü"'
    assert part_text(AT) == '"2026-11-02T09:30:15+00:00"'
    assert part_text(ELEMENT) == '{"extra":{"x":1},"language_id":"de","title":"ü"}'
    assert part_text(Record({"id": 5}, {"locales": (ELEMENT,)})).startswith('{"id":5,"locales":[{"extra"')


# --- the outbox ------------------------------------------------------------------------------------------------------


def test_a_change_comes_back_whole(store: Store) -> None:
    added = store.write(lambda tx: tx.outbox.add(1, CHANGE))
    assert added == replace(CHANGE, id=added.id)
    assert store.read(lambda tx: tx.outbox.of_row(1, "products", 7)) == added
    sent = replace(
        added, state=ChangeState.SENDING, due_at=LATER, attempts=3, generation=8, reason="r", frozen=None, base=None
    )
    store.write(lambda tx: tx.outbox.save(1, sent))
    assert store.read(lambda tx: tx.outbox.all(1)) == [sent]
    store.write(lambda tx: tx.outbox.save(2, CHANGE))  # another shop's
    store.write(lambda tx: tx.outbox.close(2, added.id))
    assert store.read(lambda tx: tx.outbox.all(1)) == [sent]
    store.write(lambda tx: tx.outbox.close(1, added.id))
    assert store.read(lambda tx: tx.outbox.of_row(1, "products", 7)) is None
    store.write(lambda tx: tx.outbox.save(1, sent))  # it is closed: nothing comes back
    assert store.read(lambda tx: tx.outbox.all(1)) == []
    assert store.write(lambda tx: tx.outbox.add(1, CHANGE)).id > added.id


def test_a_record_has_one_open_change(store: Store) -> None:
    store.write(lambda tx: tx.outbox.add(1, CHANGE))
    store.write(lambda tx: tx.outbox.add(2, CHANGE))
    with pytest.raises(Exception, match=r"(?i)unique"):
        store.write(lambda tx: tx.outbox.add(1, CHANGE))


def test_what_waits_is_what_the_daemon_can_go_on_with(store: Store) -> None:
    for row_id, state in enumerate(ChangeState):
        due_at = LATER if state is ChangeState.IN_DOUBT else None
        claimed_at = AT - timedelta(minutes=row_id)
        change = replace(CHANGE, row_id=row_id, state=state, due_at=due_at, claimed_at=claimed_at)
        store.write(lambda tx, c=change: tx.outbox.add(1, c))

    def waiting(at: object, limit: int = 9) -> list[ChangeState]:
        return [c.state for c in store.read(lambda tx: tx.outbox.waiting(1, limit, at))]  # type: ignore[arg-type]

    assert waiting(AT) == [ChangeState.READY]
    assert waiting(LATER) == [ChangeState.IN_DOUBT, ChangeState.READY]
    assert waiting(LATER, 1) == [ChangeState.IN_DOUBT]
    assert [c.row_id for c in store.read(lambda tx: tx.outbox.all(1))] == list(range(len(ChangeState)))[::-1]


def test_changes_take_turns(store: Store) -> None:
    """Creates first, then by the order of resources, then the oldest; what is put off waits."""
    kinds = [
        ("orders", Verb.UPDATE, 0, {}),
        ("products", Verb.UPDATE, 2, {"state": ChangeState.IN_DOUBT}),
        ("products", Verb.UPDATE, 1, {}),
        ("products", Verb.UPDATE, 0, {"due_at": LATER}),
        ("products", Verb.UPDATE, 0, {"state": ChangeState.HELD}),
        ("categories", Verb.UPDATE, 0, {}),
        ("orders", Verb.CREATE, 9, {}),
        ("products", Verb.CREATE, 9, {}),
    ]
    numbers = []
    for row_id, (resource, verb, minutes, rest) in enumerate(kinds):
        claimed_at = AT + timedelta(minutes=minutes)
        more = {"resource": resource, "patch": Patch(), "frozen": None, "base": None, **rest}
        change = replace(CHANGE, row_id=row_id, verb=verb, claimed_at=claimed_at, **more)
        numbers.append(store.write(lambda tx, c=change: tx.outbox.add(1, c)).id)

    def turns(at: object, limit: int | None = None) -> list[int]:
        names = ["products", "orders"]
        found = store.read(lambda tx: tx.outbox.turns(1, names, at, limit))  # type: ignore[arg-type]
        return [numbers.index(number) for number in found]

    assert turns(AT) == [7, 6, 2, 1, 0]
    assert turns(LATER) == [7, 6, 3, 2, 1, 0]
    assert turns(LATER, 2) == [7, 6]
    assert store.read(lambda tx: tx.outbox.turns(2, ["products"], LATER, None)) == []
    store.write(lambda tx: tx.outbox.close(1, numbers[2]))
    some = store.read(lambda tx: tx.outbox.some(1, [numbers[7], numbers[2], numbers[0]]))
    assert [each.id for each in some] == [numbers[7], numbers[0]]
    assert store.read(lambda tx: tx.outbox.open(1)) == frozenset(numbers) - {numbers[2]}
    assert store.read(lambda tx: tx.outbox.some(2, numbers)) == []


def test_changes_are_counted_and_shown_by_state(store: Store) -> None:
    states = [ChangeState.HELD, ChangeState.HELD, ChangeState.PARKED, ChangeState.SENDING]
    for row_id, state in enumerate(states):
        change = replace(CHANGE, row_id=row_id, state=state)
        store.write(lambda tx, c=change: tx.outbox.add(1, c))
    store.write(lambda tx: tx.outbox.add(1, replace(CHANGE, resource="orders", patch=Patch(), state=ChangeState.HELD)))
    store.people("UPDATE sync_outbox SET state = 'what people write here' WHERE row_id = 3")
    assert store.read(lambda tx: tx.outbox.count(1)) == {
        (ChangeState.HELD, "orders"): 1,
        (ChangeState.HELD, "products"): 2,
        (ChangeState.PARKED, "products"): 2,
    }
    held = store.read(lambda tx: tx.outbox.inside(1, ChangeState.HELD, 2))
    assert [(each.resource, each.row_id) for each in held] == [("products", 0), ("products", 1)]
    parked = store.read(lambda tx: tx.outbox.inside(1, ChangeState.PARKED))
    assert [each.row_id for each in parked] == [2, 3]
    assert store.read(lambda tx: tx.outbox.count(2)) == {}


def test_what_the_brake_holds_is_released_in_parts(store: Store) -> None:
    for row_id, state in enumerate([ChangeState.HELD, ChangeState.HELD, ChangeState.HELD, ChangeState.PARKED]):
        held = replace(CHANGE, row_id=row_id, state=state, reason="many", attempts=2, due_at=LATER)
        store.write(lambda tx, c=held: tx.outbox.add(1, c))
    store.write(lambda tx: tx.outbox.add(2, replace(CHANGE, state=ChangeState.HELD)))

    def release(resource: str, limit: int) -> int:
        return store.write(lambda tx: tx.outbox.release(1, resource, limit))

    assert release("orders", 9) == 0
    assert release("products", 2) == 2
    assert [c.state for c in store.read(lambda tx: tx.outbox.all(1))] == [
        *(ChangeState.READY, ChangeState.READY),
        *(ChangeState.HELD, ChangeState.PARKED),
    ]
    first = store.read(lambda tx: tx.outbox.of_row(1, "products", 0))
    assert first is not None
    assert (first.reason, first.attempts, first.due_at) == ("", 0, None)
    assert (release("", 9), release("", 9)) == (1, 0)
    assert store.read(lambda tx: tx.outbox.count(2)) == {(ChangeState.HELD, "products"): 1}


def test_creates_of_a_resource(store: Store) -> None:
    create = replace(CHANGE, verb=Verb.CREATE, key="", base=None, state=ChangeState.PARKED)
    store.write(lambda tx: tx.outbox.add(1, replace(create, row_id=8)))
    store.write(lambda tx: tx.outbox.add(1, CHANGE))
    store.write(lambda tx: tx.outbox.add(1, replace(create, resource="orders", patch=Patch(), frozen=None)))
    (found,) = store.read(lambda tx: tx.outbox.creates(1, "products"))
    assert (found.row_id, found.verb) == (8, Verb.CREATE)


def test_refused_changes_are_known_by_their_digest(store: Store) -> None:
    store.write(lambda tx: tx.outbox.refuse(1, CHANGE, "no", AT))
    store.write(lambda tx: tx.outbox.refuse(1, CHANGE, "no again", LATER))

    def why(digest: str, row_id: int = 7) -> str | None:
        return store.read(lambda tx: tx.outbox.was_refused(1, "products", row_id, digest))

    assert (why("d1"), why("d2"), why("d1", 8)) == ("no again", None, None)


def test_refused_edits_are_kept_each_once(store: Store) -> None:
    first = Refusal("total_price", 5, Reason.READ_ONLY)
    others = [Refusal("locales[de]", ELEMENT, Reason.READ_ONLY), Refusal("", ABSENT, Reason.DELETES_OFF)]
    store.write(lambda tx: tx.outbox.turn_down(1, "orders", "5", 7, [first, *others], AT))
    store.write(lambda tx: tx.outbox.turn_down(1, "orders", "5", 7, [first], LATER))
    store.write(lambda tx: tx.outbox.turn_down(1, "orders", "5", 7, [replace(first, value=6)], LATER))
    found = store.read(lambda tx: tx.outbox.turned(1, 10))
    assert [(turned.path, turned.value, turned.at) for turned in found] == [
        ("total_price", "6", LATER),
        ("total_price", "5", LATER),
        ("", "", AT),
        ("locales[de]", part_text(ELEMENT), AT),
    ]
    assert found[1] == Turned("orders", "5", 7, "total_price", "5", Reason.READ_ONLY.sentence, LATER)
    assert store.read(lambda tx: tx.outbox.turned(1, 1)) == found[:1]
    assert store.read(lambda tx: tx.outbox.turned(2, 1)) == []


# --- conflicts -------------------------------------------------------------------------------------------------------

TITLE = FieldConflict("title", "a", "b", "c")
GONE = FieldConflict("locales[de]", ELEMENT, ABSENT, replace(ELEMENT, fields={"title": "z"}))


def derive(store: Store, *conflicts: FieldConflict, at: object = AT, row_id: int = 7, key: str = "5") -> None:
    store.write(lambda tx: tx.conflicts.derive(1, "products", key, row_id, conflicts, at))  # type: ignore[arg-type]


def test_conflicts_are_derived_anew_and_keep_their_number_and_age(store: Store) -> None:
    derive(store, TITLE, GONE)
    title, gone = store.read(lambda tx: tx.conflicts.open(1))
    assert (title.path, title.base, title.local, title.remote, title.since, title.choice) == (
        "title",
        '"a"',
        '"b"',
        '"c"',
        AT,
        "",
    )
    assert (gone.path, gone.local) == ("locales[de]", "")
    assert store.read(lambda tx: tx.conflicts.paths(1, "products", 7)) == {"title", "locales[de]"}
    derive(store, replace(TITLE, remote="d"), at=LATER, key="6")
    assert store.read(lambda tx: tx.conflicts.open(1)) == [replace(title, remote='"d"', key="6")]
    derive(store, TITLE, row_id=8)
    derive(store)
    assert [each.row_id for each in store.read(lambda tx: tx.conflicts.open(1))] == [8]
    assert store.read(lambda tx: tx.conflicts.paths(1, "products", 7)) == frozenset()
    assert store.read(lambda tx: tx.conflicts.open(2)) == []


def test_people_resolve_conflicts_by_sql_or_by_command(store: Store) -> None:
    derive(store, TITLE, GONE)
    derive(store, TITLE, row_id=8)
    title, gone, other = store.read(lambda tx: tx.conflicts.open(1))
    assert store.read(lambda tx: tx.conflicts.resolved_rows(1)) == []
    store.people("UPDATE sync_conflicts SET resolution = 'remote' WHERE id = :id", id=title.id)
    assert store.write(lambda tx: tx.conflicts.resolve(1, gone.id, Choice.LOCAL))
    assert not store.write(lambda tx: tx.conflicts.resolve(2, gone.id, Choice.LOCAL))
    assert not store.write(lambda tx: tx.conflicts.resolve(1, 999_999, Choice.LOCAL))
    assert store.read(lambda tx: tx.conflicts.picks(1, "products", 7)) == {
        "locales[de]": Choice.LOCAL,
        "title": Choice.REMOTE,
    }
    assert store.read(lambda tx: tx.conflicts.resolved_rows(1)) == [("products", 7, "5")]
    assert [each.choice for each in store.read(lambda tx: tx.conflicts.open(1))] == ["remote", "local", ""]
    assert store.ask("SELECT key, source FROM sync_hints") == [("5", "person"), ("5", "person")]
    store.write(lambda tx: tx.conflicts.resolve(1, title.id, Choice.MANUAL))
    assert store.read(lambda tx: tx.conflicts.picks(1, "products", 7)) == {"locales[de]": Choice.LOCAL}
    assert store.read(lambda tx: tx.conflicts.picks(1, "products", other.row_id)) == {}


@pytest.mark.parametrize(
    ("choice", "now", "holds"),
    [
        (Choice.LOCAL, replace(TITLE, local="mine"), True),
        (Choice.LOCAL, replace(TITLE, remote="unseen"), False),
        (Choice.REMOTE, replace(TITLE, remote="newer"), True),
        (Choice.REMOTE, replace(TITLE, local="unseen"), False),
        (Choice.REMOTE, TITLE, True),
    ],
)
def test_a_choice_does_not_give_up_what_nobody_has_seen(
    store: Store, choice: Choice, now: FieldConflict, holds: bool
) -> None:
    derive(store, TITLE)
    (title,) = store.read(lambda tx: tx.conflicts.open(1))
    store.write(lambda tx: tx.conflicts.resolve(1, title.id, choice))
    derive(store, now)
    assert store.read(lambda tx: tx.conflicts.picks(1, "products", 7)) == ({"title": choice} if holds else {})


# --- history ---------------------------------------------------------------------------------------------------------


def test_history_comes_back_by_record_in_order(store: Store) -> None:
    born = HistoryLine("orders", "", 7, AT, Origin.LOCAL, {"notes": ("null", '"a"')})
    both = HistoryLine("orders", "5", 7, LATER, Origin.SHOP, {"notes": ('"a"', '"b"'), "": ("present", "deleted")})
    again = HistoryLine("orders", "5", 7, LATER, Origin.SHOP, {"notes": ('"b"', '"c"')})
    other = HistoryLine("orders", "6", 8, LATER, Origin.MERGE, {"notes": ("", '"ü"')})
    nobody = HistoryLine("orders", "", 9, AT, Origin.RESOLUTION, {"notes": ("", "1")})
    store.write(lambda tx: tx.history.write(1, [born, both, again, other, nobody, replace(other, changes={})]))
    store.write(lambda tx: tx.history.write(2, [both]))
    store.write(lambda tx: tx.history.write(1, []))
    assert store.read(lambda tx: tx.history.of(1, "orders", "5")) == [born, both, again]
    assert store.read(lambda tx: tx.history.of(1, "orders", "6")) == [other]
    assert store.read(lambda tx: tx.history.of(1, "products", "5")) == []
    assert store.write(lambda tx: tx.history.purge(1, LATER)) == 2
    assert store.read(lambda tx: tx.history.of(1, "orders", "5")) == [both, again]
    assert store.read(lambda tx: tx.history.of(2, "orders", "5")) == [both]


# --- the push journal ------------------------------------------------------------------------------------------------

LINE = JournalLine(3, "orders", 7, "", Verb.CREATE, "record", "d1", AT, generation=2)


def test_the_push_journal_keeps_what_left_until_it_is_settled(store: Store) -> None:
    second = replace(LINE, step="addresses[1]", key="5", verb=Verb.UPDATE)
    for line in (LINE, second):
        store.state(lambda tx, x=line: tx.pushes.begin(1, x))
    store.state(lambda tx: tx.pushes.begin(2, LINE))
    answered = replace(LINE, answered_at=LATER, answer_key="77")
    store.state(lambda tx: tx.pushes.answered(1, answered))
    assert store.state(lambda tx: tx.pushes.open(1)) == [answered, second]
    again = replace(LINE, sent_at=LATER)
    store.state(lambda tx: tx.pushes.begin(1, again))
    assert store.state(lambda tx: tx.pushes.open(1)) == [second, again]
    store.state(lambda tx: tx.pushes.end(1, 3))
    assert store.state(lambda tx: tx.pushes.open(1)) == []
    assert store.state(lambda tx: tx.pushes.open(2)) == [LINE]


def test_a_line_of_a_mirror_that_was_restored_is_not_overwritten(store: Store) -> None:
    """The restored mirror counts its changes from where the backup was."""
    store.state(lambda tx: tx.pushes.begin(1, LINE))
    other = replace(LINE, digest="d2", row_id=9)
    store.state(lambda tx: tx.pushes.begin(1, other))
    assert store.state(lambda tx: tx.pushes.open(1)) == [LINE, other]


def test_sealed_passwords(store: Store) -> None:
    assert store.state(lambda tx: tx.pushes.password(1, 7)) is None
    for sealed in ("s1", "s2"):
        store.state(lambda tx, s=sealed: tx.pushes.seal_password(1, 7, s))
    assert store.state(lambda tx: tx.pushes.password(1, 7)) == "s2"
    assert store.state(lambda tx: (tx.pushes.password(2, 7), tx.pushes.password(1, 8))) == (None, None)
    store.state(lambda tx: tx.pushes.forget_password(1, 7))
    assert store.state(lambda tx: tx.pushes.password(1, 7)) is None
