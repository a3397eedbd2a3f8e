"""The simulated shops as an httpx transport, with the troubles of a network: each drawn per request, all switchable.

Time passes through the `sleep` that is handed in, luck comes from `rng`; so a run on a virtual clock repeats exactly.
"""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from random import Random

import httpx

from syncd.simulator.app import throttled
from syncd.simulator.shop import SimShop
from syncd.simulator.wire import Reply, Request
from syncd.simulator.world import SimWorld

Sleep = Callable[[float], Awaitable[None]]
HTML = b"<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Faults:
    """The chance of each trouble, per request; at most one strikes. Times in seconds.

    `spared` are path ends whose answers always arrive once the shop has acted: a lost answer to a token exchange costs
    a human, so it has to be asked for.
    """

    latency: tuple[float, float] = (0.0, 0.0)
    unavailable: float = 0.0  # 503
    crash: float = 0.0  # 500
    html: float = 0.0  # 502 with a page for people
    refusals: float = 0.0  # begins a burst of 429 that nobody earned
    refusal_burst: int = 4
    connect_failed: float = 0.0
    reset_before: float = 0.0  # the request never arrived
    answer_lost: float = 0.0  # the shop acted, the answer did not come
    timed_out: float = 0.0  # the same, told by the client's own patience
    half_body: float = 0.0
    garbled: float = 0.0  # a whole answer that is not JSON
    slow_body: float = 0.0
    slow_s: float = 20.0
    spared: tuple[str, ...] = ("/token",)
    down: tuple[str, ...] = ()  # names of shops that nobody reaches

    @classmethod
    def none(cls) -> "Faults":
        """A perfect network."""
        return cls()

    @classmethod
    def rough(cls, share: float = 0.02) -> "Faults":
        """Every trouble at once, each at this chance."""
        chances = dict.fromkeys((*BEFORE, *AFTER), share)
        return cls(latency=(0.02, 0.4), **chances)  # type: ignore[arg-type]


BEFORE = ("connect_failed", "reset_before", "unavailable", "crash", "html", "refusals")
AFTER = ("answer_lost", "timed_out", "half_body", "garbled", "slow_body")


class SimTransport(httpx.AsyncBaseTransport):
    """Carries requests to the shops of a world. `faults` may be exchanged at any time; `struck` counts troubles."""

    def __init__(self, world: SimWorld, *, sleep: Sleep, rng: Random, faults: Faults | None = None) -> None:
        self.world = world
        self.faults = faults or Faults.none()
        self.struck: Counter[str] = Counter()
        self._sleep = sleep
        self._rng = rng
        self._burst: dict[str, int] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request. Raises the httpx exceptions that a real network would."""
        call = read_request(request, await request.aread())
        shop, _ = self.world.route(call)
        patience = float((request.extensions.get("timeout") or {}).get("read") or 30.0)
        fault = self._draw(call, shop)
        latency = self._rng.uniform(*self.faults.latency)
        if fault in {"connect_failed", "down"} or shop is None:
            raise httpx.ConnectError("All connection attempts failed", request=request)
        await self._pause(min(latency / 2, patience))
        if latency / 2 >= patience:
            raise httpx.ReadTimeout("The read operation timed out", request=request)
        if fault == "reset_before":
            raise httpx.ReadError("Connection reset by peer", request=request)
        reply = self._instead(fault, shop) or self.world.answer(call)
        if fault == "timed_out" or latency >= patience:
            await self._pause(patience - latency / 2)
            raise httpx.ReadTimeout("The read operation timed out", request=request)
        await self._pause(latency / 2)
        if fault == "answer_lost":
            raise httpx.ReadError("Connection reset by peer", request=request)
        return self._response(request, reply, fault, patience)

    def _draw(self, call: Request, shop: SimShop | None) -> str:
        """The trouble of this request, "" for none. Draws once whatever the faults are, so that runs stay alike."""
        luck = self._rng.random()
        if shop is None or shop.name in self.faults.down:
            return "down"
        if self._burst.get(shop.name, 0) > 0:
            self._burst[shop.name] -= 1
            return "refusals"
        spared = call.path.endswith(self.faults.spared)
        for name in BEFORE if spared else (*BEFORE, *AFTER):
            chance = float(getattr(self.faults, name))
            if luck < chance:
                self.struck[name] += 1
                if name == "refusals":
                    self._burst[shop.name] = self.faults.refusal_burst - 1
                return name
            luck -= chance
        return ""

    def _instead(self, fault: str, shop: SimShop) -> Reply | None:
        """The reply that stands in the way of the shop's own."""
        match fault:
            case "unavailable":
                return Reply(503, b"Service unavailable", {"Content-Type": "text/plain"})
            case "crash":
                return Reply.error(500, "An error has occurred.")
            case "html":
                return Reply(502, HTML, {"Content-Type": "text/html"})
            case "refusals":
                shop.books.refused_by_fault += 1
                return throttled(shop, 1.0)
        return None

    def _response(self, request: httpx.Request, reply: Reply, fault: str, patience: float) -> httpx.Response:
        if fault == "garbled":
            reply = Reply(reply.status, reply.body[: len(reply.body) // 2] + b"\x00<!--", reply.headers)
        if fault not in {"half_body", "slow_body"}:
            return httpx.Response(reply.status, headers=reply.headers, content=reply.body, request=request)
        headers = {**reply.headers, "Content-Length": str(len(reply.body))}
        slow_s = self.faults.slow_s if fault == "slow_body" else 0.0
        body = _Body(reply.body, self._sleep, slow_s, patience, cut=fault == "half_body")
        return httpx.Response(reply.status, headers=headers, stream=body, request=request)

    async def _pause(self, seconds: float) -> None:
        if seconds > 0:
            await self._sleep(seconds)


class _Body(httpx.AsyncByteStream):
    """A body that comes in four slow parts, or breaks off in the middle."""

    def __init__(self, content: bytes, sleep: Sleep, slow_s: float, patience: float, *, cut: bool) -> None:
        self._content = content
        self._sleep = sleep
        self._pause_s = slow_s / 4
        self._patience = patience
        self._cut = cut

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = max(1, -(-len(self._content) // 4))
        for start in range(0, len(self._content), size):
            if self._cut and start >= len(self._content) // 2:
                raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")
            if self._pause_s:
                await self._sleep(min(self._pause_s, self._patience))
                if self._pause_s > self._patience:
                    raise httpx.ReadTimeout("The read operation timed out")
            yield self._content[start : start + size]


def read_request(request: httpx.Request, body: bytes) -> Request:
    """An httpx request as the shops see it."""
    return Request(
        method=request.method,
        path=request.url.path,
        query=tuple(request.url.params.multi_items()),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body,
        host=request.url.host,
    )
