"""Every step of a rotation at which a process can be killed, one by one, in both ways that a shop may treat old tokens.

The daemon's side stops at the doors of the engine, the child's side at wire, endpoint and spill. Killed is the daemon
alone, as by `kill -9`, or both, as with the whole container. Afterwards the newest pair is stored, or the shop says
that it must be authorised again, and which command does that.
"""

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from syncd.domain.secret import Secret
from syncd.domain.token import TokenPhase
from syncd.errors import GrantRevoked
from syncd.host.clock import SystemClock
from syncd.simulator.server import SimServer
from syncd.simulator.shop import SimShop
from syncd.simulator.switches import Switches
from syncd.simulator.world import SimWorld
from tests.process.caller import CLIENT, Orders, opened
from tests.process.halting import Halt
from tests.process.scene import until
from tests.support.databases import TestDatabase
from tests.support.ready import make_ready

ROOT = Path(__file__).parents[2]

DAEMON_STEPS = (
    "before begin",  # the intent is not committed
    "after begin",  # it is, and the order has not been given
    "answered",  # the child has answered, and the pair is not in the database
    "before store",
    "after store",  # it is, and has not been used
)
CHILD_STEPS = (
    "child: before the request",
    "child: the shop has rotated",
    "child: before the spill",
    "child: after the spill",
)
LOST = ("child: the shop has rotated", "child: before the spill")
"""Where nobody but a process that dies knows the new pair."""


@dataclass(frozen=True, slots=True)
class Death:
    """Where a rotation stops, and who dies there. `grace`: the shop takes a used token until its successor is used."""

    step: str
    both: bool
    grace: bool

    @property
    def is_fatal(self) -> bool:
        """Whether the only process that knew the pair dies, and the shop does not forgive it."""
        return self.both and not self.grace and self.step in LOST

    def __str__(self) -> str:
        return f"{self.step}, {'both' if self.both else 'daemon'}{', grace' if self.grace else ''}".replace(" ", "_")


ALL = [
    *(Death(step, both=True, grace=grace) for step in DAEMON_STEPS for grace in (False, True)),
    *(Death(step, both=both, grace=grace) for step in CHILD_STEPS for both in (False, True) for grace in (False, True)),
]
TELLING = [
    death
    for death in ALL
    if (death.step in CHILD_STEPS and not death.grace and (death.both or death.step in LOST))
    or death == Death("child: before the spill", both=True, grace=True)
    or (death.step in {"after begin", "before store"} and not death.grace)
]
"""What differs most, for every day; all of it where time is no matter."""


@pytest.mark.parametrize("death", TELLING, ids=str)
def test_a_kill_at_a_step_loses_no_pair(death: Death, make_database: object, tmp_path: Path) -> None:
    _dies_and_comes_back(death, make_database("sqlite"), tmp_path)  # type: ignore[operator]


@pytest.mark.soak
@pytest.mark.parametrize("death", ALL, ids=str)
def test_a_kill_at_a_step_loses_no_pair_on_either_database(
    death: Death, database: TestDatabase, tmp_path: Path
) -> None:
    _dies_and_comes_back(death, database, tmp_path)


def _dies_and_comes_back(death: Death, database: TestDatabase, tmp_path: Path) -> None:
    switches = Switches.named("plain").flipped([f"token_grace={str(death.grace).lower()}"])
    shop = SimShop(now=SystemClock().wall, switches=switches, products=3, orders=3, customers=3)
    with SimServer(SimWorld([shop])) as server:
        orders = Orders(database.url, str(tmp_path), server.url, "refresh")
        make_ready(orders.url)
        asyncio.run(_authorised(orders, shop))
        _die(replace(orders, exchanges=1, halt=death.step), death)
        asyncio.run(_judged(orders, shop, death))


async def _authorised(orders: Orders, shop: SimShop) -> None:
    async with opened(orders) as works:
        await works.tokens.first_exchange(Secret(shop.authorise(CLIENT)))


def _die(orders: Orders, death: Death) -> None:
    """Let a process run into the step and kill it there."""
    halt = Halt(Path(orders.folder), death.step).set_up()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.process.caller", orders.written()], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    try:
        assert until(process, lambda: halt.reached), "it ended before the step"
    finally:
        process.kill()
        process.wait()
        if death.both:
            with suppress(ProcessLookupError):
                os.kill(int((Path(orders.folder) / "child.pid").read_text()), signal.SIGKILL)
        halt.let_go()


async def _judged(orders: Orders, shop: SimShop, death: Death) -> None:
    asked = shop.books.calls[("POST", "/token")]
    if death.is_fatal:
        with pytest.raises(GrantRevoked, match="refuses"):
            await _comes_back(orders)
        with pytest.raises(GrantRevoked) as told:
            await _comes_back(orders)
        assert told.value.hint.endswith("syncd auth login demo")
    else:
        assert await _comes_back(orders) is TokenPhase.READY
    assert len(shop.books.refresh_reused) == (1 if death.is_fatal else 0), "the one more try, and only where it must be"
    assert shop.books.calls[("POST", "/token")] - asked <= 1 + (not death.both), "no loop"


async def _comes_back(orders: Orders) -> TokenPhase:
    """What the next process makes of it: the pair that it comes to works."""
    async with opened(orders) as works:
        assert await works.tokens.access()
        assert (await works.tokens.inspect()).scopes
        health = await works.tokens.health()
    assert health is not None
    return health.phase
