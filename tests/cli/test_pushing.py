"""What people type to send their edits, to look first, to decide and to go back: real processes, HTTP and SQL."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest

from syncd.cli.main import run
from syncd.service import jobs
from syncd.service.settings import load
from syncd.service.wire import House, open_house
from syncd.simulator.shop import SimShop
from syncd.store.database import sqlite_module
from tests.cli.conftest import CLIENT, Done, Installation

T = TypeVar("T")
MakeShop = Callable[..., tuple[SimShop, str]]
SMALL: dict[str, Any] = {"products": 12, "orders": 10, "customers": 8, "character": "rich"}


def sql(installation: Installation, *statements: str) -> list[Any]:
    """Statements of a person's own client, in one transaction; the rows of the last one."""
    connection = sqlite_module().connect(installation.folder / "mirror.db")
    try:
        with connection:
            rows = [connection.execute(statement).fetchall() for statement in statements]
    finally:
        connection.close()
    return list(rows[-1])


def inside(installation: Installation, job: Callable[[House], Awaitable[T]]) -> T:
    """A job in the house of an installation, without a process of its own."""

    async def work() -> T:
        async with open_house(load(installation.folder / "syncd.toml")) as house:
            return await job(house)

    return asyncio.run(work())


@pytest.fixture
def filled(installation: Installation, make_shop: MakeShop, add_shop: Callable[..., None]) -> SimShop:
    """A small shop, mirrored."""
    shop, address = make_shop(**SMALL)
    add_shop(address)
    done = inside(installation, lambda house: jobs.pull(house, jobs.Wish("demo")))
    assert done.exit_code == 0
    return shop


@pytest.fixture
def typed(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Done]:
    """`syncd WORDS` in this process: the same code without the start of an interpreter."""
    monkeypatch.chdir(installation.folder)
    for name in [name for name in os.environ if name.startswith(("SYNCD_", "CREDENTIALS_"))]:
        monkeypatch.delenv(name)

    def say(*words: str) -> Done:
        for name, value in installation.variables.items():
            monkeypatch.setenv(name, value)
        capsys.readouterr()
        code = run(list(words))
        said = capsys.readouterr()
        return Done(code, said.out, said.err)

    return say


def _title(shop: SimShop, key: str) -> Any:
    return (shop.record("products", key) or {})["title"]


def _sent(shop: SimShop) -> list[str]:
    return [f"{write.verb} {write.resource}/{write.key}" for write in shop.books.writes if write.by == "api"]


def test_an_edit_is_shown_sent_remembered_and_undone(installation: Installation, filled: SimShop) -> None:
    key = filled.keys("products")[3]
    before = _title(filled, key)
    sql(
        installation,
        f"UPDATE products SET title = 'Mine' WHERE id = {key}",
        "UPDATE currency_rates SET rate_to_eur = 7 WHERE currency = 'EUR'",
        "INSERT INTO categories (shop_id, title) VALUES (1, 'Fresh')",
    )
    calls = filled.books.admitted
    dry = installation.fine("push", "demo", "--dry-run")
    assert f"update products/{key}  2 calls" in dry
    assert '"Mine"' in dry
    assert "must lie untouched for 5 s more" in dry
    assert "refused currency_rates/EUR rate_to_eur" in dry
    assert (filled.books.admitted, sql(installation, "SELECT * FROM sync_outbox")) == (calls, [])
    assert sql(installation, "SELECT * FROM sync_refused_edits") == []

    done = installation.syncd("push", "demo", "--resource", "products", "--resource", "currency_rates")
    assert done.code == 3  # an edit was refused
    assert "rate_to_eur was refused" in done.out
    assert _sent(filled) == [f"edit products/{key}"]
    assert _title(filled, key) == "Mine"

    listed = installation.fine("history", f"demo/products/{key}")
    assert "local" in listed
    assert f'"{before}"' in listed
    assert "is again" in installation.fine("undo", f"demo/products/{key}", "--to", "1h")
    waits = installation.fine("status")
    assert "edited rows: categories 1, products 1" in waits
    assert "Next: syncd push demo" in waits
    installation.fine("push")
    assert _title(filled, key) == before


def test_a_plan_is_applied_and_nothing_else(
    installation: Installation, filled: SimShop, typed: Callable[..., Done]
) -> None:
    keys = filled.keys("products")
    titles = {key: _title(filled, key) for key in keys}
    sql(installation, *(f"UPDATE products SET title = 'Planned {key}' WHERE id = {key}" for key in keys[:3]))
    file = installation.folder / "push.json"
    assert "3 changes, 6 calls" in typed("plan", "--out", str(file)).out
    [planned] = json.loads(file.read_text())["shops"]
    assert (planned["calls"], [each["verb"] for each in planned["changes"]]) == (6, ["update"] * 3)
    assert planned["changes"][0]["key"] == f"demo/products/{keys[0]}"
    assert planned["changes"][0]["patch"]["fields"] == {"title": f"Planned {keys[0]}"}

    before = filled.books.admitted
    filled.edit("products", keys[1], {"comment": "moved on"})
    sql(
        installation,
        f"UPDATE products SET title = 'Something else' WHERE id = {keys[2]}",
        f"UPDATE products SET title = 'Unplanned' WHERE id = {keys[3]}",
    )
    done = typed("apply", str(file))
    assert done.code == 3, done.err
    assert [f"left out demo/products/{key}" in done.out for key in keys[:3]] == [False, True, True]
    assert _sent(filled) == [f"edit products/{keys[0]}"]
    # A read, a write, the one reading back by which answers of writes are learned; and a read of what had moved.
    assert filled.books.admitted - before == 4
    assert [_title(filled, key) for key in keys[1:4]] == [titles[key] for key in keys[1:4]]
    again = typed("apply", str(file))
    assert (again.code, len(_sent(filled))) == (3, 1)  # what was sent is no such edit any more
    file.write_text("{}")
    assert typed("apply", str(file)).code == 2


def test_a_conflict_is_shown_and_decided_field_by_field(
    installation: Installation, filled: SimShop, typed: Callable[..., Done]
) -> None:
    key = filled.keys("products")[2]
    sql(installation, f"UPDATE products SET title = 'Mine', comment = 'Mine', version = '7' WHERE id = {key}")
    filled.edit("products", key, {"title": "Theirs", "comment": "Theirs"})
    pushed = typed("push")
    assert pushed.code == 3
    assert "2 conflicts" in pushed.out
    assert (filled.record("products", key) or {})["version"] == "7"

    listed = typed("conflict", "list")
    assert (listed.code, listed.out.count(f"demo/products/{key}")) == (3, 2)
    shown = typed("conflict", "show", f"demo/products/{key}").out
    assert '"Mine"' in shown
    assert '"Theirs"' in shown
    wrong = typed("conflict", "resolve", f"demo/products/{key}", "--take", "titel=local")
    assert wrong.code == 2
    assert "did you mean title?" in wrong.err
    [(number,)] = sql(installation, "SELECT id FROM sync_conflicts WHERE path = 'comment'")
    assert typed("conflict", "resolve", str(number), "--take", "title=local").code == 0
    assert typed("push").code == 3  # the other one is still open
    assert _title(filled, key) == "Mine"
    sql(installation, f"UPDATE sync_conflicts SET resolution = 'remote' WHERE id = {number}")
    assert typed("push").code == 0
    assert sql(installation, f"SELECT title, comment FROM products WHERE id = {key}") == [("Mine", "Theirs")]
    assert "no open conflict" in typed("conflict", "list").out


def test_the_brake_holds_until_somebody_says_so(
    installation: Installation, filled: SimShop, typed: Callable[..., Done]
) -> None:
    installation.variables |= {"SYNCD_PUSH__BRAKE_LEAST": "5"}
    before = sql(installation, "SELECT id, version FROM products ORDER BY id")
    sql(installation, "UPDATE products SET version = 'all'")
    held = typed("push")
    assert held.code == 3
    assert "12 changes held by the brake" in held.out
    [shop] = json.loads(typed("status", "--json").out)["shops"]
    assert shop["edits"]["outbox"] == {"held": 12}
    assert any("syncd outbox approve" in need["command"] for need in shop["needs"])
    [(number,)] = sql(installation, "SELECT min(id) FROM sync_outbox")
    assert typed("outbox", "drop").code == 2
    assert "1 edit taken back" in typed("outbox", "drop", str(number)).out
    assert typed("outbox", "list").code == 3
    assert "11 changes may leave" in typed("outbox", "approve", "--all").out
    assert typed("push").code == 0
    assert len(_sent(filled)) == 11
    after = sql(installation, "SELECT id, version FROM products ORDER BY id")
    assert [row for row in after if row in before] == before[:1]
    assert "empty" in typed("outbox", "list").out


def test_sync_waits_for_new_rows_and_ends_when_both_agree(installation: Installation, filled: SimShop) -> None:
    installation.variables |= {"SYNCD_PUSH__CREATE_QUIET_S": "6"}
    sql(
        installation,
        "INSERT INTO customers (shop_id, email, first_name) VALUES (1, 'ada@example.org', 'Ada')",
        "INSERT INTO customer_addresses (shop_id, parent_row_id, ordinal, city)"
        " SELECT 1, row_id, 0, 'London' FROM customers WHERE email = 'ada@example.org'",
        "UPDATE products SET version = '2' WHERE id = (SELECT min(id) FROM products)",
    )
    secret = installation.folder / "password"
    secret.write_text("tomato soup 77\n")
    which = "demo/customers/ada@example.org"
    installation.fine("customer", "password", which, "--password-file", str(secret))
    secret.unlink()
    kept = b"".join(file.read_bytes() for file in installation.folder.rglob("*") if file.is_file())
    assert b"tomato soup" not in kept

    done = installation.syncd("sync")
    assert done.code == 0, done.out + done.err
    assert "agree" in done.out
    assert "1 new row must lie untouched first" in done.err
    [(token,)] = sql(installation, "SELECT token FROM customers WHERE email = 'ada@example.org'")
    assert filled.password_fits(token, "tomato soup 77")
    assert [each["city"] for each in (filled.record("customers", token) or {})["addresses"]] == ["London"]
    assert [write.resource for write in filled.books.creates].count("customers") == 1
    assert "tomato" not in "\n".join(installation.heard)
    late = installation.syncd("customer", "password", f"demo/customers/{token}", stdin="x\nx\n")
    assert late.code == 2

    sql(installation, "UPDATE currency_rates SET rate_to_eur = 7 WHERE currency = 'EUR'")
    refused = installation.syncd("sync")
    assert refused.code == 3
    assert "rate_to_eur was refused: the API offers no way to change such records" in refused.out


def _until(is_so: Callable[[], bool], seconds: float = 60.0) -> None:
    ends_s = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < ends_s, "it does not come"
        signal.sigtimedwait([], 0.05)


def test_a_daemon_sends_edits_as_they_come_and_a_push_beside_it_sends_nothing_twice(
    installation: Installation, filled: SimShop
) -> None:
    installation.variables |= {"SYNCD_PUSH__CREATE_QUIET_S": "0.1", "SYNCD_PULL__QUICK_S": "3600"}
    key = filled.keys("products")[1]
    daemon = installation.start("run")
    try:
        sql(installation, f"UPDATE products SET title = 'At once' WHERE id = {key}")
        _until(lambda: _title(filled, key) == "At once")
        emails = [f"new{number}@example.org" for number in range(12)]
        sql(installation, *(f"INSERT INTO customers (shop_id, email) VALUES (1, '{email}')" for email in emails))
        for _ in range(2):
            assert installation.syncd("push").code in (0, 3)
        _until(lambda: sql(installation, "SELECT count(*) FROM customers WHERE token IS NULL") == [(0,)])
    finally:
        daemon.send_signal(signal.SIGTERM)
        _, said = daemon.communicate(timeout=60)
    assert daemon.returncode == 0, said
    assert len(filled.books.creates) == 12
    assert sql(installation, "SELECT * FROM sync_outbox") == []


def test_the_same_on_postgresql(empty: Installation, make_shop: MakeShop, make_database: Any) -> None:
    import psycopg

    database = make_database("postgresql")
    empty.variables["SYNCD_DATABASE_URL"] = database.url
    empty.fine("init")
    shop, address = make_shop(**SMALL)
    empty.fine("shop", "add", "demo", "--base-url", address, "--client-id", CLIENT)
    empty.login()
    key = shop.keys("products")[1]
    with psycopg.connect(database.url.replace("+psycopg", ""), autocommit=True) as person:
        daemon = empty.start("run")
        try:
            _until(lambda: bool(person.execute("SELECT 1 FROM products WHERE id = %s", (key,)).fetchone()))
            person.execute("UPDATE products SET title = 'At once' WHERE id = %s", (key,))
            _until(lambda: _title(shop, key) == "At once")
            person.execute("UPDATE products SET title = 'By hand' WHERE id = %s", (key,))
            assert empty.syncd("push").code in (0, 3)
            _until(lambda: _title(shop, key) == "By hand")
        finally:
            daemon.send_signal(signal.SIGTERM)
            _, said = daemon.communicate(timeout=60)
    assert daemon.returncode == 0, said
    assert "local" in empty.fine("history", f"demo/products/{key}")
