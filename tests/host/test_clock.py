"""The machine's own clock and dice keep to the protocols."""

import asyncio
from datetime import UTC

from syncd.host.clock import SystemClock, SystemDice
from syncd.ports import Clock, Dice

_clock: Clock = SystemClock()
_dice: Dice = SystemDice()


def test_the_clock_tells_one_time_in_three_ways() -> None:
    clock = SystemClock()
    before, now, after = clock.wall(), clock.now(), clock.wall()
    assert now.tzinfo is UTC
    assert before <= now.timestamp() <= after
    assert clock.monotonic() <= clock.monotonic()


def test_sleeping_into_the_past_only_lets_others_run() -> None:
    async def main() -> list[str]:
        order: list[str] = []

        async def other() -> None:
            order.append("other")

        async with asyncio.TaskGroup() as group:
            group.create_task(other())
            await SystemClock().sleep(-5)
            order.append("me")
        return order

    assert asyncio.run(main()) == ["other", "me"]


def test_the_dice_differ() -> None:
    one, other = SystemDice(), SystemDice()
    assert [one.random() for _ in range(4)] != [other.random() for _ in range(4)]
    assert all(0 <= one.random() < 1 for _ in range(100))
    assert all(2 <= one.uniform(2, 3) <= 3 for _ in range(100))
    assert len({one.token(16) for _ in range(100)} | {other.new_id() for _ in range(100)}) == 200
    assert len(one.token(32)) >= 43
    assert len(one.new_id()) == 32
