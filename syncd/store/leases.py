"""`sync_leases` and `sync_replicas`: who works which shop, and the fence that checks it inside a transaction.

On PostgreSQL a transaction that is fenced holds its lease's row with FOR KEY SHARE: renewing goes on beside it, while
whoever takes the lease over (FOR UPDATE) comes after it, or not yet. Must not know when a lease is free: that is
`domain/lease.py`'s.
"""

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, delete, func, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from syncd.domain.lease import NOBODY, Kind, Lease, Replica, moment, taken
from syncd.ports import Clock
from syncd.store.rows import save
from syncd.store.schema import LEASES, REPLICAS

LEASES_CHANNEL: Final = "syncd_leases"
"""On PostgreSQL whoever waits for shops listens here."""
_SIGNED: Final = "syncd of "
_SESSIONS: Final = text(
    "SELECT DISTINCT application_name FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name LIKE 'syncd of %'"
)
_L = LEASES.c
_LEASE = tuple(field.name for field in fields(Lease))
_REPLICA = tuple(field.name for field in fields(Replica))
#: Asked in every transaction on the mirror: to build it costs more than to run it.
_KEPT: Final = (
    select(_L.shop_id)
    .where(_L.shop_id == bindparam("of_shop"), _L.owner == bindparam("of_owner"))
    .where(_L.generation == bindparam("of_generation"))
    .with_for_update(key_share=True, read=True)
)


class Leases:
    """`ports.LeaseTable` on one connection."""

    def __init__(self, connection: Connection, clock: Clock, *, simulated: bool) -> None:
        self._connection = connection
        self._clock = clock
        self._simulated = simulated
        self._now_s: float | None = None

    def now(self) -> float:
        """Unix seconds on the database's clock; ours where it has none, or where time is simulated."""
        if self._now_s is None:  # asked once a transaction: it costs a round trip
            own = None if self._simulated else database_time(self._connection)
            self._now_s = self._clock.wall() if own is None else own
        return self._now_s

    # --- leases --------------------------------------------------------------------------------------------------

    def load(self, shop_id: int) -> Lease | None:
        """A shop's lease, held or not."""
        rows = self._read(_L.shop_id == shop_id)
        return rows[0] if rows else None

    def all(self) -> list[Lease]:
        """Every shop's lease, by shop."""
        return self._read()

    def _read(self, *conditions: Any) -> list[Lease]:
        wanted = select(*(_L[name] for name in _LEASE)).where(*conditions).order_by(_L.shop_id)
        return [_lease(row) for row in self._connection.execute(wanted)]

    def take(self, shop_id: int, owner: str, kind: Kind, lease_s: float, over: Lease | None) -> Lease | None:
        """Take a lease that was seen to be free as `over` (None: there was none). None where it moved on since then, or
        is being taken by somebody else just now."""
        lease = taken(over, shop_id, owner, kind, self.now(), lease_s)
        row = asdict(lease) | {"kind": kind.value}
        if over is None:
            build: Any = sqlite.insert if self._connection.dialect.name == "sqlite" else postgresql.insert
            new = build(LEASES).values(row).on_conflict_do_nothing().returning(_L.shop_id)
            return lease if self._connection.execute(new).first() is not None else None
        same = (_L.shop_id == shop_id, _L.generation == over.generation, _L.until_s == over.until_s)
        held = select(_L.shop_id).where(*same, _L.owner == over.owner).with_for_update(skip_locked=True)
        if self._connection.execute(held).first() is None:
            return None
        self._connection.execute(update(LEASES).where(_L.shop_id == shop_id).values(row))
        return lease

    def renew(self, owner: str, lease_s: float) -> list[Lease]:
        """Renew all that an owner still has, in one statement, and return it, by shop."""
        changed = update(LEASES).where(_L.owner == owner).values(until_s=self.now() + lease_s)
        rows = self._connection.execute(changed.returning(*(_L[name] for name in _LEASE)))
        return sorted((_lease(row) for row in rows), key=lambda lease: lease.shop_id)

    def release(self, owner: str, shop_ids: Sequence[int]) -> None:
        """Give leases back, where they are still this owner's, and call those who may take them."""
        if not shop_ids:
            return
        mine = (_L.owner == owner, _L.shop_id.in_(list(shop_ids)))
        given = self._connection.execute(update(LEASES).where(*mine).values(owner=NOBODY, until_s=self.now()))
        if given.rowcount and self._connection.dialect.name == "postgresql":
            self._connection.execute(select(func.pg_notify(LEASES_CHANNEL, "")))

    def keeps(self, shop_id: int, owner: str, generation: int) -> bool:
        """The fence: whether a lease is still this owner's, of this generation; until the end of the transaction then
        nobody takes it over."""
        lease = {"of_shop": shop_id, "of_owner": owner, "of_generation": generation}
        return self._connection.execute(_KEPT, lease).first() is not None

    # --- sessions ------------------------------------------------------------------------------------------------

    def sign(self, owner: str) -> None:
        """Let this session tell whose it is: when a process is killed its sessions end with it, at once."""
        if self._has_sessions:
            self._connection.execute(select(func.set_config("application_name", _SIGNED + owner, False)))

    def signed(self) -> frozenset[str] | None:
        """Who has a session just now; None where there are none to be seen."""
        if not self._has_sessions:
            return None
        rows = self._connection.execute(_SESSIONS).scalars()
        return frozenset(name.removeprefix(_SIGNED) for name in rows)

    @property
    def _has_sessions(self) -> bool:
        return self._connection.dialect.name == "postgresql" and not self._simulated

    # --- replicas ------------------------------------------------------------------------------------------------

    def seen(self, replica: str, host: str, pid: int) -> None:
        """This replica lives."""
        now_s = self.now()
        known = update(REPLICAS).where(REPLICAS.c.replica == replica).values(seen_s=now_s)
        if self._connection.execute(known).rowcount == 0:
            row = Replica(replica, host, pid, now_s, moment(now_s))
            save(self._connection, REPLICAS, asdict(row))

    def replicas(self) -> list[Replica]:
        """Every replica that was not forgotten, the oldest first."""
        columns = [REPLICAS.c[name] for name in _REPLICA]
        wanted = select(*columns).order_by(REPLICAS.c.started_at, REPLICAS.c.replica)
        return [Replica(*row) for row in self._connection.execute(wanted)]

    def living(self, lease_s: float) -> list[Replica]:
        """Those that were seen lately."""
        now_s = self.now()
        return [each for each in self.replicas() if each.lives(now_s, lease_s)]

    def forget(self, replica: str) -> None:
        """A replica ended, or was not seen for long."""
        self._connection.execute(delete(REPLICAS).where(REPLICAS.c.replica == replica))


def _lease(row: Row[Any]) -> Lease:
    values = dict(zip(_LEASE, row, strict=True))
    return Lease(**values | {"kind": Kind(values["kind"])})


def database_time(connection: Connection) -> float | None:
    """The server's clock in unix seconds, None where the database has none of its own."""
    if connection.dialect.name == "sqlite":
        return None
    return float(connection.execute(select(func.extract("epoch", func.clock_timestamp()))).scalar_one())
