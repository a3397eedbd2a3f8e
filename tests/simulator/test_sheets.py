"""The shop's own model and syncd's descriptions were written apart; here they are held against each other."""

import pytest

from syncd.domain.resource import Field, Resource
from syncd.domain.resources import RESOURCES
from syncd.simulator.resources import SHEETS
from syncd.simulator.sheets import Branch, Sheet, Spec

KINDS = {"flag1": "flag"}


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.name)
def test_the_shop_serves_what_syncd_describes(resource: Resource) -> None:
    sheet = SHEETS[resource.name]
    assert resource.path == f"/api/{sheet.path}"
    assert resource.path2 in {"", f"/api2/{sheet.path2}"}
    assert (resource.plural, resource.singular, resource.scope) == (sheet.name, sheet.singular, sheet.scope)
    assert resource.key == sheet.key
    assert resource.stamp in {"", sheet.stamp}
    for field in resource.fields:
        spec = spec_of(sheet, field)
        assert (field.name, field.kind) == (field.name, KINDS.get(spec.kind, spec.kind))
    for child in resource.children:
        branch = sheet.branch_by_name[child.name]
        for field in child.fields:
            spec = named_in(branch, field)
            assert (field.name, field.kind) == (field.name, KINDS.get(spec.kind, spec.kind))


def spec_of(sheet: Sheet, field: Field) -> Spec:
    """The shop's field behind one of syncd's, inside a nested object where its path says so."""
    place = sheet.by_name
    *outer, name = field.wire_path
    for step in outer:
        place = sheet.branch_by_name[step].by_name
    return place[name]


def named_in(branch: Branch, field: Field) -> Spec:
    """The same in a nested list, where a field may go by another name."""
    return next(branch.by_name[name] for name in (field.wire_path[-1], *field.aliases) if name in branch.by_name)


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.name)
def test_the_shop_also_serves_something_that_syncd_does_not_know(resource: Resource) -> None:
    sheet = SHEETS[resource.name]
    described = {field.wire_path[0] for field in resource.fields} | set(resource.child_by_name)
    unknown = (set(sheet.by_name) | set(sheet.branch_by_name)) - described
    assert unknown or resource.name in {"prices", "fulfillments", "currency_rates"}
