"""The wheel carries what the program needs, and works from any folder, without the checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.house.sources import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel unpacked into a folder of its own; what it depends on comes from this environment."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def _run(installed: Path, here: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`syncd WORDS` as the wheel installs it, in the folder `here`, with no setting from around it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SYNCD_")}
    started = "import sys, syncd; assert syncd.__file__.startswith(sys.argv.pop(1)), syncd.__file__;"
    return subprocess.run(
        [sys.executable, "-P", "-c", f"{started} from syncd.cli.main import main; main()", installed, *words],
        cwd=here,
        env={**environment, "PYTHONPATH": str(installed), "HOME": str(here)},
        text=True,
        capture_output=True,
        check=False,
        timeout=120,
    )


def test_it_contains_migrations_config_and_pages(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    versions = [name for name in names if name.startswith("syncd/_migrations/versions/") and name.endswith(".py")]
    in_checkout = list((ROOT / "migrations/versions").glob("*.py"))
    assert {Path(name).name for name in versions} == {path.name for path in in_checkout} != set()
    templates = [path.name for path in (ROOT / "syncd/service/web/templates").iterdir()]
    assert len(templates) > 5
    pages = [f"service/web/templates/{name}" for name in templates]
    for wanted in ("_alembic.ini", "_config/syncd.toml", "_migrations/env.py", "_config/alerts.yml", *pages):
        assert f"syncd/{wanted}" in names


def test_it_contains_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert [n for n in names if not n.startswith(("syncd/", "syncd-"))] == []
    assert [n for n in names if n.endswith((".pyc", ".db", ".key"))] == []


def test_it_says_its_version_anywhere(installed: Path, tmp_path: Path) -> None:
    done = _run(installed, tmp_path, "--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert "0.1.0" in done.stdout


def test_it_makes_an_installation_anywhere(installed: Path, tmp_path: Path) -> None:
    done = _run(installed, tmp_path, "init", "shop")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "shop/syncd.toml").exists()
    checked = _run(installed, tmp_path / "shop", "db", "check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
