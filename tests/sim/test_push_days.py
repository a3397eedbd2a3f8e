"""Hours in which people edit both sides, with faults and deaths amid pushes: no edit is lost, nothing is made twice."""

from dataclasses import replace

import pytest

from syncd.simulator.transport import Faults
from tests.sim.planted import overruling, unwritten
from tests.sim.seeds import told
from tests.sim.simulation import simulate
from tests.sim.world import Plan, Typing, draw_push

SEEDS_TO_FIND_IT = 2


@pytest.mark.parametrize("seed", [3, 6])
def test_every_edit_ends_somewhere_and_both_sides_end_equal(seed: int) -> None:
    verdict = simulate(seed, plan=_brief(seed))
    assert not verdict.breaches, told(verdict, 0.0, " --push")
    assert verdict.facts["typed"] > 0
    assert verdict.facts["pushed"] > 0


def test_writes_without_a_line_in_the_push_journal_are_found() -> None:
    found: tuple[str, ...] = ()
    for seed in range(1, SEEDS_TO_FIND_IT + 1):
        typing = Typing(10.0, deletes=False, dying=0.5, steps=8, more=False)
        plan = replace(_brief(seed), faults=Faults.none(), deaths=(), typing=typing)
        found = simulate(seed, plan=plan, alter=unwritten).breaches
        if any(" was created " in what for what in found):
            return
    pytest.fail(f"not found: {found}")


def test_edits_that_a_pull_writes_over_are_found() -> None:
    plan = _calm(6, Typing(4.0, deletes=False, dying=0.0, steps=4), day_s=400.0)
    found = simulate(6, plan=plan, alter=overruling).breaches
    assert any(what.startswith("lost: ") for what in found), found


def _calm(seed: int, typing: Typing, *, day_s: float) -> Plan:
    """Minutes in which nothing goes wrong but what is planted, and what these people do."""
    brief = replace(_brief(seed), faults=Faults.none(), deaths=(), typing=typing)
    return replace(brief, day_s=day_s, quick_s=900.0)


def _brief(seed: int) -> Plan:
    """The first shop's share of a seed, in half an hour."""
    plan = draw_push(seed)
    return replace(plan, shops=plan.shops[:1], day_s=1800.0, outages=())
