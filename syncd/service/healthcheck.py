"""`python -m syncd.service.healthcheck`: the health check of a container. Exit code 0: well; 1: not.

Asks the daemon's own address for health; where the settings switch that off, whether settings, key and databases can
be read. That a shop waits for a person is no fault of the container, and starting it again would not help.
"""

import http.client
import socket
import sys
from typing import Final

from syncd.errors import SyncdError
from syncd.service.sections import listen_address
from syncd.service.settings import Loaded, load
from syncd.store import migrate

TIMEOUT_S: Final = 10.0
_OK: Final = 200
_ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "[::]": "::1"}  # noqa: S104  asked, not listened at


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a socket in the file system."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(TIMEOUT_S)
        self.sock.connect(self._path)


def check() -> str:
    """What is wrong; nothing where all is well."""
    try:
        loaded = load(None)
        listen = loaded.settings.web.listen
        if listen:
            return _asked(listen)
        _readable(loaded)
    except SyncdError as problem:
        return problem.message
    return ""


def _asked(listen: str) -> str:
    if listen.startswith("unix:"):
        connection: http.client.HTTPConnection = _UnixConnection(listen.removeprefix("unix:"))
    else:
        host, port = listen_address(listen)
        connection = http.client.HTTPConnection(_ANYWHERE.get(host, host), port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        return "" if answer.status == _OK else answer.read(500).decode("utf-8", "replace").strip()
    except OSError as error:
        return f"nobody answers at {listen}: {error}"
    finally:
        connection.close()


def _readable(loaded: Loaded) -> None:
    """Raises what keeps the daemon from working."""
    migrate.check(loaded.mirror_url, loaded.state_url)


if __name__ == "__main__":
    found = check()
    sys.stdout.write(f"{found or 'well'}\n")
    sys.exit(1 if found else 0)
