"""Engines: how a connection to either database is opened, begun and named.

SQLite connections begin every transaction themselves (`BEGIN IMMEDIATE` to write): the driver's own way reads outside
the transaction and loses updates. PostgreSQL sessions of the daemon carry a name that triggers know, and give way to
people after 200 ms. Must not know tables.
"""

import os
import sqlite3
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from syncd.errors import DiskProblem, SettingsProblem
from syncd.store.schema import STATE_SCHEMA

SQLITE_LEAST = (3, 35, 0)
#: Older ones can, very rarely, damage a WAL file when two processes write (fixed in this version).
SQLITE_SOUND = (3, 51, 3)
_ADVICE = "Set database.url (SYNCD_DATABASE_URL) to sqlite:///FILE or postgresql://..., then: syncd db check"


class House(Enum):
    """Which of the two databases."""

    MIRROR = "mirror"
    STATE = "state"


class Use(Enum):
    """What an engine is for."""

    WRITE = "write"
    READ = "read"


@dataclass(frozen=True, slots=True)
class Address:
    """Where the two databases are."""

    mirror: URL
    state: URL

    def of(self, house: House) -> URL:
        """The address of one of them."""
        return self.mirror if house is House.MIRROR else self.state


def sqlite_module() -> ModuleType:
    """The SQLite library in use: the bundled newer one where installed. Never use two on one file in one process."""
    try:
        from pysqlite3 import dbapi2  # noqa: PLC0415
    except ImportError:
        return sqlite3
    return dbapi2  # type: ignore[no-any-return]


def sqlite_version() -> tuple[int, int, int]:
    """The version of that library."""
    first, second, third = sqlite_module().sqlite_version_info
    return first, second, third


def address(mirror_url: str, state_url: str | None = None) -> Address:
    """Read the URLs; without one for the state it lies beside a SQLite mirror, or in the same PostgreSQL database.

    Raises SettingsProblem: not a URL, another database, or SQLite without a file."""
    mirror = _url(mirror_url)
    if state_url:
        return Address(mirror, _url(state_url))
    if mirror.get_backend_name() == "sqlite":
        return Address(mirror, mirror.set(database=str(Path(mirror.database or "").with_name("state.db"))))
    return Address(mirror, mirror)


def _url(text: str) -> URL:
    try:
        url = make_url(text)
    except ArgumentError:
        raise SettingsProblem("the database's address is not a URL", hint=_ADVICE) from None
    if url.drivername in {"postgres", "postgresql", "postgresql+psycopg"}:
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() != "sqlite":
        raise SettingsProblem(f"a mirror cannot lie on {url.get_backend_name()!r}", hint=_ADVICE)
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise SettingsProblem("a mirror on SQLite needs a file", hint=_ADVICE)
    return url


IDLE_MS = 10_000
"""So long a transaction may stand still on PostgreSQL: less than a lease lasts."""
SILENT_S = 20
"""After so much silence of the network a session of PostgreSQL is over, for either side."""
_ASKED_S = 5
_KEEPALIVES = {
    "keepalives_idle": SILENT_S - 2 * _ASKED_S,
    "keepalives_interval": _ASKED_S,
    "keepalives_count": 2,
    "tcp_user_timeout": SILENT_S * 1000,
}


def open_engine(url: URL, house: House, use: Use, connections: int) -> Engine:
    """An engine for one database. Opens no connection yet. Raises SettingsProblem for a SQLite that is too old."""
    if url.get_backend_name() == "sqlite":
        return _sqlite(url, house, use, connections)
    return _postgres(url, house, use, connections)


def _sqlite(url: URL, house: House, use: Use, connections: int) -> Engine:
    if sqlite_version() < SQLITE_LEAST:
        found, least = (".".join(map(str, version)) for version in (sqlite_version(), SQLITE_LEAST))
        raise SettingsProblem(
            f"SQLite {found} is too old, {least} is needed", hint="Install a newer one: pip install 'syncd[sqlite]'"
        )
    engine = create_engine(
        url,
        module=sqlite_module(),
        hide_parameters=True,
        pool_size=connections,
        max_overflow=0,
        connect_args={"timeout": 5.0, "check_same_thread": False},
    )
    # The vault and the push journal must survive a power cut; a page of the mirror can be pulled again.
    synchronous = "FULL" if house is House.STATE else "NORMAL"

    def connected(raw: Any, _record: object) -> None:
        raw.isolation_level = None
        raw.execute(f"PRAGMA synchronous={synchronous}")
        if use is Use.READ:
            raw.execute("PRAGMA query_only=ON")
        else:
            raw.execute("PRAGMA journal_mode=WAL")

    begin = "BEGIN IMMEDIATE" if use is Use.WRITE else "BEGIN"

    def begun(connection: Any) -> None:
        # By the driver itself: every third statement is one of these, and SQLAlchemy's way costs ten times as much.
        connection.connection.driver_connection.execute(begin)

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)
    return engine


def _postgres(url: URL, house: House, use: Use, connections: int) -> Engine:
    options = ["-c syncd.origin=daemon", "-c timezone=UTC", "-c plan_cache_mode=force_custom_plan"]
    # A process that was stopped inside a transaction holds rows that its successor needs.
    options.append(f"-c idle_in_transaction_session_timeout={IDLE_MS}")
    if house is House.MIRROR:
        # Shorter than the server's deadlock_timeout: where people and the daemon collide, the daemon steps back.
        options.append("-c lock_timeout=200ms")
    else:
        options += ["-c lock_timeout=5s", f"-c search_path={STATE_SCHEMA}"]
    if use is Use.READ:
        options.append("-c default_transaction_read_only=on")
    return create_engine(
        url.difference_update_query(["options"]),
        hide_parameters=True,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=30,
        connect_args=session(url, f"syncd {house.value}", *options),
    )


def session(url: URL, name: str, *options: str) -> dict[str, Any]:
    """How a session of PostgreSQL is opened: under a name, with these options before those of the address.

    Both sides ask each other over the network whether they are still there. Without that a server keeps the locks of a
    machine that lost its power for two hours, and we wait a quarter of an hour for one that lost its own."""
    ours = {word: number for word, number in _KEEPALIVES.items() if word not in url.query}
    theirs = [f"-c {word if word.startswith('tcp_') else f'tcp_{word}'}={n}" for word, n in _KEEPALIVES.items()]
    given = url.query.get("options", "")
    own = given if isinstance(given, str) else " ".join(given)
    joined = " ".join([*theirs, *options, own]).strip()
    return ours | {"options": joined, "application_name": name, "connect_timeout": 10}


def make_private(url: URL) -> None:
    """Create a SQLite file that only its owner may read, before anything is in it. Raises DiskProblem."""
    if url.get_backend_name() != "sqlite" or not url.database or Path(url.database).exists():
        return
    try:
        os.close(os.open(url.database, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise DiskProblem(
            f"{url.database} cannot be made: {error.strerror}",
            hint="Make its folder writable, or set another address, then: syncd db upgrade",
        ) from error


def exists(url: URL) -> bool:
    """Whether there is something to connect to; for a server: always."""
    return url.get_backend_name() != "sqlite" or Path(url.database or "").is_file()
