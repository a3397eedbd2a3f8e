"""The alarm: APScheduler as a mere timer behind `ports.Alarm`. It rings, and no more.

What is due when is decided and stored elsewhere; what a ring starts runs in somebody else's task group,
because this scheduler's shutdown cancels what it runs. Jobs live in memory only: a shared job store ran
them twice.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from apscheduler.executors.debug import DebugExecutor
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from syncd.ports import Clock

WATCH_EVERY_S: Final = 5.0
STEP_LEAST_S: Final = 2.0

_log = structlog.get_logger("syncd.alarm")


@dataclass(frozen=True, slots=True)
class _Ring:
    when: datetime
    call: Callable[[], None]


class SystemAlarm:
    """Rings on the running loop, at wall-clock moments, late rather than never.

    `on_error` hears of a call that raised. `on_step` hears by how many seconds the clock was set, after all
    rings were armed anew: set back, each keeps the wait that it had left; set forward, what is overdue rings
    now.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        on_error: Callable[[str, Exception], None],
        on_step: Callable[[float], None] | None = None,
    ) -> None:
        self._clock = clock
        self._on_error = on_error
        self._on_step = on_step
        self._rings: dict[str, _Ring] = {}
        self._stopped = False
        self._watch: asyncio.TimerHandle | None = None
        self._offset_s = 0.0
        # The debug executor calls on the loop itself: others would ring from a thread, where no event may
        # be set.
        self._scheduler = AsyncIOScheduler(
            timezone=UTC,
            executors={"default": DebugExecutor()},
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )

    def start(self) -> None:
        """Begin to ring, on the running loop."""
        self._scheduler.start()
        self._offset_s = self._offset()
        self._watch_later()

    def ring_at(self, key: str, when: datetime, call: Callable[[], None]) -> None:
        """Ring once at `when` (aware). It replaces what was set under `key`. A stopped alarm rings no
        more.
        """
        if self._stopped:
            return
        ring = _Ring(when, call)
        self._rings[key] = ring
        self._arm(key, ring)

    def cancel(self, key: str) -> None:
        """Forget what was set under `key`, if anything."""
        if self._rings.pop(key, None) is not None and self._scheduler.get_job(key) is not None:
            self._scheduler.remove_job(key)

    async def stop(self) -> None:
        """End all ringing; doing it twice is fine."""
        self._stopped = True
        self._rings.clear()
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
            await asyncio.sleep(0)  # The scheduler ends in the loop's next round.

    def watch(self) -> None:
        """Compare wall and monotonic clock, and arm everything anew if the wall clock was set meanwhile.

        The alarm does so itself every few seconds: without it, an hour back would silence everything for
        an hour.
        """
        offset_s = self._offset()
        step_s = offset_s - self._offset_s
        if abs(step_s) <= STEP_LEAST_S:
            return
        self._offset_s = offset_s
        _log.debug("alarm.armed_anew", step_s=round(step_s, 3), rings=len(self._rings))
        if step_s < 0:
            for key, ring in list(self._rings.items()):
                moved = replace(ring, when=ring.when + timedelta(seconds=step_s))
                self._rings[key] = moved
                self._arm(key, moved)
        self._scheduler.wakeup()
        if self._on_step is not None:
            self._on_step(step_s)

    def _offset(self) -> float:
        return self._clock.wall() - self._clock.monotonic()

    def _watch_later(self) -> None:
        def tick() -> None:
            self._watch_later()
            self.watch()

        self._watch = asyncio.get_running_loop().call_later(WATCH_EVERY_S, tick)

    def _arm(self, key: str, ring: _Ring) -> None:
        self._scheduler.add_job(self._due, "date", run_date=ring.when, args=(key, ring), id=key, replace_existing=True)

    def _due(self, key: str, ring: _Ring) -> None:
        # Not called from here: the scheduler, in the middle of its list of due jobs, would afterwards
        # remove a job that the call has set anew under the same key.
        asyncio.get_running_loop().call_soon(self._call, key, ring)

    def _call(self, key: str, ring: _Ring) -> None:
        if self._rings.get(key) is not ring:
            return
        del self._rings[key]
        try:
            ring.call()
        # Whatever it is, its owner hears of it; the loop would only print it.
        except Exception as error:  # noqa: BLE001
            _log.error("alarm.failed", ring=key, exc_info=error)
            self._on_error(key, error)
