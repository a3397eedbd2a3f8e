"""The steps of the Dockerfile, done one by one in a clean folder, where no engine is needed.

What is run is read from the file itself, so the two cannot drift apart. The folder stands in for the root of the
image; only what needs a real root (making the user) is read and not done. Afterwards the program runs as an
unprivileged user, who can write nothing of it.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.image import instructions

pytestmark = pytest.mark.soak
ROOT = Path(__file__).parents[2]
OF_ROOT = ("useradd", "install -d -o")


def run(command: str, cwd: Path, paths: str) -> str:
    """A RUN step, as `sh` of the image would run it."""
    done = subprocess.run(
        ["sh", "-ec", command],
        cwd=cwd,
        env={"PATH": f"{paths}:/usr/bin:/bin", "HOME": str(cwd)},
        capture_output=True,
        text=True,
        check=False,
    )
    print(f"RUN {command}\n{done.stdout[-1500:]}")
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_steps_of_the_image(tmp_path: Path) -> None:
    image, steps = tmp_path / "image", instructions(ROOT / "Dockerfile")
    build = image / "build"
    build.mkdir(parents=True)
    paths = str(Path(sys.base_prefix) / "bin")

    def inside(text: str) -> str:
        return text.replace("/opt/syncd", str(image / "opt/syncd")).replace("/wheels", str(image / "wheels"))

    done = 0
    for name, text in steps:
        if name == "RUN" and text.startswith(OF_ROOT):
            print(f"not done here: RUN {text}")
        elif name == "RUN":
            run(inside(text), build, paths)
            done += 1
        elif name == "COPY" and not text.startswith("--from"):
            *sources, target = text.split()
            for source in sources:
                where = build / target / source if target.endswith("/") else build / target
                copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy2
                copy(ROOT / source, where)
    assert done >= 5
    runs_without_rights(image, tmp_path)


def runs_without_rights(image: Path, tmp_path: Path) -> None:
    """`init` and a pull of the simulated shop in a folder of its own; the program's own files cannot be written to."""
    home = tmp_path / "var"
    home.mkdir(mode=0o700)
    program = image / "opt/syncd/bin"
    subprocess.run(["chmod", "-R", "a-w", str(image)], check=True)
    # Root without its capabilities is a user like any other, who may not write what is not writable.
    dropped = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"] if os.geteuid() == 0 else []

    def do(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*dropped, str(program / words[0]), *words[1:]],
            cwd=home,
            env={"PATH": f"{program}:/usr/bin:/bin", "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )

    try:
        for words in (("syncd", "init", "."), ("python", "-m", "syncd.host.pid1", "syncd", "demo")):
            done = do(*words)
            print(" ".join(words), done.stdout[-600:])
            assert done.returncode == 0, done.stdout + done.stderr
        assert do("python", "-m", "syncd.service.healthcheck").returncode == 1, "no daemon runs"
        assert (home / "syncd.key").stat().st_mode & 0o077 == 0
        assert do("syncd", "db", "check").returncode == 0
        refused = do("python", "-c", "import syncd; open(syncd.__file__, 'a')")
        assert "PermissionError" in refused.stderr
    finally:
        subprocess.run(["chmod", "-R", "u+w", str(image)], check=True)
