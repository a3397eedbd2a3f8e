"""What a pull costs: a full load, a quick look when nothing changed, a whole walk of unchanged records.

Over real HTTP from a simulated shop in a process of its own, 250 orders a page, each step in a process of its own too.
Beside it the floor of `bench/floor.py`, in the same run. CPU is that of the loading process alone: neither the shop's
nor the database server's. Writes nothing outside a temporary folder and a database of its own.
"""

import asyncio
import multiprocessing
import resource
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import httpx

from bench import floor
from syncd.domain.resources import BY_NAME
from syncd.host import logs
from syncd.service import grants, shops
from syncd.service.installation import install
from syncd.service.settings import load
from syncd.service.wire import House, open_house
from tests.process.scene import ROOT, consent
from tests.support.databases import postgres_database
from tests.support.postgres import NoPostgres, postgres_server

SIZED = True
ORDERS = 20_000
CLIENT = "syncd.sim"
SETTINGS = """
[database]
url = "{url}"
[budget]
size = 100000
leak_per_s = 10000
[log]
level = "warning"
"""


@dataclass(frozen=True, slots=True)
class Spent:
    """One step: seconds of CPU and on the wall, the most memory, and how many calls or records it was about."""

    cpu_s: float
    wall_s: float
    rss_mb: float
    count: float

    def __str__(self) -> str:
        return f"{self.cpu_s:.2f} CPU-s, {self.wall_s:.1f} s, {self.rss_mb:.0f} MB"


def measure(orders: int = ORDERS) -> Iterator[tuple[str, str]]:
    """Figures, line by line."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="syncd-bench-")))
        address = stack.enter_context(_shop(orders))
        files = [f"sqlite:///{folder / name}.db" for name in ("mirror", "floor")]
        yield from _on("SQLite", address, orders, folder / "sqlite", *files)
        try:
            server = stack.enter_context(postgres_server())
        except NoPostgres as why:
            yield "PostgreSQL", f"none: {why}"
            return
        urls = [stack.enter_context(postgres_database(server.url)).url for _ in range(2)]
        yield from _on("PostgreSQL", address, orders, folder / "postgres", *urls)


def _on(name: str, address: str, orders: int, home: Path, url: str, floor_url: str) -> Iterator[tuple[str, str]]:
    bare = _apart(_floor, address, floor_url)
    yield f"{name}: {orders:,} orders by hand (the floor)", str(bare)
    _apart(_settle_in, address, home, url)
    full = _apart(_pull, home, "whole")
    yield f"{name}: the same by syncd, typed, with base and ledger", str(full)
    yield "    against the floor, CPU", f"{full.cpu_s / bare.cpu_s:.2f}x"
    yield "    orders a CPU second", f"{orders / full.cpu_s:,.0f}"
    quick = _apart(_pull, home, "quick")
    yield f"{name}: a quick look when nothing changed", f"{quick.cpu_s * 1e3:.0f} ms CPU, {quick.count:.0f} calls"
    again = _apart(_pull, home, "whole")
    yield f"{name}: a whole walk of {orders:,} unchanged orders", str(again)
    yield "    for 100,000", f"{again.cpu_s * 100_000 / orders:.2f} CPU-s"


def _apart(step: Callable[..., Spent], *words: Any) -> Spent:
    """The step in a fresh process, so that its memory and CPU are its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(step, *words).result()


def _timed(step: Callable[[], float]) -> Spent:
    cpu, wall = process_time(), perf_counter()
    count = step()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Spent(process_time() - cpu, perf_counter() - wall, peak_mb, count)


def _floor(address: str, url: str) -> Spent:
    refresh = httpx.post(f"{address}/_sim/shop-1/authorise", json={"client_id": CLIENT}, trust_env=False).json()
    form = {"grant_type": "refresh_token", "client_id": CLIENT, **refresh}
    access = httpx.post(f"{address}/token", data=form, trust_env=False).json()["access_token"]
    return _timed(lambda: floor.load(address, access, url))


def _settle_in(address: str, home: Path, url: str) -> Spent:
    home.mkdir()
    (home / "syncd.toml").write_text(SETTINGS.format(url=url))
    install(home)

    async def added(house: House) -> float:
        await shops.add(house, shops.Wanted("demo", address, CLIENT))
        redirected = await asyncio.to_thread(consent, await grants.address(house, "demo"))
        await grants.login(house, "demo", grants.Answer(redirected=redirected), print, 0.0)
        worker = await house.worker(await shops.find(house.disk, "demo"))
        await worker.discover([BY_NAME["orders"]])
        return 0.0

    return _in_house(home, added)


def _pull(home: Path, how: str) -> Spent:
    async def warm(house: House) -> None:
        """As in a daemon: what is made once is made."""
        worker = await house.worker(await shops.find(house.disk, "demo"))
        await worker.pull([BY_NAME["categories"]], quick=False)
        if how == "quick":
            await worker.pull([BY_NAME["orders"]], quick=True)

    async def pulled(house: House) -> float:
        worker = await house.worker(await shops.find(house.disk, "demo"))
        [run] = await worker.pull([BY_NAME["orders"]], quick=how == "quick")
        if run.outcome.value != "done":
            raise RuntimeError(f"the pull that was measured ended {run.outcome}: {run.message}")
        return run.counts["calls"]

    return _in_house(home, pulled, warm)


def _in_house(
    home: Path, job: Callable[[House], Awaitable[float]], first: Callable[[House], Awaitable[None]] | None = None
) -> Spent:
    logs.configure("json", "error")

    async def work() -> Spent:
        async with open_house(load(home / "syncd.toml")) as house:
            if first:
                await first(house)
            cpu, wall = process_time(), perf_counter()
            count = await job(house)
            spent = process_time() - cpu, perf_counter() - wall
        return Spent(*spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, count)

    return asyncio.run(work())


@contextmanager
def _shop(orders: int) -> Iterator[str]:
    """A simulated shop in a process of its own; its address."""
    words = f"simulate --port 0 --orders {orders} --customers {orders // 4 + 1} --bucket 100000 --leak 10000"
    switches = ("--character", "rich", "--switch", "page_size=250", "--switch", "filters=", "--switch", "fields=false")
    process = subprocess.Popen(
        [sys.executable, "-m", "syncd", *words.split(), *switches], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        first = process.stdout.readline() if process.stdout else ""
        yield first.split()[-1]
    finally:
        process.terminate()
        process.communicate()
