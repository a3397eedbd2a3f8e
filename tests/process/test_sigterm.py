"""SIGTERM in the middle of things: within ten seconds the daemon has ended, nothing is in doubt, the next goes on."""

import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from tests.process.outages import SOON, started
from tests.process.scene import Scene, scene

ENDS_WITHIN_S = 10.0
NEVER_S = 60.0
FEW: dict[str, Any] = {"products": 3, "orders": 3, "customers": 3}
MANY: dict[str, Any] = {"products": 60, "orders": 300, "customers": 60, "switches": ("page_size=10",)}


def rows(at: Scene, house: str, statement: str) -> list[Any]:
    """What a query of `mirror` or `state` says."""
    with closing(sqlite3.connect(at.folder / f"{house}.db")) as connection:
        return connection.execute(statement).fetchall()


def at_once(_method: str, _path: str) -> float:
    """The shop answers."""
    return 0.0


def drains(process: "subprocess.Popen[str]", log: Path) -> None:
    """A SIGTERM ends it in order, in time."""
    began = monotonic()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    took_s = monotonic() - began
    print(f"ended after {took_s:.1f} s")
    assert process.returncode == 0, log.read_text()
    assert took_s < ENDS_WITHIN_S, log.read_text()


def nothing_is_in_doubt(at: Scene) -> None:
    """No write without a known outcome, no exchange without one."""
    assert rows(at, "state", "SELECT * FROM sync_push_journal") == []
    assert rows(at, "state", "SELECT phase FROM sync_tokens") == [("ready",)]
    assert rows(at, "mirror", "SELECT state FROM sync_outbox WHERE state IN ('sending', 'in_doubt')") == []


@pytest.mark.soak
def test_in_the_middle_of_a_backfill(tmp_path: Path) -> None:
    with scene(tmp_path / "calm", **MANY) as calm:
        calm.settle_in()
        it = started(calm, tmp_path / "calm.log")
        it.until_equal()
        undisturbed = calm.calls()
        drains(it.process, it.log)
    with scene(tmp_path / "home", **MANY) as at:
        at.settle_in()
        at.slow(lambda _, path: 1.0 if "orders" in path and at.calls() > undisturbed * 0.6 else 0.0)
        it = started(at, tmp_path / "log")
        it.until(lambda: at.calls() > undisturbed * 0.6)
        drains(it.process, it.log)
        nothing_is_in_doubt(at)
        at.slow(at_once)
        it = started(at, tmp_path / "second")
        it.until_equal()
        spent = at.calls()
        drains(it.process, it.log)
        print(f"{spent} calls with a SIGTERM in the middle, {undisturbed} without")
        assert spent <= 1.1 * undisturbed


def test_in_the_middle_of_a_push(tmp_path: Path) -> None:
    with scene(tmp_path / "home", products=8, orders=2, customers=2) as at:
        at.settle_in()
        at.fine("pull")
        at.slow(lambda method, _: 1.5 if method in ("PUT", "POST") else 0.0)
        with closing(sqlite3.connect(at.folder / "mirror.db")) as connection, connection:
            connection.execute("UPDATE products SET title = 'Edited ' || id")
        at.variables.update(SOON)
        it = started(at, tmp_path / "log")
        it.until(lambda: rows(at, "state", "SELECT * FROM sync_push_journal"))
        drains(it.process, it.log)
        nothing_is_in_doubt(at)
        assert 1 <= len([write for write in at.shop.books.writes if write.verb == "edit"]) < 8
        at.slow(at_once)
        at.fine("push")
        assert at.differences() == []
        sent = [write.key for write in at.shop.books.writes if write.verb == "edit"]
        assert sorted(sent) == sorted(at.shop.keys("products")), "each was sent once"


def test_in_the_middle_of_a_rotation(tmp_path: Path) -> None:
    with scene(tmp_path / "home", **FEW) as at:
        at.settle_in()
        with closing(sqlite3.connect(at.folder / "state.db")) as connection, connection:
            past = "2020-01-01 00:00:00"
            connection.execute("UPDATE sync_tokens SET issued_at = ?, expires_at = ?", (past, past))
        at.slow(lambda _, path: 2.0 if path == "/token" else 0.0)
        it = started(at, tmp_path / "log")
        it.until(lambda: rows(at, "state", "SELECT phase FROM sync_tokens") == [("exchanging",)])
        drains(it.process, it.log)
        nothing_is_in_doubt(at)
        at.slow(at_once)
        at.fine("auth", "refresh", "demo")
        at.fine("pull")
        assert at.shop.books.refresh_reused == []
        assert at.differences() == []


@pytest.mark.soak
def test_a_shop_that_never_answers_delays_nothing_and_a_second_signal_stops_at_once(tmp_path: Path) -> None:
    """What is only read is given up, and read again another time."""
    with scene(tmp_path / "home", **FEW) as at:
        at.settle_in()
        asked: list[str] = []

        def never(_method: str, path: str) -> float:
            asked.append(path)
            return NEVER_S if path.startswith("/api") else 0.0

        at.slow(never)
        it = started(at, tmp_path / "log")
        it.until(lambda: any(path.startswith("/api") for path in asked))
        drains(it.process, it.log)
        nothing_is_in_doubt(at)

        asked.clear()
        it = started(at, tmp_path / "second")
        it.until(lambda: any(path.startswith("/api") for path in asked))
        it.process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            it.process.wait(timeout=0.5)
        began = monotonic()
        it.process.send_signal(signal.SIGTERM)
        it.process.communicate(timeout=60)
        assert monotonic() - began < ENDS_WITHIN_S / 2
        assert it.process.returncode == 130
