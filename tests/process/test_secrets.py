"""No secret anywhere: a whole life of an installation, and then every file and every word is searched for every token
that the shop ever issued or served, and for the sealing key."""

import base64
import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.process.scene import Scene, consent, scene, until
from tests.support.databases import TestDatabase

SMALL: dict[str, Any] = {"products": 15, "orders": 40, "customers": 20}
HELPED = ("", "init", "shop add", "auth login", "pull", "run", "status", "simulate")
MakeDatabase = Callable[[str], TestDatabase]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_no_secret_is_in_any_file_log_or_output(kind: str, tmp_path: Path, make_database: MakeDatabase) -> None:
    home = tmp_path / "home"
    with scene(home, make_database(kind).url if kind == "postgresql" else "", character="rich", **SMALL) as at:
        at.variables["SYNCD_LOG__LEVEL"] = "debug"
        lead_a_life(at)
        for command in HELPED if kind == "sqlite" else ():
            assert "Usage" in at.fine(*command.split(), "--help")
        key = [*key_forms(home / "syncd.key")]
        assert key
        secrets = [*at.shop.secrets, *key]
        assert len(at.shop.books.tokens) >= 6, "else there was little to find"
        assert found(secrets, words_of(at, kind)) == []
        # And the search does find what is there: a customer's name in the database, the shop's address in the output.
        customer = at.shop.record("customers", at.shop.keys("customers")[0])
        assert found([customer["email"]], words_of(at, kind))
        assert found([at.address], ((place, text) for place, text in words_of(at, kind) if "output" in place))


def lead_a_life(at: Scene) -> None:
    """Everything that touches a token, as it should be and as it should not."""
    at.settle_in()
    at.fine("auth", "refresh", "demo")
    at.fine("sync")
    for words in (["status"], ["status", "--json"], ["doctor"], ["doctor", "demo"], ["auth", "show", "demo"]):
        at.syncd(*words)
    daemon = at.start("run")
    calls = at.calls()
    until(daemon, lambda: at.calls() > calls)
    daemon.send_signal(signal.SIGTERM)
    at.heard += daemon.communicate(timeout=60)
    _go_wrong(at)


def _go_wrong(at: Scene) -> None:
    token = at.shop.books.tokens[-1]
    wrong = [
        ("auth", "login", "demo", "--code", "a-code-that-the-shop-never-gave", "--company", "1202"),
        ("--debug", "auth", "login", "demo", "--redirected", f"http://127.0.0.1:1/oauth/callback?code={token}&state=x"),
        ("pull", "nobody"),
    ]
    for words in wrong:
        assert at.syncd(*words).code != 0, words
    at.shop.poison("orders", at.shop.keys("orders")[3], "wrong_type")
    at.syncd("pull", "demo")
    at.shop.heal()
    at.shop.revoke()
    for words in (("pull",), ("--debug", "auth", "refresh", "demo"), ("status",), ("doctor",)):
        at.syncd(*words)
    at.fine("auth", "login", "demo", "--redirected", consent(at.fine("auth", "url", "demo").strip()))
    at.fine("pull", "--quick")


def key_forms(file: Path) -> Iterator[str]:
    """The sealing key as it stands in its file, and in the other forms that it could be written in."""
    for word in re.findall(r"[A-Za-z0-9+/=_-]{40,}", file.read_text("ascii")):
        yield word
        raw = base64.urlsafe_b64decode(word + "=" * (-len(word) % 4))
        yield raw.hex()
        yield base64.b64encode(raw).decode()


def words_of(at: Scene, kind: str) -> Iterator[tuple[str, bytes]]:
    """Everything that was left behind or said, with the place where it was: files, output, rows on a server."""
    for folder, _, names in os.walk(at.folder):
        for name in names:
            path = Path(folder) / name
            if name != "syncd.key":
                yield str(path), path.read_bytes()
    for number, said in enumerate(at.heard):
        yield f"output {number}", said.encode()
    if kind == "postgresql":
        yield from rows_of(at.url)


def rows_of(url: str) -> Iterator[tuple[str, bytes]]:
    """Every row of every table, as the server writes it."""
    with psycopg.connect(url.replace("postgresql+psycopg", "postgresql")) as connection:
        tables = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables"
            " WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        assert len(tables) > 20
        for schema, table in tables:
            name = sql.Identifier(schema, table)
            for (row,) in connection.execute(sql.SQL("SELECT t::text FROM {} t").format(name)):
                yield f"{schema}.{table}", row.encode()


def found(secrets: list[str], places: Iterator[tuple[str, bytes]]) -> list[str]:
    """Which secret is where; only its first letters are told."""
    needles = [(secret, secret.encode()) for secret in secrets if secret]
    return [f"{secret[:6]}... in {place}" for place, text in places for secret, needle in needles if needle in text]
