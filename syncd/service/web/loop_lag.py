"""How late the event loop is: every second a sleep is measured against the clock. Must not know why it is late."""

from prometheus_client import CollectorRegistry, Histogram

from syncd.ports import Clock

EVERY_S = 1.0
NAME = "syncd_loop_lag_seconds"
BUCKETS = (0.001, 0.005, 0.025, 0.1, 0.25, 1.0, 5.0)


class LoopLag:
    """The histogram of what was measured so far."""

    def __init__(self, clock: Clock, registry: CollectorRegistry) -> None:
        self._clock = clock
        self._lags = Histogram(NAME, "How late the event loop woke up.", registry=registry, buckets=BUCKETS)

    async def watch(self) -> None:
        """Measure until cancelled."""
        while True:
            due = self._clock.monotonic() + EVERY_S
            await self._clock.sleep(EVERY_S)
            self._lags.observe(max(0.0, self._clock.monotonic() - due))
