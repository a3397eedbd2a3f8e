"""The first process of a container: `python -m syncd.host.pid1 COMMAND ...` runs it, passes signals on, reaps orphans.

When the command has ended, it waits for those whom the command left behind: an exchange of tokens runs in a process of
its own and must come to its end, and a container kills everybody as soon as its first process ends. Imports nothing of
syncd, so that it stays small.
"""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Sequence
from typing import Final

ORPHANS_S: Final = 75.0
"""Longer than an exchange of tokens may take."""
_PASSED_ON: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
_SUBREAPER: Final = 36  # PR_SET_CHILD_SUBREAPER of Linux: orphans come to us where we are not process 1, too
_KILLED: Final = 128
_NO_COMMAND: Final = 127


def run(words: Sequence[str], orphans_s: float = ORPHANS_S) -> int:
    """Run the command to its end, and wait for its orphans; its exit code, 128 + N where signal N killed it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    heeded = {*_PASSED_ON, signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, heeded)
    try:
        command = os.posix_spawnp(words[0], list(words), os.environ, setsigmask=[], setsigdef=list(heeded))
    except OSError as error:
        sys.stderr.write(f"{words[0]}: {error.strerror}\n")
        return _NO_COMMAND
    code: int | None = None
    while code is None:
        number = signal.sigwait(heeded)
        if number != signal.SIGCHLD:
            os.kill(command, number)
        code = _reaped(command)
    _wait_for_orphans(time.monotonic() + orphans_s)
    return code


def _reaped(command: int) -> int | None:
    """Take in whoever has ended; the exit code of the command if it is among them."""
    code = None
    try:
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == command:
                status = os.waitstatus_to_exitcode(ended[1])
                code = status if status >= 0 else _KILLED - status
    except ChildProcessError:
        pass
    return code


def _wait_for_orphans(until: float) -> None:
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        left_s = until - time.monotonic()
        if left_s <= 0:
            return
        signal.sigtimedwait({signal.SIGCHLD}, min(left_s, 1.0))


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
