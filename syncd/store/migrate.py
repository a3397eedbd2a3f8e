"""Revisions: which one a database is at, which one this syncd needs, and how to get there.

One chain of revisions, run once for each of the two databases. The scripts lie at the top of a checkout, or inside the
installed package. Must not create a table itself: that is what revisions are for.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, MetaData, inspect, text

from syncd.errors import SchemaProblem
from syncd.store import triggers
from syncd.store.database import Address, House, Use, address, exists, make_private, open_engine
from syncd.store.faults import UPGRADE, border
from syncd.store.schema import MIRROR, STATE, STATE_SCHEMA

if TYPE_CHECKING:
    from alembic.config import Config

HOUSES = (House.MIRROR, House.STATE)
_INSTALL = "Install the syncd that made this database, then: syncd db check"
#: Any number that other programs on the server do not use: "syncd" in ASCII.
_UPGRADE_LOCK = 0x73796E6364
_VERSIONS = "alembic_version"
_LINK = re.compile(r'^(revision|down_revision) = (?:"(\w+)"|None)$', re.MULTILINE)


def scripts() -> Path:
    """The folder with the revisions."""
    package = Path(__file__).parents[1]
    inside = package / "_migrations"
    return inside if inside.is_dir() else package.parent / "migrations"


def metadata_of(house: House) -> MetaData:
    """The tables that the newest revision makes."""
    return MIRROR if house is House.MIRROR else STATE


def _config(where: Address) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(scripts()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["address"] = where
    return config


@cache
def known_revisions() -> tuple[str, ...]:
    """All revisions that this syncd knows, the newest first.

    Read from the scripts' own lines: every command asks, and Alembic itself would cost it a fifth of a second."""
    links = [dict(_LINK.findall(path.read_text(encoding="utf-8"))) for path in scripts().glob("versions/*.py")]
    after = {link["down_revision"]: link["revision"] for link in links}
    chain: list[str] = []
    while (following := after.get(chain[-1] if chain else "")) is not None:
        chain.append(following)
    return tuple(reversed(chain))


def upgrade(mirror_url: str, state_url: str | None = None) -> None:
    """Bring both databases to the newest revision, from whatever known one they are at.

    Raises SchemaProblem for one that this syncd does not know, DatabaseBusy, DiskProblem, SettingsProblem."""
    from alembic import command  # only who upgrades pays for it

    where = address(mirror_url, state_url)
    for house, revision in current(mirror_url, state_url).items():
        if revision is not None:
            _refuse_unknown(house, revision)
    with border():
        command.upgrade(_config(where), "head")


def current(mirror_url: str, state_url: str | None = None) -> Mapping[House, str | None]:
    """The revision of each database, None for an empty one."""
    where = address(mirror_url, state_url)
    return {house: _revision(where, house) for house in HOUSES}


def check(mirror_url: str, state_url: str | None = None) -> None:
    """Raise SchemaProblem unless both databases are at the revision that this syncd needs."""
    newest = known_revisions()[0]
    for house, revision in current(mirror_url, state_url).items():
        if revision is None:
            raise SchemaProblem(f"the {house.value} database is empty", hint=UPGRADE)
        _refuse_unknown(house, revision)
        if revision != newest:
            raise SchemaProblem(
                f"the {house.value} database is at revision {revision}, this syncd needs {newest}", hint=UPGRADE
            )


def _refuse_unknown(house: House, revision: str) -> None:
    if revision not in known_revisions():
        raise SchemaProblem(
            f"the {house.value} database is at revision {revision}, which this syncd does not know", hint=_INSTALL
        )


def _revision(where: Address, house: House) -> str | None:
    url = where.of(house)
    if not exists(url):
        return None
    engine = open_engine(url, house, Use.READ, 1)
    try:
        with border(), engine.connect() as connection:
            return _version(connection)
    finally:
        engine.dispose()


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_VERSIONS):
        return None
    found: str | None = connection.execute(text(f"SELECT version_num FROM {_VERSIONS}")).scalar()  # noqa: S608
    return found


def ensure_triggers(mirror_url: str, state_url: str | None = None) -> None:
    """Make sure that people's edits are noticed: triggers that somebody dropped, changed or switched off are made anew,
    and a scan is asked for. Raises DatabaseBusy, DiskProblem, SettingsProblem."""
    where = address(mirror_url, state_url)
    engine = open_engine(where.mirror, House.MIRROR, Use.READ, 1)
    try:
        with border(), engine.connect() as connection:
            if triggers.in_place(connection):
                return
    finally:
        engine.dispose()
    with border(), migrating(where, House.MIRROR):
        pass  # its end makes them


@contextmanager
def migrating(where: Address, house: House) -> Iterator[Connection]:
    """A connection inside the one transaction that changes a database's tables; two upgrades wait for each other.

    While tables change there are no triggers on them; at the newest revision there are again."""
    url = where.of(house)
    if house is House.STATE:
        make_private(url)
    engine = open_engine(url, house, Use.WRITE, 1)
    try:
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SET LOCAL lock_timeout = '10s'"))
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
                if house is House.STATE:
                    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {STATE_SCHEMA}"))
            newest = known_revisions()[0]
            if house is House.MIRROR and _version(connection) not in {None, newest}:
                triggers.remove(connection)
            yield connection
            if house is House.MIRROR and _version(connection) == newest:
                triggers.ensure(connection)
    finally:
        engine.dispose()
