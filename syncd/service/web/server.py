"""Serves the face on the daemon's own loop. It knows no signals: whoever opened it stops it, before the workers.

A port that is taken is no reason to end: the mirror is worth more than its page. Must not know what is served.
"""

import asyncio
import os
import socket
import stat
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import uvicorn
from prometheus_client import CollectorRegistry

from syncd.service.sections import listen_address
from syncd.service.web.app import build
from syncd.service.web.loop_lag import LoopLag
from syncd.service.wire import House

UNIX: Final = "unix:"
_GRACE_S: Final = 3
_CONNECTIONS_MAX: Final = 200
_UNIX_MODE: Final = 0o660
_REASONS: Final = {"Address already in use": "the port is taken, perhaps by another syncd run"}


class _Server(uvicorn.Server):
    """uvicorn without signals of its own: a drain is the daemon's."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave every signal as it is."""
        yield


class Face:
    """The server with its task; `where` says where it listens, empty where it does not."""

    def __init__(
        self, server: _Server | None = None, task: "asyncio.Task[None] | None" = None, where: str = ""
    ) -> None:
        self._server = server
        self._task = task
        self.where = where

    async def stop(self) -> None:
        """Answer what is asked already, then close. May be called again."""
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await asyncio.wait([self._task])


@asynccontextmanager
async def open_face(house: House, beat_age_s: Callable[[], float]) -> AsyncIterator[Face]:
    """Listen where the settings say; where that fails, say so once and go on without."""
    listen = house.loaded.settings.web.listen
    try:
        door = _bound(listen) if listen else None
    except OSError as problem:
        why = problem.strerror or str(problem)
        house.log.warning(
            "web.off",
            listen=listen,
            message=f"no page, no metrics, no webhooks: {_REASONS.get(why, why)}",
            hint='choose another: [web] listen = "127.0.0.1:8766", or "" for none; then start again',
        )
        door = None
    if door is None:
        yield Face()
        return
    where, registry = _shown(listen, door), CollectorRegistry()
    lag = LoopLag(house.clock, registry)
    server = _Server(
        uvicorn.Config(
            build(house, beat_age_s, registry),
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            proxy_headers=False,
            server_header=False,
            limit_concurrency=_CONNECTIONS_MAX,
            timeout_graceful_shutdown=_GRACE_S,
        )
    )
    async with asyncio.TaskGroup() as group:
        watch = group.create_task(lag.watch())
        face = Face(server, group.create_task(server.serve([door])), where)
        house.log.info("web.listening", address=where)
        try:
            yield face
        finally:
            watch.cancel()
            await face.stop()
            _cleared(listen)


def _cleared(listen: str) -> None:
    """Take a socket file away."""
    if listen.startswith(UNIX):
        Path(listen.removeprefix(UNIX)).unlink(missing_ok=True)


def _bound(listen: str) -> socket.socket:
    """A socket that listens there. Raises OSError."""
    if listen.startswith(UNIX):
        return _unix(Path(listen.removeprefix(UNIX)))
    host, port = listen_address(listen)
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    door = socket.socket(family, kind)
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(address)
        door.listen()
    except OSError:
        door.close()
        raise
    return door


def _unix(path: Path) -> socket.socket:
    """A socket file for its owner and group; one that a killed daemon left behind is replaced."""
    door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.exists() and stat.S_ISSOCK(path.stat().st_mode) and not _answers(path):
            path.unlink()
        before = os.umask(0o777 & ~_UNIX_MODE)
        try:
            door.bind(str(path))
        finally:
            os.umask(before)
        door.listen()
    except OSError:
        door.close()
        raise
    return door


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        try:
            caller.connect(str(path))
        except OSError:
            return False
    return True


def _shown(listen: str, door: socket.socket) -> str:
    if listen.startswith(UNIX):
        return listen
    host, port = door.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
