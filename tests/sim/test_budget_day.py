"""A shop that allows 40 calls and 2 a second, mirrored from nothing: the budget is used up, and never overdrawn."""

import asyncio
from functools import partial
from pathlib import Path
from random import Random

import structlog

from syncd.domain.resources import BY_NAME
from syncd.service import jobs
from syncd.simulator.shop import SimShop
from syncd.simulator.transport import Faults
from syncd.simulator.world import SimWorld
from tests.sim import people
from tests.sim.chronicle import Chronicle
from tests.sim.doors import EPOCH
from tests.sim.judge import Judge
from tests.sim.lives import Machine, Weather
from tests.sim.loop import VirtualLoop
from tests.sim.machine import Files, install_at

SIZE, LEAK = 40.0, 2.0


def pulled(folder: Path, at_once: int, **sizes: int) -> tuple[SimShop, float, list[str]]:
    """Let so many programs pull one shop at the same time: the shop, the share of its leak that they used, and
    everything that is wrong afterwards."""
    loop = VirtualLoop()
    shop = SimShop("shop-1", now=lambda: EPOCH.timestamp() + loop.time(), bucket_size=SIZE, leak=LEAK, **sizes)
    chronicle = Chronicle(loop.time)
    loaded = install_at(folder, {"budget": {"size": SIZE, "leak_per_s": LEAK}})
    machine = Machine(loop, loaded, SimWorld([shop]), chronicle, Random(1), None)
    machine.weather = Weather(Faults(latency=(0.05, 0.3)))
    judge = Judge(loaded, {shop.name: shop}, machine.traffic, chronicle, Random(1), machine.wall)

    async def work() -> None:
        first = machine.start("command", partial(people.add, shop))
        judge.breaches += await machine.ended(first)
        lives = [machine.start(f"pull-{n}", lambda house: jobs.pull(house, jobs.Wish())) for n in range(at_once)]
        for life in lives:
            judge.breaches += await machine.ended(life)
        judge.breaches += [repr(life.problem) for life in (first, *lives) if life.problem is not None]
        judge.after_life()
        judge.read_log(0.0)
        judge.breaches += uncounted(judge.files, shop) if sum(sizes.values()) > 10_000 else judge.unequal()
        judge.files.close()

    chronicle.take_log()
    try:
        loop.run_until_complete(asyncio.wait_for(work(), timeout=86_400))
    finally:
        structlog.reset_defaults()
        loop.close()
    times = machine.traffic.times[shop.name]
    return shop, (len(times) - 1) / (LEAK * (times[-1] - times[0])), judge.breaches


def uncounted(files: Files, shop: SimShop) -> list[str]:
    """Resources of which the mirror has more or fewer rows than the shop has records. Comparing every field of so many
    takes longer than mirroring them; the other tests do it with fewer."""
    counts = {name: files.rows("mirror", f"SELECT count(*) FROM {name}")[0][0] for name in BY_NAME}
    return [f"{name}: {count} rows" for name, count in counts.items() if count != len(shop.keys(name))]


def test_a_backfill_uses_the_whole_leak_and_is_never_refused(tmp_path: Path) -> None:
    shop, used, wrong = pulled(tmp_path, 1, products=2_000, orders=20_000, customers=8_000)
    assert not wrong
    assert shop.books.refused == 0
    assert used >= 0.95


def test_two_programs_at_once_share_the_budget_of_a_shop(tmp_path: Path) -> None:
    shop, used, wrong = pulled(tmp_path, 2, products=150, orders=1_500, customers=600)
    assert not wrong
    assert shop.books.refused == 0
    assert used >= 0.95
