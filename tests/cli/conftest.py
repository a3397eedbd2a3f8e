"""An installation of its own and a simulated shop over real HTTP, for tests that type commands."""

import asyncio
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from syncd.service import grants, shops
from syncd.service.settings import load
from syncd.service.simulation import SimulatedShop, build
from syncd.service.wire import House, open_house
from syncd.simulator.server import SimServer
from syncd.simulator.shop import SimShop
from syncd.simulator.world import SimWorld

ROOT = Path(__file__).parents[2]
CLIENT = "syncd.sim"


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


def environment(**more: str) -> dict[str, str]:
    """The environment without the settings of whoever runs the tests."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("SYNCD_", "CREDENTIALS_"))}
    return plain | {"PYTHONPATH": str(ROOT), "COLUMNS": "200", "SYNCD_WEB__LISTEN": ""} | more


@dataclass(slots=True)
class Installation:
    """A folder in which commands are typed."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)

    def syncd(self, *words: str, stdin: str = "") -> Done:
        """`syncd WORDS` as a process of its own. What it says is kept in `heard`."""
        done = subprocess.run(
            [sys.executable, "-m", "syncd", *words],
            cwd=self.folder,
            env=environment(**self.variables),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        self.heard += [done.stdout, done.stderr]
        return Done(done.returncode, done.stdout, done.stderr)

    def fine(self, *words: str) -> str:
        """The same for a command that has to succeed; its result."""
        done = self.syncd(*words)
        assert done.code == 0, f"syncd {' '.join(words)}: {done.code}\n{done.out}\n{done.err}"
        return done.out

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """A command that goes on by itself."""
        return subprocess.Popen(
            [sys.executable, "-m", "syncd", *words],
            cwd=self.folder,
            env=environment(**self.variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def login(self, name: str = "demo") -> None:
        """Consent as a browser gives it: the address is opened, and where it leads to is passed on."""
        redirected = consent(self.fine("auth", "url", name).strip())
        done = self.syncd("auth", "login", name, "--redirected", "-", stdin=f"{redirected}\n")
        assert done.code == 0, done
        assert "Warning" not in done.err


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def consent(address: str) -> str:
    """Where the shop sends the browser after the owner agreed."""
    opener = urllib.request.build_opener(_Stay, urllib.request.ProxyHandler({}))
    try:
        opener.open(address, timeout=20)
    except urllib.error.HTTPError as answer:
        return str(answer.headers["Location"])
    raise AssertionError("the shop did not redirect")


@pytest.fixture
def empty(tmp_path: Path) -> Installation:
    """A folder without anything."""
    home = tmp_path / "home"
    home.mkdir()
    return Installation(home)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `syncd init` makes; all its paths are relative, so that a copy of the folder is an installation too."""
    folder = tmp_path_factory.mktemp("template")
    Installation(folder).fine("init")
    return folder


@pytest.fixture
def installation(empty: Installation, template: Path) -> Installation:
    """After `syncd init`."""
    shutil.copytree(template, empty.folder, dirs_exist_ok=True)
    return empty


@pytest.fixture
def make_shop() -> Iterator[Callable[..., tuple[SimShop, str]]]:
    """`make_shop(orders=..., ...)`: a simulated shop that is up, and its address."""
    servers: list[SimServer] = []

    def make(**wanted: object) -> tuple[SimShop, str]:
        plain = {"products": 12, "orders": 60, "customers": 20, "bucket": 4000.0, "leak_per_s": 400.0}
        shop = build(SimulatedShop(**{**plain, "client_id": CLIENT, **wanted}))  # type: ignore[arg-type]
        server = SimServer(SimWorld([shop]))
        server.__enter__()
        servers.append(server)
        return shop, server.url

    yield make
    for server in servers:
        server.__exit__(None, None, None)


@pytest.fixture
def add_shop(installation: Installation) -> Callable[..., None]:
    """Makes a shop known and authorises it, as the commands do but without their processes."""

    async def added(house: House, address: str, name: str) -> None:
        await shops.add(house, shops.Wanted(name, address, CLIENT))
        redirected = await asyncio.to_thread(consent, await grants.address(house, name))
        await grants.login(house, name, grants.Answer(redirected=redirected), print, 0.0)

    async def add(address: str, name: str) -> None:
        async with open_house(load(installation.folder / "syncd.toml")) as house:
            await added(house, address, name)

    return lambda address, name="demo": asyncio.run(add(address, name))
