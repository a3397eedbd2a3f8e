"""A process of its own that calls a shop: `python -m tests.process.caller JSON`. Tests start several, and kill them.

Everything is real: database, spill, lock, tokens, budget, HTTP. It writes one line per exchange, so that whoever
watches knows when to strike.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from syncd.domain.budget import CallClass
from syncd.domain.resources import BY_NAME
from syncd.domain.shop import Shop
from syncd.engine.budget_transactions import BudgetRules
from syncd.engine.budgeter import Budgeter
from syncd.engine.pairs import TokenRules, Vault
from syncd.engine.tokens import ShopTokens
from syncd.host.child import Child
from syncd.host.cipher import KeyRing
from syncd.host.clock import SystemClock, SystemDice
from syncd.host.lock import BothLocks, ExchangeLocks
from syncd.host.spill import SpillFolder
from syncd.ports import ExchangeLock, Purpose
from syncd.remote.gateway import ShopGateway
from syncd.remote.oauth import TokenEndpoint
from syncd.remote.settings import RemoteSettings
from syncd.service.exchange_parent import ChildTeller
from syncd.store.disk import open_disk
from syncd.store.pglock import PostgresExchangeLocks
from tests.engine.virtual import KeptLog
from tests.process.halting import Halt, HaltingSpill, HaltingTeller, HaltingWriter

CLIENT = "syncd.sim"


@dataclass(frozen=True, slots=True)
class Orders:
    """What the process is to do: so many exchanges, then so many calls. `halt` is the step at which it stops."""

    url: str
    folder: str
    base_url: str
    job: str
    calls: int = 0
    exchanges: int = 0
    leak: float = 20.0
    size: float = 40.0
    halt: str = ""

    def written(self) -> str:
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Works:
    """The parts of one process."""

    tokens: ShopTokens
    gateway: ShopGateway


@asynccontextmanager
async def opened(orders: Orders) -> AsyncIterator[Works]:
    clock, dice = SystemClock(), SystemDice()
    shop = Shop(1, "demo", orders.base_url, orders.base_url, CLIENT, "http://127.0.0.1/", ("products",), 1202)
    disk = open_disk(orders.url, clock=clock)
    folder = Path(orders.folder)
    lock: ExchangeLock = ExchangeLocks(folder, clock.sleep)
    if disk.address.state.get_backend_name() == "postgresql":
        lock = BothLocks(lock, PostgresExchangeLocks(disk.address.state, clock.sleep))
    halt, keys = Halt(folder, orders.halt), KeyRing([b"k" * 32])
    child = Child("tests.process.halting_child", orders.folder, orders.halt) if orders.halt else None
    teller = ChildTeller(lambda: keys.first, folder / "spill", RemoteSettings(), clock, child)
    vault = Vault(
        TokenEndpoint(None, clock),
        HaltingWriter(disk.state, halt),
        keys,
        HaltingSpill(SpillFolder(folder / "spill"), halt),
        lock,
        HaltingTeller(teller, halt),
    )
    rules = TokenRules(exchange_s=0.3)
    tokens = ShopTokens(shop, vault, clock=clock, dice=dice, log=KeptLog(), rules=rules)
    budget = BudgetRules(size=orders.size, leak=orders.leak)
    budgeter = Budgeter(1, f"{CLIENT}/1202", state=disk.state, clock=clock, dice=dice, rules=budget)
    gateway = ShopGateway(shop, None, tokens, budgeter, clock, dice)
    try:
        await tokens.recover()
        yield Works(tokens, gateway)
    finally:
        await tokens.close()
        await gateway.aclose()
        teller.close()
        disk.close()


async def work(orders: Orders) -> None:
    async with opened(orders) as works:
        print("ready", flush=True)
        for _ in range(orders.exchanges):
            await works.tokens.refresh()
            print("exchanged", flush=True)
        purpose = Purpose(CallClass.BACKFILL, orders.job, "count")
        for _ in range(orders.calls):
            await works.gateway.count(BY_NAME["products"], purpose)


if __name__ == "__main__":
    asyncio.run(work(Orders(**json.loads(sys.argv[1]))))
