"""A shop and its mirror on one desk: the simulated shop behind the real gateway, budget, disk and worker.

Time is simulated by a clock whose sleeps take no time: they move it on. Tokens come straight from the simulated shop,
since their rotation has tests of its own.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from syncd.domain.policy import Policy
from syncd.domain.resource import Resource
from syncd.domain.resources import BY_NAME, RESOURCES
from syncd.domain.run import Run
from syncd.domain.secret import Secret
from syncd.domain.shop import Shop, ShopState
from syncd.engine.budget_transactions import BudgetRules
from syncd.engine.budgeter import Budgeter
from syncd.engine.rules import PullRules
from syncd.engine.worker import ShopWorker
from syncd.errors import GrantRevoked
from syncd.remote.gateway import ShopGateway
from syncd.remote.settings import RemoteSettings
from syncd.simulator.shop import SimShop
from syncd.simulator.switches import Switches
from syncd.simulator.transport import Faults, SimTransport
from syncd.simulator.world import SimWorld
from syncd.store.disk import StoreDisk, open_disk
from tests.support.equality import differences
from tests.support.ready import make_ready

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
CLIENT = "syncd.sim"


class DeskClock:
    """A clock whose sleeps are over at once, and move it on."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self.passed_s = 0.0

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.passed_s)

    def wall(self) -> float:
        return self._start.timestamp() + self.passed_s

    def monotonic(self) -> float:
        return 1000.0 + self.passed_s

    async def sleep(self, seconds: float) -> None:
        self.passed_s += max(0.0, seconds)
        await asyncio.sleep(0)


class DeskDice:
    """Seeded luck."""

    def __init__(self, seed: int = 1) -> None:
        self._random = Random(seed)

    def random(self) -> float:
        return self._random.random()

    def uniform(self, low: float, high: float) -> float:
        return self._random.uniform(low, high)

    def token(self, nbytes: int) -> str:
        return self._random.randbytes(nbytes).hex()

    def new_id(self) -> str:
        return self.token(8)


@dataclass
class DeskLog:
    """Keeps what was said."""

    lines: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    def debug(self, event: str, /, **facts: Any) -> None:
        self.lines.append(("debug", event, facts))

    def info(self, event: str, /, **facts: Any) -> None:
        self.lines.append(("info", event, facts))

    def warning(self, event: str, /, **facts: Any) -> None:
        self.lines.append(("warning", event, facts))

    def error(self, event: str, /, **facts: Any) -> None:
        self.lines.append(("error", event, facts))


class Silent:
    """Nobody watches."""

    def began(self, shop: str, resource: str, feed: str, total: int | None) -> None: ...
    def page(self, shop: str, resource: str, pages: int, rows: int, waited_s: float) -> None: ...
    def ended(self, shop: str, resource: str, run: Run) -> None: ...


class GivenTokens:
    """Access tokens straight from the shop's own books: a new one whenever the last is refused."""

    def __init__(self, shop: SimShop) -> None:
        self._shop = shop
        self._code = shop.authorise(CLIENT)
        self._access: Secret | None = None

    async def access(self, stale: Secret | None = None) -> Secret:
        if self._access is None or stale is not None:
            pair = self._shop.grants.exchange(self._code, CLIENT, self._shop.clock(), grace=False)
            if pair is None:
                raise GrantRevoked("the simulated shop refused the grant", hint="syncd auth login shop-1")
            self._access, self._code = Secret(pair[0]), pair[1]
        return self._access


@dataclass
class Desk:
    """Everything that a test of pulling touches."""

    url: str
    sim: SimShop
    wire: SimTransport
    shop: Shop
    disk: StoreDisk
    clock: DeskClock
    worker: ShopWorker
    log: DeskLog
    gateway: ShopGateway

    async def pull(self, *names: str, quick: bool = False) -> list[Run]:
        return await self.worker.pull(wanted(names), quick=quick)

    def resources(self) -> list[Resource]:
        return list(RESOURCES)

    def calls(self) -> int:
        """Calls that reached the shop's bucket so far."""
        return self.sim.books.admitted + self.sim.books.refused

    def differences(self, *names: str) -> list[str]:
        """Where mirror and shop differ, for these resources (default: all)."""
        found: list[str] = []
        for resource in wanted(names):
            dump = self.sim.dump([resource.name])[resource.name]
            alike = self.sim.switches.of(resource.name).omit_empties
            found += differences(self.url, self.shop.id, resource, dump, empties_alike=alike)
        return found


def wanted(names: Sequence[str]) -> list[Resource]:
    """Resources by name; all of them for no name."""
    return [BY_NAME[name] for name in names] if names else list(RESOURCES)


@asynccontextmanager
async def desk(
    url: str,
    *,
    switches: Switches | None = None,
    rules: PullRules | None = None,
    policies: Mapping[str, Policy] | None = None,
    fresh: bool = True,
    **shop: Any,
) -> AsyncIterator[Desk]:
    """A simulated shop, and a worker for it on the database at `url`, which is made ready first."""
    clock = DeskClock()
    generous = {"bucket_size": 1_000_000, "leak": 100_000.0}
    sim = SimShop("shop-1", now=clock.wall, switches=switches, **{**generous, **shop})
    async with sat_at(url, sim, clock, rules=rules, policies=policies, fresh=fresh) as made:
        yield made


@asynccontextmanager
async def sat_at(
    url: str,
    sim: SimShop,
    clock: DeskClock,
    *,
    rules: PullRules | None = None,
    policies: Mapping[str, Policy] | None = None,
    fresh: bool = True,
) -> AsyncIterator[Desk]:
    """A worker for a simulated shop that is there already: the process that comes after another, or beside it."""
    wire = SimTransport(SimWorld([sim]), sleep=clock.sleep, rng=Random(7), faults=Faults.none())
    if fresh:
        make_ready(url)
    disk = open_disk(url, clock=clock)
    log, dice = DeskLog(), DeskDice()
    known = await disk.reader.run(lambda tx: tx.books.shops())
    shop = known[0] if known else await disk.mirror.run(lambda tx: tx.books.add_shop(_shop(clock)))
    floor = await disk.reader.run(lambda tx: tx.ledger.highest_ticket(shop.id))
    # The owner has set the shop's figures right: a shop without a header could not tell them.
    figures = BudgetRules(size=sim.bucket_size, leak=sim.leak)
    budget = Budgeter(shop.id, f"{CLIENT}/1202", state=disk.state, clock=clock, dice=dice, rules=figures, floor=floor)
    gateway = ShopGateway(shop, wire, GivenTokens(sim), budget, clock, dice, RemoteSettings())
    worker = ShopWorker(
        shop,
        remote=gateway,
        disk=disk,
        clock=clock,
        log=log,
        rules=rules or PullRules(),
        watcher=Silent(),
        policies=policies,
    )
    try:
        yield Desk(url, sim, wire, shop, disk, clock, worker, log, gateway)
    finally:
        await gateway.aclose()
        disk.close()


def _shop(clock: DeskClock) -> Shop:
    return Shop(
        0,
        "shop-1",
        "https://shop-1.sim",
        "https://shop-1.sim",
        CLIENT,
        "http://127.0.0.1:8400/oauth/callback",
        ("products", "orders", "customers", "themes", "companies"),
        company_id=1202,
        state=ShopState.ACTIVE,
        created_at=clock.now(),
    )
