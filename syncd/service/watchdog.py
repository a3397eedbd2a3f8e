"""Pings the watchdog of systemd as long as the daemon does its work, and tells `systemctl status` how it stands.

A ping is earned: the round over the shops has begun lately, and both writers have done a transaction just now, or said
why they cannot. A database that is away is no reason to be killed; a loop or a thread that hangs is.
"""

from collections.abc import Callable
from typing import Final

from syncd.engine.outages import WAITS
from syncd.service.notify import notify
from syncd.service.settings import watchdog_s
from syncd.service.wire import House

WATCHDOG: Final = "WATCHDOG=1"
BEAT_MOST_S: Final = 90.0
"""The round over the shops begins every 5 seconds; it waits for the database as long as a connection may take."""
_STATUS_S: Final = 30.0
_PARTS: Final = 3


async def watch(house: House, beat_age_s: Callable[[], float]) -> None:
    """Ping until cancelled, thrice as often as needed; without a watchdog only tell how it stands."""
    within_s = watchdog_s()
    while True:
        if await is_alive(house, beat_age_s()) and within_s:
            notify(WATCHDOG)
        notify(f"STATUS={status(house)}")
        await house.clock.sleep(within_s / _PARTS if within_s else _STATUS_S)


async def is_alive(house: House, beat_age_s: float) -> bool:
    """Whether the shops are looked after and the writers answer. It does not return where a writer hangs."""
    for run in (house.disk.mirror.run, house.disk.state.run):
        try:
            await run(lambda _: None)
        except WAITS:
            continue
    return beat_age_s <= BEAT_MOST_S


def status(house: House) -> str:
    """One line for `systemctl status`."""
    out = house.outages.now
    return f"out of order, and tried again by itself: {', '.join(out)}" if out else "all that is needed answers"
