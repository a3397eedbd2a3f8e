"""Finding a real PostgreSQL server for the tests, or starting one from local binaries.

In this order: the one `SYNCD_TEST_POSTGRES_URL` names, one that answers on the loopback port with trust, one
started here from `initdb` and `pg_ctl` and stopped at the end. Knows nothing of syncd.
"""

import getpass
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg
from sqlalchemy import URL, make_url

LOOPBACK = "127.0.0.1"


class NoPostgres(Exception):
    """No server could be found or started; the text says what was tried."""


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A server in use: the URL of its maintenance database, and for people where it came from."""

    url: str
    origin: str
    stop: Callable[[], None] = lambda: None  # only where the server was started here
    start: Callable[[], None] = lambda: None


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """The first usable server. Raises NoPostgres where there is none."""
    tried: list[str] = []
    if named := os.environ.get("SYNCD_TEST_POSTGRES_URL"):
        yield PostgresServer(named, f"{_version(make_url(named))}, named by SYNCD_TEST_POSTGRES_URL")
        return
    for user in dict.fromkeys(("postgres", getpass.getuser())):
        url = server_url(user, 5432)
        try:
            version = _version(url)
        except (psycopg.Error, NoPostgres) as error:
            tried.append(f"{user}@{LOOPBACK}:5432: {str(error).strip().splitlines()[0]}")
        else:
            yield PostgresServer(url.render_as_string(hide_password=False), f"{version}, answering on {LOOPBACK}:5432")
            return
    folder = find_binaries()
    if folder is None:
        raise NoPostgres("; ".join([*tried, "and no initdb is installed"]))
    with started_server(folder) as started:
        yield started


def server_url(user: str, port: int, database: str = "postgres") -> URL:
    return URL.create("postgresql+psycopg", username=user, host=LOOPBACK, port=port, database=database)


def admin_connection(url: URL) -> psycopg.Connection:
    """An autocommit connection, for statements about databases."""
    return psycopg.connect(
        url.set(drivername="postgresql").render_as_string(hide_password=False),
        autocommit=True,
        connect_timeout=5,
    )


def _version(url: URL) -> str:
    with admin_connection(url) as connection:
        row = connection.execute(
            "SELECT current_setting('server_version'), rolcreatedb OR rolsuper"
            " FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
    assert row is not None
    version, may_create = row
    if not may_create:
        raise NoPostgres(f"{url.username} may not create databases there")
    return f"PostgreSQL {version.split()[0]}"


def find_binaries() -> Path | None:
    """The folder of initdb and pg_ctl: the newest that a distribution installed, else what PATH offers."""
    known = [
        *Path("/usr/lib/postgresql").glob("*/bin/initdb"),
        *Path("/opt/homebrew/opt").glob("postgresql@*/bin/initdb"),
    ]
    newest = max(known, key=_major_version, default=None)
    if newest is None and (found := shutil.which("initdb")):
        newest = Path(found).resolve()
    return newest.parent if newest else None


def _major_version(program: Path) -> int:
    """From the folder that a distribution names after it: `.../15/bin/initdb`."""
    return int("".join(filter(str.isdigit, program.parent.parent.name)) or 0)


@contextmanager
def started_server(binaries: Path) -> Iterator[PostgresServer]:
    """A server of our own on a free port, without sockets in the file system and without fsync."""
    user = _unprivileged_user()
    home = Path(tempfile.mkdtemp(prefix="syncd-postgres-"))
    if user is not None:
        os.chown(home, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
    cluster = home / "cluster"
    port = _free_port()

    def run(program: str, *arguments: str) -> None:
        # Into a file: a pipe would be held open by the server, and reading it would never end.
        with (home / "out").open("w") as out:
            done = subprocess.run(
                [binaries / program, "-D", cluster, *arguments],
                check=False,
                cwd=home,
                user=user,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        if done.returncode != 0:
            raise NoPostgres(f"{program} failed: {(home / 'out').read_text()[-2000:]}")

    options = f"-p {port} -c listen_addresses={LOOPBACK} -c unix_socket_directories= -c fsync=off"
    try:
        run("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
        start = partial(run, "pg_ctl", "-l", str(home / "server.log"), "-w", "-t", "60", "-o", options, "start")
        stop = partial(run, "pg_ctl", "-w", "-m", "fast", "stop")
        start()
        try:
            url = server_url("postgres", port)
            origin = f"{_version(url)}, started here from {binaries}"
            yield PostgresServer(url.render_as_string(hide_password=False), origin, stop, start)
        finally:
            if (cluster / "postmaster.pid").exists():
                stop()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _unprivileged_user() -> str | None:
    """Whom the server runs as: it refuses root. None where we are somebody else already."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise NoPostgres("running as root, and there is no user postgres or nobody to start a server as")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port
