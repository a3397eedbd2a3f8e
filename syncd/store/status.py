"""What `syncd status` and `syncd doctor` ask of the databases: counts and dates, never a record or a token."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import URL, func, select, text

from syncd.domain.cursor import Cursor
from syncd.domain.ledger import Brake
from syncd.domain.resources import RESOURCES
from syncd.domain.token import TokenPhase
from syncd.store.books import Books
from syncd.store.database import SQLITE_SOUND, House, sqlite_version
from syncd.store.disk import MirrorTransaction, StateTransaction, StoreDisk
from syncd.store.schema import LEDGER


@dataclass(frozen=True, slots=True)
class ResourceState:
    """One resource of one shop. `rows` are live ones, `gone` tombstones; `hints` wait to be looked at."""

    resource: str
    cursor: Cursor
    rows: int
    gone: int
    hints: int
    parked: int
    brake: Brake | None
    available: bool
    why_not: str


@dataclass(frozen=True, slots=True)
class TokenState:
    """A shop's token row without its tokens."""

    shop_id: int
    generation: int
    phase: TokenPhase
    issued_at: datetime | None
    expires_at: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """One of the two databases. `sound` is False for a SQLite that can, very rarely, damage a file (see the docs);
    `wal_bytes` grows while somebody keeps a transaction open."""

    house: House
    where: str
    version: str
    sound: bool
    size_bytes: int
    wal_bytes: int


async def resources(disk: StoreDisk, shop_id: int) -> list[ResourceState]:
    """Every resource of a shop, in the order in which shops are filled."""
    return await disk.reader.run(lambda tx: _resources(tx, shop_id))


def _resources(tx: MirrorTransaction, shop_id: int) -> list[ResourceState]:
    books = Books(tx.connection)
    depth = tx.hints.depth(shop_id)
    parked = books.parked(shop_id)
    brakes = {brake.resource: brake for brake in books.brakes(shop_id)}
    tombs = select(LEDGER.c.resource, func.count()).where(LEDGER.c.shop_id == shop_id, LEDGER.c.gone_at.is_not(None))
    gone = {row[0]: row[1] for row in tx.connection.execute(tombs.group_by(LEDGER.c.resource))}
    found = []
    for resource in RESOURCES:
        caps = books.capabilities(shop_id, resource.name)
        state = ResourceState(
            resource=resource.name,
            cursor=books.cursor(shop_id, resource.name),
            rows=tx.mirror.count(shop_id, resource),
            gone=gone.get(resource.name, 0),
            hints=sum(count for (name, _), count in depth.items() if name == resource.name),
            parked=sum(1 for each in parked if each.resource == resource.name),
            brake=brakes.get(resource.name),
            available=caps.available if caps else True,
            why_not=caps.why_not if caps else "",
        )
        found.append(state)
    return found


async def tokens(disk: StoreDisk) -> list[TokenState]:
    """Ages and phases of every shop's tokens."""

    def read(tx: StateTransaction) -> list[TokenState]:
        return [
            TokenState(row.shop_id, row.generation, row.phase, row.issued_at, row.expires_at, row.reason)
            for row in tx.vault.all()
        ]

    return await disk.state.run(read)


async def databases(disk: StoreDisk) -> list[DatabaseState]:
    """Kind, version and size of both databases."""
    server = await disk.reader.run(_server)
    return [_database(house, disk.address.of(house), server) for house in House]


def _server(tx: MirrorTransaction) -> tuple[str, int]:
    if tx.connection.dialect.name == "sqlite":
        return "", 0
    row = tx.connection.execute(text("SELECT current_setting('server_version'), pg_database_size(current_database())"))
    version, size = row.one()
    return f"PostgreSQL {version}", int(size)


def _database(house: House, url: URL, server: tuple[str, int]) -> DatabaseState:
    where = url.render_as_string(hide_password=True)
    if url.get_backend_name() != "sqlite":
        return DatabaseState(house, where, server[0] or "PostgreSQL", True, server[1], 0)
    file = Path(url.database or "")
    wal = file.with_name(file.name + "-wal")
    version = sqlite_version()
    return DatabaseState(
        house,
        str(file),
        "SQLite " + ".".join(map(str, version)),
        version >= SQLITE_SOUND,
        file.stat().st_size if file.exists() else 0,
        wal.stat().st_size if wal.exists() else 0,
    )
