"""From an empty folder to an installation, and what is said when something is missing or wrong."""

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from tests.cli.conftest import Installation


def test_init_makes_everything_and_never_twice(empty: Installation) -> None:
    first = empty.fine("init")
    assert first.count("made") == 4
    assert "Next: syncd shop add" in first
    key = empty.folder / "syncd.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE((empty.folder / "state.db").stat().st_mode) == 0o600
    before = key.read_text(), (empty.folder / "syncd.toml").read_text()
    assert empty.fine("init").count("kept") == 4
    assert (key.read_text(), (empty.folder / "syncd.toml").read_text()) == before


def test_init_takes_another_folder_and_address(empty: Installation) -> None:
    elsewhere = f"sqlite:///{empty.folder}/data/shop.db"
    (empty.folder / "data").mkdir()
    out = empty.fine("init", "inner", "--database-url", elsewhere)
    assert "--config" in out
    assert (empty.folder / "data/shop.db").exists()
    assert (empty.folder / "data/state.db").exists()
    assert "fit this syncd" in empty.fine("db", "check", "--config", "inner/syncd.toml")


def test_init_leaves_a_key_that_the_environment_gives(empty: Installation) -> None:
    empty.variables["SYNCD_KEY"] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    assert "kept  sealing key: given by the environment" in empty.fine("init")
    assert not (empty.folder / "syncd.key").exists()


def test_version_and_help_are_quick_and_complete(empty: Installation) -> None:
    assert empty.fine("--version").startswith("syncd 0.1.0")
    out = empty.fine("--help")
    for name in ("demo", "init", "shop", "auth", "pull", "sweep", "sync", "run", "status", "doctor", "db", "simulate"):
        assert f" {name} " in out


@pytest.mark.parametrize(
    ("words", "said", "next_"),
    [
        (("pull",), "there is no settings file", "syncd init"),
        (("status", "--config", "no.toml"), "--config names no.toml", "syncd init"),
    ],
)
def test_a_command_in_the_wrong_folder(empty: Installation, words: tuple[str, ...], said: str, next_: str) -> None:
    done = empty.syncd(*words)
    assert done.code == 2
    assert said in done.err
    assert f"Next: {next_}" in done.err
    assert "Traceback" not in done.err
    assert not list(empty.folder.iterdir())


def test_every_wrong_setting_is_told_at_once(installation: Installation) -> None:
    file = installation.folder / "syncd.toml"
    file.write_text('[budget]\nsize = "much"\n[logs]\n[pull]\nquik_s = 3\n')
    installation.variables["SYNCD_DATABASE_URL"] = "mysql://user:hunter22@host/db"
    done = installation.syncd("status")
    assert done.code == 2
    assert "4 settings are wrong" in done.err
    for said in ("SYNCD_DATABASE_URL", "budget.size", "did you mean log?", "did you mean quick_s?", "Next: "):
        assert said in done.err
    assert "hunter22" not in done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("puul",), "Did you mean 'pull'"),
        (("pull", "--bogus"), "No such option"),
        (("pull", "dmo"), "there is no shop 'dmo'"),
        (("pull", "--resource", "ordres"), "did you mean orders?"),
        (("shop", "add", "Big Shop", "--base-url", "https://x.example", "--client-id", "a"), "cannot be a shop's name"),
        (("shop", "add", "a", "--base-url", "http://x.example", "--client-id", "a"), "https://"),
        (("shop", "add", "a", "--base-url", "https://u:pw@x.example", "--client-id", "a"), "bare address"),
        (("shop", "add", "a", "--base-url", "https://x.example:80a", "--client-id", "a"), "https://"),
        (("shop", "add", "a", "--base-url", "https://[::1", "--client-id", "a"), "https://"),
        (
            ("shop", "add", "a", "--base-url", "https://x.example", "--client-id", "a", "--redirect-uri", "here"),
            "--redirect-uri",
        ),
    ],
)
def test_wrong_words_end_with_2(installation: Installation, words: tuple[str, ...], said: str) -> None:
    done = installation.syncd(*words)
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err


def test_a_revision_that_is_not_ours(installation: Installation) -> None:
    with sqlite3.connect(installation.folder / "mirror.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    for words in (("status",), ("db", "check"), ("db", "upgrade"), ("run",)):
        done = installation.syncd(*words)
        assert done.code == 1
        assert "revision 9999, which this syncd does not know" in done.err
        assert "Next: " in done.err
    assert "9999 (this syncd needs" in installation.fine("db", "current")


def test_a_key_that_others_can_read_or_that_is_gone(installation: Installation) -> None:
    key = installation.folder / "syncd.key"
    key.chmod(0o644)
    done = installation.syncd("doctor")
    assert done.code == 2
    assert "open to other users" in done.out
    assert f"chmod 600 {key}" in done.out
    key.unlink()
    assert "there is no sealing key" in installation.syncd("run").err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_nobody_may_write_in(empty: Installation) -> None:
    empty.folder.chmod(0o500)
    done = empty.syncd("init")
    empty.folder.chmod(0o700)
    assert done.code == 1
    assert "cannot be written" in done.err


def test_db_upgrade_is_told(installation: Installation) -> None:
    out = installation.fine("db", "upgrade")
    assert out.count("(was there already)") == 2
    for file in ("mirror.db", "state.db"):
        Path(installation.folder / file).unlink()
    assert installation.syncd("db", "check").code == 1
    assert installation.fine("db", "upgrade").count("(was empty)") == 2
