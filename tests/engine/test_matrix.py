"""The mirror is what the shop is, whatever the shop's habits: every pair of switch settings stands together once."""

import asyncio
from collections.abc import Callable

import pytest

from syncd.simulator.switches import CHARACTERS, Switches
from tests.engine.combinations import READING, Settings, every, pairs_in, pairwise, possible, spelt
from tests.engine.comings import mirror_follows
from tests.support.databases import TestDatabase

MakeDatabase = Callable[[str], TestDatabase]
COMBINATIONS = pairwise()
PARTS = 48


def test_every_possible_pair_of_settings_is_among_the_combinations() -> None:
    shown = {pair for settings in COMBINATIONS for pair in pairs_in(settings)}
    for one, choices in READING.items():
        for other, others in READING.items():
            missing = {(one, left, other, right) for left in choices for right in others if one < other} - shown
            assert not missing
    assert all(possible(settings) for settings in COMBINATIONS)
    assert pairwise() == COMBINATIONS, "the same combinations must come every time"


@pytest.mark.parametrize("settings", COMBINATIONS, ids=[f"{n:02}" for n in range(len(COMBINATIONS))])
def test_the_mirror_follows_a_shop_of_any_habits(settings: Settings, make_database: MakeDatabase) -> None:
    print(" ".join(f"{name}={value}" for name, value in settings.items()))  # pytest shows it where it fails
    asyncio.run(mirror_follows(make_database("sqlite").url, Switches().flipped(spelt(settings))))


@pytest.mark.parametrize("character", CHARACTERS)
def test_the_mirror_follows_every_ready_made_character_on_postgresql(
    character: str, make_database: MakeDatabase
) -> None:
    switches = Switches.named(character).flipped(["page_size=7"])
    asyncio.run(mirror_follows(make_database("postgresql").url, switches))


@pytest.mark.soak
@pytest.mark.parametrize("part", range(PARTS))
def test_the_mirror_follows_every_combination_of_the_switches_that_decide_how_a_shop_is_walked(
    part: int, make_database: MakeDatabase
) -> None:
    for settings in every()[part::PARTS]:
        print(*spelt(settings))
        asyncio.run(mirror_follows(make_database("sqlite").url, Switches().flipped(["page_size=7", *spelt(settings)])))
