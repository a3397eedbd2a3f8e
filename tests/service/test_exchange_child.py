"""The process that exchanges tokens, for real: over HTTP, with the lock that it holds on to, and when it is killed."""

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from syncd.domain.secret import Secret
from syncd.domain.shop import Shop
from syncd.errors import DiskProblem, GrantRevoked, LostAnswer, RemoteDown
from syncd.host.child import Child, Streams
from syncd.host.cipher import KeyRing
from syncd.host.clock import SystemClock
from syncd.host.lock import FileLock
from syncd.host.spill import SpillFolder
from syncd.ports.teller import Fetched, Order
from syncd.remote.oauth import TokenEndpoint
from syncd.remote.settings import RemoteSettings
from syncd.service.exchange_lines import order_line, read_answer
from syncd.service.exchange_parent import ChildTeller
from syncd.service.exchange_talk import Talks
from syncd.simulator.server import SimServer
from syncd.simulator.shop import SimShop
from syncd.simulator.world import SimWorld

CLIENT = "syncd.sim"
KEYS = KeyRing([b"k" * 32])


@dataclass
class Counter:
    """A shop, and a folder with a spill. `child` is the process at work."""

    shop: SimShop
    url: str
    server: SimServer
    folder: Path
    child: Child
    teller: ChildTeller

    def order(self, refresh: str = "") -> Order:
        shop = Shop(1, "demo", self.url, self.url, CLIENT, "", ("products",))
        return Order(shop, Secret(refresh or self.shop.authorise(CLIENT)), 2, datetime.now(UTC), "here")

    def do(self, job: Callable[[], Awaitable[None]]) -> None:
        async def work() -> None:
            try:
                await job()
            finally:
                self.teller.close()

        asyncio.run(work())


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Counter]:
    shop = SimShop(now=SystemClock().wall, products=1, orders=1, customers=1)
    child = Child("syncd.service.exchange_child")
    with SimServer(SimWorld([shop])) as server:
        teller = ChildTeller(lambda: KEYS.first, tmp_path / "spill", RemoteSettings(), SystemClock(), child)
        yield Counter(shop, server.url, server, tmp_path, child, teller)


def test_a_pair_comes_back_sealed_and_lies_in_the_spill(at: Counter) -> None:
    async def scene() -> None:
        fetched = await at.teller.run(at.order(), None)
        assert fetched.is_spilled
        assert list(SpillFolder(at.folder / "spill").rows()) == [fetched.row]
        refresh = KEYS.open(fetched.row.refresh, shop=1, field="refresh", generation=2).decode()
        assert refresh == at.shop.books.tokens[-1]
        assert fetched.row.home == "here"
        with pytest.raises(GrantRevoked, match="invalid_grant"):
            await at.teller.run(at.order("never-issued"), None)
        _nothing_secret_is_seen(at, refresh)

    at.do(scene)


def _nothing_secret_is_seen(at: Counter, refresh: str) -> None:
    """Neither in the arguments nor in the environment of the process, which anybody who is us can read."""
    words = subprocess.run(["ps", "eww", "-p", str(at.child.pid)], capture_output=True, text=True, check=True).stdout
    assert "exchange_child" in words
    for secret in (refresh, KEYS.first.reveal()):
        assert secret not in words


def test_it_holds_on_to_the_lock_and_hears_no_request_to_stop(at: Counter) -> None:
    lock, other = (FileLock(at.folder / "exchange-1.lock") for _ in range(2))

    async def scene() -> None:
        assert lock.try_acquire()
        streams = await at.child.open(lock.fileno())
        lock.release()
        assert at.child.pid is not None
        for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(at.child.pid, each)
        assert os.getsid(at.child.pid) == at.child.pid
        assert not other.try_acquire(), "nobody exchanges while it might be at it"
        streams[0].feed_eof()
        at.child.closed(streams)
        async with asyncio.timeout(20):
            await other.acquire(asyncio.sleep)
        other.release()

    at.do(scene)


def test_one_that_is_killed_leaves_an_unknown_outcome_and_the_next_one_a_new_start(at: Counter) -> None:
    async def scene() -> None:
        await at.teller.ready()
        first = at.child.pid
        streams = await at.child.open(None)
        assert first is not None
        os.kill(first, signal.SIGKILL)
        assert await streams[0].readline() == b""
        at.child.closed(streams)
        assert (await at.teller.run(at.order(), None)).is_spilled
        assert at.child.pid != first

    at.do(scene)


def test_one_that_is_silent_for_too_long_is_left_to_itself(at: Counter) -> None:
    """Its disk may only be slow, and what others told it is in its hand too: to end it would lose their tokens."""
    spill = at.folder / "spill"
    hasty = ChildTeller(lambda: KEYS.first, spill, RemoteSettings(), SystemClock(), at.child, spare_s=-44.5)

    async def scene() -> None:
        await hasty.ready()
        first = at.child.pid
        at.server.slow(lambda _method, _path: 1.5)
        with pytest.raises(LostAnswer, match="did not answer"):
            await hasty.run(at.order(), None)
        at.server.slow(lambda _method, _path: 0.0)
        for _ in range(100):
            if rows := list(SpillFolder(spill).rows()):
                break
            await asyncio.sleep(0.1)
        else:
            pytest.fail("the pair was lost")
        assert KEYS.open(rows[0].refresh, shop=1, field="refresh", generation=2).decode() == at.shop.books.tokens[-1]
        assert (await at.teller.run(at.order(), None)).is_spilled
        assert at.child.pid != first

    at.do(scene)


def test_a_conversation_that_is_called_off_as_it_begins_keeps_no_child(at: Counter) -> None:
    async def scene() -> None:
        await at.teller.ready()
        for _ in range(3):
            opening = asyncio.ensure_future(at.child.open(None))
            await asyncio.sleep(0)
            opening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await opening
        assert at.child._talks == 0
        assert at.child._idle is not None

    at.do(scene)


def test_one_that_cannot_start_costs_no_token(tmp_path: Path) -> None:
    async def scene() -> None:
        child = Child("syncd.no_such_module")
        teller = ChildTeller(lambda: KEYS.first, tmp_path / "spill", RemoteSettings(), SystemClock(), child)
        with pytest.raises(RemoteDown, match="cannot be started"):
            await teller.ready()

    asyncio.run(scene())


# --- its side, inside this process -----------------------------------------------------------------------------------


class _FullDisk(SpillFolder):
    """A spill that is full for the first tries."""

    tries = 2

    def append(self, row: object) -> None:
        type(self).tries -= 1
        if self.tries >= 0:
            raise DiskProblem("full")
        super().append(row)  # type: ignore[arg-type]


def test_a_full_disk_is_tried_until_it_has_room_although_the_pair_was_handed_over(at: Counter) -> None:
    async def scene() -> None:
        talks = Talks(SystemClock(), lambda settings: TokenEndpoint(None, SystemClock(), settings), _FullDisk)
        fetched = await _told(talks, at, until_s=SystemClock().monotonic() + 45)
        assert not fetched.is_spilled
        assert list(SpillFolder(at.folder / "spill").rows()) == [fetched.row]

    asyncio.run(scene())


def test_an_order_that_comes_too_late_spends_nothing(at: Counter) -> None:
    async def scene() -> None:
        talks = Talks(SystemClock(), lambda settings: TokenEndpoint(None, SystemClock(), settings))
        with pytest.raises(RemoteDown, match="stood still"):
            await _told(talks, at, until_s=SystemClock().monotonic() - 1)
        assert at.shop.books.calls["POST", "/token"] == 0

    asyncio.run(scene())


async def _told(talks: Talks, at: Counter, until_s: float) -> Fetched:
    """Give the order over a pair of sockets, and wait until the talks is done."""
    ours, theirs = await _pair()
    ours[1].write(order_line(at.order(), KEYS.first, at.folder / "spill", until_s, RemoteSettings()))
    try:
        await talks.talk(theirs, [])
        assert await ours[0].readline() == b"taken\n"
        return read_answer(await ours[0].readline())
    finally:
        for streams in (ours, theirs):
            streams[1].close()
            with suppress(OSError):
                await streams[1].wait_closed()


async def _pair() -> tuple[Streams, Streams]:
    one, other = socket.socketpair()
    return await asyncio.open_unix_connection(sock=one), await asyncio.open_unix_connection(sock=other)


def test_an_answer_that_nobody_knows_is_called_lost() -> None:
    with pytest.raises(LostAnswer):
        read_answer(b'{"error": "NoSuchKind", "message": "?", "hint": "", "after_s": null, "status": null}\n')
