"""Several daemons, as processes, on one PostgreSQL, and simulated shops that know which process each call came from.

The shops judge by their own eyes: the process behind a call is the one that holds the other end of its connection.
Nobody sleeps: who waits, waits for a process.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

from sqlalchemy import Engine, create_engine, text

from syncd.domain.resources import BY_NAME, RESOURCES
from syncd.service import grants, shops
from syncd.service.installation import install
from syncd.service.settings import Loaded
from syncd.service.simulation import SimulatedShop, build
from syncd.service.wire import House, open_house
from syncd.simulator.server import SimServer
from syncd.simulator.shop import SimShop
from syncd.simulator.wire import Reply, Request
from syncd.simulator.world import SimWorld
from tests.process.scene import ROOT
from tests.support.equality import differences

MIRRORED = ("products", "customers")
TOKENINFO = "/api/tokeninfo"
"""Asked about a token, not about the shop."""


class Watching(SimWorld):
    """A world that writes down which process called which shop, and when."""

    def __init__(self, shops: list[SimShop]) -> None:
        super().__init__(shops)
        self.calls: dict[str, list[tuple[float, int]]] = {name: [] for name in self.shops}
        self.pids: set[int] = set()
        self.pids_ever: list[int] = []
        self._known: dict[int, int] = {}

    def answer(self, request: Request) -> Reply:
        shop, inner = self.route(request)
        if shop is not None and inner.path.startswith("/api") and inner.path != TOKENINFO:
            self.calls[shop.name].append((monotonic(), self._pid(request.peer)))
        return super().answer(request)

    def _pid(self, port: int) -> int:
        """The process at the other end, 0 where it is gone already."""
        pid = self._known.get(port, 0)
        if pid not in self.pids:
            pid = self._known[port] = _owner(port, sorted(self.pids))
        return pid


def _owner(port: int, pids: list[int]) -> int:
    rows = [line.split() for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]]
    inodes = {f"socket:[{row[9]}]" for row in rows if int(row[1].rpartition(":")[2], 16) == port}
    for pid in pids:
        try:
            if any(str(link.readlink()) in inodes for link in Path(f"/proc/{pid}/fd").iterdir()):
                return pid
        except OSError:
            continue
    return 0


@dataclass
class Fleet:
    """The daemons of one installation, killed and started as wanted."""

    folder: Path
    url: str
    world: Watching
    address: str
    variables: Mapping[str, str]
    luck: Random
    engine: Engine
    living: "list[subprocess.Popen[bytes]]" = field(default_factory=list)
    kills: int = 0
    edits: int = 0

    def start(self) -> "subprocess.Popen[bytes]":
        """One more `syncd run`."""
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("SYNCD_", "CREDENTIALS_"))}
        with (self.folder / f"daemon-{len(self.world.pids_ever)}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "syncd", "run"],
                cwd=self.folder,
                env=plain | {"PYTHONPATH": str(ROOT)} | dict(self.variables),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.world.pids.add(process.pid)
        self.world.pids_ever.append(process.pid)
        self.living.append(process)
        return process

    def kill_one(self) -> None:
        """SIGKILL to one of them, whoever it is, and another one in its place at once, as a service manager does."""
        process = self.luck.choice(self.living)
        self.living.remove(process)
        assert process.poll() is None, f"a daemon ended by itself: {self.log()[-2000:]}"
        _kill(process)
        self.world.pids.discard(process.pid)
        self.kills += 1
        self.start()

    def edit(self) -> None:
        """Somebody edits a product here, and somebody a customer in a shop."""
        self.edits += 1
        shop = self.luck.choice(sorted(self.world.shops))
        with self.engine.begin() as connection:
            connection.execute(
                text(
                    "UPDATE products SET title = :title WHERE row_id = (SELECT min(row_id) FROM products"
                    " WHERE shop_id = (SELECT id FROM shops WHERE name = :shop) AND deleted_at IS NULL)"
                ),
                {"title": f"edit {self.edits}", "shop": shop},
            )
        key = self.luck.choice(self.world.shops[shop].keys("customers"))
        body = {"resource": "customers", "key": key, "fields": {"note": f"there {self.edits}"}}
        request = urllib.request.Request(f"{self.address}/_sim/{shop}/edit", json.dumps(body).encode(), method="POST")
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as answer:
            answer.read()

    def log(self) -> str:
        """What all daemons said."""
        return "\n".join(each.read_text("utf-8") for each in sorted(self.folder.glob("daemon-*.log")))

    def wait(self, seconds: float) -> None:
        """Let them work for so long."""
        try:
            self.living[0].wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return
        raise AssertionError(f"a daemon ended by itself: {self.log()[-2000:]}")

    def drain_all(self) -> None:
        """SIGTERM to all; each ends by itself, or by the signal where it was not up yet."""
        for process in self.living:
            process.send_signal(signal.SIGTERM)
        for process in self.living:
            assert process.wait(timeout=60) in (0, -signal.SIGTERM)
        self.living.clear()

    def kill_all(self) -> None:
        """At the end of a test that failed."""
        for process in self.living:
            if process.poll() is None:
                _kill(process)

    def unequal(self) -> list[str]:
        """What differs between the mirror and the shops."""
        with self.engine.connect() as connection:
            ids = dict(connection.execute(text("SELECT name, id FROM shops")).all())
            waiting = connection.execute(text("SELECT count(*) FROM sync_outbox")).scalar_one()
        found = [f"{waiting} changes wait"] if waiting else []
        for name, shop in sorted(self.world.shops.items()):
            for resource in (BY_NAME[each] for each in MIRRORED):
                dump = shop.dump((resource.name,))[resource.name]
                alike = shop.switches.of(resource.name).omit_empties
                lines = differences(self.url, ids[name], resource, dump, empties_alike=alike, at_most=2)
                found += [f"{name}: {line}" for line in lines]
        return found

    # --- what the shops saw ------------------------------------------------------------------------------------------

    def idle_s(self, since_s: float, until_s: float) -> float:
        """The longest time in which some shop saw no call."""
        longest = 0.0
        for calls in self.world.calls.values():
            moments = [since_s, *(at for at, _ in calls if since_s <= at <= until_s), until_s]
            longest = max(longest, *(after - before for before, after in pairwise(moments)))
        return longest

    def worked_twice(self, back_s: float) -> list[str]:
        """Shops that two processes worked at once: one called between two calls of another that are nearer than a shop
        can go there and back."""
        found = []
        for name, calls in sorted(self.world.calls.items()):
            last: dict[int, float] = {}
            before = 0
            for at, pid in calls:
                if pid == 0:
                    continue  # it died before we could see who it was
                if pid != before and pid in last and at - last[pid] < back_s:
                    found.append(f"{name}: {before} called within {at - last[pid]:.3f} s of {pid}, at {at:.3f}")
                last[pid], before = at, pid
        return found

    def hand_overs(self) -> int:
        """How often a shop was called by another process than before."""
        lists = [[pid for _, pid in calls if pid] for calls in self.world.calls.values()]
        return sum(one != other for pids in lists for one, other in pairwise(pids))


def _kill(process: "subprocess.Popen[bytes]") -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def fleet(folder: Path, url: str, count: int, seed: int, **variables: str) -> Iterator[Fleet]:
    """An installation with that many authorised shops; no daemon runs yet."""
    folder.mkdir(parents=True, exist_ok=True)
    small: dict[str, Any] = {"products": 3, "orders": 0, "customers": 3, "character": "rich"}
    made = [
        build(SimulatedShop(**small, seed=number, client_id=f"app-{number}"), f"shop-{number}")
        for number in range(1, count + 1)
    ]
    world = Watching(made)
    loaded, _ = install(folder, database_url=url)
    with SimServer(world) as server:
        asyncio.run(_settle_in(loaded, made, server.url))
        for calls in world.calls.values():
            calls.clear()
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        off = {f"SYNCD_RESOURCES__{each.name.upper()}__ENABLED": "false" for each in RESOURCES}
        off = {name: value for name, value in off.items() if name.split("__")[1].lower() not in MIRRORED}
        found = Fleet(
            folder, url, world, server.url, {"SYNCD_WEB__LISTEN": "", **off, **variables}, Random(seed), engine
        )
        try:
            yield found
        finally:
            found.kill_all()
            engine.dispose()


async def _settle_in(loaded: Loaded, made: list[SimShop], address: str) -> None:
    async with open_house(loaded) as house:
        for shop in made:
            await _add(house, shop, f"{address}/s/{shop.name}")


async def _add(house: House, shop: SimShop, address: str) -> None:
    await shops.add(house, shops.Wanted(shop.name, address, shop.client_ids[0]))
    answer = grants.Answer(shop.authorise(shop.client_ids[0]), shop.company_id)
    await grants.login(house, shop.name, answer, lambda _: None, 60.0)
