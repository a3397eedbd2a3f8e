"""`syncd demo`: a simulated shop served over real HTTP, mirrored by the real thing, changed, and reported on in SQL.

Everything takes the way that an owner's own shop would take: settings, key, databases, consent, first exchange, pull.
Nothing of it touches an installation of the person who runs it.
"""

import socket
import threading
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from syncd.domain.resources import PRODUCTS
from syncd.domain.shop import Shop
from syncd.engine.budget_transactions import Spent, spent
from syncd.errors import Fatal
from syncd.ports import MirrorTx
from syncd.service import grants, jobs, pushing, shops
from syncd.service.installation import prepare, write_settings
from syncd.service.sections import BudgetSection, LogSection
from syncd.service.settings import Loaded, Settings
from syncd.service.simulation import SimulatedShop, build
from syncd.service.wire import House
from syncd.simulator.server import SimServer
from syncd.simulator.shop import SimShop
from syncd.simulator.world import SimWorld
from syncd.store.database import sqlite_module
from syncd.store.report import ProductSales, SalesDay, sales_per_day, top_products

NAME: Final = "demo"
CLIENT: Final = "syncd.demo"
WANTED: Final = SimulatedShop(
    products=120, orders=1500, customers=400, bucket=4000, leak_per_s=400, character="rich", client_id=CLIENT
)
_PATIENCE_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Edit:
    """A change on one side, and what the other side had before and after one quick pull or push."""

    key: str
    before: str
    after: str
    calls: int
    took_s: float


@dataclass(frozen=True, slots=True)
class Report:
    """What the demo ends with. `filled` are the runs of the first pull."""

    filled: jobs.Result
    filled_s: float
    edit: Edit
    sent: Edit
    days: Sequence[SalesDay]
    products: Sequence[ProductSales]
    spent: Sequence[Spent]
    mirror: Path


class Demo:
    """A simulated shop that is up, and an installation that mirrors it in `folder`. Use it as a context."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sim: SimShop = build(WANTED, NAME)
        self.server = SimServer(SimWorld([self.sim]))
        self.loaded = _installed(folder)

    def __enter__(self) -> "Demo":
        self.server.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.server.__exit__(None, None, None)

    async def play(self, house: House, step: Callable[[str], None]) -> Report:
        """The whole story; `step` is told each part as it begins. Raises what the parts raise."""
        step(f"A simulated shop is up at {self.server.url}: {WANTED.products:,} products, {WANTED.orders:,} orders")
        shop = await self._authorised(house)
        step(f"It is authorised: company {shop.company_id}, tokens sealed. Pulling everything")
        began_s = house.clock.monotonic()
        filled = _whole(await jobs.pull(house, jobs.Wish(NAME)))
        filled_s = house.clock.monotonic() - began_s
        step("Somebody edits a product in the shop; a quick pull brings it")
        edit = await self._edited(house, shop)
        step("Somebody edits another one in the mirror, with an SQL client; a push sends it")
        sent = await self._sent(house)
        return Report(
            filled,
            filled_s,
            edit,
            sent,
            await sales_per_day(house.disk, 60),
            await top_products(house.disk, 60),
            await house.disk.state.run(lambda tx: spent(tx, shop.id, 1)),
            Path(house.disk.address.mirror.database or ""),
        )

    async def _authorised(self, house: House) -> Shop:
        wanted = shops.Wanted(NAME, self.server.url, CLIENT, redirect_uri=_free_redirect())
        await shops.add(house, wanted)
        return await grants.login(house, NAME, grants.Answer(), _browse, _PATIENCE_S)

    async def _edited(self, house: House, shop: Shop) -> Edit:
        key = self.sim.keys("products")[len(self.sim.keys("products")) // 2]
        before = await _title(house, shop, key)
        began_s = house.clock.monotonic()
        self.sim.edit("products", key, {"title": f"{before} (new edition)"})
        quick = _whole(await jobs.pull(house, jobs.Wish(NAME, ("products",), quick=True)))
        took_s = house.clock.monotonic() - began_s
        calls = int(sum(run.counts["calls"] for run in quick.runs))
        return Edit(key, before, await _title(house, shop, key), calls, took_s)

    async def _sent(self, house: House) -> Edit:
        key = self.sim.keys("products")[0]
        before = self._shown(key)
        began_s = house.clock.monotonic()
        _sql(house, "UPDATE products SET title = title || ' (now in stock)' WHERE id = ?", key)
        pushed = _whole(await pushing.push(house, jobs.Wish(NAME)))
        took_s = house.clock.monotonic() - began_s
        return Edit(key, before, self._shown(key), int(sum(run.counts["calls"] for run in pushed.runs)), took_s)

    def _shown(self, key: str) -> str:
        """The title of a product as the shop has it."""
        return str((self.sim.record("products", key) or {}).get("title"))


def _sql(house: House, statement: str, *values: object) -> None:
    """What a person's own SQL client would do: another connection, one transaction."""
    connection = sqlite_module().connect(house.disk.address.mirror.database)
    try:
        with connection:
            connection.execute(statement, values)
    finally:
        connection.close()


def _installed(folder: Path) -> Loaded:
    """An installation of its own: the environment's settings are left out, or the demo might fill a real mirror."""
    file = folder / "syncd.toml"
    budget = {
        "#size = 40.0": f"size = {WANTED.bucket:.1f}",
        "#leak_per_s = 2.0": f"leak_per_s = {WANTED.leak_per_s:.1f}",
    }
    write_settings(file, budget)
    settings = Settings.model_construct(
        budget=BudgetSection(size=WANTED.bucket, leak_per_s=WANTED.leak_per_s), log=LogSection(level="warning")
    )
    loaded = Loaded(settings, file, folder)
    prepare(loaded)
    return loaded


def _whole(result: jobs.Result) -> jobs.Result:
    """The result, if all went well; a simulated shop gives no excuse."""
    for _, problem in result.problems:
        raise problem
    failed = [
        f"{run.resource}: {run.outcome.value} {run.message}".strip() for run in result.runs if run.outcome != "done"
    ]
    if failed:
        raise Fatal(f"the demo did not get through: {'; '.join(failed)}", hint="syncd demo --keep")
    return result


def _free_redirect() -> str:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return f"http://127.0.0.1:{found.getsockname()[1]}/oauth/callback"


def _browse(address: str) -> None:
    """The owner's browser: opens the address, agrees, and follows the shop back to the loopback redirect URI."""

    def visit() -> None:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        opener.open(address, timeout=_PATIENCE_S).close()

    threading.Thread(target=visit, daemon=True).start()


async def _title(house: House, shop: Shop, key: str) -> str:
    def read(tx: MirrorTx) -> str:
        row_id = tx.ledger.find(shop.id, PRODUCTS.name, [key])[key].row_id
        image = tx.mirror.load(shop.id, PRODUCTS, [row_id])[row_id]
        return str(image.local.fields["title"]) if image.local else ""

    return await house.disk.reader.run(read)
