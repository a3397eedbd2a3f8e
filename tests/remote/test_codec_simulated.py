"""Every record of every kind of simulated shop comes through the wire whole: nothing lost, nothing invented."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from syncd.domain.record import Broken, Item, Record
from syncd.domain.resource import Field, Resource
from syncd.domain.resources import RESOURCES
from syncd.ports import Listing
from syncd.simulator.switches import CHARACTERS, Switches
from tests.remote.doubles import PURPOSE, StillClock, rig, simulated

SECRETS = ("external_access_token", "player_refresh_token", "player_token_expires")


def wire_of(record: Record, resource: Resource) -> dict[str, Any]:
    """The record as the shop would say it, put together again from columns, child lists and extra."""
    whole = _joined(record.fields, record.extra, resource.fields)
    for name, elements in record.children.items():
        fields = resource.child_by_name[name].fields
        whole[name] = [_joined(element.fields, element.extra, fields) for element in elements]
    return whole


def _joined(columns: Mapping[str, Any], extra: Mapping[str, Any], fields: tuple[Field, ...]) -> dict[str, Any]:
    whole: dict[str, Any] = {name: dict(value) if isinstance(value, dict) else value for name, value in extra.items()}
    for each in fields:
        if each.name in columns:
            *way, last = each.wire_path
            place = whole
            for step in way:
                place = place.setdefault(step, {})
            place[last] = columns[each.name]
    return whole


def plain(value: Any) -> Any:
    """A value so that two ways of writing it are equal: flags as ints, times as v1 text, numbers as floats."""
    match value:
        case dict():
            named = {"quantity" if name == "Quantity" else name: plain(each) for name, each in value.items()}
            return {name: each for name, each in named.items() if each not in (None, {}) and name not in SECRETS}
        case list() | tuple():
            return [plain(each) for each in value]
        case datetime():
            assert value.tzinfo is UTC
            return value.strftime("%Y-%m-%dT%H:%M:%S")
        case bool() | int() | Decimal():
            return float(value)
        case str() if len(value) > 18 and value[10] == "T" and value[4] == "-":
            moment = datetime.fromisoformat(value)
            return (moment if moment.tzinfo is None else moment.astimezone(UTC)).strftime("%Y-%m-%dT%H:%M:%S")
        case str() if value.removeprefix("-").isdigit():
            return float(value)
        case _:
            return value


@pytest.mark.parametrize("character", CHARACTERS)
def test_every_record_equals_the_shop_s_own_dump(character: str) -> None:
    """Walks every listing and reads every record once more by itself (api2 where there is one), on a small shop."""

    async def scenario() -> None:
        clock = StillClock()
        switches = Switches.named(character)
        sim, wire, token = simulated(clock, switches=switches, products=14, orders=30, customers=9, categories=5)
        truth = sim.dump()
        async with rig(wire, tokens=[token], clock=clock) as it:
            for resource in RESOURCES:
                seen: dict[str, Record] = {}
                walk = await it.gateway.page(Listing(resource, page=1), PURPOSE)
                for item in walk.items:
                    assert isinstance(item, Item)
                    record = it.gateway.decode(resource, item)
                    assert isinstance(record, Record), record
                    seen[item.key] = record
                assert sorted(seen) == sorted(truth[resource.name])
                for key in seen if resource.detailed else ():
                    base = resource.path2 if resource.path2 and character != "poor" else resource.path
                    look = await it.gateway.one(resource, key, PURPOSE, base)
                    assert isinstance(look.item, Item), look
                    record = it.gateway.decode(resource, look.item)
                    assert isinstance(record, Record), record
                    expected = truth[resource.name][key]
                    assert _full(plain(wire_of(record, resource))) == _full(plain(expected))

    asyncio.run(scenario())


def _full(value: Any) -> Any:
    """Without empty values: some shops leave them out."""
    if isinstance(value, dict):
        return {name: _full(each) for name, each in value.items() if each not in ("", None, [])}
    return [_full(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("poison", ["wrong_type", "null_list", "missing_id", "invalid_utf8", "huge_string"])
@pytest.mark.parametrize("name", ["products", "orders"])
def test_one_poisoned_record_leaves_the_page_whole(name: str, poison: str) -> None:
    async def scenario() -> None:
        clock = StillClock()
        sim, wire, token = simulated(clock, products=12, orders=20, customers=5)
        victim = sim.keys(name)[3]
        sim.poison(name, victim, poison)
        resource = next(each for each in RESOURCES if each.name == name)
        async with rig(wire, tokens=[token], clock=clock) as it:
            page = await it.gateway.page(Listing(resource, page=1), PURPOSE)
            decoded = [it.gateway.decode(resource, each) if isinstance(each, Item) else each for each in page.items]
            broken = [each for each in decoded if isinstance(each, Broken)]
            assert len(decoded) == len(sim.keys(name))
            assert len(broken) == 1
            assert broken[0].path
            assert len(broken[0].sample) <= 80
            broken[0].sample.encode()  # no lone surrogates in what will be stored
            if poison == "missing_id":
                assert broken[0].path == f"{name}[3].id"
                assert broken[0].key == ""
            else:
                assert broken[0].key == victim
            look = await it.gateway.one(resource, victim, PURPOSE)
            again = it.gateway.decode(resource, look.item) if isinstance(look.item, Item) else look.item
            assert isinstance(again, Broken)
            assert again.key == victim

    asyncio.run(scenario())


def test_no_secret_of_a_shop_is_in_any_record() -> None:
    async def scenario() -> None:
        clock = StillClock()
        sim, wire, token = simulated(clock, products=5, orders=10, customers=10)
        async with rig(wire, tokens=[token], clock=clock) as it:
            told = ""
            for resource in RESOURCES:
                page = await it.gateway.page(Listing(resource, page=1), PURPOSE)
                told += "".join(repr(it.gateway.decode(resource, i)) for i in page.items if isinstance(i, Item))
        assert len(sim.secrets) > 10
        assert not [secret for secret in sim.secrets if secret in told]

    asyncio.run(scenario())


def test_addresses_come_from_their_own_list_too() -> None:
    async def scenario() -> None:
        clock = StillClock()
        sim, wire, token = simulated(clock, products=5, orders=10, customers=10)
        customers = next(each for each in RESOURCES if each.name == "customers")
        child = customers.child_by_name["addresses"]
        async with rig(wire, tokens=[token], clock=clock) as it:
            for key, truth in sim.dump(("customers",))["customers"].items():
                elements = await it.gateway.elements(customers, child, key, PURPOSE)
                found = [_joined(each.fields, each.extra, child.fields) for each in elements]
                assert plain(found) == plain(truth["addresses"])

    asyncio.run(scenario())
