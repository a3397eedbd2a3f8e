"""kill -9 ten times during a backfill: it goes on where it stopped, costs hardly more, and ends with the whole shop.

When to strike is drawn by a seed, in calls that the shop has answered.
"""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.process.scene import PATIENCE_S, Scene, scene, until
from tests.support.databases import TestDatabase

KILLS = 10
SHOP: dict[str, Any] = {"products": 200, "orders": 4_000, "customers": 800, "switches": ("page_size=10",)}
MakeDatabase = Callable[[str], TestDatabase]
ALL = [(command, kind, seed) for command in ("pull", "run") for kind in ("sqlite", "postgresql") for seed in (1, 2)]
LONG = [pytest.param(*each, marks=pytest.mark.soak) for each in ALL if each != ("run", "sqlite", 1)]


@pytest.mark.parametrize(("command", "kind", "seed"), [("run", "sqlite", 1), *LONG])
def test_a_backfill_that_is_killed_ten_times_goes_on(
    command: str, kind: str, seed: int, undisturbed: int, tmp_path: Path, make_database: MakeDatabase
) -> None:
    with scene(tmp_path / "home", make_database(kind).url, **SHOP) as at:
        at.settle_in()
        for moment in sorted(Random(seed).sample(range(30, int(undisturbed * 0.95)), KILLS)):
            killed_at(at, command, moment)
        finish(at, command, undisturbed)
        spent = at.calls()
        print(f"{command} on {kind}: {spent} calls with {KILLS} kills, {undisturbed} without")
        assert spent <= 1.1 * undisturbed
        assert at.shop.books.refused == 0
        assert at.shop.books.refresh_reused == [], "a refresh token was used twice"
        at.fine("auth", "refresh", "demo")  # which needs the newest


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> int:
    """The calls of a first pull of the same shop that nobody kills."""
    with scene(tmp_path_factory.mktemp("calm"), **SHOP) as calm:
        calm.settle_in()
        calm.fine("pull")
        return calm.calls()


def finish(at: Scene, command: str, calls: int) -> None:
    """Start it once more, and let it finish; the mirror is the shop then."""
    process = at.start(command)
    if command == "run":
        until(process, lambda: at.calls() >= calls and not at.differences())
        process.terminate()
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, f"{out}\n{err}"
    assert at.differences() == []


def killed_at(at: Scene, command: str, moment: int) -> None:
    """Start the command, and kill it with all its children once the shop has answered so many calls in all."""
    process = at.start(command)
    assert until(process, lambda: at.calls() >= moment), f"it ended by itself: {process.communicate()}"
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
