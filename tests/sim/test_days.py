"""Days of whole daemons with faults and deaths end equal, the same way each time; and a planted bug is found."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from tests.sim.doors import Bells
from tests.sim.planted import cursor_first, forgetful
from tests.sim.seeds import told
from tests.sim.simulation import Verdict, simulate
from tests.sim.world import Plan, draw, short

ROOT = Path(__file__).parents[2]
SEEDS_TO_FIND_IT = 6


@pytest.mark.parametrize("seed", range(1, 5))
def test_a_day_with_faults_and_deaths_ends_equal(seed: int) -> None:
    verdict = simulate(seed, plan=short(seed))
    assert not verdict.breaches, told(verdict, 0.0, " --short")
    assert verdict.facts["calls"] > 0


def test_the_same_seed_gives_the_same_story_in_processes_that_hash_differently() -> None:
    lines = [_run_apart(hash_seed) for hash_seed in ("1", "2")]
    assert "equal" in lines[0]
    assert lines[0] == lines[1]


def test_a_cursor_that_is_committed_before_its_page_is_found() -> None:
    for seed in range(1, SEEDS_TO_FIND_IT + 1):
        verdict = simulate(seed, plan=_restless(seed), alter=cursor_first)
        if verdict.breaches:
            break
    assert any("the cursor of" in what for what in verdict.breaches), verdict.breaches


def test_changes_that_do_not_arrive_are_found() -> None:
    verdict = simulate(3, plan=replace(short(3), deaths=()), alter=forgetful)
    assert any(" became " in what for what in verdict.breaches), verdict.breaches


def test_deaths_in_quick_succession_end_equal_too() -> None:
    verdict = simulate(3, plan=_restless(3))
    assert not verdict.breaches, told(verdict, 0.0)
    assert verdict.facts["crashes"] >= 10


def _restless(seed: int) -> Plan:
    """A few hours in which the daemon dies again and again, mostly in its backfill."""
    luck = Random(f"restless/{seed}")
    deaths = tuple(int(10 ** luck.uniform(1.5, 3.2)) for _ in range(12))
    return replace(draw(seed), day_s=4 * 3600.0, walk_s=3600.0, deaths=deaths, outages=())


def _run_apart(hash_seed: str) -> str:
    environ = {**os.environ, "PYTHONHASHSEED": hash_seed}
    command = [sys.executable, "-m", "tests.sim", "--seed", "4", "--short"]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_verdict_tells_how_to_see_it_again() -> None:
    text = told(Verdict(7, ("a page is lost",), "d1", {"calls": 3}, ()), 1.5)
    assert "seed     7 FAILED" in text
    assert "    a page is lost" in text
    assert "python -m tests.sim --seed 7 --story" in text


def test_alarms_that_never_ring_cost_a_beat_each_time() -> None:
    verdict = simulate(2, plan=replace(short(2), bells=Bells(lost=1.0), day_s=5400.0, deaths=(), outages=()))
    assert not verdict.breaches, told(verdict, 0.0)
