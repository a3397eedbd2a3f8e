"""A lock between processes on one machine: flock on a file, so that it dies with its holder and never times
out under it. Used for one token exchange at a time (SQLite) and for one daemon per database file.

The file stays behind when the lock is given back; only the lock counts, never the file's being there.
"""

import fcntl
import os
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from syncd.errors import DiskProblem
from syncd.ports import AsyncGuard, ExchangeLock

POLL_S: Final = 0.05
_NOTE_BYTES_MAX: Final = 4096


class FileLock:
    """An exclusive lock on `path`. Two of them on one path exclude each other, within one process too.

    A child process that inherits `fileno()` holds the lock as well: it is free when both have ended or
    let go.
    """

    def __init__(self, path: Path, *, note: str = "") -> None:
        self._path = path
        self._note = note
        self._fd: int | None = None

    def try_acquire(self) -> bool:
        """Take the lock if it is free, and leave the note in the file for whoever finds it taken.

        Raises:
            DiskProblem: the file cannot be opened or locked.
        """
        if self._fd is not None:
            return False
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.ftruncate(fd, 0)
                os.pwrite(fd, self._note.encode()[:_NOTE_BYTES_MAX], 0)
            except BaseException:
                os.close(fd)
                raise
        except BlockingIOError:
            return False
        except OSError as error:
            raise DiskProblem(
                f"cannot lock {self._path}: {error.strerror}",
                hint=f"Let syncd write in {self._path.parent}, then start again.",
            ) from error
        self._fd = fd
        return True

    async def acquire(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Wait until the lock is ours. Cancelling the wait is safe.

        It asks every 50 ms rather than block in a thread: a thread inside flock could not be called back when
        the daemon stops.
        """
        while not self.try_acquire():
            await sleep(POLL_S)

    def release(self) -> None:
        """Let go. Closing, not unlocking: a child that inherited the lock keeps it."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def fileno(self) -> int:
        """Return the descriptor that carries the lock, for `pass_fds`.

        Raises:
            ValueError: the lock is not held.
        """
        if self._fd is None:
            raise ValueError(f"the lock {self._path} is not held")
        return self._fd

    def holder(self) -> str:
        """Return the note of who holds or last held the lock; empty when there is none or it cannot be
        read.
        """
        try:
            with self._path.open("rb") as file:
                return file.read(_NOTE_BYTES_MAX).decode(errors="replace").strip()
        except OSError:
            return ""

    def is_taken(self) -> bool:
        """Whether somebody has the lock just now. Asking holds it for a moment itself: takers try more than once."""
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(fd)
        return False

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._fd is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class ExchangeLocks:
    """One token exchange at a time per shop, as files `exchange-<shop id>.lock` in `folder`
    (ports.ExchangeLock).
    """

    def __init__(self, folder: Path, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._folder = folder
        self._sleep = sleep

    def hold(self, shop_id: int) -> "HeldExchange":
        """Return an `async with` block inside which no other exchange of this shop runs on this machine."""
        return HeldExchange(FileLock(self._folder / f"exchange-{shop_id}.lock"), self._sleep)


class HeldExchange:
    """The block of `ExchangeLocks.hold`."""

    def __init__(self, lock: FileLock, sleep: Callable[[float], Awaitable[None]]) -> None:
        self.lock = lock
        self._sleep = sleep

    async def __aenter__(self) -> int | None:
        await self.lock.acquire(self._sleep)
        return self.lock.fileno()

    async def __aexit__(self, *exc: object) -> None:
        self.lock.release()


class BothLocks:
    """A lock of this machine's and one of all machines', in this order (ports.ExchangeLock)."""

    def __init__(self, here: ExchangeLock, everywhere: ExchangeLock) -> None:
        self._here = here
        self._everywhere = everywhere

    def hold(self, shop_id: int) -> "HeldBoth":
        """Return an `async with` block inside which both are held."""
        return HeldBoth(self._here.hold(shop_id), self._everywhere.hold(shop_id))


class HeldBoth:
    """The block of `BothLocks.hold`."""

    def __init__(self, here: AsyncGuard, everywhere: AsyncGuard) -> None:
        self._guards = (here, everywhere)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> int | None:
        async with AsyncExitStack() as stack:
            carried = [await stack.enter_async_context(guard) for guard in self._guards]
            self._stack = stack.pop_all()
        return carried[0]

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()


def describe_holder(pid: int, started: str) -> str:
    """Return the note that a daemon leaves in its lock file."""
    return f"pid {pid}, since {started}"
