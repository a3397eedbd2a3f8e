"""The wire of one process: the simulated shops behind a network that is written down, call by call.

It also remembers for the judge what each page of a listing showed, which token exchanges nobody knows the outcome of,
and how many calls left.
"""

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable
from contextvars import Context
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import httpx
import orjson

from syncd.domain.resources import RESOURCES
from syncd.simulator.shop import SimShop
from syncd.simulator.transport import Faults, SimTransport
from syncd.simulator.world import SimWorld
from tests.sim.chronicle import Chronicle
from tests.sim.doors import Process

_BY_PATH: Final = {
    f"{path}.json": resource for resource in RESOURCES for path in (resource.path, resource.path2) if path
}


@dataclass(frozen=True, slots=True)
class Serving:
    """A page as it was shown: (key, stamp text or "") of each record, at the shop's own time (unix seconds)."""

    at: float
    shown: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Traffic:
    """What went over the wire in one run, by shop name."""

    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))  # when calls with a ticket left
    workers: dict[str, list[tuple[float, str]]] = field(default_factory=lambda: defaultdict(list))  # daemons' calls
    struck: Counter[str] = field(default_factory=Counter)  # faults, by kind
    doubts: Counter[str] = field(default_factory=Counter)  # exchanges without a known outcome
    servings: dict[tuple[str, str, bool, int], deque[Serving]] = field(
        default_factory=lambda: defaultdict(lambda: deque(maxlen=6))
    )
    """By shop, resource, whether it was a window, and page number; the last few."""

    def shown(self, shop: str, resource: str, page: int, *, window: bool) -> Iterable[Serving]:
        """What that page showed lately."""
        return tuple(self.servings.get((shop, resource, window, page), ()))


class SimWire(httpx.AsyncBaseTransport):
    """Carries the calls of one process, and dies with it."""

    def __init__(
        self,
        world: SimWorld,
        process: Process,
        luck: Random,
        faults: Callable[[], Faults],
        chronicle: Chronicle,
        traffic: Traffic,
        fate: Callable[[Process], None] = lambda _: None,
    ) -> None:
        self._transport = SimTransport(world, sleep=self._sleep, rng=luck)
        self.is_apart = False
        """Whether what left goes its way by itself, whatever becomes of the process meanwhile."""
        self._transport.struck = traffic.struck
        self._faults = faults
        self._world = world
        self._process = process
        self._chronicle = chronicle
        self._traffic = traffic
        self._fate = fate

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One call. Raises what a network would, and Crash in a process that is dead."""
        self._process.step()
        shop = self._world.shops[request.url.host.removesuffix(".sim")]
        is_exchange = request.url.path == "/token"
        if request.method != "GET" and request.url.path.startswith("/api"):
            self._fate(self._process)
        if request.url.path.startswith("/api") and request.url.path != "/api/tokeninfo":
            self._traffic.times[shop.name].append(self._process.clock.monotonic())
            if self._process.name != "command":
                self._traffic.workers[shop.name].append((self._process.loop.time(), self._process.name))
        line = f"{request.method} {request.url.path}{'?' + request.url.query.decode() if request.url.query else ''}"
        self._traffic.doubts[shop.name] += is_exchange  # until its answer is here
        try:
            self._transport.faults = self._faults()
            response = await self._carried(request)
        except httpx.TransportError as problem:
            self._chronicle.write(self._process.name, f"call {shop.name} {line}", broke=type(problem).__name__)
            if isinstance(problem, httpx.ConnectError):
                self._traffic.doubts[shop.name] -= is_exchange
            raise
        self._chronicle.write(self._process.name, f"call {shop.name} {line}", status=response.status_code)
        self._process.step()
        self._traffic.doubts[shop.name] -= is_exchange
        if response.status_code == 200:
            self._remember(shop, request, response)
        return response

    async def _sleep(self, seconds: float) -> None:
        await (asyncio.sleep(seconds) if self.is_apart else self._process.clock.sleep(seconds))

    async def _carried(self, request: httpx.Request) -> httpx.Response:
        if not self.is_apart:
            return await self._transport.handle_async_request(request)
        nobody = Context()  # the task is no part of the process
        task = nobody.run(self._process.loop.create_task, self._transport.handle_async_request(request), context=nobody)
        try:
            await asyncio.wait([task])
        except BaseException:
            task.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody waits for it any more
            raise
        return task.result()

    def _remember(self, shop: SimShop, request: httpx.Request, response: httpx.Response) -> None:
        resource = _BY_PATH.get(request.url.path)
        if resource is None or not isinstance(response.stream, httpx.ByteStream):
            return
        try:
            body = orjson.loads(response.content)
        except ValueError:
            return
        query = request.url.params
        page = int(query.get("Page", 1))
        window = any(name.endswith("_min") for name in query)
        stamp = resource.stamp
        shown = tuple((str(item.get(resource.key, "")), str(item.get(stamp) or "")) for item in _items(body))
        self._traffic.servings[shop.name, resource.name, window, page].append(Serving(shop.clock(), shown))


def _items(body: Any) -> list[dict[str, Any]]:
    """The records of a listing, whatever its envelope; none where it has another form."""
    if not isinstance(body, dict):
        return []
    for inside in body.values():
        if isinstance(inside, list):
            return [item for item in inside if isinstance(item, dict)]
        if isinstance(inside, dict):
            return [inside]
    return []
