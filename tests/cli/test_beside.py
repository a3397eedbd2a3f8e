"""Commands and signals beside a real daemon: it is asked, and what it is told works at once."""

import asyncio
import json
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from subprocess import Popen
from typing import Any

import pytest

from syncd.domain.request import Request
from syncd.service.settings import load
from syncd.service.wire import House, open_house
from syncd.simulator.shop import SimShop
from tests.cli.conftest import Installation

PATIENCE_S = 90.0
QUIET = "[web]\nlisten = ''\n"


@dataclass
class Running:
    """A daemon, and what it has said so far."""

    installation: Installation
    process: "Popen[str]"
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)

    def said(self, event: str) -> list[dict[str, Any]]:
        parsed = [json.loads(line) for line in list(self.lines) if line.startswith("{")]
        return [line for line in parsed if line["event"] == event]

    def hears(self, event: str, count: int = 1) -> dict[str, Any]:
        """Wait until it has said so, so often."""
        until(lambda: len(self.said(event)) >= count, f"{event}: {self.lines[-5:]}")
        return self.said(event)[count - 1]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=PATIENCE_S)
        self.close()
        return code

    def close(self) -> None:
        """It has ended: read the rest of what it said."""
        self._reading.join()
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()


def until(true: Callable[[], object], what: str = "it did not come true") -> None:
    """Look again and again, without sleeping longer than needed."""
    pause = threading.Event()
    for _ in range(int(PATIENCE_S / 0.05)):
        if true():
            return
        pause.wait(0.05)
    raise AssertionError(what)


def in_house(installation: Installation, f: Callable[[House], Any]) -> Any:
    async def work() -> Any:
        async with open_house(load(installation.folder / "syncd.toml")) as house:
            return await f(house)

    return asyncio.run(work())


def requests(installation: Installation) -> list[Request]:
    def read(tx: Any) -> list[Request]:
        found = [tx.requests.load(seq) for seq in range(1, 9)]
        return [each for each in found if each is not None]

    found: list[Request] = in_house(installation, lambda house: house.disk.reader.run(read))
    return found


@pytest.fixture
def run(installation: Installation) -> Iterator[Callable[..., Running]]:
    """`run()`: a daemon that holds the shop."""
    started: list[Running] = []

    def start(settings: str = QUIET) -> Running:
        (installation.folder / "syncd.toml").write_text(settings)
        started.append(Running(installation, installation.start("run")))
        started[-1].hears("lease.taken")
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.wait()
        each.close()
        assert not [line for line in each.lines if "Traceback" in line or '"bug"' in line]


def test_a_pull_asks_the_daemon_and_shows_its_result(
    installation: Installation,
    make_shop: Callable[..., tuple[SimShop, str]],
    add_shop: Callable[..., None],
    run: Callable[..., Running],
) -> None:
    _, address = make_shop(products=6, orders=8, customers=4)
    add_shop(address)
    daemon = run()
    done = installation.syncd("pull", "demo", "--resource", "orders")
    assert done.code == 0, done.err
    assert "orders" in done.out
    assert "asked the daemon" in done.err
    assert daemon.hears("request.done")["job"] == "pull"
    [asked] = requests(installation)
    assert (asked.job, asked.ended_at is not None) == ("pull", True)
    assert json.loads(asked.answer)["runs"][0]["resource"] == "orders"
    whole = installation.syncd("sync")
    assert whole.code == 0, whole.err
    assert "mirror and shop agree" in whole.out
    wrong = installation.syncd("pull", "--resource", "ordrs")
    assert (wrong.code, "did you mean orders?" in wrong.err) == (2, True)
    assert daemon.stop() == 0


def test_ctrl_c_leaves_and_the_daemon_goes_on(
    installation: Installation,
    make_shop: Callable[..., tuple[SimShop, str]],
    add_shop: Callable[..., None],
    run: Callable[..., Running],
) -> None:
    _, address = make_shop(products=6, orders=8, customers=4, bucket=4.0, leak_per_s=4.0)
    add_shop(address)
    daemon = run(QUIET + "[budget]\nsize = 4\nleak_per_s = 4\n")
    command = installation.start("pull", "demo")
    daemon.hears("request.taken")
    command.send_signal(signal.SIGINT)
    _, said = command.communicate(timeout=PATIENCE_S)
    assert command.returncode == 130
    assert "the daemon goes on with it: syncd status demo" in said
    assert daemon.hears("request.done")["job"] == "pull"
    assert daemon.stop() == 0


def test_when_the_daemon_dies_the_command_does_it_itself(
    installation: Installation,
    make_shop: Callable[..., tuple[SimShop, str]],
    add_shop: Callable[..., None],
    run: Callable[..., Running],
) -> None:
    _, address = make_shop(products=6, orders=8, customers=4, bucket=4.0, leak_per_s=4.0)
    add_shop(address)
    daemon = run(QUIET + "[budget]\nsize = 4\nleak_per_s = 4\n")
    command = installation.start("pull", "demo", "--resource", "orders")
    daemon.hears("request.taken")
    daemon.process.kill()
    daemon.process.wait()
    out, said = command.communicate(timeout=PATIENCE_S)
    assert command.returncode == 0, said
    assert "so it is done here" in said
    assert "orders" in out
    assert requests(installation) == []


def test_a_drain_gives_the_request_back_to_the_next_daemon(
    installation: Installation,
    make_shop: Callable[..., tuple[SimShop, str]],
    add_shop: Callable[..., None],
    run: Callable[..., Running],
) -> None:
    _, address = make_shop(products=6, orders=8, customers=4, bucket=4.0, leak_per_s=4.0)
    add_shop(address)
    settings = QUIET + "[budget]\nsize = 4\nleak_per_s = 4\n"
    first = run(settings)
    command = installation.start("pull", "demo", "--resource", "orders")
    first.hears("request.taken")
    assert first.stop() == 0
    second = run(settings)
    out, said = command.communicate(timeout=PATIENCE_S)
    assert command.returncode == 0, said
    assert "orders" in out
    assert second.stop() == 0


def test_sighup_reads_the_settings_anew(
    installation: Installation,
    make_shop: Callable[..., tuple[SimShop, str]],
    add_shop: Callable[..., None],
    run: Callable[..., Running],
) -> None:
    sim, address = make_shop(products=6, orders=8, customers=4)
    add_shop(address)
    daemon, file = run(), installation.folder / "syncd.toml"
    installation.fine("pull", "demo")
    for count in (1, 2):
        file.write_text("[pull]\nquick_cron = '* *'\n[budget]\nsize = 0\n")
        daemon.process.send_signal(signal.SIGHUP)
        refused = daemon.hears("settings.refused", count)
        assert "budget.size" in refused["message"]
        assert "pull.quick_cron" in refused["message"]
        assert "the old ones stay in use" in refused["hint"]
    file.write_text("[log]\nformat = 'json'\n[pull]\nquick_s = 1\n[resources.orders]\nenabled = false\n")
    daemon.process.send_signal(signal.SIGHUP)
    assert daemon.hears("settings.not_now")["keys"] == ["log.format"]
    assert daemon.hears("settings.read")["changed"] == ["pull.quick_s", "resources.orders"]
    read_at = daemon.said("settings.read")[0]["at"]

    def looks(name: str) -> int:
        return sum(each["resource"] == name and each["at"] > read_at for each in daemon.said("pull.done"))

    until(lambda: looks("products") >= 3, "no quick look came")
    assert looks("orders") == 0
    installation.fine("shop", "pause", "demo")
    calls = -1

    def is_quiet() -> bool:
        nonlocal calls
        before, calls = calls, sim.books.admitted
        threading.Event().wait(2.5)
        return before == calls

    until(is_quiet, "a paused shop was asked on")
    installation.fine("shop", "resume", "demo")
    until(lambda: sim.books.admitted > calls, "a released shop was not asked again")
    assert daemon.stop() == 0
