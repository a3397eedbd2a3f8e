"""Lanes sleep until they are rung for, and a ring that the alarm lost is made up for."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from syncd.engine.bells import Bells
from syncd.engine.timetable import Lane
from tests.engine.virtual import LoopClock, simulate


class Deaf:
    """An alarm that keeps what it was told, and never rings."""

    def __init__(self) -> None:
        self.set: dict[str, datetime] = {}

    def start(self) -> None:
        """Begin."""

    def ring_at(self, key: str, when: datetime, call: Callable[[], None]) -> None:
        self.set[key] = when

    def cancel(self, key: str) -> None:
        self.set.pop(key, None)

    async def stop(self) -> None:
        """End."""


def test_what_the_alarm_did_not_ring_for_is_rung_for_at_the_next_beat() -> None:
    async def scene() -> None:
        clock, alarm = LoopClock(), Deaf()
        bells = Bells("1", alarm, clock)
        sleeping = asyncio.ensure_future(bells.sleep_until(Lane.WALK, clock.now() + timedelta(seconds=10)))
        await clock.sleep(5)
        bells.remind()
        await clock.sleep(1)
        assert not sleeping.done(), "nothing is due yet"
        assert list(alarm.set) == ["shop:1:walk"]
        await clock.sleep(5)
        bells.remind()
        await sleeping
        bells.end()
        assert alarm.set == {}

    simulate(scene)


def test_a_ring_wakes_one_lane_or_all() -> None:
    async def scene() -> None:
        clock = LoopClock()
        bells = Bells("1", Deaf(), clock)
        far = clock.now() + timedelta(hours=1)
        sleeping = {lane: asyncio.ensure_future(bells.sleep_until(lane, far)) for lane in Lane}
        await clock.sleep(1)
        bells.ring(Lane.PUSH)
        await clock.sleep(1)
        assert [lane for lane, each in sleeping.items() if each.done()] == [Lane.PUSH]
        bells.ring()
        await clock.sleep(1)
        assert all(each.done() for each in sleeping.values())

    simulate(scene)
