"""What happens around a real daemon: it waits, goes on by itself, and says once that it has recovered."""

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from syncd.store.migrate import upgrade
from tests.conftest import IN_CI
from tests.process.outages import daemon
from tests.process.scene import Scene, scene
from tests.remote.test_tls import self_signed
from tests.support.databases import postgres_database
from tests.support.postgres import find_binaries, started_server

SMALL = {"products": 5, "orders": 10, "customers": 4}
TMPFS_KIB = 32 * 1024


def edit(at: Scene, title: str) -> None:
    at.shop.edit("products", at.shop.keys("products")[0], {"title": title})


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of a few MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_KIB}k", "none", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        assert not IN_CI, f"CI may mount: {mounted.stderr!r}"
        pytest.skip(f"a file system cannot be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def certificate(folder: Path) -> tuple[str, str]:
    """The files of a certificate for this machine, and of its key."""
    folder.mkdir()
    key, signed = self_signed(folder, "127.0.0.1")
    return str(signed), str(key)


@pytest.mark.soak  # a minute of real time; the same on simulated time is in tests/sim/test_outages.py
def test_shop_away_certificate_foreign_disk_full(small_disk: Path, tmp_path: Path) -> None:
    """Three troubles, one after the other, and one daemon that outlives them all."""
    own, foreign = certificate(tmp_path / "own"), certificate(tmp_path / "foreign")
    with scene(small_disk / "home", tls=own, **SMALL) as at:
        at.variables["SYNCD_REMOTE__CA_FILE"] = own[0]
        at.settle_in(trusted=own[0])
        with daemon(at, tmp_path / "log") as it:
            at.close_shop()
            edit(at, "Written while nobody could be reached")
            it.until(lambda: it.said("outage.began"))
            at.open_shop(own)
            it.recovers("shop")

            at.close_shop()
            at.open_shop(foreign)
            edit(at, "Written under a foreign certificate")
            it.until(lambda: len(it.said("outage.began")) == 2)
            assert "certificate" in it.said("outage.began")[1]["hint"]
            at.close_shop()
            at.open_shop(own)
            it.recovers("shop", "shop")

            ballast = small_disk / "ballast"
            with ballast.open("wb", buffering=0) as out, suppress(OSError):
                while out.write(b"x" * 4096):
                    pass
            for key in at.shop.keys("products"):
                at.shop.edit("products", key, {"title": "long " * 12_000})
            it.until(lambda: len(it.said("outage.began")) == 3)
            ballast.unlink()
            it.recovers("shop", "shop", "disk")


@pytest.mark.parametrize("away_s", [0, pytest.param(20, marks=pytest.mark.soak)])
def test_the_database_is_stopped_and_started(tmp_path: Path, away_s: float) -> None:
    binaries = find_binaries()
    if binaries is None:
        assert not IN_CI, "CI has PostgreSQL's programs"
        pytest.skip("no PostgreSQL programs are installed here")
    with started_server(binaries) as server, postgres_database(server.url) as database:
        upgrade(database.url)
        with scene(tmp_path / "home", database.url, **SMALL) as at:
            at.settle_in()
            with daemon(at, tmp_path / "log") as it:
                server.stop()
                edit(at, "Written while the database was away")
                it.until(lambda: it.said("outage.began"))
                with pytest.raises(subprocess.TimeoutExpired):
                    it.process.wait(timeout=away_s)
                server.start()
                it.recovers("database")
