"""The unit, the image and the compose file say what is true of the program: its commands, codes and times."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from syncd.engine.pairs import TokenRules
from syncd.engine.supervisor import GRACE_S
from syncd.errors import SettingsProblem
from syncd.host.keyfile import FILE_NAME, SECRETS_FOLDER
from syncd.host.pid1 import ORPHANS_S
from syncd.service.settings import Settings
from syncd.service.watchdog import BEAT_MOST_S
from tests.house.image import instructions

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "config/syncd.service"
PROGRAM = "/opt/syncd/bin/syncd"


def unit() -> dict[str, list[str]]:
    """Every setting of the unit, in the order in which it was given."""
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text().splitlines():
        if line and line[0] not in "#[":
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def seconds(text: str) -> float:
    """`90`, `90s`."""
    return float(text.removesuffix("s"))


def is_a_command(words: list[str]) -> bool:
    """Whether syncd knows it."""
    done = subprocess.run([sys.executable, "-m", "syncd", *words, "--help"], cwd=ROOT, capture_output=True, check=False)
    return done.returncode == 0


def test_the_unit_starts_a_command_and_gives_it_the_time_that_it_needs() -> None:
    said = unit()
    (start,) = said["ExecStart"]
    program, *words = start.split()
    assert program == PROGRAM
    assert is_a_command(words)
    assert said["Type"] == ["notify"]
    assert said["KillMode"] == ["process"]  # an exchange of tokens outlives the daemon
    assert seconds(said["TimeoutStopSec"][0]) > TokenRules().exchange_s > GRACE_S
    assert seconds(said["WatchdogSec"][0]) > BEAT_MOST_S
    assert said["RestartPreventExitStatus"] == [str(SettingsProblem.exit_code)]
    assert FILE_NAME in said["LoadCredential"]
    assert Settings().web.operator_token_file in said["LoadCredential"]
    assert said["WorkingDirectory"] == [f"/var/lib/{said['StateDirectory'][0]}"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    program = tmp_path / "syncd"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copy = tmp_path / "syncd.service"
    copy.write_text(UNIT.read_text().replace(PROGRAM, str(program)))
    done = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "syncd.service" not in done.stderr, done.stderr


def test_the_image_names_what_is_there() -> None:
    steps = instructions(ROOT / "Dockerfile")
    said = {name: [text for each, text in steps if each == name] for name, _ in steps}
    assert all(re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+( AS \w+)?", text) for text in said["FROM"])
    assert len({text.split()[0] for text in said["FROM"]}) == 1
    assert said["USER"] == ["syncd"]
    entry = yaml.safe_load(said["ENTRYPOINT"][-1])
    assert entry == ["python", "-m", "syncd.host.pid1", "syncd"]
    assert is_a_command(yaml.safe_load(said["CMD"][-1]))
    assert "syncd.service.healthcheck" in said["HEALTHCHECK"][-1]
    assert str(int(Settings().web.listen.rpartition(":")[2])) in said["EXPOSE"]
    copied = {word for text in said["COPY"] if not text.startswith("--from") for word in text.split()[:-1]}
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert copied <= {word.removeprefix("!") for word in ignored if word.startswith("!")}
    assert all((ROOT / name).exists() for name in copied)


def test_the_compose_file_is_whole() -> None:
    compose: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    services = compose["services"]
    for service in services.values():
        assert set(service.get("secrets", [])) <= set(compose["secrets"])
        named = [volume.split(":")[0] for volume in service.get("volumes", [])]
        assert set(named) <= set(compose["volumes"])
        assert set(service.get("depends_on", {})) <= set(services)
    daemon, upgrade = services["syncd"], services["upgrade"]
    assert is_a_command(upgrade["command"])
    assert daemon["read_only"]
    assert upgrade["read_only"]
    assert daemon["depends_on"]["upgrade"]["condition"] == "service_completed_successfully"
    assert "healthcheck" in services["database"]
    assert seconds(daemon["stop_grace_period"]) > ORPHANS_S + GRACE_S
    assert FILE_NAME in daemon["secrets"]
    assert Settings().web.operator_token_file in daemon["secrets"]
    files = [Path(value) for value in upgrade["environment"].values() if value.startswith("/")]
    assert {file.parent for file in files} == {SECRETS_FOLDER}
    for name in {**upgrade["environment"], **daemon["environment"]}:
        assert name == "SYNCD_DATABASE_URL" or known_setting(name), name


def known_setting(variable: str) -> bool:
    """Whether SYNCD_SECTION__KEY names a setting."""
    section, key = variable.removeprefix("SYNCD_").lower().split("__")
    return key in type(getattr(Settings(), section)).model_fields


def test_what_is_shown_in_comments_can_be_typed() -> None:
    """Commands of syncd in the heads of these files exist."""
    for file in ("Dockerfile", "compose.yaml", "config/syncd.service"):
        for line in (ROOT / file).read_text().splitlines():
            if line.startswith("#   ") and (found := re.search(r"\bsyncd (init|status|shop add|auth login)\b", line)):
                assert is_a_command(shlex.split(found[1])), line
