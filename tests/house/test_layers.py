"""Nobody imports what lies above or beside it: the tables of tests/house/layers.py, checked file by file."""

import pytest

from tests.house.layers import FLOORS, broken_layers
from tests.house.sources import ROOT, source, sources

CHECKED = [s for s in sources() if s.where.startswith(("syncd/", "migrations/"))]


def test_imports_stay_within_the_layers() -> None:
    broken = [line for checked in CHECKED for line in broken_layers(checked)]
    assert not broken, "\n" + "\n".join(broken)


@pytest.mark.parametrize(
    ("where", "text", "said"),
    [
        ("syncd/domain/x.py", "from syncd.ports import Clock", "domain must not import ports"),
        ("syncd/domain/x.py", "import pydantic", "pydantic is named only in syncd/service/"),
        ("syncd/domain/x.py", "import left_pad", "left_pad is no dependency of syncd"),
        ("syncd/store/x.py", "import syncd.remote.codec", "store must not import remote"),
        (
            "syncd/store/x.py",
            "def f():\n    from syncd import engine",
            "x.py:2: store must not import engine",
        ),
        ("syncd/engine/x.py", "from sqlalchemy import select", "sqlalchemy is named only in"),
        ("syncd/service/web.py", "import httpx", "httpx is named only in"),
        (
            "syncd/engine/x.py",
            "import apscheduler.events",
            "apscheduler is named only in syncd/host/",
        ),
        ("syncd/cli/x.py", "from syncd.engine.pull import pull", "cli must not import engine"),
        ("syncd/simulator/x.py", "from syncd.remote.codec import decode", "simulator must not import remote"),
        ("syncd/odds.py", "", "`odds` is on no floor"),
        ("syncd/__init__.py", "from syncd.errors import SyncdError", "imports nothing of syncd"),
        ("migrations/env.py", "from syncd.service import settings", "migrations may import"),
    ],
)
def test_a_wrong_import_is_found(where: str, text: str, said: str) -> None:
    assert any(said in line for line in broken_layers(source(where, text)))


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ("syncd/domain/x.py", "import json\nfrom syncd.domain.ids import ShopId"),
        ("syncd/store/x.py", "from syncd.ports import Clock\nimport sqlalchemy as sa"),
        ("syncd/service/wire.py", "import httpx\nfrom syncd.simulator.world import World"),
        ("syncd/cli/x.py", "from syncd import __version__\nimport typer"),
    ],
)
def test_a_right_import_is_left_alone(where: str, text: str) -> None:
    assert list(broken_layers(source(where, text))) == []


def test_every_floor_exists() -> None:
    there = {path.name.removesuffix(".py") for path in (ROOT / "syncd").iterdir()}
    assert set(FLOORS) - {"__main__"} <= there
