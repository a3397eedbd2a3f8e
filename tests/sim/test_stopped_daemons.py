"""Two daemons, each of which is stopped again and again for longer than its lease, and continued: it writes nothing."""

from dataclasses import replace
from random import Random

from tests.sim.planted import unfenced
from tests.sim.seeds import told
from tests.sim.simulation import simulate
from tests.sim.world import Plan, Stop, Typing, draw_push


def test_who_was_stopped_and_continued_writes_nothing_under_a_lost_lease() -> None:
    verdict = simulate(3, plan=_stopping(3))
    assert not verdict.breaches, told(verdict, 0.0, " --push")
    assert verdict.facts["pushed"] > 0


def test_transactions_without_a_fence_are_found() -> None:
    found = simulate(3, plan=_stopping(3), alter=unfenced).breaches
    assert any(what.endswith("which another daemon holds") for what in found), found


def _stopping(seed: int) -> Plan:
    """Ten minutes with a small shop; mostly the stops come right before a transaction."""
    plan, luck = draw_push(seed), Random(seed)
    stops = tuple(
        Stop(at, luck.uniform(90, 150), ("daemon", "beside")[number % 2], luck.randrange(60), writing=number % 4 < 3)
        for number, at in enumerate((20.0, 100.0, 180.0, 260.0, 340.0, 420.0))
    )
    shop = replace(plan.shops[0], sizes=(10, 20, 10, 3))
    typing = Typing(6.0, deletes=False, dying=0.0, steps=12)
    quiet = replace(plan, outages=(), jumps=(), deaths=(), shops=(shop,))
    return replace(quiet, day_s=600.0, beside=(), stops=stops, typing=typing)
