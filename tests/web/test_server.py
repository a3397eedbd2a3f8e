"""The daemon's own port: a page over real HTTP, a port that is taken, a socket file, and a drain."""

import json
import signal
import socket
import urllib.request
from contextlib import closing
from pathlib import Path

from tests.process.scene import Scene, scene, until

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def fetch(url: str) -> tuple[int, str]:
    """Status and text of an address."""
    try:
        with OPENER.open(url, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as problem:
        with problem:
            return problem.code, problem.read().decode()


def free_port() -> int:
    """A port that nobody uses just now."""
    with closing(socket.create_server(("127.0.0.1", 0))) as door:
        return int(door.getsockname()[1])


def is_up(url: str) -> bool:
    """Whether somebody answers there."""
    try:
        return fetch(url)[0] == 200
    except OSError:
        return False


def _ended(at: Scene, daemon: object) -> str:
    process = at.started[-1] if daemon is None else daemon
    process.send_signal(signal.SIGTERM)  # type: ignore[attr-defined]
    _, said = process.communicate(timeout=60)  # type: ignore[attr-defined]
    assert process.returncode == 0, said  # type: ignore[attr-defined]
    return str(said)


def test_the_daemon_answers_and_a_taken_port_stops_nothing(tmp_path: Path) -> None:
    with scene(tmp_path / "home", orders=5, customers=3, products=3) as at:
        at.fine("init")
        port = free_port()
        at.variables["SYNCD_WEB__LISTEN"] = f"127.0.0.1:{port}"
        daemon = at.start("run")
        assert until(daemon, lambda: is_up(f"http://127.0.0.1:{port}/readyz"), 60)
        assert json.loads(fetch(f"http://127.0.0.1:{port}/healthz")[1])["ok"]

        at.variables |= {"SYNCD_WEB__LISTEN": f"unix:{tmp_path}/web.sock"}
        assert "another syncd daemon" in at.syncd("run").err
        assert not (tmp_path / "web.sock").exists()
        assert "web.listening" in _ended(at, daemon)

        with closing(socket.create_server(("127.0.0.1", port))):
            at.variables["SYNCD_WEB__LISTEN"] = f"127.0.0.1:{port}"
            daemon = at.start("run")
            lines: list[str] = []
            assert daemon.stderr is not None
            while "web.off" not in "".join(lines):
                lines.append(daemon.stderr.readline())
            said = "".join(lines) + _ended(at, daemon)
        assert said.count("web.off") == 1
        assert "the port is taken" in said
        assert "daemon.stopped" in said


def test_a_socket_file_is_served_and_one_left_behind_replaced(tmp_path: Path) -> None:
    path = tmp_path / "web.sock"
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as dead:
        dead.bind(str(path))
    with scene(tmp_path / "home", orders=1, customers=1, products=1) as at:
        at.fine("init")
        at.variables["SYNCD_WEB__LISTEN"] = f"unix:{path}"
        daemon = at.start("run")

        def answers() -> bool:
            with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as caller:
                try:
                    caller.connect(str(path))
                except OSError:
                    return False
                caller.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return b" 200 OK" in caller.recv(1000)

        assert until(daemon, answers, 60)
        assert path.stat().st_mode & 0o777 == 0o660
        _ended(at, daemon)
        assert not path.exists()
