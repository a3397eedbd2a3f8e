"""The bells of one shop's lanes: who has nothing to do sleeps until its bell rings.

The alarm rings at the moment that was set; anybody else may ring earlier. A ring too many costs a look at what is due,
and one that was lost is made up for at the next beat. Must not know what a lane does.
"""

import asyncio
from datetime import datetime

from syncd.engine.timetable import Lane
from syncd.ports import Alarm, Clock


class Bells:
    """One bell a lane. `name` keeps those of several shops apart on one alarm."""

    def __init__(self, name: str, alarm: Alarm, clock: Clock) -> None:
        self._name = name
        self._alarm = alarm
        self._clock = clock
        self._rung = {lane: asyncio.Event() for lane in Lane}
        self._waits: dict[Lane, datetime] = {}

    def ring(self, *lanes: Lane) -> None:
        """Wake these lanes, or each of them; one that is at work looks once more before it sleeps."""
        for lane in lanes or tuple(Lane):
            self._rung[lane].set()

    def still(self) -> None:
        """Forget every ring that nobody has heard."""
        for rung in self._rung.values():
            rung.clear()

    async def sleep_until(self, lane: Lane, when: datetime) -> None:
        """Sleep until the bell of this lane rings, at `when` at the latest."""
        rung = self._rung[lane]
        self._waits[lane] = when
        self._alarm.ring_at(self._key(lane), when, rung.set)
        await rung.wait()
        rung.clear()
        del self._waits[lane]

    def remind(self) -> None:
        """Ring for what should have rung by now."""
        now = self._clock.now()
        late = [lane for lane, when in self._waits.items() if when <= now]
        if late:
            self.ring(*late)

    def end(self) -> None:
        """Let the alarm forget these bells."""
        for lane in Lane:
            self._alarm.cancel(self._key(lane))

    def _key(self, lane: Lane) -> str:
        return f"shop:{self._name}:{lane.value}"
