"""The daemon's own rows: token rows, runs and due times.

Must not know how a token is sealed or when a job is due.
"""

import json
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from syncd.domain.run import Outcome, Run
from syncd.domain.token import SealedTokens, TokenPhase
from syncd.store.rows import save
from syncd.store.schema import BUCKETS, DUE, RUNS, STATE, TOKENS

#: Runs that the journal keeps; older ones are forgotten as new ones come.
RUNS_KEPT = 50_000
_RUNS_SWEPT = 100

_RUN = tuple(field.name for field in fields(Run) if field.name != "fault")
_SEALED = tuple(field.name for field in fields(SealedTokens))


def _insert(connection: Connection, table: Table) -> Any:
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


class Vault:
    """`ports.VaultTable` on one connection. Tokens come and go sealed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def load(self, shop_id: int) -> SealedTokens | None:
        """A shop's row."""
        columns = [TOKENS.c[name] for name in _SEALED]
        row = self._connection.execute(select(*columns).where(TOKENS.c.shop_id == shop_id)).first()
        return None if row is None else _sealed(row)

    def swap(self, before: SealedTokens | None, after: SealedTokens) -> bool:
        """Write `after` where the row still has the generation and phase of `before` (None: where there is no row)."""
        row = {name: getattr(after, name) for name in _SEALED} | {"phase": after.phase.value}
        if before is None:
            new = _insert(self._connection, TOKENS).values(row).on_conflict_do_nothing()
            return self._connection.execute(new.returning(TOKENS.c.shop_id)).first() is not None
        changed = update(TOKENS).where(
            TOKENS.c.shop_id == after.shop_id,
            TOKENS.c.generation == before.generation,
            TOKENS.c.phase == before.phase.value,
        )
        return self._connection.execute(changed.values(row)).rowcount == 1

    def forget(self, shop_id: int) -> None:
        """Remove a shop's row."""
        self._connection.execute(delete(TOKENS).where(TOKENS.c.shop_id == shop_id))

    def all(self) -> list[SealedTokens]:
        """Every row, by shop."""
        columns = [TOKENS.c[name] for name in _SEALED]
        rows = self._connection.execute(select(*columns).order_by(TOKENS.c.shop_id))
        return [_sealed(row) for row in rows]


def _sealed(row: Any) -> SealedTokens:
    values = dict(zip(_SEALED, row, strict=True))
    return SealedTokens(**values | {"phase": TokenPhase(values["phase"])})


class Runs:
    """`ports.Journal` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def write(self, shop_id: int, run: Run) -> None:
        """Add a run; now and then the oldest beyond RUNS_KEPT are forgotten."""
        row = {name: getattr(run, name) for name in _RUN} | {"shop_id": shop_id, "outcome": run.outcome.value}
        row["counts"] = json.dumps(run.counts, sort_keys=True)
        seq = self._connection.execute(RUNS.insert().values(row).returning(RUNS.c.seq)).scalar_one()
        if seq % _RUNS_SWEPT == 0:
            self._connection.execute(delete(RUNS).where(RUNS.c.seq <= seq - RUNS_KEPT))

    def last(self, shop_id: int, limit: int) -> list[Run]:
        """The last runs of a shop, newest first."""
        columns = [RUNS.c[name] for name in _RUN]
        rows = select(*columns).where(RUNS.c.shop_id == shop_id).order_by(RUNS.c.seq.desc()).limit(limit)
        return [_run(row) for row in self._connection.execute(rows)]

    def due(self, shop_id: int) -> dict[str, datetime]:
        """When each job of a shop is due."""
        rows = select(DUE.c.job, DUE.c.due_at).where(DUE.c.shop_id == shop_id).order_by(DUE.c.job)
        return {row[0]: row[1] for row in self._connection.execute(rows)}

    def save_due(self, shop_id: int, job: str, due_at: datetime) -> None:
        """Note when a job is due next."""
        save(self._connection, DUE, {"shop_id": shop_id, "job": job, "due_at": due_at})


def _run(row: Any) -> Run:
    values = dict(zip(_RUN, row, strict=True))
    return Run(**values | {"outcome": Outcome(values["outcome"]), "counts": json.loads(values["counts"])})


def forget_shop(connection: Connection, shop_id: int, bucket: str | None) -> None:
    """Remove every row of a shop from the state database, and one bucket."""
    for table in STATE.sorted_tables:
        if "shop_id" in table.c:
            connection.execute(delete(table).where(table.c.shop_id == shop_id))
    if bucket is not None:
        connection.execute(delete(BUCKETS).where(BUCKETS.c.bucket == bucket))
