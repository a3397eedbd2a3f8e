"""What stands at the gateway's other doors in these tests: a still clock, plain dice, tokens, a counted budget."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

import httpx

from syncd.domain.budget import CallClass
from syncd.domain.secret import Secret
from syncd.domain.shop import Shop
from syncd.errors import GrantRevoked
from syncd.ports import Purpose
from syncd.remote.gateway import ShopGateway
from syncd.remote.settings import RemoteSettings
from syncd.simulator.shop import SimShop
from syncd.simulator.transport import SimTransport
from syncd.simulator.world import SimWorld

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
PURPOSE = Purpose(CallClass.INCREMENTAL, "pull")


class StillClock:
    """Time that passes only when somebody sleeps; the sleeps are written down."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> datetime:
        return START + timedelta(seconds=sum(self.slept))

    def wall(self) -> float:
        return self.now().timestamp()

    def monotonic(self) -> float:
        return sum(self.slept)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class SeededDice:
    """Luck from a seed."""

    def __init__(self, seed: int = 1) -> None:
        self._rng = Random(seed)

    def random(self) -> float:
        return self._rng.random()

    def uniform(self, low: float, high: float) -> float:
        return self._rng.uniform(low, high)

    def token(self, nbytes: int) -> str:
        return self._rng.randbytes(nbytes).hex()

    def new_id(self) -> str:
        return self.token(8)


@dataclass
class CountedBudget:
    """An admission that lets everybody in at once and writes down what it is told; `wait` runs before each ticket."""

    wait: Callable[[], None] = lambda: None
    tickets: list[Purpose] = field(default_factory=list)
    levels: list[tuple[int, float, float]] = field(default_factory=list)
    refusals: list[tuple[float | None, bool]] = field(default_factory=list)
    pauses: list[float | None] = field(default_factory=list)

    async def ticket(self, purpose: Purpose, calls: int = 1) -> int:
        self.wait()
        self.tickets.extend([purpose] * calls)
        return len(self.tickets)

    async def heard(self, ticket: int, used: float, size: float) -> None:
        self.levels.append((ticket, used, size))

    async def refused(self, after_s: float | None, *, had_header: bool) -> None:
        self.refusals.append((after_s, had_header))

    async def unserved(self, after_s: float | None) -> None:
        self.pauses.append(after_s)

    async def mark(self) -> int:
        return len(self.tickets)


@dataclass
class ListedTokens:
    """Hands out the tokens of a list; a stale one moves on to the next. An empty list is a revoked grant."""

    tokens: list[str]
    stale: list[Secret] = field(default_factory=list)

    async def access(self, stale: Secret | None = None) -> Secret:
        if stale is not None:
            self.stale.append(stale)
            if self.tokens and stale == Secret(self.tokens[0]):
                del self.tokens[0]
        if not self.tokens:
            raise GrantRevoked("revoked", hint="syncd auth login demo")
        return Secret(self.tokens[0])


def shop_of(base_url: str = "http://shop-1.sim", **changes: object) -> Shop:
    plain: dict[str, object] = {
        "id": 1,
        "name": "demo",
        "base_url": base_url,
        "oauth_url": base_url,
        "client_id": "syncd.sim",
        "redirect_uri": "http://127.0.0.1:9/callback",
        "scopes": ("products", "orders"),
    }
    return Shop(**(plain | changes))  # type: ignore[arg-type]


@dataclass
class Rig:
    """A gateway with everything around it."""

    gateway: ShopGateway
    clock: StillClock
    budget: CountedBudget
    tokens: ListedTokens
    wire: httpx.AsyncBaseTransport | None


@asynccontextmanager
async def rig(
    wire: httpx.AsyncBaseTransport | None,
    *,
    shop: Shop | None = None,
    tokens: list[str] | None = None,
    settings: RemoteSettings | None = None,
    clock: StillClock | None = None,
    budget: CountedBudget | None = None,
) -> AsyncIterator[Rig]:
    clock, budget = clock or StillClock(), budget or CountedBudget()
    given = ListedTokens(["first", "second"] if tokens is None else tokens)
    gateway = ShopGateway(shop or shop_of(), wire, given, budget, clock, SeededDice(), settings)
    try:
        yield Rig(gateway, clock, budget, given, wire)
    finally:
        await gateway.aclose()


Answers = Callable[[httpx.Request], httpx.Response]


class Script(httpx.AsyncBaseTransport):
    """Answers what a function says, and writes the requests down. An answer that is an exception is raised."""

    def __init__(self, *answers: httpx.Response | Exception | Answers) -> None:
        self.answers = list(answers)
        self.seen: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.seen.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx.Response):  # a copy: a response can be read once
            return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)
        return answer(request)


def simulated(clock: StillClock, **facts: object) -> tuple[SimShop, SimTransport, str]:
    """A simulated shop with a roomy bucket, the wire to it, and an access token."""
    facts = {"bucket_size": 100_000, "leak": 1_000.0} | facts
    sim = SimShop("shop-1", now=clock.wall, **facts)  # type: ignore[arg-type]
    pair = sim.grants.exchange(sim.authorise("syncd.sim"), "syncd.sim", clock.wall(), grace=False)
    assert pair
    return sim, SimTransport(SimWorld([sim]), sleep=clock.sleep, rng=Random(7)), pair[0]
