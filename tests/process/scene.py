"""A simulated shop over real HTTP and an installation that mirrors it, for tests in which processes are real.

Commands are typed as people type them: each is a process of its own. Nobody sleeps: who waits, waits for a process.
"""

import os
import signal
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from syncd.domain.resources import RESOURCES
from syncd.service.simulation import SimulatedShop, build
from syncd.simulator.server import SimServer, Slowness
from syncd.simulator.shop import SimShop
from syncd.simulator.world import SimWorld
from tests.support.equality import differences

ROOT = Path(__file__).parents[2]
CLIENT = "syncd.sim"
POLL_S = 0.02
PATIENCE_S = 300.0
GENEROUS: dict[str, Any] = {"bucket": 100_000.0, "leak_per_s": 10_000.0}


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass(slots=True)
class Scene:
    """A folder in which commands are typed, and the shop that they are about. `url` is the mirror's database."""

    folder: Path
    shop: SimShop
    address: str
    url: str
    variables: dict[str, str] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)
    started: "list[subprocess.Popen[str]]" = field(default_factory=list)
    server: SimServer | None = None

    def close_shop(self) -> None:
        """Nobody answers at its address any more."""
        assert self.server is not None
        self.server.__exit__(None, None, None)
        self.server = None

    def open_shop(self, tls: tuple[str, str] | None = None) -> SimServer:
        """It answers at its address, for the first time or again, by this certificate."""
        port = int(self.address.rpartition(":")[2]) if self.address else 0
        self.server = SimServer(SimWorld([self.shop]), port=port, tls=tls).__enter__()
        self.address = self.server.url
        return self.server

    def slow(self, slowness: Slowness) -> None:
        """From now on the shop's answers come as late as `slowness(method, path)` says, in seconds."""
        assert self.server is not None
        self.server.slow(slowness)

    def syncd(self, *words: str) -> Done:
        """`syncd WORDS`, to its end; what it says is kept in `heard`."""
        process = self.start(*words)
        out, err = process.communicate(timeout=PATIENCE_S)
        self.heard += [out, err]
        return Done(process.returncode, out, err)

    def fine(self, *words: str) -> str:
        """The same for a command that has to succeed; what it says."""
        done = self.syncd(*words)
        assert done.code == 0, f"syncd {' '.join(words)}: {done.code}\n{done.out}\n{done.err}"
        return done.out

    def start(self, *words: str, log: Path | None = None) -> "subprocess.Popen[str]":
        """A command that goes on by itself, in a session of its own. Its log goes into a file, where one is named."""
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("SYNCD_", "CREDENTIALS_"))}
        with log.open("w") if log else nullcontext(subprocess.PIPE) as told:
            process = subprocess.Popen(
                [sys.executable, "-m", "syncd", *words],
                cwd=self.folder,
                env=plain | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"} | self.variables,
                stdout=subprocess.PIPE,
                stderr=told,
                text=True,
                start_new_session=True,
            )
        self.started.append(process)
        return process

    def leave_nobody(self) -> None:
        """End what a test that failed left running."""
        for process in self.started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()

    def settle_in(self, trusted: str = "") -> None:
        """init, shop add, auth login. `trusted` is the certificate of the shop's authority."""
        self.fine("init")
        self.fine("shop", "add", "demo", "--base-url", self.address, "--client-id", CLIENT)
        self.fine("auth", "login", "demo", "--redirected", consent(self.fine("auth", "url", "demo").strip(), trusted))

    def differences(self) -> list[str]:
        """Where mirror and shop differ, record by record and field by field."""
        found: list[str] = []
        for resource in RESOURCES:
            dump = self.shop.dump([resource.name])[resource.name]
            alike = self.shop.switches.of(resource.name).omit_empties
            found += differences(self.url, 1, resource, dump, empties_alike=alike)
        return found

    def calls(self) -> int:
        """Calls that the shop's bucket saw so far."""
        return self.shop.books.admitted + self.shop.books.refused


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def consent(address: str, trusted: str = "") -> str:
    """Where the shop sends the browser after its owner agreed."""
    secure = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=trusted or None))
    opener = urllib.request.build_opener(_Stay, urllib.request.ProxyHandler({}), secure)
    try:
        opener.open(address, timeout=20)
    except urllib.error.HTTPError as answer:
        with answer:
            return str(answer.headers["Location"])
    raise AssertionError("the shop did not redirect")


@contextmanager
def scene(folder: Path, url: str = "", tls: tuple[str, str] | None = None, **wanted: Any) -> Iterator[Scene]:
    """The shop is up; nothing is installed yet. `wanted` are properties of `SimulatedShop`; the bucket is generous."""
    shop = build(SimulatedShop(**{**GENEROUS, "client_id": CLIENT, **wanted}))
    folder.mkdir(parents=True, exist_ok=True)
    figures = {"SYNCD_BUDGET__SIZE": str(shop.bucket_size), "SYNCD_BUDGET__LEAK_PER_S": str(shop.leak)}
    figures["SYNCD_WEB__LISTEN"] = ""  # the port belongs to whoever is tested there
    if url:
        figures["SYNCD_DATABASE_URL"] = url
    at = Scene(folder, shop, "", url or f"sqlite:///{folder / 'mirror.db'}", figures)
    at.open_shop(tls)
    try:
        yield at
    finally:
        at.leave_nobody()
        if at.server is not None:
            at.close_shop()


def until(process: "subprocess.Popen[str]", reached: Callable[[], bool], patience_s: float = PATIENCE_S) -> bool:
    """Wait until `reached`, looking often; False if the process ended before."""
    begun = monotonic()
    while not reached():
        try:
            process.wait(timeout=POLL_S)
        except subprocess.TimeoutExpired:
            assert monotonic() - begun < patience_s, "what was waited for did not come"
        else:
            return reached()
    return True
