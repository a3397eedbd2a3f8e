"""`syncd demo` and `syncd simulate`: what people see first."""

import json
import re
import signal
import urllib.request

from tests.cli.conftest import Installation


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
