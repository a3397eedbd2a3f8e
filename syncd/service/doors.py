"""The five doors to the world, which whoever opens a house may hand in: so a whole daemon runs on simulated time."""

from dataclasses import dataclass

import httpx

from syncd.ports import Alarm, Clock, Dice
from syncd.store.disk import StoreDisk


@dataclass(frozen=True, slots=True)
class Doors:
    """The five doors to the world. None is this machine's own. `disk` stays open: whoever opened it closes it.

    `replicas`: on files too, leases alone keep daemons apart, and a second one is not refused."""

    clock: Clock | None = None
    dice: Dice | None = None
    wire: httpx.AsyncBaseTransport | None = None
    disk: StoreDisk | None = None
    alarm: Alarm | None = None
    replicas: bool = False
