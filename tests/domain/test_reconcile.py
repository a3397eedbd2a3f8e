"""The truth table of reconcile, combination by combination, and the cases that people would tell each other about."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import product as product_of
from pathlib import Path
from typing import Any

import pytest

from syncd.domain.decision import ABSENT, Reason, Refusal, Sighting
from syncd.domain.patch import Act
from syncd.domain.policy import Choice, Policy
from syncd.domain.reconcile import Decision, reconcile, same_business
from syncd.domain.record import Element, Record
from syncd.domain.resources import BY_NAME
from syncd.domain.verdicts import RULINGS, VERDICTS, Verdict

PRODUCTS, ORDERS, CUSTOMERS = BY_NAME["products"], BY_NAME["orders"], BY_NAME["customers"]
DOCS = Path(__file__).parents[2] / "docs" / "reconcile.md"


def product(title: str = "Origin", **fields: Any) -> Record:
    return Record({"id": 1, "title": title, "comment": "c", **fields}, {"locales": (), "images": ()})


def policy(choice: Choice, *, deletes: bool = True) -> Policy:
    return Policy({"*": choice}, deletes)


# --- every combination of (absent, same, changed, deleted) on three sides -----------------------------

# What becomes of a record under each policy. `same` is one and the same content, `changed` a content of each side's
# own; for base, absent and deleted (a purged tombstone) both mean that nothing was ever agreed on.
TABLE = """
base    local   remote    remote         local         manual
absent  absent  absent    Same           Same          Same
absent  absent  same      CreateLocal    CreateLocal   CreateLocal
absent  absent  changed   CreateLocal    CreateLocal   CreateLocal
absent  absent  deleted   Same           Same          Same
absent  same    absent    CreateRemote   CreateRemote  CreateRemote
absent  same    same      AdoptRemote    AdoptRemote   AdoptRemote
absent  same    changed   Refuse         SendLocal     Conflict
absent  same    deleted   CreateRemote   CreateRemote  CreateRemote
absent  changed absent    CreateRemote   CreateRemote  CreateRemote
absent  changed same      Refuse         SendLocal     Conflict
absent  changed changed   Refuse         SendLocal     Conflict
absent  changed deleted   CreateRemote   CreateRemote  CreateRemote
absent  deleted absent    Same           Same          Same
absent  deleted same      CreateLocal    CreateLocal   CreateLocal
absent  deleted changed   CreateLocal    CreateLocal   CreateLocal
absent  deleted deleted   Same           Same          Same
same    absent  absent    DeleteLocal    DeleteLocal   DeleteLocal
same    absent  same      DeleteRemote   DeleteRemote  DeleteRemote
same    absent  changed   Refuse         DeleteRemote  Conflict
same    absent  deleted   DeleteLocal    DeleteLocal   DeleteLocal
same    same    absent    DeleteLocal    DeleteLocal   DeleteLocal
same    same    same      Same           Same          Same
same    same    changed   AdoptRemote    AdoptRemote   AdoptRemote
same    same    deleted   DeleteLocal    DeleteLocal   DeleteLocal
same    changed absent    DeleteLocal    CreateRemote  Conflict
same    changed same      SendLocal      SendLocal     SendLocal
same    changed changed   Refuse         SendLocal     Conflict
same    changed deleted   DeleteLocal    CreateRemote  Conflict
same    deleted absent    DeleteLocal    DeleteLocal   DeleteLocal
same    deleted same      DeleteRemote   DeleteRemote  DeleteRemote
same    deleted changed   Refuse         DeleteRemote  Conflict
same    deleted deleted   DeleteLocal    DeleteLocal   DeleteLocal
changed absent  absent    DeleteLocal    DeleteLocal   DeleteLocal
changed absent  same      Refuse         DeleteRemote  Conflict
changed absent  changed   Refuse         DeleteRemote  Conflict
changed absent  deleted   DeleteLocal    DeleteLocal   DeleteLocal
changed same    absent    DeleteLocal    CreateRemote  Conflict
changed same    same      AdoptRemote    AdoptRemote   AdoptRemote
changed same    changed   Refuse         SendLocal     Conflict
changed same    deleted   DeleteLocal    CreateRemote  Conflict
changed changed absent    DeleteLocal    CreateRemote  Conflict
changed changed same      Refuse         SendLocal     Conflict
changed changed changed   Refuse         SendLocal     Conflict
changed changed deleted   DeleteLocal    CreateRemote  Conflict
changed deleted absent    DeleteLocal    DeleteLocal   DeleteLocal
changed deleted same      Refuse         DeleteRemote  Conflict
changed deleted changed   Refuse         DeleteRemote  Conflict
changed deleted deleted   DeleteLocal    DeleteLocal   DeleteLocal
deleted absent  absent    Same           Same          Same
deleted absent  same      CreateLocal    CreateLocal   CreateLocal
deleted absent  changed   CreateLocal    CreateLocal   CreateLocal
deleted absent  deleted   Same           Same          Same
deleted same    absent    CreateRemote   CreateRemote  CreateRemote
deleted same    same      AdoptRemote    AdoptRemote   AdoptRemote
deleted same    changed   Refuse         SendLocal     Conflict
deleted same    deleted   CreateRemote   CreateRemote  CreateRemote
deleted changed absent    CreateRemote   CreateRemote  CreateRemote
deleted changed same      Refuse         SendLocal     Conflict
deleted changed changed   Refuse         SendLocal     Conflict
deleted changed deleted   CreateRemote   CreateRemote  CreateRemote
deleted deleted absent    Same           Same          Same
deleted deleted same      CreateLocal    CreateLocal   CreateLocal
deleted deleted changed   CreateLocal    CreateLocal   CreateLocal
deleted deleted deleted   Same           Same          Same
"""
ROWS = [line.split() for line in TABLE.split("\n") if line][1:]
CASES = [
    (base, local, remote, choice, expected)
    for base, local, remote, *names in ROWS
    for choice, expected in zip(Choice, names, strict=True)
]
# An element's fate, told by what becomes of the record that it is the only change of.
IN_A_LIST = {"CreateLocal": "AdoptRemote", "CreateRemote": "SendLocal", "DeleteRemote": "SendLocal"}


def test_the_table_is_complete() -> None:
    states = ["absent", "changed", "deleted", "same"]
    assert sorted(tuple(row[:3]) for row in ROWS) == list(product_of(states, repeat=3))


@pytest.mark.parametrize(("base", "local", "remote", "choice", "expected"), CASES)
def test_a_record(base: str, local: str, remote: str, choice: Choice, expected: str) -> None:
    sides = {"same": product()}
    decision = reconcile(
        PRODUCTS,
        {**sides, "changed": product("Base's")}.get(base),
        {**sides, "changed": product("Local's")}.get(local),
        {**sides, "changed": product("Remote's")}.get(remote, ABSENT),
        policy(choice),
    )
    assert type(decision).__name__ == expected


@pytest.mark.parametrize(("base", "local", "remote", "choice", "expected"), CASES)
def test_an_element_of_a_list(base: str, local: str, remote: str, choice: Choice, expected: str) -> None:
    def with_locale(state: str, title: str) -> Record:
        titles = {"same": "Ursprung", "changed": title}
        elements = (Element({"language_id": "de", "title": titles[state]}),) if state in titles else ()
        return replace(product(), children={"locales": elements})

    decision = reconcile(
        PRODUCTS,
        with_locale(base, "Base's"),
        with_locale(local, "Local's"),
        with_locale(remote, "Remote's"),
        policy(choice),
    )
    if expected == "DeleteLocal":
        names = next(row[3:] for row in ROWS if row[:3] == [base, local, remote])
        expected = "AdoptRemote" if len(set(names)) == 1 else "Refuse"
    assert type(decision).__name__ == IN_A_LIST.get(expected, expected)


# --- fields -------------------------------------------------------------------------------------------


def decide(
    base: Record | None, local: Record | None, remote: Sighting, choices: Mapping[str, Choice] | None = None
) -> Decision:
    return reconcile(PRODUCTS, base, local, remote, Policy(choices or {}, deletes=True))


def test_edits_of_different_fields_merge_without_asking() -> None:
    decision = decide(product(), product("Ours"), product(comment="theirs"))
    assert type(decision).__name__ == "Merge"
    assert decision.local_after == product("Ours", comment="theirs")
    assert decision.base_after == product(comment="theirs")
    assert decision.to_remote.fields == {"title": "Ours"}


def test_a_parked_field_keeps_its_base_and_the_rest_goes_on() -> None:
    decision = decide(product(), product("Ours", version="2"), product("Theirs", comment="new"))
    assert [(c.path, c.base, c.local, c.remote) for c in decision.conflicts] == [("title", "Origin", "Ours", "Theirs")]
    assert decision.local_after == product("Ours", version="2", comment="new")
    assert decision.base_after == product(comment="new")
    assert decision.to_remote.fields == {"version": "2"}


def test_a_field_has_an_owner_of_its_own() -> None:
    choices = {"title": Choice.LOCAL, "comment": Choice.REMOTE}
    decision = decide(product(), product("Ours", comment="ours"), product("Theirs", comment="theirs"), choices)
    assert decision.to_remote.fields == {"title": "Ours"}
    assert decision.base_after == product("Theirs", comment="theirs")
    assert decision.refused == (Refusal("comment", "ours", Reason.POLICY),)


def test_a_person_resolves_one_conflict_and_leaves_the_other() -> None:
    copies = product(), product("Ours", comment="ours"), product("Theirs", comment="theirs")
    decision = reconcile(PRODUCTS, *copies, Policy().resolved({"title": Choice.LOCAL}))
    assert decision.to_remote.fields == {"title": "Ours"}
    assert [c.path for c in decision.conflicts] == ["comment"]


def test_missing_is_not_null() -> None:
    base = product(version="1")
    assert decide(base, base, Record({"title": "New"})).local_after == product("New", version="1")
    assert decide(base, base, Record({"version": None})).local_after == product(version=None)


def test_what_a_thin_listing_does_not_carry_stays_pending() -> None:
    decision = decide(product(), product("Ours"), Record({"id": 1}))
    assert type(decision).__name__ == "SendLocal"
    assert decision.to_remote.fields == {"title": "Ours"}


def test_an_edit_that_changes_nothing_sends_nothing() -> None:
    base = product(valid=True, items_in_stock=3)
    assert type(decide(base, product(valid=1, items_in_stock=3), product(valid="1", items_in_stock="3"))).__name__ == (
        "Same"
    )


@pytest.mark.parametrize(
    ("resource", "name", "value", "reason"),
    [
        ("products", "id", 9, Reason.READ_ONLY),
        ("products", "product_type", 9, Reason.CREATE_ONLY),
        ("orders", "total_price", 1, Reason.READ_ONLY),
        ("orders", "order_number", "x", Reason.CREATE_ONLY),
        ("licenses", "name", "x", Reason.NOT_WRITABLE),
    ],
)
def test_what_the_api_cannot_take_is_refused_and_shows_the_shops_value(
    resource: str, name: str, value: Any, reason: Reason
) -> None:
    base = Record({"id": 1, name: 5})
    local = Record({**base.fields, name: value})
    decision = reconcile(BY_NAME[resource], base, local, base, Policy({"*": Choice.LOCAL}))
    assert type(decision).__name__ == "Refuse"
    assert decision.refused == (Refusal(name, value, reason),)
    assert decision.local_after == base


def test_extra_is_the_shops_key_by_key() -> None:
    base = replace(product(), extra={"a": 1, "b": 2})
    local = replace(product(), extra={"a": 7, "c": 3})
    decision = decide(base, local, replace(product(), extra={"b": 4}))
    assert decision.local_after == decision.base_after == replace(product(), extra={"a": 1, "b": 4})
    assert [(r.path, r.value) for r in decision.refused] == [("extra.a", 7), ("extra.b", ABSENT), ("extra.c", 3)]


def test_a_column_that_cannot_be_read_shows_the_shops_value_again() -> None:
    base = product(items_in_stock=3)
    local = replace(product(), fields={k: v for k, v in base.fields.items() if k != "items_in_stock"})
    decision = reconcile(PRODUCTS, base, local, base, Policy(), {"items_in_stock": "many"})
    assert decision.local_after == base
    assert decision.refused == (Refusal("items_in_stock", "many", Reason.UNREADABLE),)
    assert (
        type(reconcile(PRODUCTS, base, local, ABSENT, Policy(), {"items_in_stock": "many"})).__name__ == "DeleteLocal"
    )


# --- life and death -----------------------------------------------------------------------------------


def test_a_delete_that_is_switched_off_brings_the_row_back() -> None:
    decision = reconcile(PRODUCTS, product(), None, product("Theirs"), Policy({"*": Choice.LOCAL}))
    assert type(decision).__name__ == "Refuse"
    assert decision.local_after == decision.base_after == product("Theirs")
    assert decision.refused == (Refusal("", ABSENT, Reason.DELETES_OFF),)


def test_orders_cannot_be_deleted_whatever_the_switch_says() -> None:
    order = Record({"id": 1, "notes": "n"})
    decision = reconcile(ORDERS, order, None, order, Policy(deletes=True))
    assert decision.refused == (Refusal("", ABSENT, Reason.NOT_DELETABLE),)
    assert decision.local_after == order


def test_a_new_stamp_alone_is_no_edit_against_a_delete() -> None:
    stamped = product(updated_at=None)
    decision = decide(stamped, None, replace(stamped, fields={**stamped.fields, "updated_at": "later"}))
    assert type(decision).__name__ == "DeleteRemote"


def test_edits_that_could_not_be_sent_do_not_hold_up_a_delete() -> None:
    decision = decide(product(), replace(product(), fields={**product().fields, "id": 5}), ABSENT)
    assert type(decision).__name__ == "DeleteLocal"
    assert decision.refused == (Refusal("id", 5, Reason.READ_ONLY),)


def test_a_wish_that_the_api_cannot_grant_becomes_a_question() -> None:
    themes = BY_NAME["theme_settings"]
    base, local = Record({"id": 1, "name": "a"}), Record({"id": 1, "name": "b"})
    decision = reconcile(themes, base, local, ABSENT, Policy({"*": Choice.LOCAL}))
    assert type(decision).__name__ == "Conflict"
    assert (decision.local_after, decision.base_after) == (local, base)


def test_a_row_inserted_where_nothing_can_be_created_is_refused() -> None:
    local = Record({"name": "mine"})
    decision = reconcile(BY_NAME["licenses"], None, local, ABSENT, Policy())
    assert type(decision).__name__ == "DeleteLocal"
    assert decision.refused == (Refusal("", local, Reason.NOT_CREATABLE),)


def test_a_create_sends_all_that_can_be_set_and_nothing_else() -> None:
    local = Record(
        {"id": 7, "order_number": "A1", "notes": None, "total_price": None},
        {"line_items": (Element({"id": None, "product_id": "12", "quantity": 2, "price": 5}, row_id=3),)},
    )
    decision = reconcile(ORDERS, None, local, ABSENT, Policy())
    assert type(decision).__name__ == "CreateRemote"
    assert decision.to_remote.fields == {"order_number": "A1"}
    (item,) = decision.to_remote.children["line_items"]
    assert (item.act, item.fields) == (Act.ADD, {"product_id": "12", "quantity": 2})
    assert item.after is not None
    assert item.after.row_id == 3
    assert {r.path for r in decision.refused} == {"id", "line_items[new].price"}
    assert decision.local_after is not None
    assert decision.local_after.fields["id"] is None


def test_the_same_business_is_the_same_record() -> None:
    def category(**fields: Any) -> Record:
        return Record(fields)

    categories = BY_NAME["categories"]
    assert same_business(categories, category(title="A", parent_id=None), category(title="A", parent_id=None, id=5))
    assert not same_business(categories, category(title="A", parent_id=1), category(title="A", parent_id=None))
    assert not same_business(categories, category(title=None), category(title=None))
    assert not same_business(BY_NAME["licenses"], category(name="x"), category(name="x"))


# --- lists --------------------------------------------------------------------------------------------


def customer(*addresses: Element) -> Record:
    return Record({"token": "c1", "email": "a@example.org"}, {"addresses": addresses})


def address(token: str | None, city: str, row_id: int | None = None, **fields: Any) -> Element:
    return Element({"token": token, "city": city, **fields}, row_id=row_id)


def test_edits_of_different_addresses_merge_without_asking() -> None:
    base = customer(address("x", "Kiel", 1), address("y", "Bonn", 2))
    local = customer(address("x", "Rome", 1), address("y", "Bonn", 2), address(None, "Oslo", 3))
    remote = customer(address("z", "Linz"), address("y", "Graz"), address("x", "Kiel"))
    decision = reconcile(CUSTOMERS, base, local, remote, Policy())
    assert decision.local_after == customer(
        address("x", "Rome"), address("y", "Graz"), address(None, "Oslo"), address("z", "Linz")
    )
    assert decision.base_after == customer(address("x", "Kiel"), address("y", "Graz"), address("z", "Linz"))
    changes = decision.to_remote.children["addresses"]
    assert [(c.act, c.path, c.fields) for c in changes] == [
        (Act.EDIT, "addresses[x]", {"city": "Rome"}),
        (Act.ADD, "addresses[new]", {"city": "Oslo"}),
    ]
    assert decision.local_after is not None
    assert [e.row_id for e in decision.local_after.children["addresses"]] == [1, 2, 3, None]


def test_the_order_of_elements_is_no_change() -> None:
    one, two = address("x", "Kiel", 1), address("y", "Bonn", 2)
    base, other = customer(one, two), customer(two, one)
    assert type(reconcile(CUSTOMERS, base, base, other, Policy())).__name__ == "Same"
    assert type(reconcile(CUSTOMERS, base, other, base, Policy())).__name__ == "Same"


def test_ids_that_the_shop_issues_anew_are_taken_over_silently() -> None:
    def locale(number: int, title: str, row_id: int | None = None) -> Record:
        element = Element({"id": number, "language_id": "de", "title": title}, row_id=row_id)
        return replace(product(), children={"locales": (element,)})

    decision = decide(locale(1, "alt", 4), locale(1, "neu", 4), locale(99, "alt"))
    assert decision.local_after == locale(99, "neu")
    assert decision.to_remote.children["locales"][0].fields == {"title": "neu"}
    assert not decision.refused


def test_an_added_element_whose_answer_was_lost_is_recognised() -> None:
    decision = reconcile(
        CUSTOMERS, customer(), customer(address(None, "Oslo", 3)), customer(address("t", "Oslo", zip=None)), Policy()
    )
    assert not decision.to_remote
    assert decision.local_after == customer(address("t", "Oslo", zip=None))
    assert decision.local_after is not None
    assert decision.local_after.children["addresses"][0].row_id == 3


def test_who_writes_into_a_read_only_key_makes_no_other_element_of_it() -> None:
    base = customer(address("x", "Kiel", 1))
    decision = reconcile(CUSTOMERS, base, customer(address("q", "Kiel", 1)), base, Policy())
    assert type(decision).__name__ == "Refuse"
    assert decision.local_after == base
    assert decision.refused == (Refusal("addresses[x].token", "q", Reason.READ_ONLY),)


def test_rows_written_anew_without_their_keys_are_the_same_elements() -> None:
    base = customer(address("x", "Kiel", 1), address("y", "Bonn", 2))
    local = customer(address(None, "Bonn", 8), address(None, "Kiel", 9))
    decision = reconcile(CUSTOMERS, base, local, base, Policy())
    assert not decision.to_remote
    assert not decision.refused
    assert decision.local_after == customer(address("y", "Bonn"), address("x", "Kiel"))


def test_an_edited_element_that_the_shop_removed_is_asked_about() -> None:
    base, local = customer(address("x", "Kiel", 1)), customer(address("x", "Rome", 1))
    decision = reconcile(CUSTOMERS, base, local, customer(), Policy())
    (conflict,) = decision.conflicts
    assert (conflict.path, conflict.remote) == ("addresses[x]", ABSENT)
    assert (decision.local_after, decision.base_after) == (local, base)
    again = reconcile(CUSTOMERS, base, local, customer(), Policy().resolved({"addresses[x]": Choice.LOCAL}))
    assert [(c.act, c.fields) for c in again.to_remote.children["addresses"]] == [(Act.ADD, {"city": "Rome"})]
    assert again.base_after == customer()


def test_line_items_of_an_order_cannot_come_or_go() -> None:
    def order(*items: Element) -> Record:
        return Record({"id": 1}, {"line_items": items})

    item, other = Element({"id": 5, "quantity": 1}, row_id=1), Element({"id": None, "quantity": 9}, row_id=2)
    decision = reconcile(ORDERS, order(item), order(other), order(item), Policy())
    assert decision.local_after == order(item)
    assert [(r.path, r.reason) for r in decision.refused] == [
        ("line_items[5]", Reason.CREATE_ONLY),
        ("line_items[new]", Reason.CREATE_ONLY),
    ]


def test_equals_are_told_apart_by_what_else_they_say() -> None:
    def bound(*prices: int) -> Record:
        elements = tuple(Element({"license_id": 1, "price_id": 2, "compare_price_id": p}) for p in prices)
        return replace(product(), children={"price_license_binding": elements})

    decision = decide(bound(1, 2, 3), bound(1, 3), bound(1, 2, 3))
    changes = decision.to_remote.children["price_license_binding"]
    assert [(c.act, c.before and c.before.fields["compare_price_id"]) for c in changes] == [(Act.REMOVE, 2)]


def test_a_row_whose_key_was_rewritten_stays_with_what_it_says_now() -> None:
    def bilingual(*elements: Element) -> Record:
        return replace(product(), children={"locales": elements})

    def locale(language: str, title: str, row_id: int | None = None) -> Element:
        return Element({"language_id": language, "title": title}, row_id=row_id)

    # The shop changed the very element whose row became another one here, and wins.
    decision = decide(
        bilingual(locale("de", "alt", 1)),
        bilingual(locale("fr", "alt", 1)),
        bilingual(locale("de", "neu")),
        {"locales": Choice.REMOTE},
    )
    assert decision.local_after == bilingual(locale("fr", "alt"), locale("de", "neu"))
    assert decision.local_after is not None
    assert [e.row_id for e in decision.local_after.children["locales"]] == [1, None]


def test_the_echo_of_removing_one_of_two_twins_leaves_the_other() -> None:
    def bound(*rows: int | None) -> Record:
        elements = tuple(Element({"license_id": 1, "price_id": 2}, row_id=row) for row in rows)
        return replace(product(), children={"price_license_binding": elements})

    decision = decide(bound(1, 2), bound(2), bound(None))
    assert not decision.to_remote
    assert decision.local_after == bound(2)


def test_a_row_that_says_nothing_yet_is_not_sent() -> None:
    decision = reconcile(
        CUSTOMERS, customer(), customer(Element({"token": None, "city": None}, row_id=4)), customer(), Policy()
    )
    assert not decision.to_remote
    assert decision.local_after is not None
    assert len(decision.local_after.children["addresses"]) == 1


def test_a_list_that_was_not_shown_stays() -> None:
    base = customer(address("x", "Kiel", 1))
    decision = reconcile(CUSTOMERS, base, customer(address("x", "Rome", 1)), Record({"token": "c1"}), Policy())
    assert [c.act for c in decision.to_remote.children["addresses"]] == [Act.EDIT]


def test_a_base_that_got_lost_comes_back_from_what_agrees() -> None:
    whole = Record(
        {"token": "c1", "email": "a@example.org", "orders_count": 4}, {"addresses": (address("x", "Kiel", 1),)}
    )
    decision = reconcile(CUSTOMERS, None, whole, replace(whole, fields={"token": "c1"}), Policy())
    assert decision.local_after == whole
    assert decision.base_after is not None
    assert decision.base_after.fields == {"token": "c1", "orders_count": 4}
    assert decision.to_remote.fields == {"email": "a@example.org"}
    assert not decision.refused


# --- policies and docs --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ({"title": "mine"}, "none of remote, local, manual"),
        ({"titel": "local"}, "no such field"),
        ({"titel.x": "local"}, "no such field"),
        ({"locales.titel": "local"}, "no such field"),
        ({"id": "local"}, "only the shop may change it"),
        ({"content_files": "manual"}, "only the shop may change it"),
        ({"locales.id": "local"}, "only the shop may change it"),
    ],
)
def test_a_wrong_ownership_map_is_told(texts: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Policy.parse(PRODUCTS, texts)


def test_an_ownership_map_is_read() -> None:
    texts = {"*": "remote", "title": "local", "locales": "manual", "locales.title": "local", "id": "remote"}
    read = Policy.parse(PRODUCTS, texts, deletes=True)
    assert read.choice(PRODUCTS, "locales[de].title", "locales.title", "locales") is Choice.LOCAL
    assert read.choice(PRODUCTS, "locales[de].src", "locales.src", "locales") is Choice.MANUAL
    assert read.choice(PRODUCTS, "comment") is Choice.REMOTE
    with pytest.raises(ValueError, match="cannot be deleted"):
        Policy.parse(ORDERS, {}, deletes=True)


def table() -> str:
    """The truth table as docs/reconcile.md shows it."""
    lines = ["| here | at the shop | so |", "|---|---|---|"]
    for (local, remote), verdict in VERDICTS.items():
        strong = f"**{verdict.value}**" if verdict is Verdict.DISPUTE else verdict.value
        lines.append(f"| {local.value} | {remote.value} | {strong} |")
    lines += ["", "| policy | a disputed thing |", "|---|---|"]
    lines += [f"| `{choice.value}` | {ruling.value} |" for choice, ruling in RULINGS.items()]
    lines += ["", "| reason of a refusal | for a person |", "|---|---|"]
    lines += [f"| `{reason.value}` | {reason.sentence} |" for reason in Reason]
    return "\n".join(lines)


def test_the_docs_show_the_table_of_the_code() -> None:
    shown = DOCS.read_text().partition("<!-- table -->\n")[2].partition("\n<!-- /table -->")[0]
    assert shown == table(), f"docs/reconcile.md should show:\n\n{table()}"
