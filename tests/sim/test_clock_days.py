"""Hours in which somebody sets the clock of the machine, ahead and back: nothing is lost, refused, or kept waiting."""

import asyncio
from dataclasses import replace

from tests.sim.clocks import WallClock
from tests.sim.loop import VirtualLoop
from tests.sim.seeds import told
from tests.sim.simulation import simulate
from tests.sim.world import Plan, Typing, draw_push

HOUR = 3600.0


def test_a_clock_that_is_set_amid_a_first_load_costs_no_refusal() -> None:
    """Ahead again and again: a bucket that went by that clock would be thought empty each time."""
    ahead = tuple((10.0 + 6 * number, HOUR) for number in range(8))
    plan = replace(_brief(7, jumps=(*ahead, (200.0, -3 * HOUR), (250.0, 9 * HOUR))), day_s=300.0)
    shop = replace(plan.shops[0], sizes=(30, 60, 30, 4))
    verdict = simulate(7, plan=replace(plan, shops=(shop,), bucket=(20.0, 1.0), believed=20.0))
    assert not verdict.breaches, told(verdict, 0.0, " --push")


def test_a_clock_that_is_set_while_people_edit_loses_nothing() -> None:
    verdict = simulate(11, plan=_brief(11, jumps=((20.0, HOUR), (200.0, -3 * HOUR), (450.0, 9 * HOUR))))
    assert not verdict.breaches, told(verdict, 0.0, " --push")
    assert verdict.facts["pushed"] > 0


def test_a_moment_that_came_twice_is_the_later_one() -> None:
    loop = VirtualLoop()
    wall = WallClock(loop)

    async def day() -> None:
        for step_s in (500.0, -800.0):
            await asyncio.sleep(1000)
            wall.set_by(step_s)
        await asyncio.sleep(1000)

    loop.run_until_complete(day())
    loop.close()
    assert wall.true_s(900.0) == 900.0
    assert wall.true_s(1600.0) == 1100.0
    assert wall.true_s(2000.0) == 2300.0  # shown at 1500 s first
    assert wall.true_s(2650.0) == 2950.0


def _brief(seed: int, jumps: tuple[tuple[float, float], ...]) -> Plan:
    """Ten minutes of a seed's first shop, which is small."""
    plan = draw_push(seed)
    shop = replace(plan.shops[0], sizes=(6, 6, 5, 2))
    typing = Typing(10.0, deletes=False, dying=0.02, steps=12)
    return replace(plan, shops=(shop,), day_s=600.0, outages=(), jumps=jumps, typing=typing)
