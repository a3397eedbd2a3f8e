"""Every product of a large shop edited by one statement: held by the brake, approved, and sent with all that the budget
allows, while quick looks beside it find what people change in the shop as soon as ever.
"""

import asyncio
import faulthandler
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from time import process_time
from typing import Final

import pytest
import structlog

from syncd.domain.resources import BY_NAME
from syncd.service import daemon, outbox
from syncd.simulator.shop import SimShop
from syncd.simulator.switches import FILTERS, Switches
from syncd.simulator.transport import Faults
from syncd.simulator.world import SimWorld
from syncd.store.database import sqlite_module
from tests.sim import people
from tests.sim.chronicle import Chronicle
from tests.sim.doors import EPOCH
from tests.sim.judge import Judge
from tests.sim.lives import Machine, Weather
from tests.sim.loop import VirtualLoop
from tests.sim.machine import install_at

SIZE: Final = 40.0
LEAK: Final = 2.0
QUICK_S: Final = 60.0
FRESH_S: Final = QUICK_S * 1.2 + 15.0
"""Within this time a quick look has found an edit: its beat with the jitter, and the wait for its turn."""
MEANWHILE_S: Final = 120.0
"""Within this time a record that somebody makes here beside the long queue is in the shop."""
PAUSE_S: Final = 7.0
USED: Final = ("products", "orders", "customers")


@dataclass
class Drain:
    """A daemon beside a shop, and everything that can be asked about both."""

    shop: SimShop
    machine: Machine
    judge: Judge
    loop: VirtualLoop
    folder: Path
    late: list[float] = field(default_factory=list)  # how long each edit in the shop took to arrive

    def is_filled(self) -> bool:
        """Whether the mirror has everything."""
        filled = "SELECT count(*) FROM sync_cursors WHERE filled_at IS NOT NULL"
        return self.judge.files.rows("mirror", filled) == [(len(USED),)]

    def open_changes(self) -> dict[str, int]:
        """How many changes there are in each state."""
        return dict(self.judge.files.rows("mirror", "SELECT state, count(*) FROM sync_outbox GROUP BY state"))

    def type(self, statement: str) -> None:
        """One statement of a program that knows nothing of syncd."""
        client = sqlite_module().connect(self.folder / "mirror.db")
        client.execute(statement)
        client.commit()
        client.close()

    def sent(self) -> list[str]:
        """The products that were written in the shop, in order."""
        return [write.key for write in self.shop.books.writes if write.resource == "products"]

    async def until(self, done: Callable[[], bool], within_s: float, step_s: float = 1.0) -> None:
        """Let time pass until it is so."""
        for _ in range(int(within_s / step_s)):
            if done():
                return
            await asyncio.sleep(step_s)
        assert done()

    async def work_in_the_shop(self) -> None:
        """A colleague edits one order after the other there; each edit is waited for."""
        keys, number = self.shop.keys("orders"), 0
        while True:
            key, note = keys[number % len(keys)], f"note {number}"
            self.shop.edit("orders", key, {"notes": note})
            began_s, there = self.loop.time(), "SELECT 1 FROM orders WHERE id = ? AND notes = ?"
            await self.until(lambda: bool(self.judge.files.rows("mirror", there, key, note)), 10 * QUICK_S)  # noqa: B023
            self.late.append(self.loop.time() - began_s)
            await asyncio.sleep(PAUSE_S)
            number += 1

    def leaked(self) -> float:
        """Calls that have leaked out of the shop's bucket so far: what is in it now was not paid for by time."""
        bucket = self.shop.bucket(self.shop.client_ids[0])
        return self.shop.books.admitted - max(0.0, bucket.level - bucket.leak * (self.shop.clock() - bucket.at))


@contextmanager
def beside(folder: Path, products: int) -> Iterator[Drain]:
    loop, switches = VirtualLoop(), Switches.named("rich").flipped(["page_size=50", f"filters={FILTERS}"])
    sizes = {"products": products, "orders": 100, "customers": 40, "categories": 0}
    now = partial(lambda loop: EPOCH.timestamp() + loop.time(), loop)
    shop = SimShop("shop-1", now=now, switches=switches, bucket_size=SIZE, leak=LEAK, **sizes)
    pull = {"quick_s": QUICK_S, "walk_s": 86_400.0, "looks_s": 60.0}
    few = {name: {"enabled": name in USED} for name in BY_NAME}
    loaded = install_at(folder, {"budget": {"size": SIZE, "leak_per_s": LEAK}, "pull": pull, "resources": few})
    chronicle = Chronicle(loop.time)
    machine = Machine(loop, loaded, SimWorld([shop]), chronicle, Random(1), None)
    machine.weather = Weather(Faults(latency=(0.05, 0.3)))
    judge = Judge(loaded, {shop.name: shop}, machine.traffic, chronicle, Random(1), machine.wall)
    chronicle.take_log()
    try:
        yield Drain(shop, machine, judge, loop, folder)
    finally:
        judge.files.close()
        structlog.reset_defaults()
        loop.close()


async def _drained(at: Drain, edits: int) -> None:
    first = at.machine.start("command", partial(people.add, at.shop))
    assert await at.machine.ended(first) == []
    life = at.machine.start("daemon", daemon.run)
    await at.until(at.is_filled, 3600)
    at.type("UPDATE products SET version = 'autumn'")
    await at.until(lambda: at.open_changes() == {"held": edits}, 60)
    await asyncio.sleep(600)
    assert at.open_changes() == {"held": edits}
    assert at.sent() == []
    said = at.machine.start("command", lambda house: outbox.approve(house, outbox.Selection(resource="products")))
    assert await at.machine.ended(said) == []

    await at.until(lambda: bool(at.sent()), 60, 0.2)
    began_s, used_s, calls, leaked = at.loop.time(), process_time(), at.shop.books.admitted, at.leaked()
    colleague = asyncio.create_task(at.work_in_the_shop())
    await at.until(lambda: len(at.sent()) > edits // 4, 1.2 * edits)
    at.type("INSERT INTO customers (shop_id, email, first_name) VALUES (1, 'ada@example.org', 'Ada')")
    await at.until(lambda: bool(at.shop.books.creates), MEANWHILE_S)
    await at.until(lambda: not at.open_changes(), 1.2 * edits + 300)
    colleague.cancel()
    took_s = at.loop.time() - began_s
    share = (at.leaked() - leaked) / (LEAK * took_s)
    print(
        f"\n{edits} edits: {at.shop.books.admitted - calls} calls in {took_s:.0f} simulated s, {share:.1%} of the leak;"
        f" {len(at.late)} edits in the shop arrived after {sum(at.late) / len(at.late):.0f} s, {max(at.late):.0f} s at"
        f" most; {process_time() - used_s:.0f} CPU-s"
    )
    assert await at.machine.drained(life) == []
    assert sorted(at.sent()) == sorted(at.shop.keys("products"))
    assert at.shop.books.refused == 0
    assert share >= 0.95
    assert max(at.late) <= FRESH_S
    assert len(at.late) >= int(took_s / (FRESH_S + PAUSE_S))


@pytest.mark.parametrize("edits", [300, pytest.param(10_000, marks=pytest.mark.soak)])
def test_approved_edits_use_the_whole_leak_and_quick_looks_keep_their_share(tmp_path: Path, edits: int) -> None:
    faulthandler.cancel_dump_traceback_later()  # ten thousand take as long as they take
    with beside(tmp_path, edits) as at:
        at.loop.run_until_complete(asyncio.wait_for(_drained(at, edits), 86_400))
