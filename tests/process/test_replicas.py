"""Several daemons on one PostgreSQL, killed again and again: the shops see no two at once, and none is left alone."""

from collections.abc import Callable
from pathlib import Path
from time import monotonic

import pytest

from tests.process.replicas import Fleet, fleet
from tests.support.databases import TestDatabase

QUICK = {
    "SYNCD_PULL__QUICK_S": "2",
    "SYNCD_PULL__LOOKS_S": "1",
    "SYNCD_PUSH__EVERY_S": "2",
    "SYNCD_PULL__WALK_S": "60",
    "SYNCD_REMOTE__CONNECT_TIMEOUT_S": "2",
    "SYNCD_REMOTE__READ_TIMEOUT_S": "3",
}
IDLE_MAX_S = 30.0
PEACE_S = 90.0


@pytest.mark.soak  # real seconds decide it; simulated ones do in tests/engine/test_replicas.py and tests/sim
@pytest.mark.parametrize(("shops", "lease_s", "storm_s", "every_s"), [(4, 3.0, 6.0, 3.0), (20, 15.0, 120.0, 8.0)])
def test_daemons_that_are_killed_again_and_again(
    shops: int,
    lease_s: float,
    storm_s: float,
    every_s: float,
    tmp_path: Path,
    make_database: Callable[[str], TestDatabase],
) -> None:
    variables = QUICK | {"SYNCD_REPLICAS__LEASE_S": str(lease_s)}
    with fleet(tmp_path / "home", make_database("postgresql").url, shops, 7, **variables) as at:
        at.start()
        at.start()
        _until_all_are_called(at, 2)
        begun = monotonic()
        while (past := monotonic() - begun) < storm_s:
            if past > storm_s / 2 and len(at.living) == 2:
                at.start()  # a third one joins
            at.edit()
            at.wait(every_s)
            at.kill_one()
        over = monotonic()
        while unequal := at.unequal():
            assert monotonic() - over < PEACE_S, unequal
            at.wait(1.0)
        idle_s, twice = at.idle_s(begun, monotonic()), at.worked_twice(lease_s / 3)
        refused = sum(shop.books.refused for shop in at.world.shops.values())
        reused = sum(len(shop.books.refresh_reused) for shop in at.world.shops.values())
        calls = sum(map(len, at.world.calls.values()))
        at.drain_all()
        print(
            f"{shops} shops, {at.kills} kills in {over - begun:.0f} s, {calls} calls, {at.hand_overs()} hand-overs,"
            f" longest idle {idle_s:.1f} s, equal {monotonic() - over:.0f} s after the last kill, {refused} refused"
        )
        assert twice == []
        assert idle_s <= IDLE_MAX_S
        assert (refused, reused) == (0, 0)
        assert '"level": "error"' not in at.log()


def _until_all_are_called(at: Fleet, processes: int) -> None:
    """Every shop was called, and that many processes call."""
    begun = monotonic()
    while True:
        last = {calls[-1][1] if calls else 0 for calls in at.world.calls.values()}
        if 0 not in last and len(last) == processes:
            return
        assert monotonic() - begun < PEACE_S, (last, at.log()[-2000:])
        at.wait(0.5)
