"""A shop of full size over real HTTP: `syncd sync` fills the mirror, and every field of every record is the shop's."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from syncd.simulator.switches import CHARACTERS
from tests.process.scene import Scene, scene
from tests.support.databases import TestDatabase

FULL: dict[str, Any] = {"products": 2_000, "orders": 20_000, "customers": 8_000}
MakeDatabase = Callable[[str], TestDatabase]


@pytest.mark.parametrize(
    ("part", "calls_max"),
    # 786 calls: 746 pages and counts of the first look, 21 of the quick one, the rest what the shop can do.
    [(10, 200), pytest.param(1, 850, marks=pytest.mark.soak)],
    ids=["a tenth", "full"],
)
def test_sync_fills_the_mirror_of_a_large_shop(part: int, calls_max: int, tmp_path: Path) -> None:
    with scene(tmp_path / "home", **{name: count // part for name, count in FULL.items()}) as at:
        fills(at)
        assert at.calls() < calls_max


@pytest.mark.soak
@pytest.mark.parametrize("character", CHARACTERS)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_sync_fills_the_mirror_of_every_character(
    kind: str, character: str, tmp_path: Path, make_database: MakeDatabase
) -> None:
    # A poor and a quirky shop want a call for each record.
    part = 20 if character in {"poor", "quirky"} else 1
    size = {name: count // part for name, count in FULL.items()}
    with scene(tmp_path / "home", make_database(kind).url, character=character, **size) as at:
        fills(at)


def fills(at: Scene) -> None:
    """One sync, and all is there; the shop was not asked too much."""
    at.settle_in()
    said = at.fine("sync")
    assert "mirror and shop agree" in said
    assert at.differences() == []
    books = at.shop.books
    assert books.refused == 0
    assert books.refresh_reused == []
