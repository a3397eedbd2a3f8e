"""`syncd top`: one table where nobody watches, live on a terminal until Ctrl-C."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress

from syncd.simulator.shop import SimShop
from tests.cli.conftest import Installation, environment


def test_a_table_and_json(
    installation: Installation, make_shop: Callable[..., tuple[SimShop, str]], add_shop: Callable[..., None]
) -> None:
    assert "No call was made" in installation.fine("top")
    _, address = make_shop(products=6, orders=4, customers=4)
    add_shop(address)
    installation.fine("pull", "demo", "--resource", "products")
    table = installation.fine("top", "demo", "--once")
    assert "products" not in table
    for word in ("demo", "pull", "backfill", "list", "this hour", "calls used"):
        assert word in table
    told = json.loads(installation.fine("top", "--json"))
    [budget] = told["budgets"]
    assert budget["shop"] == "demo"
    listed = [line for line in told["calls"] if (line["job"], line["purpose"]) == ("pull", "list")]
    assert sum(line["calls"] for line in listed) >= 1
    wrong = installation.syncd("top", "dmeo")
    assert (wrong.code, "did you mean demo?" in wrong.err) == (2, True)


def test_on_a_terminal_it_lives_until_ctrl_c(installation: Installation) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "syncd", "top", "--every-s", "0.5"],
        cwd=installation.folder,
        env=environment(TERM="xterm"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        close_fds=True,
    )
    os.close(theirs)
    try:
        seen = b""
        while seen.count(b"No call was made") < 2:  # drawn, and drawn again
            seen += os.read(ours, 4096)
        process.send_signal(signal.SIGINT)
        with suppress(OSError):  # the end of what it says: a terminal that nobody reads would hold it up
            while os.read(ours, 4096):
                pass
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    assert b"Traceback" not in seen
