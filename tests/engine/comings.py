"""One story for every shop there may be: a first pull, life goes on in the shop, and pulls find all of it.

What is compared is every field of every record: the shop's own dump against plain SQL on the mirror.
"""

from random import Random
from typing import Any

from syncd.domain.run import Outcome
from syncd.simulator.switches import Switches
from tests.engine.kit import Desk, desk

TINY: dict[str, Any] = {"products": 15, "orders": 30, "customers": 12, "categories": 6}
HOUR_S, DAY_S = 3600.0, 86400.0
CHANGES = 25


async def mirror_follows(url: str, switches: Switches, *, seed: int = 3, **shop: Any) -> None:
    """Pull, let things happen in the shop, pull until quiet; the mirror must equal the shop both times.

    A tombstone needs two walks that missed it, so there are two plain pulls. What changes under a stamp that does not
    tell is promised for the end of the audit period, and not before."""
    async with desk(url, switches=switches, **{**TINY, **shop}) as at:
        await _pull_and_compare(at, "the first pull")
        at.clock.passed_s += HOUR_S
        rng = Random(seed)
        for _ in range(CHANGES):
            at.sim.random_edit(rng)
        at.clock.passed_s += HOUR_S
        if any(switches.of(name).stamps != "moves" for name in ("products", "customers", "orders")):
            at.clock.passed_s += 8 * DAY_S
        for quick in (False, False, True):
            await at.pull(quick=quick)
            at.clock.passed_s += HOUR_S
        assert at.differences() == [], "after life went on in the shop"
        at.clock.passed_s += HOUR_S
        await _quiet(at)


async def _pull_and_compare(at: Desk, when: str) -> None:
    runs = await at.pull()
    failed = [(run.resource, run.outcome.value, run.message) for run in runs if run.outcome is not Outcome.DONE]
    assert failed == [], when
    assert at.differences() == [], when


async def _quiet(at: Desk) -> None:
    """Nothing happened since: a pull changes nothing, and finds nothing that is not known."""
    runs = await at.pull()
    moved = [
        (run.resource, name, run.counts[name])
        for run in runs
        for name in ("inserted", "updated", "gone", "parked", "stale", "conflicts")
        if run.counts[name]
    ]
    assert moved == [], "nothing happened in the shop, and yet"
    assert at.differences() == []
