"""What commands asked of one shop is done once, in order, and not lost by whoever stops in the middle of it."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from syncd.domain.request import Request
from syncd.domain.shop import Shop
from syncd.engine.errands import Errands, Tell
from syncd.errors import LeaseLost
from syncd.store.disk import StoreDisk, open_disk
from syncd.store.migrate import upgrade
from tests.engine.virtual import KeptLog, LoopClock, simulate

SHOP = Shop(1, "demo", "https://x", "https://x", "c", "http://127.0.0.1/", ())


class Scene:
    """One shop's errands on a real file and simulated time; each job takes ten seconds, or until it is halted."""

    def __init__(self, disk: StoreDisk, clock: LoopClock) -> None:
        self.disk, self.clock = disk, clock
        self.rung, self.halted, self.lost = asyncio.Event(), False, False
        self.done: list[str] = []
        self.log = KeptLog()

    async def work(self, shop: Shop, request: Request, tell: Tell, is_halted: Callable[[], bool]) -> str | None:
        await tell("begun")
        if self.lost:
            raise LeaseLost("another process may work the shop now")
        await self.clock.sleep(10)
        if is_halted():
            return None
        self.done.append(request.job)
        return f"answer to {request.job}"

    def begin(self, me: str = "me") -> "asyncio.Task[None]":
        errands = Errands(
            SHOP,
            me,
            disk=self.disk,
            clock=self.clock,
            log=self.log,
            carry_out=self.work,
            refuse=lambda why: f"refused: {why}",
            rung=self.rung,
        )
        return asyncio.ensure_future(errands.run(lambda: self.halted, lambda: None))

    async def ask(self, job: str) -> Request:
        asked = await self.disk.mirror.run(lambda tx: tx.requests.add(1, job, "{}", "test", self.clock.now()))
        self.rung.set()
        return asked

    async def halt(self, task: "asyncio.Task[None]") -> None:
        self.halted = True
        self.rung.set()
        await task
        self.halted = False

    async def now(self, asked: Request) -> Request:
        found = await self.disk.reader.run(lambda tx: tx.requests.load(asked.seq))
        assert found is not None
        return found


def play(folder: Path, scene: Callable[[Scene], object]) -> None:
    url = f"sqlite:///{folder / 'mirror.db'}"
    upgrade(url)

    async def whole() -> None:
        clock = LoopClock()

        async def no_pause() -> None:
            """Transactions take no time here."""

        disk = open_disk(url, clock=clock, inline_pause=no_pause)
        try:
            await scene(Scene(disk, clock))  # type: ignore[misc]
        finally:
            disk.close()

    simulate(whole)


def test_requests_are_done_one_after_the_other(tmp_path: Path) -> None:
    async def scene(at: Scene) -> None:
        before = await at.ask("pull")
        task = at.begin()
        await at.clock.sleep(1)
        behind = await at.ask("push")
        assert (await at.now(before)).answer == "begun"
        assert (await at.now(behind)).taken_at is None
        await at.clock.sleep(25)
        assert at.done == ["pull", "push"]
        assert (await at.now(behind)).answer == "answer to push"
        await at.halt(task)

    play(tmp_path, scene)


def test_a_halt_gives_back_what_is_in_hand(tmp_path: Path) -> None:
    async def scene(at: Scene) -> None:
        asked = await at.ask("pull")
        task = at.begin()
        await at.clock.sleep(1)
        await at.halt(task)
        assert (await at.now(asked)).taken_by == ""
        task = at.begin("next")
        await at.clock.sleep(11)
        assert (await at.now(asked)).taken_by == "next"
        assert at.done == ["pull"]
        await at.halt(task)

    play(tmp_path, scene)


def test_whoever_lost_the_shop_gives_back_once_and_takes_nothing_any_more(tmp_path: Path) -> None:
    """Else it would take and give back until the next beat, under the hands of whoever has the shop now."""

    async def scene(at: Scene) -> None:
        asked = await at.ask("pull")
        at.lost = True
        task = at.begin()
        await asyncio.wait([task], timeout=11)
        assert task.done()
        assert isinstance(task.exception(), LeaseLost)
        assert (await at.now(asked)).taken_by == ""
        assert at.log.events().count("request.taken") == 1

    play(tmp_path, scene)


def test_a_daemon_that_lives_takes_up_again_what_a_fault_interrupted(tmp_path: Path) -> None:
    async def scene(at: Scene) -> None:
        await at.ask("pull")
        for _ in range(3):  # the database was away, say
            task = at.begin()
            await at.clock.sleep(1)
            task.cancel()
            await asyncio.wait([task])
        task = at.begin()
        await at.clock.sleep(11)
        assert at.done == ["pull"]
        await at.halt(task)

    play(tmp_path, scene)


def test_what_two_died_of_is_not_tried_a_third_time(tmp_path: Path) -> None:
    async def scene(at: Scene) -> None:
        asked = await at.ask("pull")
        for me in ("first", "second"):
            task = at.begin(me)
            await at.clock.sleep(1)
            task.cancel()
            await asyncio.wait([task])
        task = at.begin("third")
        await at.clock.sleep(1)
        ended = await at.now(asked)
        assert ended.ended_at is not None
        assert ended.answer.startswith("refused: a daemon has ended twice")
        assert at.done == []
        await at.halt(task)

    play(tmp_path, scene)
