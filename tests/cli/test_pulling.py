"""The way of a new owner, typed command by command: shop, consent, pull, status, and what trouble looks like."""

import json
import re
import signal
import socket
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from threading import Thread
from typing import Any

from syncd.simulator.shop import SimShop
from tests.cli.conftest import CLIENT, Installation

MakeShop = Callable[..., tuple[SimShop, str]]
AddShop = Callable[..., None]


def _rows(installation: Installation, statement: str) -> list[Any]:
    database = sqlite3.connect(installation.folder / "mirror.db")
    try:
        return database.execute(statement).fetchall()
    finally:
        database.close()


def test_from_nothing_to_sql(installation: Installation, make_shop: MakeShop) -> None:
    shop, address = make_shop()
    installation.fine("shop", "add", "demo", "--base-url", address, "--client-id", CLIENT)
    installation.login()
    assert "ready, generation 1" in installation.fine("auth", "show", "demo")
    assert re.search(r"demo +active +ready +1 +.* ago +.* more +fine", installation.fine("auth"))

    dry = installation.syncd("pull", "demo", "--dry-run")
    assert (dry.code, _rows(installation, "SELECT * FROM orders")) == (0, [])
    assert "a complete look takes" in dry.err

    done = installation.syncd("pull")
    assert done.code == 0, done.err
    assert done.err.index("a complete look takes") < done.err.index("pull.done")
    assert _rows(installation, "SELECT count(*) FROM orders") == [(60,)]
    titles = {(key, shop.record("products", key)["title"]) for key in shop.keys("products")}  # type: ignore[index]
    assert set(_rows(installation, "SELECT CAST(id AS TEXT), title FROM products")) == titles

    assert "mirror and shop agree" in installation.fine("sync", "demo")
    status = json.loads(installation.fine("status", "--json"))
    assert status["version"] == 1
    [found] = status["shops"]
    assert (found["state"], found["needs"]) == ("active", [])
    orders = next(each for each in found["resources"] if each["resource"] == "orders")
    assert (orders["state"], orders["rows_local"], orders["rows_remote"]) == ("current", 60, 60)
    assert found["budget"]["calls_granted"] == shop.books.admitted

    assert "generation 2" in installation.fine("auth", "refresh", "demo")
    doctor = installation.fine("doctor")
    assert "whole" in doctor
    assert "BAD" not in doctor
    said = "\n".join(installation.heard)
    kept = b"".join(file.read_bytes() for file in installation.folder.rglob("*") if file.is_file())
    secrets = shop.books.tokens[1:]  # the first is the code, which the person pasted
    assert len(secrets) >= 4
    assert [token for token in secrets if token in said or token.encode() in kept] == []


def test_a_shop_is_not_authorised_paused_resumed_and_removed(installation: Installation) -> None:
    installation.fine("shop", "add", "demo", "--base-url", "https://shop.example", "--client-id", CLIENT)
    done = installation.syncd("pull", "demo")
    assert done.code == 3
    assert "Next: syncd auth login demo" in done.err
    assert installation.syncd("auth", "show", "demo").code == 2
    empty = installation.syncd("auth", "login", "demo", "--redirected", "-")
    assert (empty.code, "the input is empty" in empty.err) == (2, True)
    half = installation.syncd("auth", "login", "demo", "--redirected", "-", stdin="https://x.example/?code=c\n")
    assert half.code == 2
    assert "holds no companyid" in half.err
    assert "syncd auth login demo --redirected URL" in half.err
    installation.fine("shop", "pause", "demo")
    assert "paused" in installation.fine("shop", "list")
    assert "new" in installation.fine("shop", "resume", "demo")
    assert "orders" in installation.fine("shop", "show", "demo")
    assert installation.syncd("shop", "remove", "demo", stdin="n\n").code == 1
    installation.fine("shop", "remove", "demo", "--yes")
    assert "There is no shop yet" in installation.fine("shop", "list")


def test_a_revoked_grant(installation: Installation, make_shop: MakeShop, add_shop: AddShop) -> None:
    shop, address = make_shop()
    add_shop(address)
    shop.revoke()
    done = installation.syncd("pull", "demo")
    assert done.code == 3
    assert "Next: " in done.err
    assert "syncd auth login demo" in done.err
    status = installation.syncd("status")
    assert status.code == 3
    assert "quarantined" in status.out
    assert "syncd auth login demo" in status.out
    installation.login()
    installation.fine("pull", "demo", "--resource", "prices")
    assert installation.syncd("status").code == 0


def test_no_network(installation: Installation, make_shop: MakeShop, add_shop: AddShop) -> None:
    _, address = make_shop()
    add_shop(address)
    database = sqlite3.connect(installation.folder / "mirror.db")
    with database:
        database.execute("UPDATE shops SET base_url = 'http://127.0.0.1:9'")
    database.close()
    done = installation.syncd("pull", "demo", "--quick", "--resource", "prices")
    assert done.code == 75
    assert "no connection" in done.err
    assert "Traceback" not in done.err


def test_a_parked_record(installation: Installation, make_shop: MakeShop, add_shop: AddShop) -> None:
    shop, address = make_shop()
    add_shop(address)
    key = shop.keys("products")[4]
    shop.poison("products", key, "wrong_type")
    done = installation.syncd("pull", "demo", "--resource", "products")
    assert done.code == 3
    assert "partial" in done.out
    assert _rows(installation, "SELECT count(*) FROM products") == [(11,)]
    status = installation.syncd("status")
    assert status.code == 3
    assert "1 of products parked" in status.out
    assert key in status.out
    synced = installation.syncd("sync", "demo")
    assert synced.code == 3
    assert "agree" not in synced.out
    assert f"{key} at" in synced.out
    shop.heal()
    installation.fine("pull", "demo", "--resource", "products")
    assert installation.syncd("status").code == 0


def test_the_first_ctrl_c_drains_and_the_second_stops_at_once(
    installation: Installation, make_shop: MakeShop, add_shop: AddShop
) -> None:
    _, address = make_shop(orders=1500, bucket=40.0, leak_per_s=4.0)
    installation.variables["SYNCD_BUDGET__LEAK_PER_S"] = "4"
    add_shop(address)
    work = installation.start("pull", "demo", "--quick", "--resource", "orders")
    _until(lambda: _rows(installation, "SELECT count(*) FROM orders")[0][0] >= 100)
    work.send_signal(signal.SIGINT)
    _, said = work.communicate(timeout=60)
    assert work.returncode == 130
    assert "stopping after the page in hand" in said
    stored = _rows(installation, "SELECT count(*) FROM orders")[0][0]
    assert 100 <= stored < 1500
    assert stored % 50 == 0
    again = installation.start("pull", "demo", "--quick", "--resource", "orders")
    _until(lambda: _rows(installation, "SELECT count(*) FROM orders")[0][0] > stored)
    again.send_signal(signal.SIGINT)
    again.send_signal(signal.SIGINT)
    _, said = again.communicate(timeout=60)
    assert again.returncode == 130
    assert "Traceback" not in said


def _until(is_so: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for something that another process does."""
    ends_s = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < ends_s, "it does not come"
        pause()


def pause() -> None:
    """Give the other process a moment."""
    signal.sigtimedwait([], 0.05)


def test_the_daemon_pulls_drains_and_stands_alone(
    installation: Installation, make_shop: MakeShop, add_shop: AddShop
) -> None:
    shop, address = make_shop()
    add_shop(address)
    installation.variables |= {"SYNCD_PULL__QUICK_S": "1", "NOTIFY_SOCKET": str(installation.folder / "notify")}
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as ear:
        ear.bind(str(installation.folder / "notify"))
        ear.settimeout(60)
        daemon = installation.start("run")
        heard: list[bytes] = []
        listening = Thread(target=lambda: heard.extend(iter(lambda: ear.recv(200), b"STOPPING=1")), daemon=True)
        listening.start()
        try:
            _until(lambda: heard)
            assert heard[0] == b"READY=1"
            _until(lambda: _rows(installation, "SELECT count(*) FROM orders") == [(60,)])
            second = installation.syncd("run")
            assert second.code == 1
            assert f"pid {daemon.pid}" in second.err
            assert installation.syncd("status").code == 0
        finally:
            daemon.send_signal(signal.SIGTERM)
            _, said = daemon.communicate(timeout=60)
        assert daemon.returncode == 0, said
        assert "daemon.stopped" in said
        listening.join(60)
        assert not listening.is_alive(), heard
        assert [each for each in heard if not each.startswith(b"STATUS=")] == [b"READY=1"]
    assert len(shop.books.refresh_reused) == 0


def test_the_same_on_postgresql(empty: Installation, make_shop: MakeShop, make_database: Any) -> None:
    database = make_database("postgresql")
    empty.variables["SYNCD_DATABASE_URL"] = database.url
    empty.fine("init")
    _, address = make_shop()
    empty.fine("shop", "add", "demo", "--base-url", address, "--client-id", CLIENT)
    empty.login()
    assert "agree" in empty.fine("sync", "demo")
    found = json.loads(empty.fine("status", "--json"))["shops"][0]
    assert {each["resource"]: each["rows_local"] for each in found["resources"]}["orders"] == 60
    assert not list(empty.folder.glob("*.db"))
