"""The guide to backup and restore, followed to the letter: its own commands are run, as they stand in the document.

A mirror that is set back beside a newer state creates nothing twice; an installation that is set back elsewhere is a
copy, and asks to be authorised.
"""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from syncd.store.migrate import upgrade
from tests.process.scene import ROOT, Scene, consent, scene
from tests.support.databases import TestDatabase
from tests.support.postgres import find_binaries

GUIDE = ROOT / "docs/operations.md"
SHOP: dict[str, Any] = {"products": 4, "orders": 4, "customers": 3}
NEW = "Made between backup and loss"


def blocks(title: str) -> list[str]:
    """The commands that the guide gives under a title, block by block."""
    section = GUIDE.read_text().split(f"### {title}\n", 1)[1].split("\n### ")[0].split("\n## ")[0]
    return re.findall(r"```sh\n(.*?)```", section, re.DOTALL)


def follow(at: Scene, block: str, tmp_path: Path) -> None:
    """Run a block in the installation's folder, where `syncd` is this one; every line has to succeed."""
    programs = tmp_path / "bin"
    programs.mkdir(exist_ok=True)
    command = programs / "syncd"
    command.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m syncd "$@"\n')
    command.chmod(0o755)
    path = f"{programs}:{find_binaries() or ''}:{os.environ['PATH']}"
    address = make_url(at.url).set(drivername="postgresql").render_as_string(hide_password=False)
    done = subprocess.run(
        ["sh", "-exc", block],
        cwd=at.folder,
        env={"PATH": path, "HOME": str(tmp_path), "DATABASE": address} | at.variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"


def sql(at: Scene, statement: str) -> list[Any]:
    """What somebody with an SQL client does."""
    if at.url.startswith("sqlite"):
        with closing(sqlite3.connect(at.folder / "mirror.db")) as connection, connection:
            return connection.execute(statement).fetchall()
    address = make_url(at.url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address) as connection:
        found = connection.execute(statement.encode())
        return found.fetchall() if found.description else []


def make_category(at: Scene) -> None:
    sql(at, f"INSERT INTO categories (shop_id, title) VALUES (1, '{NEW}')")


def made(at: Scene) -> int:
    """How many of them the shop has."""
    return sum(record["title"] == NEW for record in at.shop.dump(["categories"])["categories"].values())


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.soak)])
def test_an_older_mirror_beside_a_newer_state(kind: str, tmp_path: Path, make_database: Any) -> None:
    database: TestDatabase = make_database(kind)
    url = "" if database.is_sqlite else database.url
    back_up, restore = blocks("On SQLite" if database.is_sqlite else "On PostgreSQL")[:2]
    with scene(tmp_path / "home", url, **SHOP) as at:
        if url:
            upgrade(url)
        at.variables["SYNCD_PUSH__CREATE_QUIET_S"] = "0"
        at.settle_in()
        at.fine("pull")
        make_category(at)
        follow(at, back_up, tmp_path)
        at.fine("sync")
        assert made(at) == 1
        follow(at, restore, tmp_path)
        assert made(at) == 1, "a create was repeated"
        assert at.differences() == []
        assert len(sql(at, f"SELECT id FROM categories WHERE title = '{NEW}' AND deleted_at IS NULL")) == 1


@pytest.mark.soak  # absence needs two looks a minute apart
def test_both_set_back_elsewhere_are_a_copy(tmp_path: Path) -> None:
    back_up, _, restore = blocks("On SQLite")
    with scene(tmp_path / "home", **SHOP) as at:
        at.variables["SYNCD_PUSH__CREATE_QUIET_S"] = "0"
        at.settle_in()
        at.fine("pull")
        make_category(at)
        follow(at, back_up, tmp_path)
        at.fine("sync")
        at.fine("auth", "refresh", "demo")
        for copied in (at.folder / "backups/today").iterdir():
            assert copied.stat().st_mode & 0o077 == 0, copied

        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        shutil.copytree(at.folder / "backups", elsewhere / "backups")
        for name in ("syncd.toml", "syncd.key"):
            shutil.copy2(at.folder / name, elsewhere / name)
        at.folder, at.url = elsewhere, f"sqlite:///{elsewhere / 'mirror.db'}"
        lines = restore.strip().splitlines()
        assert lines[-1] == "syncd doctor"
        follow(at, "\n".join(lines[:-1]), tmp_path)
        assert at.syncd("doctor").code == 3
        refused = at.syncd("pull")
        assert refused.code == 3
        assert "syncd auth login demo" in refused.out + refused.err
        assert at.shop.books.refresh_reused == [], "a copy spends no token"

        at.fine("auth", "login", "demo", "--redirected", consent(at.fine("auth", "url", "demo").strip()))
        at.fine("sync")
        assert made(at) == 1, "a create was repeated"
        assert at.differences() == []


def test_a_clean_copy_has_the_tables_and_views_and_nothing_of_ours(tmp_path: Path) -> None:
    with scene(tmp_path / "home", **SHOP) as at:
        at.settle_in()
        at.fine("pull")
        at.fine("export", "--mirror", "clean.db")
        assert at.syncd("export", "--mirror", "clean.db").code == 2, "nothing is overwritten"
        file = at.folder / "clean.db"
        assert file.stat().st_mode & 0o077 == 0
        with closing(sqlite3.connect(file)) as connection:
            names = dict(connection.execute("SELECT name, type FROM sqlite_master"))
            assert not [name for name in names if name.startswith(("sync_", "alembic"))]
            assert "trigger" not in names.values()
            for name in ("products", "orders", "order_lines", "sales_per_day", "customer_value", "freshness"):
                there = connection.execute(f"SELECT count(*) FROM {name}").fetchone()
                assert there == tuple(sql(at, f"SELECT count(*) FROM {name}")[0]), name
            assert connection.execute("SELECT title FROM products ORDER BY row_id").fetchall() == [
                tuple(row) for row in sql(at, "SELECT title FROM products ORDER BY row_id")
            ]
