"""The simulated shops over real HTTP on loopback, with control addresses under `/_sim/` for those who test.

One shop is served at `/` and at `/s/<name>`, several at `/s/<name>` (or by host). The control addresses are open to
whoever reaches the port, so it belongs on loopback. What shops have to tell is delivered to whoever registered for it.
"""

import asyncio
import json
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from random import Random
from types import FrameType, TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

import httpx
import uvicorn

from syncd.simulator.courier import Courier, Mishaps
from syncd.simulator.shop import SimShop
from syncd.simulator.wire import Reply, Request
from syncd.simulator.world import SimWorld
from syncd.simulator.writes import RefusedError

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Slowness = Callable[[str, str], float]
CONTROL = "/_sim/"


def application(world: SimWorld, slowness: Slowness) -> Application:
    """The ASGI application of a world. An answer comes as many seconds late as `slowness` says."""

    async def serve_one(scope: Scope, receive: Receive, send: Send) -> None:
        parts = []
        more = True
        while more:
            message = await receive()
            parts.append(message.get("body", b""))
            more = message.get("more_body", False)
        request = _read(scope, b"".join(parts))
        if (late_s := slowness(request.method, request.path)) > 0:
            await _pause(late_s)
        reply = control(world, request) if request.path.startswith(CONTROL) else world.answer(request)
        headers = {**reply.headers, "Content-Length": str(len(reply.body))}
        raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": raw})
        await send({"type": "http.response.body", "body": reply.body})

    return serve_one


def _read(scope: Scope, body: bytes) -> Request:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    host = headers.get("host", "").partition(":")[0]
    peer = (scope.get("client") or ("", 0))[1]
    return Request(scope["method"], scope["path"], tuple(query), headers, body, host, peer)


def control(world: SimWorld, request: Request) -> Reply:
    """`/_sim/shops`, `/_sim/<shop>/dump|books` to look, `/_sim/<shop>/<deed>` with a JSON object to do."""
    name, _, deed = request.path.removeprefix(CONTROL).partition("/")
    if name == "shops":
        facts = [
            {"name": shop.name, "company_id": shop.company_id, "client_ids": shop.client_ids}
            for shop in world.shops.values()
        ]
        return Reply.of({"shops": facts})
    shop = world.shops.get(name)
    if shop is None or deed not in DEEDS:
        return Reply.error(404, f"there are the shops {', '.join(world.shops)} and the deeds {', '.join(DEEDS)}")
    try:
        body = json.loads(request.body or b"{}") | dict(request.query)
        return Reply.of(DEEDS[deed](shop, body) or {})
    except (KeyError, ValueError, TypeError, RefusedError) as problem:
        return Reply.error(400, f"{type(problem).__name__}: {problem}")


def _flip(shop: SimShop, settings: list[str]) -> dict[str, Any]:
    shop.switches = shop.switches.flipped(settings)
    return {"switches": repr(shop.switches)}


def _bustle(shop: SimShop, count: int, seed: int) -> dict[str, Any]:
    rng = Random(seed)
    done = [shop.random_edit(rng) for _ in range(count)]
    return {"writes": [[write.verb, write.resource, write.key] for write in done]}


DEEDS: dict[str, Callable[[SimShop, dict[str, Any]], Any]] = {
    "dump": lambda shop, it: shop.dump(tuple(filter(None, it.get("resource", "").split(",")))),
    "books": lambda shop, _: shop.books.as_json(),
    "edit": lambda shop, it: shop.edit(it["resource"], it["key"], it["fields"]),
    "touch": lambda shop, it: shop.touch(it["resource"], it["key"]),
    "create": lambda shop, it: {"key": shop.create(it["resource"], it["fields"])},
    "delete": lambda shop, it: shop.delete(it["resource"], it["key"]),
    "bustle": lambda shop, it: _bustle(shop, int(it.get("count", 1)), int(it.get("seed", 0))),
    "switches": lambda shop, it: _flip(shop, it["set"]),
    "poison": lambda shop, it: shop.poison(it["resource"], it["key"], it["kind"]),
    "heal": lambda shop, _: shop.heal(),
    "authorise": lambda shop, it: {"refresh_token": shop.authorise(it["client_id"])},
    "revoke": lambda shop, it: shop.revoke(it.get("client_id", "")),
}


LOOK_S = 0.02
DELIVERY_S = 5.0


async def _pause(seconds: float) -> None:
    """Real time: who is called over real HTTP has no other."""
    over = asyncio.Event()
    timer = asyncio.get_running_loop().call_later(seconds, over.set)
    try:
        await over.wait()
    finally:
        timer.cancel()


class _Server(uvicorn.Server):
    """uvicorn without signal handling of its own, with a courier beside it."""

    def __init__(self, world: SimWorld, mishaps: Mishaps | None = None, *, tls: tuple[str, str] | None = None) -> None:
        self.slowness: Slowness = lambda _method, _path: 0.0
        self.courier = Courier(world, self._send, sleep=_pause, rng=Random(1), mishaps=mishaps)
        self._client: httpx.AsyncClient | None = None
        super().__init__(
            uvicorn.Config(
                application(world, self._late),
                log_config=None,
                access_log=False,
                lifespan="off",
                ws="none",
                date_header=False,
                server_header=False,
                timeout_graceful_shutdown=2,
                ssl_certfile=tls and tls[0],
                ssl_keyfile=tls and tls[1],
            )
        )

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve, and deliver what the shops have to tell for as long as that lasts."""
        transport = httpx.AsyncHTTPTransport(trust_env=False)
        async with httpx.AsyncClient(transport=transport, timeout=DELIVERY_S, trust_env=False) as self._client:
            carrying = asyncio.create_task(self.courier.run(LOOK_S))
            try:
                await super().serve(sockets)
            finally:
                carrying.cancel()
                await asyncio.wait([carrying])

    async def _send(self, address: str, body: bytes) -> int:
        """One delivery over HTTP; 0 where it did not arrive."""
        if self._client is None:
            return 0
        try:
            headers = {"Content-Type": "application/json"}
            return (await self._client.post(address, content=body, headers=headers)).status_code
        except (httpx.HTTPError, httpx.InvalidURL):
            return 0

    def _late(self, method: str, path: str) -> float:
        return self.slowness(method, path)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket, which keeps early callers waiting; port 0 takes a free one. Raises OSError."""
    # asyncio switches Nagle's algorithm off only where the protocol is named; with it every answer takes 40 ms.
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(128)
    except OSError:
        bound.close()
        raise
    return bound


def serve(
    world: SimWorld, host: str, port: int, started: Callable[[str], None], mishaps: Mishaps | None = None
) -> None:
    """Serve until SIGINT or SIGTERM; `started` is told the base URL. Call it in the main thread. Raises OSError."""
    server = _Server(world, mishaps)

    def stop(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    with _listen(host, port) as bound:
        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            started(f"http://{host}:{bound.getsockname()[1]}")
            server.run(sockets=[bound])
        finally:
            for number, old in before.items():
                signal.signal(number, old)


class SimServer:
    """The same in a thread, for tests: `with SimServer(world) as server: ... server.url`. `tls` names the files of a
    certificate and its key."""

    def __init__(
        self,
        world: SimWorld,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        mishaps: Mishaps | None = None,
        tls: tuple[str, str] | None = None,
    ) -> None:
        self.world = world
        self._server = _Server(world, mishaps, tls=tls)
        self.courier = self._server.courier
        self._socket = _listen(host, port)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]})
        self.port: int = self._socket.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://{host}:{self.port}"

    def slow(self, slowness: Slowness) -> None:
        """From now on answers come as late as `slowness(method, path)` says, in seconds."""
        self._server.slowness = slowness

    def shop_url(self, name: str) -> str:
        """The base URL of one of several shops."""
        return f"{self.url}/s/{name}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
