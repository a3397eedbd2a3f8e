"""Several replicas on simulated time and one real database: shares, deaths, pauses, clocks that are set, and drains."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pytest

from syncd.domain.budget import CallClass
from syncd.domain.lease import Kind
from syncd.domain.resource import Resource
from syncd.domain.resources import BY_NAME
from syncd.domain.run import Outcome, Run
from syncd.domain.shop import Shop, ShopState
from syncd.engine.fence import WRITE, FencedAdmission, FencedDisk
from syncd.engine.keeping import Keeping
from syncd.engine.lease_transactions import Member
from syncd.engine.leasing import Leases
from syncd.engine.outages import Outages
from syncd.engine.rules import PullRules
from syncd.engine.supervisor import Supervisor
from syncd.errors import LeaseLost
from syncd.ports import Purpose
from syncd.store.disk import StoreDisk, open_disk
from syncd.store.migrate import upgrade
from tests.engine.virtual import KeptLog, LoopClock, SeededDice, simulate

LEASE_S = 15.0
SHOP = Shop(0, "", "https://x.sim", "https://x.sim", "app", "http://127.0.0.1/", (), state=ShopState.ACTIVE)


class FreeBudget:
    """Admits at once (`ports.Admission`, as far as calls ask)."""

    async def ticket(self, purpose: Purpose, calls: int = 1) -> int:
        return calls


@dataclass
class Replica:
    """One process: its own clock, its own connections. `clock` is also what its database calls now."""

    name: str
    clock: LoopClock
    disk: StoreDisk
    leases: Leases
    log: KeptLog

    async def beat(self) -> set[int]:
        beat = await self.leases.beat(set())
        await self.leases.release(sorted(beat.surplus))
        return set(beat.held - beat.surplus)

    async def write(self, shop_id: int) -> None:
        """What a worker of that shop stores."""
        fenced = FencedDisk(self.disk, self.leases, shop_id)
        await fenced.mirror.run(lambda tx: tx.books.lift_brake(shop_id, "orders"))

    def admission(self, shop_id: int) -> FencedAdmission:
        return FencedAdmission(cast(Any, FreeBudget()), self.leases, shop_id, LEASE_S / 3)


@dataclass
class Site:
    """One database with shops, and the replicas on it."""

    url: str
    stack: ExitStack

    def replica(self, name: str, *, kind: Kind = Kind.DAEMON) -> Replica:
        clock, log = LoopClock(), KeptLog()
        disk = open_disk(self.url, clock=clock, inline_pause=self._pause)
        self.stack.callback(disk.close)
        leases = Leases(disk, clock, log, Member(name, "host", 1, kind, LEASE_S))
        return Replica(name, clock, disk, leases, log)

    async def _pause(self) -> None:
        await asyncio.sleep(0)

    async def open_shops(self, count: int) -> None:
        first = self.replica("staff")
        for number in range(1, count + 1):
            shop = replace(SHOP, name=f"shop-{number}", company_id=number)
            await first.disk.mirror.run(lambda tx, s=shop: tx.books.add_shop(s))


Scene = Callable[[Site], Awaitable[None]]


@pytest.fixture
def play(tmp_path: Path) -> Callable[[Scene], None]:
    """Plays a scene on simulated time."""

    def run(scene: Scene) -> None:
        url = f"sqlite:///{tmp_path / 'mirror.db'}"
        upgrade(url)
        with ExitStack() as stack:
            simulate(lambda: scene(Site(url, stack)))

    return run


async def beats(*replicas: Replica, count: int = 4) -> list[set[int]]:
    """Some beats of each, a third of a lease apart; what each has then."""
    held: list[set[int]] = []
    for _ in range(count):
        held = [await each.beat() for each in replicas]
        await asyncio.sleep(LEASE_S / 3)
    return held


def test_shops_are_shared_evenly_and_those_of_a_dead_replica_move_within_30_s(play: Callable[[Scene], None]) -> None:
    async def scene(site: Site) -> None:
        await site.open_shops(7)
        a, b, c = (site.replica(name) for name in "abc")
        assert len((await beats(a, count=1))[0]) == 7
        assert sorted(map(len, await beats(a, b))) == [3, 4]
        held = await beats(a, b, c)
        assert sorted(map(len, held)) == [2, 2, 3]
        assert set.union(*held) == set(range(1, 8))
        died_s = asyncio.get_running_loop().time() - LEASE_S / 3  # c beats no more
        while len(set.union(*(held := await beats(a, b, count=1)))) < 7:
            assert asyncio.get_running_loop().time() - died_s <= 30
        assert sorted(map(len, await beats(a, b))) == [3, 4]

    play(scene)


def test_a_replica_that_was_stopped_and_continued_can_write_nothing(play: Callable[[Scene], None]) -> None:
    async def scene(site: Site) -> None:
        await site.open_shops(1)
        a, b = site.replica("a"), site.replica("b")
        assert (await beats(a, b, count=1)) == [{1}, set()]
        await a.write(1)
        for _ in range(6):  # a stands still
            held = await beats(b, count=1)
        assert held == [{1}]
        for purpose in (Purpose(CallClass.PUSH, "push", WRITE), Purpose(CallClass.HINT, "look", "one")):
            with pytest.raises(LeaseLost):
                await a.admission(1).ticket(purpose)
        with pytest.raises(LeaseLost):
            await a.write(1)
        await b.write(1)
        assert await a.beat() == set()
        with pytest.raises(LeaseLost):
            await a.write(1)

    play(scene)


def test_the_database_refuses_a_process_whose_clock_stood_still_with_it(play: Callable[[Scene], None]) -> None:
    """A machine that was suspended: its own clock says that its lease lasts."""

    async def scene(site: Site) -> None:
        await site.open_shops(1)
        a, b = site.replica("a"), site.replica("b")
        await beats(a, b, count=1)
        stood_still = asyncio.get_running_loop().time()
        for _ in range(6):
            await beats(b, count=1)
        a.clock.monotonic = lambda: stood_still  # type: ignore[method-assign]
        assert a.leases.lasts_s(1) > 0
        with pytest.raises(LeaseLost):
            await a.write(1)
        assert a.leases.lasts_s(1) < 0

    play(scene)


@pytest.mark.parametrize("step_s", [7200.0, -7200.0])
def test_clocks_that_are_set_take_no_shop_and_keep_none(play: Callable[[Scene], None], step_s: float) -> None:
    async def scene(site: Site) -> None:
        await site.open_shops(6)
        a, b = site.replica("a"), site.replica("b")
        before = await beats(a, b)
        taken = {each.name: list(each.log.lines) for each in (a, b)}
        a.clock.step(step_s)
        assert await beats(a, b, count=6) == before
        assert {each.name: list(each.log.lines) for each in (a, b)} == taken  # nothing changed hands
        for _ in range(6):  # a dies: its leases end hours from now, or ended hours ago
            held = await beats(b, count=1)
        assert held == [set(range(1, 7))]

    play(scene)


def test_a_write_needs_a_lease_that_lasts_a_while(play: Callable[[Scene], None]) -> None:
    async def scene(site: Site) -> None:
        await site.open_shops(1)
        a = site.replica("a")
        await a.beat()
        await asyncio.sleep(LEASE_S * 0.8)
        assert await a.admission(1).ticket(Purpose(CallClass.HINT, "look", "one"))
        writes = [Purpose(CallClass.PUSH, "push", WRITE)]
        writes += [Purpose(CallClass.INCREMENTAL, "hooks", word) for word in ("register", "remove")]
        for purpose in writes:
            with pytest.raises(LeaseLost):
                await a.admission(1).ticket(purpose)
        await a.beat()
        for purpose in writes:
            assert await a.admission(1).ticket(purpose)

    play(scene)


def test_a_command_holds_a_shop_that_no_daemon_takes_meanwhile(play: Callable[[Scene], None]) -> None:
    async def scene(site: Site) -> None:
        await site.open_shops(2)
        daemon, command = site.replica("a"), site.replica("c", kind=Kind.COMMAND)
        assert (await command.leases.take(1)).owner == "c"
        for _ in range(8):
            assert await beats(daemon, count=1) == [{2}]
            await command.leases.renew()
        await command.write(1)
        assert (await command.leases.take(2)).owner == "a"
        await command.leases.release([1])
        assert await beats(daemon, count=1) == [{1, 2}]

    play(scene)


def drained_run(at: Replica) -> Run:
    """A walk that was interrupted."""
    now = at.clock.now()
    return Run("shop-1", "pull", "products", "whole", Outcome.DRAINED, now, now, {"calls": 1.0})


class LoopAlarm:
    """`ports.Alarm` on the loop's timers."""

    def __init__(self, clock: LoopClock) -> None:
        self._clock = clock
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def start(self) -> None: ...

    def ring_at(self, key: str, when: datetime, call: Callable[[], None]) -> None:
        self.cancel(key)
        wait_s = max(0.0, (when - self._clock.now()).total_seconds()) + 1e-5
        self._timers[key] = asyncio.get_running_loop().call_later(wait_s, call)

    def cancel(self, key: str) -> None:
        if key in self._timers:
            self._timers.pop(key).cancel()

    async def stop(self) -> None:
        for key in list(self._timers):
            self.cancel(key)


class IdleWorker:
    """Works a shop: looks at it again and again, each look a transaction under the lease."""

    pusher = None

    def __init__(self, at: Replica, shop: Shop, seen: list[tuple[str, int]]) -> None:
        self.drain = asyncio.Event()
        self._at, self._shop, self._seen = at, shop, seen

    async def looks(self, *_: object) -> list[Any]:
        await self._at.admission(self._shop.id).ticket(Purpose(CallClass.HINT, "look", "one"))
        await asyncio.sleep(2.0)  # the call
        await self._at.write(self._shop.id)
        self._seen.append((self._at.name, self._shop.id))
        return []

    def is_busy(self, _name: str) -> bool:
        return False

    async def is_filled(self, _name: str) -> bool:
        return False

    async def pull(self, *_: object, **__: object) -> list[Run]:
        """A fill that takes longer than anybody waits."""
        self._seen.append((self._at.name, -self._shop.id))
        await self.drain.wait()
        return [drained_run(self._at)]


class NoErrands:
    """Nobody asks for anything."""

    def __init__(self, rung: asyncio.Event) -> None:
        self._rung = rung

    async def run(self, is_halted: Callable[[], bool], _heard: Callable[[], None]) -> None:
        while not is_halted():
            self._rung.clear()
            await self._rung.wait()


async def lead(
    at: Replica, drain: asyncio.Event, seen: list[tuple[str, int]], resources: tuple[Resource, ...] = ()
) -> None:
    """A supervisor of that replica, until it is drained."""

    async def open_worker(shop: Shop) -> Any:
        return IdleWorker(at, shop, seen)

    keeping = Keeping(
        disk=at.disk,
        clock=at.clock,
        dice=SeededDice(),
        alarm=LoopAlarm(at.clock),
        log=at.log,
        rules=PullRules(looks_s=3.0),
        resources=resources,
        open_worker=open_worker,
        read_bucket=cast(Any, None),
        open_errands=lambda _shop, rung: cast(Any, NoErrands(rung)),
        outages=Outages(at.clock, at.log),
        leases=at.leases,
    )
    await Supervisor(keeping).run(drain)


def test_a_drained_replica_hands_its_shops_over_within_a_beat_and_none_is_worked_twice(
    play: Callable[[Scene], None],
) -> None:
    async def scene(site: Site) -> None:
        await site.open_shops(4)
        seen: list[tuple[str, int]] = []
        drains = {name: asyncio.Event() for name in "ab"}
        async with asyncio.TaskGroup() as group:
            for name, drain in drains.items():
                group.create_task(lead(site.replica(name), drain, seen))
            await asyncio.sleep(60)
            seen.clear()
            await asyncio.sleep(30)
            owners = {shop_id: {name for name, each in seen if each == shop_id} for shop_id in range(1, 5)}
            assert all(len(names) == 1 for names in owners.values())
            assert sorted(map(len, ({s for n, s in seen if n == name} for name in "ab"))) == [2, 2]
            drains["a"].set()
            await asyncio.sleep(4)  # the look in hand
            seen.clear()
            await asyncio.sleep(LEASE_S / 3 + 12)
            assert {shop_id for _, shop_id in seen} == {1, 2, 3, 4}
            assert {name for name, _ in seen} == {"b"}
            drains["b"].set()
        leases = await site.replica("c").disk.reader.run(lambda tx: (tx.leases.all(), tx.leases.replicas()))
        assert all(lease.is_given_back for lease in leases[0])
        assert leases[1] == []

    play(scene)


def test_a_life_whose_lease_was_taken_ends_quietly_and_begins_again(play: Callable[[Scene], None]) -> None:
    async def scene(site: Site) -> None:
        await site.open_shops(1)
        seen: list[tuple[str, int]] = []
        drain, a, thief = asyncio.Event(), site.replica("a"), site.replica("t", kind=Kind.COMMAND)
        async with asyncio.TaskGroup() as group:
            group.create_task(lead(a, drain, seen))
            await asyncio.sleep(21)
            lease = await a.disk.reader.run(lambda tx: tx.leases.load(1))
            assert await thief.disk.mirror.run(lambda tx: tx.leases.take(1, "t", Kind.COMMAND, LEASE_S, lease))
            await asyncio.sleep(6)
            seen.clear()
            await asyncio.sleep(5)
            assert seen == []
            await asyncio.sleep(25)
            assert seen
            drain.set()
        assert {level for level, _, _ in a.log.lines} <= {"info", "warning"}
        assert {"shop.left", "lease.lost"} & set(a.log.events())

    play(scene)


def test_a_fill_that_was_interrupted_goes_on_at_once_with_whoever_has_the_shop_next(
    play: Callable[[Scene], None],
) -> None:
    async def scene(site: Site) -> None:
        await site.open_shops(1)
        seen: list[tuple[str, int]] = []
        for name in "ab":
            drain = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                group.create_task(lead(site.replica(name), drain, seen, (BY_NAME["products"],)))
                await asyncio.sleep(10)
                drain.set()
        assert [who for who, shop_id in seen if shop_id == -1] == ["a", "b"]

    play(scene)
