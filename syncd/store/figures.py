"""Figures of all shops at once, for metrics and the status page: a handful of grouped questions, however many shops.

Counts, dates and states only: never a record, never a token. Runs on readers, so that whoever looks holds up nobody.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Column, Connection, Table, func, select

from syncd.domain.budget import Bucket
from syncd.domain.capability import Capabilities
from syncd.domain.cursor import Cursor
from syncd.domain.shop import Shop
from syncd.domain.token import TokenPhase
from syncd.store.books import Books, cursor_of
from syncd.store.disk import MirrorTransaction, StateTransaction
from syncd.store.leases import database_time
from syncd.store.schema import (
    BRAKES,
    BUCKETS,
    CALLS,
    CAPABILITIES,
    CONFLICTS,
    CURSORS,
    HINTS,
    LEASES,
    LEDGER,
    OUTBOX,
    PARKED,
    REFUSED_EDITS,
    REPLICAS,
    RUNS,
    TOKENS,
    WEBHOOK_INBOX,
    WEBHOOKS,
)

Counts = Mapping[tuple[Any, ...], int]
REPLICA_AGE_MAX_S = 30.0


@dataclass(frozen=True, slots=True)
class Mirrored:
    """The mirror's side. Keys are (shop id, resource, ...); `leases` counts those that hold by owner."""

    shops: Sequence[Shop]
    cursors: Mapping[tuple[int, str], Cursor]
    caps: Mapping[tuple[int, str], Capabilities]
    hints: Counts  # by source
    outbox: Counts  # by state
    conflicts: Counts  # that nobody decided yet
    parked: Counts
    refused: Counts
    brakes: Counts  # that are on and not approved
    leased: Mapping[int, tuple[str, float]]  # owner, seconds that it still holds
    replicas: int


@dataclass(frozen=True, slots=True)
class TokenState:
    """A token row without its tokens."""

    phase: TokenPhase
    generation: int
    issued_at: datetime | None
    expires_at: datetime | None


class CallLine(NamedTuple):
    """A line of the accounts of calls."""

    shop_id: int
    hour: int
    job: str
    klass: str
    word: str
    calls: int
    waited_s: float


@dataclass(frozen=True, slots=True)
class Kept:
    """The state database's side. `runs` are those after a place in the journal, by (shop id, job, outcome)."""

    now: float
    buckets: Mapping[str, Bucket]
    tokens: Mapping[int, TokenState]
    calls: Sequence[CallLine]
    runs: Counts
    runs_end: int
    deliveries: Counts
    webhooks: Counts


def mirrored(tx: MirrorTransaction, wall: float) -> Mirrored:
    """Read the mirror's side. `wall` is our clock, for where the database has none."""
    connection = tx.connection
    now = database_time(connection)
    now = wall if now is None else now
    lines = connection.execute(select(CURSORS)).mappings()
    return Mirrored(
        shops=Books(connection).shops(),
        cursors={(row["shop_id"], row["resource"]): cursor_of(row) for row in lines},
        caps=_capabilities(connection),
        hints=_count(connection, HINTS, "shop_id", "resource", "source"),
        outbox=_count(connection, OUTBOX, "shop_id", "resource", "state"),
        conflicts=_count(connection, CONFLICTS, "shop_id", "resource", only=CONFLICTS.c.resolution.is_(None)),
        parked=_count(connection, PARKED, "shop_id", "resource"),
        refused=_count(connection, REFUSED_EDITS, "shop_id", "resource"),
        brakes=_count(connection, BRAKES, "shop_id", "resource", only=BRAKES.c.approved.is_(False)),
        leased={
            row.shop_id: (row.owner, row.until_s - now)
            for row in connection.execute(select(LEASES.c.shop_id, LEASES.c.owner, LEASES.c.until_s))
            if row.until_s > now
        },
        replicas=sum(
            now - seen < REPLICA_AGE_MAX_S for seen in connection.execute(select(REPLICAS.c.seen_s)).scalars()
        ),
    )


def rows(tx: MirrorTransaction) -> Counts:
    """How many records of each (shop id, resource) the mirror has that are no tombstones, as the ledger knows them.

    Cheaper than counting the mirror's own rows, which are wide; a row that nobody has pushed yet is not among them."""
    return _count(tx.connection, LEDGER, "shop_id", "resource", only=LEDGER.c.gone_at.is_(None))


def kept(tx: StateTransaction, shop_ids: Sequence[int], since_hour: int, after_run: int) -> Kept:
    """Read the state database's side: calls from an hour on, runs after a place in the journal."""
    connection = tx.connection
    names = [field.name for field in fields(Bucket)]
    buckets = connection.execute(select(BUCKETS.c.bucket, *(BUCKETS.c[name] for name in names)))
    tokens = connection.execute(
        select(TOKENS.c.shop_id, TOKENS.c.phase, TOKENS.c.generation, TOKENS.c.issued_at, TOKENS.c.expires_at)
    )
    newest = connection.execute(select(func.max(RUNS.c.seq))).scalar() or 0
    return Kept(
        now=tx.now(),
        buckets={row[0]: Bucket(*row[1:]) for row in buckets},
        tokens={row[0]: TokenState(TokenPhase(row[1]), *row[2:]) for row in tokens},
        calls=_calls(connection, shop_ids, since_hour),
        runs=_count(connection, RUNS, "shop_id", "job", "outcome", only=RUNS.c.seq > after_run),
        runs_end=newest,
        deliveries=_count(connection, WEBHOOK_INBOX, "shop_id", "state"),
        webhooks=_count(connection, WEBHOOKS, "shop_id"),
    )


def _count(connection: Connection, table: Table, *names: str, only: Any = None) -> Counts:
    columns: list[Column[Any]] = [table.c[name] for name in names]
    counted = select(*columns, func.count()).group_by(*columns).order_by(*columns)
    if only is not None:
        counted = counted.where(only)
    return {tuple(row[:-1]): row[-1] for row in connection.execute(counted)}


def _capabilities(connection: Connection) -> dict[tuple[int, str], Capabilities]:
    found = connection.execute(select(CAPABILITIES))
    return {(row.shop_id, row.resource): Capabilities.from_json(json.loads(row.learned)) for row in found}


def _calls(connection: Connection, shop_ids: Sequence[int], since_hour: int) -> list[CallLine]:
    # Named shops, so that the primary key (shop, hour) is of use: the table keeps years.
    columns = [CALLS.c[name] for name in ("shop_id", "hour", "job", "class", "word", "calls", "waited_s")]
    found = []
    for shop_id in shop_ids:
        lines = select(*columns).where(CALLS.c.shop_id == shop_id, CALLS.c.hour >= since_hour)
        found += [CallLine(*row) for row in connection.execute(lines)]
    return found
