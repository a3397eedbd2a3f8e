"""The first process of a container passes on signals and exit codes, and waits for those that were left behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@contextmanager
def first(program: str, *words: str) -> Iterator["subprocess.Popen[str]"]:
    """The program as the command of a first process; killed at the end if it still runs."""
    command = [sys.executable, "-m", "syncd.host.pid1", sys.executable, "-c", program, *words]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_the_exit_code_is_that_of_the_command() -> None:
    with first("raise SystemExit(3)") as process:
        assert process.wait(timeout=60) == 3
    with first("import os, signal; os.kill(os.getpid(), signal.SIGKILL)") as process:
        assert process.wait(timeout=60) == 128 + signal.SIGKILL


def test_a_command_that_does_not_exist() -> None:
    command = [sys.executable, "-m", "syncd.host.pid1", "no-such-command"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 127
    assert "no-such-command" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signals_are_passed_on(number: signal.Signals) -> None:
    program = (
        "import signal, sys\n"
        f"signal.signal({int(number)}, lambda *_: sys.exit(7))\n"
        "print('ready', flush=True)\n"
        "while True: signal.pause()\n"
    )
    with first(program) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(number)
        assert process.wait(timeout=60) == 7


def test_who_was_left_behind_may_finish(tmp_path: Path) -> None:
    """As an exchange of tokens does: a session of its own, and its parent is gone."""
    orphan = (
        "import select, sys, pathlib\n"
        "select.select([], [], [], 1.0)\n"
        "pathlib.Path(sys.argv[1]).write_text('finished')\n"
    )
    program = (
        "import subprocess, sys\n"
        f"subprocess.Popen([sys.executable, '-c', {orphan!r}, sys.argv[1]], start_new_session=True)\n"
    )
    with first(program, str(tmp_path / "done")) as process:
        assert process.wait(timeout=60) == 0
        assert (tmp_path / "done").read_text() == "finished"
