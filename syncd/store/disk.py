"""The two databases together, as the composition root hands them to the engine.

Opens what the migrations made, and refuses what it does not know. Must not create or change a table.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection

from syncd.ports import Books as BooksTable
from syncd.ports import (
    BudgetTable,
    Clock,
    ConflictTable,
    HintQueue,
    HistoryTable,
    Journal,
    LeaseTable,
    LedgerTable,
    MirrorTable,
    OutboxTable,
    PushJournal,
    RequestTable,
    SealTable,
    VaultTable,
    WebhookTable,
)
from syncd.store.books import Books
from syncd.store.buckets import Buckets
from syncd.store.conflicts import Conflicts
from syncd.store.database import Address, House, Use, address, open_engine
from syncd.store.guard import watch
from syncd.store.hints import Hints
from syncd.store.history import History
from syncd.store.home import whereabouts
from syncd.store.leases import Leases, database_time
from syncd.store.ledger import Ledger
from syncd.store.local import Local
from syncd.store.local_signal import POLL_S, SIMULATED_POLL_S, ListeningSignal, PollingSignal, Version
from syncd.store.logins import Logins
from syncd.store.migrate import check, ensure_triggers
from syncd.store.mirror import Mirror
from syncd.store.outbox import Outbox
from syncd.store.pushes import Pushes
from syncd.store.requests import Requests
from syncd.store.seals import Seals
from syncd.store.state import Runs, Vault, forget_shop
from syncd.store.webhooks import Webhooks
from syncd.store.writer import InlineWriter, StoreWriter

Tx = TypeVar("Tx")
Pause = Callable[[], Awaitable[None]]
#: More would wait for each other on the server's two to eight cores, and each costs it some megabytes.
POSTGRES_THREADS = 4
READERS = 2


class MirrorTransaction:
    """`ports.MirrorTx` on one connection. `connection` is for the reports of this package only."""

    def __init__(self, connection: Connection, clock: Clock, *, hold: bool, simulated: bool) -> None:
        self.connection = connection
        self._clock = clock
        self._hold = hold
        self._simulated = simulated

    @property
    def ledger(self) -> LedgerTable:
        """The ledger."""
        return Ledger(self.connection)

    @property
    def mirror(self) -> MirrorTable:
        """The mirror tables with their twins."""
        return Mirror(self.connection, hold=self._hold)

    @property
    def hints(self) -> HintQueue:
        """The queue of hints."""
        return Hints(self.connection)

    @property
    def books(self) -> BooksTable:
        """Cursors, capabilities, shops and the like."""
        return Books(self.connection)

    @property
    def local(self) -> Local:
        """What people edited."""
        return Local(self.connection)

    @property
    def outbox(self) -> OutboxTable:
        """Changes on their way to the shop."""
        return Outbox(self.connection)

    @property
    def conflicts(self) -> ConflictTable:
        """What waits for a person."""
        return Conflicts(self.connection)

    @property
    def history(self) -> HistoryTable:
        """What changed when, and by whom."""
        return History(self.connection)

    @property
    def leases(self) -> LeaseTable:
        """Who works which shop."""
        return Leases(self.connection, self._clock, simulated=self._simulated)

    @property
    def requests(self) -> RequestTable:
        """What commands ask of the daemon."""
        return Requests(self.connection)


class StateTransaction:
    """`ports.StateTx` on one connection. `connection` is for the reports of this package only."""

    def __init__(self, connection: Connection, clock: Clock, *, simulated: bool) -> None:
        self.connection = connection
        self._clock = clock
        self._simulated = simulated

    def now(self) -> float:
        """Unix seconds on the database's clock; ours where it has none, or where time is simulated."""
        own = None if self._simulated else database_time(self.connection)
        return self._clock.wall() if own is None else own

    def whereabouts(self) -> str:
        """Which database this is, as a copy of it is not."""
        return whereabouts(self.connection)

    def forget(self, shop_id: int, bucket: str | None) -> None:
        """Remove every row of a shop, and the bucket that nobody else uses, if one is named."""
        forget_shop(self.connection, shop_id, bucket)

    @property
    def budget(self) -> BudgetTable:
        """Buckets and accounts of calls."""
        return Buckets(self.connection)

    @property
    def vault(self) -> VaultTable:
        """Token rows."""
        return Vault(self.connection)

    @property
    def seals(self) -> SealTable:
        """Every sealed text."""
        return Seals(self.connection)

    @property
    def journal(self) -> Journal:
        """Runs and due times."""
        return Runs(self.connection)

    @property
    def logins(self) -> Logins:
        """Logins under way."""
        return Logins(self.connection)

    @property
    def pushes(self) -> PushJournal:
        """The push journal, and passwords of new customers."""
        return Pushes(self.connection)

    @property
    def webhooks(self) -> WebhookTable:
        """Doors, registered webhooks and the inbox."""
        return Webhooks(self.connection)


@dataclass(frozen=True, slots=True)
class StoreDisk:
    """`ports.Disk`. `close` waits for transactions under way."""

    address: Address
    mirror: StoreWriter[MirrorTransaction] | InlineWriter[MirrorTransaction]
    state: StoreWriter[StateTransaction] | InlineWriter[StateTransaction]
    reader: StoreWriter[MirrorTransaction] | InlineWriter[MirrorTransaction]
    state_reader: StoreWriter[StateTransaction] | InlineWriter[StateTransaction]
    local_signal: PollingSignal

    def close(self) -> None:
        """Close every connection. Nothing may be run afterwards."""
        self.local_signal.close()
        for writer in (self.mirror, self.state, self.reader, self.state_reader):
            writer.close()


def open_disk(
    mirror_url: str, state_url: str | None = None, *, clock: Clock, inline_pause: Pause | None = None
) -> StoreDisk:
    """Open both databases. With `inline_pause` transactions run on the caller's own thread, for simulated time.

    Triggers that are missing are made anew first, so that nothing that people write from here on goes unnoticed.

    Raises SchemaProblem (a revision that is not ours), SettingsProblem (a wrong address), DatabaseBusy, DiskProblem."""
    where = address(mirror_url, state_url)
    check(mirror_url, state_url)
    ensure_triggers(mirror_url, state_url)
    simulated = inline_pause is not None
    make_state: Callable[[Connection], StateTransaction] = partial(StateTransaction, clock=clock, simulated=simulated)
    make_mirror: Callable[..., MirrorTransaction] = partial(MirrorTransaction, clock=clock, simulated=simulated)

    def writer(house: House, use: Use, make: Callable[[Connection], Tx]) -> StoreWriter[Tx] | InlineWriter[Tx]:
        one = inline_pause is not None or (where.of(house).get_backend_name() == "sqlite" and use is Use.WRITE)
        threads = 1 if one else READERS if use is Use.READ else POSTGRES_THREADS
        engine = open_engine(where.of(house), house, use, threads)
        if house is House.MIRROR and use is Use.WRITE:
            watch(engine)
        if inline_pause is not None:
            return InlineWriter(engine, make, inline_pause)
        return StoreWriter(engine, make, threads, f"{house.value}-{use.value}")

    reader = writer(House.MIRROR, Use.READ, partial(make_mirror, hold=False))
    return StoreDisk(
        where,
        mirror=writer(House.MIRROR, Use.WRITE, partial(make_mirror, hold=True)),
        state=writer(House.STATE, Use.WRITE, make_state),
        reader=reader,
        state_reader=writer(House.STATE, Use.READ, make_state),
        local_signal=_signal(where, reader, clock, simulated=simulated),
    )


def _signal(
    where: Address,
    reader: StoreWriter[MirrorTransaction] | InlineWriter[MirrorTransaction],
    clock: Clock,
    *,
    simulated: bool,
) -> PollingSignal:
    if where.mirror.get_backend_name() == "sqlite":
        return PollingSignal(reader, clock, SIMULATED_POLL_S if simulated else POLL_S, Version(where.mirror))
    if simulated:
        return PollingSignal(reader, clock, SIMULATED_POLL_S)
    return ListeningSignal(reader, clock, where.mirror)
