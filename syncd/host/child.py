"""A small process of ours that outlives us: of its own session, deaf to SIGTERM and SIGINT, fed over sockets.

It is started when it is first needed, serves any number of conversations at once, each on a socket of its own, and is
let go when it was idle for a while; it then ends by itself, as it does when we die. Nothing secret is in its arguments
or its environment. Must not know what is talked about.
"""

import asyncio
import os
import resource
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import syncd

IDLE_S: Final = 60.0
READY_S: Final = 30.0
"""How long a child may take to start; a machine that swaps needs it."""
LINE_MAX: Final = 4 * 1024 * 1024
_HELLO: Final = b"!"
_CALL: Final = b"?"
_CONTROL: Final = 0
"""The child's descriptor of the socket over which conversations are opened."""

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Child:
    """The parent's side. `module` is what the child runs; `words` are its arguments, which everybody may see.

    `start`, `open` and `let_go` belong to one event loop."""

    def __init__(self, module: str, *words: str, idle_s: float = IDLE_S) -> None:
        self._module = module
        self._words = words
        self._idle_s = idle_s
        self._control: socket.socket | None = None
        self._starting: asyncio.Future[socket.socket] | None = None
        self._pid: int | None = None
        self._unreaped: list[int] = []
        self._talks = 0
        self._idle: asyncio.TimerHandle | None = None

    @property
    def pid(self) -> int | None:
        """The process that serves now."""
        return self._pid

    async def start(self) -> socket.socket:
        """Make sure that a child is there and listens; return the socket to call it by. Raises OSError."""
        self._stay()
        if self._control is not None and _is_open(self._control):
            return self._control
        self._drop()
        if self._starting is None:
            self._starting = asyncio.ensure_future(self._started())
        starting = self._starting
        try:
            self._control = await asyncio.shield(starting)
        finally:
            if starting.done():
                self._starting = None
        self._leave_if_idle()
        return self._control

    async def open(self, carried: int | None) -> Streams:
        """Open a conversation; the child gets a copy of the descriptor `carried`, and closes it when it has answered.

        Raises OSError: then nothing was said yet."""
        control = await self.start()
        ours, theirs = socket.socketpair()
        self._talks += 1
        self._stay()
        try:
            with theirs:
                socket.send_fds(control, [_CALL], [theirs.fileno(), *([] if carried is None else [carried])])
            return await asyncio.open_unix_connection(sock=ours, limit=LINE_MAX)
        except BaseException:
            ours.close()
            self._over()
            raise

    def closed(self, streams: Streams) -> None:
        """A conversation is over, for our part."""
        streams[1].close()
        self._over()

    def _over(self) -> None:
        self._talks -= 1
        self._leave_if_idle()

    def let_go(self) -> None:
        """Let the child end once it has done what it was told."""
        self._stay()
        if self._starting is not None:
            self._starting.cancel()
            self._starting = None
        self._drop()

    async def _started(self) -> socket.socket:
        control, theirs = socket.socketpair()
        try:
            with theirs:
                self._pid = self._spawned(theirs)
            control.setblocking(False)
            async with asyncio.timeout(READY_S):
                hello = await asyncio.get_running_loop().sock_recv(control, 1)
            _expect_hello(hello)
        except BaseException:
            control.close()
            self._drop()
            raise
        return control

    def _spawned(self, theirs: socket.socket) -> int:
        return os.posix_spawn(
            sys.executable,
            [sys.executable, "-P", "-m", self._module, *self._words],
            _environment(),
            file_actions=[
                (os.POSIX_SPAWN_DUP2, theirs.fileno(), _CONTROL),
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
            ],
        )

    def _drop(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._pid is not None:
            self._unreaped.append(self._pid)
            self._pid = None
        self._unreaped = [pid for pid in self._unreaped if not _is_gone(pid)]

    def _stay(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _leave_if_idle(self) -> None:
        self._stay()
        if self._talks == 0 and self._control is not None:
            self._idle = asyncio.get_running_loop().call_later(self._idle_s, self.let_go)


def _expect_hello(said: bytes) -> None:
    if said != _HELLO:
        raise ChildProcessError("it ended before it was ready")


def _is_open(control: socket.socket) -> bool:
    """Whether the child still holds its end: it says nothing after its hello, so all that can come is the end."""
    try:
        return control.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def _is_gone(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:  # somebody else has heard of its end
        return True


def _environment() -> dict[str, str]:
    """What a Python needs, with our package to be found; no setting of ours, and no credential."""
    kept = {
        name: text for name, text in os.environ.items() if not name.startswith(("SYNCD_", "CREDENTIALS_", "NOTIFY_"))
    }
    package = str(Path(syncd.__file__).parents[1])
    return kept | {"PYTHONPATH": os.pathsep.join([package, *filter(None, [kept.get("PYTHONPATH")])])}


# --- the child's side ------------------------------------------------------------------------------------------------


def cut_loose() -> None:
    """Leave the parent's session, hear no request to stop, leave no core and no file that others can read."""
    os.setsid()
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(each, signal.SIG_IGN)
    # A core of one byte at most: where cores go to a program, Linux takes 0 for "no limit" and only 1 for "none".
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    least = 1 if hard == resource.RLIM_INFINITY else min(1, hard)
    resource.setrlimit(resource.RLIMIT_CORE, (least, least))
    os.umask(0o077)
    os.chdir("/")


def serve(talk: Callable[[Streams, list[int]], Awaitable[None]], *, hard_s: float) -> None:
    """Hold a conversation for each that the parent opens, until it opens none any more and all are over.

    `talk` gets the descriptors that came with it. A conversation that is not over after `hard_s` ends the process."""
    asyncio.run(_serve(socket.socket(fileno=_CONTROL), talk, hard_s))


async def _serve(control: socket.socket, talk: Callable[[Streams, list[int]], Awaitable[None]], hard_s: float) -> None:
    loop, called = asyncio.get_running_loop(), asyncio.Event()
    control.setblocking(False)
    loop.add_reader(control, called.set)
    control.send(_HELLO)
    talks: set[asyncio.Task[None]] = set()

    def over(task: asyncio.Task[None]) -> None:
        talks.discard(task)
        task.exception()  # its socket is closed, which tells the parent; the others' conversations go on
        if not talks:
            signal.setitimer(signal.ITIMER_REAL, 0)

    while (carried := _called(control)) != []:
        if carried is None:
            await called.wait()
            called.clear()
            continue
        # The kernel's own timer: it works although this loop might not. Each conversation begins it anew.
        signal.setitimer(signal.ITIMER_REAL, hard_s)
        task = loop.create_task(_one(talk, carried))
        talks.add(task)
        task.add_done_callback(over)
    loop.remove_reader(control)
    while talks:
        await asyncio.wait(talks)


def _called(control: socket.socket) -> list[int] | None:
    """The descriptors of the next conversation; None while nobody calls, empty when nobody will."""
    try:
        return socket.recv_fds(control, 1, 4)[1]
    except BlockingIOError:
        return None
    except OSError:
        return []


async def _one(talk: Callable[[Streams, list[int]], Awaitable[None]], carried: list[int]) -> None:
    streams = await asyncio.open_unix_connection(sock=socket.socket(fileno=carried[0]), limit=LINE_MAX)
    try:
        await talk(streams, carried[1:])
    finally:
        streams[1].close()
