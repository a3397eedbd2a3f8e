"""The lock excludes, waits, tells who holds it, and dies with its holder."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from syncd.errors import DiskProblem
from syncd.host.lock import ExchangeLocks, FileLock, describe_holder
from syncd.ports import ExchangeLock

HOLD = """
import sys
from pathlib import Path
from syncd.host.lock import FileLock
lock = FileLock(Path(sys.argv[1]), note="the child")
print(lock.try_acquire(), flush=True)
sys.stdin.read()
"""


def child(code: str, *args: str, fds: tuple[int, ...] = ()) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, pass_fds=fds
    )


def test_two_on_one_path_exclude_each_other(tmp_path: Path) -> None:
    path = tmp_path / "daemon.lock"
    first, second = FileLock(path, note=describe_holder(17, "2026-11-23 12:00")), FileLock(path, note="second")
    assert first.try_acquire()
    assert first.held
    assert not first.try_acquire()
    assert not second.try_acquire()
    assert second.holder() == "pid 17, since 2026-11-23 12:00"
    first.release()
    first.release()
    assert second.try_acquire()
    assert first.holder() == "second"
    assert path.stat().st_mode & 0o777 == 0o600
    second.release()


def test_it_dies_with_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    mine = FileLock(path)
    with child(HOLD, str(path)) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        assert not mine.try_acquire()
        assert mine.holder() == "the child"
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with mine:
            assert mine.try_acquire()
        assert not mine.held


def test_a_stopped_holder_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with child(HOLD, str(path)) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        holder.send_signal(signal.SIGSTOP)
        assert not FileLock(path).try_acquire()
        holder.send_signal(signal.SIGKILL)


def test_a_child_that_inherits_it_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    mine = FileLock(path)
    assert mine.try_acquire()
    with child("import sys; print('up', flush=True); sys.stdin.read()", fds=(mine.fileno(),)) as heir:
        assert heir.stdout is not None
        assert heir.stdout.readline() == "up\n"
        mine.release()
        assert not FileLock(path).try_acquire()
        heir.communicate("")
    assert FileLock(path).try_acquire()


def test_no_descriptor_without_holding(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not held"):
        FileLock(tmp_path / "a.lock").fileno()


def test_exchanges_of_one_shop_follow_each_other_and_others_do_not_wait(tmp_path: Path) -> None:
    async def main() -> list[str]:
        story: list[str] = []
        asked = asyncio.Event()

        async def sleep(seconds: float) -> None:
            asked.set()
            await asyncio.sleep(0)

        locks: ExchangeLock = ExchangeLocks(tmp_path, sleep)

        async def exchange(shop_id: int, name: str) -> None:
            async with locks.hold(shop_id):
                story.append(f"{name} in")
                if name == "first":
                    await asked.wait()
                story.append(f"{name} out")

        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            group.create_task(exchange(1, "first"))
            group.create_task(exchange(1, "second"))
            group.create_task(exchange(2, "other"))
        return story

    story = asyncio.run(main())
    assert story == ["first in", "other in", "other out", "first out", "second in", "second out"]


def test_a_wait_can_be_cancelled(tmp_path: Path) -> None:
    async def main() -> None:
        holder = FileLock(tmp_path / "exchange-1.lock")
        assert holder.try_acquire()

        async def wait() -> None:
            async with ExchangeLocks(tmp_path, lambda _: asyncio.sleep(0)).hold(1):
                raise AssertionError

        task = asyncio.ensure_future(wait())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        holder.release()
        assert FileLock(tmp_path / "exchange-1.lock").try_acquire()

    asyncio.run(main())


def test_a_place_where_nothing_can_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(DiskProblem, match="cannot lock") as caught:
        FileLock(tmp_path / "nowhere" / "a.lock").try_acquire()
    assert str(tmp_path / "nowhere") in caught.value.hint
