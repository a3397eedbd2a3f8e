"""Minutes in which people also work by commands: answer conflicts, take edits back, and have shops looked at."""

import asyncio
from dataclasses import replace
from functools import partial
from pathlib import Path

from syncd.service import asking, daemon
from syncd.service.asking import Order
from syncd.service.jobs import Wish
from syncd.service.wire import House
from syncd.simulator.transport import Faults
from tests.sim import people
from tests.sim.lives import Weather
from tests.sim.seeds import told
from tests.sim.simulation import simulate
from tests.sim.test_outages import story
from tests.sim.world import Plan, Typing, draw_push


def test_commands_beside_two_daemons_that_die_end_equal() -> None:
    verdict = simulate(5, plan=_commanded(5))
    assert not verdict.breaches, told(verdict, 0.0, " --push")
    assert verdict.facts["commands"] > 10


def test_a_command_whose_daemon_was_killed_waits_for_the_lease_and_goes_on(tmp_path: Path) -> None:
    heard: list[str] = []

    async def tell(words: str) -> None:
        heard.append(words)

    async def pull(house: House) -> None:
        done = await asking.perform(house, Order("pull", Wish(quick=True), tell))
        assert done.result.exit_code == 0

    with story(tmp_path) as (it, loop):

        async def whole() -> None:
            it.machine.has_replicas = True
            first = it.machine.start("command", partial(people.add, it.shop))
            assert await it.machine.ended(first) == []
            life = it.machine.start("daemon", daemon.run)
            await it.until_equal(600)
            it.machine.weather = Weather(Faults(timed_out=1.0))
            command = it.machine.start("command", pull)
            await asyncio.sleep(12)  # the daemon renews its lease before the command's eyes
            life.process.dies_within(1)
            assert await it.machine.ended(life) == []
            it.machine.weather = Weather()
            asked_s = loop.time()
            assert await it.machine.ended(command) == []
            assert command.problem is None
            assert 10 < loop.time() - asked_s < 45
            assert len(heard) < 5, heard

        loop.run_until_complete(asyncio.wait_for(whole(), 3600))


def _commanded(seed: int) -> Plan:
    """Some minutes of a seed with two daemons, and a small shop."""
    plan = draw_push(seed)
    shop = replace(plan.shops[0], sizes=(10, 20, 10, 3))
    typing = Typing(6.0, deletes=False, dying=0.01, steps=12)
    quiet = replace(plan, shops=(shop,), outages=(), jumps=(), stops=())
    return replace(quiet, day_s=500.0, commands_every_s=25.0, typing=typing)
