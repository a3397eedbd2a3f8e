"""The alarm rings on the loop, once, late rather than never, and survives a clock that is set.

It is the real scheduler on the real clock: the tests wait for its rings, never for a fixed time.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from syncd.host.alarm import SystemAlarm
from syncd.host.clock import SystemClock
from syncd.ports import Alarm

SOON = timedelta(milliseconds=30)


@dataclass
class SetClock(SystemClock):
    """The system's clock, whose wall can be set."""

    step_s: float = 0.0

    def wall(self) -> float:
        return super().wall() + self.step_s


@dataclass
class Scene:
    clock: SetClock = field(default_factory=SetClock)
    rung: list[str] = field(default_factory=list)
    errors: list[tuple[str, Exception]] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.alarm = SystemAlarm(self.clock, on_error=self.note_error, on_step=self.steps.append)

    def note_error(self, key: str, error: Exception) -> None:
        self.errors.append((key, error))
        self.changed.set()

    def ring(self, name: str) -> Callable[[], None]:
        def call() -> None:
            self.rung.append(name)
            self.changed.set()

        return call

    async def until(self, ready: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not ready():
                self.changed.clear()
                await self.changed.wait()


def play(story: Callable[[Scene], Awaitable[None]]) -> Scene:
    async def main() -> Scene:
        scene = Scene()
        scene.alarm.start()
        try:
            await story(scene)
        finally:
            await scene.alarm.stop()
        return scene

    return asyncio.run(main())


def now() -> datetime:
    return datetime.now(UTC)


def test_rings_in_order_and_on_the_loop() -> None:
    threads: list[int] = []

    async def story(scene: Scene) -> None:
        alarm: Alarm = scene.alarm
        alarm.ring_at("b", now() + 2 * SOON, scene.ring("b"))
        alarm.ring_at("a", now() + SOON, scene.ring("a"))
        alarm.ring_at("thread", now(), lambda: threads.append(threading.get_ident()))
        await scene.until(lambda: len(scene.rung) == 2)

    assert play(story).rung == ["a", "b"]
    assert threads == [threading.get_ident()]


def test_what_is_long_overdue_rings_at_once() -> None:
    async def story(scene: Scene) -> None:
        scene.alarm.ring_at("old", now() - timedelta(days=3), scene.ring("old"))
        await scene.until(lambda: bool(scene.rung))

    assert play(story).rung == ["old"]


def test_the_same_key_replaces_and_cancel_forgets() -> None:
    async def story(scene: Scene) -> None:
        scene.alarm.ring_at("a", now() + SOON, scene.ring("first"))
        scene.alarm.ring_at("a", now() + SOON, scene.ring("second"))
        scene.alarm.ring_at("b", now() + SOON, scene.ring("never"))
        scene.alarm.cancel("b")
        scene.alarm.cancel("unknown")
        scene.alarm.ring_at("end", now() + 3 * SOON, scene.ring("end"))
        await scene.until(lambda: "end" in scene.rung)

    assert play(story).rung == ["second", "end"]


def test_a_call_may_set_its_own_key_anew_and_cancel_others_due_with_it() -> None:
    async def story(scene: Scene) -> None:
        def first() -> None:
            scene.ring("first")()
            scene.alarm.ring_at("a", now() + SOON, scene.ring("again"))
            scene.alarm.cancel("b")

        moment = now() - SOON
        scene.alarm.ring_at("a", moment, first)
        scene.alarm.ring_at("b", moment, scene.ring("cancelled"))
        await scene.until(lambda: "again" in scene.rung)

    assert play(story).rung == ["first", "again"]


def test_a_call_that_raises_is_told_to_the_owner_and_the_others_ring() -> None:
    async def story(scene: Scene) -> None:
        def fail() -> None:
            raise RuntimeError("broken")

        scene.alarm.ring_at("bad", now(), fail)
        scene.alarm.ring_at("good", now() + SOON, scene.ring("good"))
        await scene.until(lambda: bool(scene.rung) and bool(scene.errors))

    scene = play(story)
    assert [(key, str(error)) for key, error in scene.errors] == [("bad", "broken")]
    assert scene.rung == ["good"]


def test_a_clock_set_back_does_not_silence_it() -> None:
    """What was due in 30 ms is still due in 30 ms, though the clock on the wall says an hour and 30 ms."""

    async def story(scene: Scene) -> None:
        scene.alarm.ring_at("a", now() + timedelta(hours=1) + SOON, scene.ring("a"))
        scene.clock.step_s = -3600
        scene.alarm.watch()
        scene.alarm.watch()
        await scene.until(lambda: bool(scene.rung))

    scene = play(story)
    assert scene.rung == ["a"]
    assert scene.steps == pytest.approx([-3600], abs=1)


def test_a_clock_set_forward_is_told_and_small_corrections_are_not() -> None:
    async def story(scene: Scene) -> None:
        scene.clock.step_s = 1.5
        scene.alarm.watch()
        scene.clock.step_s = 3600
        scene.alarm.watch()
        scene.alarm.ring_at("a", now() + SOON, scene.ring("a"))
        await scene.until(lambda: bool(scene.rung))

    assert play(story).steps == pytest.approx([3600], abs=1)


def test_after_stop_nothing_rings() -> None:
    async def story(scene: Scene) -> None:
        scene.alarm.ring_at("a", now(), scene.ring("a"))
        await scene.alarm.stop()
        scene.alarm.ring_at("b", now(), scene.ring("b"))
        for _ in range(10):
            await asyncio.sleep(0)
        await scene.alarm.stop()

    assert play(story).rung == []
