"""`syncd demo` and `syncd simulate`: what people see first."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import urllib.request

from tests.cli.conftest import Installation, environment


def test_the_demo_ends_with_a_report(empty: Installation) -> None:
    empty.variables["TMPDIR"] = str(empty.folder)
    # An installation of the person's own must stay as it is.
    empty.variables["SYNCD_DATABASE_URL"] = f"sqlite:///{empty.folder}/mine.db"
    out = empty.fine("demo")
    for said in ("Sales per day", "Top products", "call budget", "became", "sqlite3 "):
        assert said in out
    assert not (empty.folder / "mine.db").exists()
    [mirror] = empty.folder.glob("syncd-demo-*/mirror.db")
    assert str(mirror) in out


def test_a_person_sees_a_bar(empty: Installation) -> None:
    mine, theirs = pty.openpty()
    variables = environment(TMPDIR=str(empty.folder), TERM="xterm", COLUMNS="80")
    words = [sys.executable, "-m", "syncd", "demo"]
    with subprocess.Popen(words, cwd=empty.folder, env=variables, stdout=subprocess.PIPE, stderr=theirs) as work:
        os.close(theirs)
        seen = b"".join(iter(lambda: _read(mine), b"")).decode()
        assert work.stdout is not None
        assert "Sales per day" in work.stdout.read().decode()
    os.close(mine)
    assert work.returncode == 0
    assert "A simulated shop is up" in seen
    assert re.search(r"demo orders .*rows, .*pages/s", seen)


def _read(end: int) -> bytes:
    """What came next; nothing once the other end is closed."""
    try:
        return os.read(end, 4096)
    except OSError:
        return b""


def test_the_simulated_shop_alone(empty: Installation) -> None:
    work = empty.start("simulate", "--port", "0", "--orders", "7", "--switch", "orders.paging=false")
    assert work.stdout is not None
    address = re.findall(r"http://\S+", work.stdout.readline())[0]
    try:
        with urllib.request.urlopen(f"{address}/_sim/shop-1/dump?resource=orders", timeout=20) as answer:
            assert len(json.load(answer)["orders"]) == 7
    finally:
        work.send_signal(signal.SIGTERM)
        work.communicate(timeout=30)
    assert work.returncode == 0


def test_a_switch_that_does_not_exist(empty: Installation) -> None:
    done = empty.syncd("simulate", "--switch", "pagng=false")
    assert done.code == 2
    assert "no switch is named 'pagng'" in done.err
