"""The door to the disk: two databases, each behind a writer that runs plain functions in one transaction."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from syncd.ports.leasing import LeaseTable
from syncd.ports.pushing import ConflictTable, HistoryTable, LocalSignal, LocalTable, OutboxTable, PushJournal
from syncd.ports.requests import RequestTable
from syncd.ports.tables import Books, BudgetTable, HintQueue, Journal, LedgerTable, MirrorTable, SealTable, VaultTable
from syncd.ports.webhooks import WebhookTable

T = TypeVar("T")
Tx_co = TypeVar("Tx_co", covariant=True)


class Writer(Protocol[Tx_co]):
    """Runs a plain function inside exactly one database transaction: committed when it returns, rolled back when it
    raises.

    Shielded: a cancelled caller's transaction still ends whole. Raises DatabaseBusy, DiskProblem, SchemaProblem."""

    async def run(self, f: Callable[[Tx_co], T]) -> T: ...


class MirrorTx(Protocol):
    """One transaction on the mirror database."""

    @property
    def ledger(self) -> LedgerTable: ...
    @property
    def mirror(self) -> MirrorTable: ...
    @property
    def hints(self) -> HintQueue: ...
    @property
    def books(self) -> Books: ...
    @property
    def local(self) -> LocalTable: ...
    @property
    def outbox(self) -> OutboxTable: ...
    @property
    def conflicts(self) -> ConflictTable: ...
    @property
    def history(self) -> HistoryTable: ...
    @property
    def leases(self) -> LeaseTable: ...
    @property
    def requests(self) -> RequestTable: ...


class StateTx(Protocol):
    """One transaction on the state database. `now` is the database's clock, unix seconds, read after the lock is held;
    `whereabouts` a text that a copy of the database on a server does not have, empty for a file. `forget` removes
    every row of a shop, and the bucket that nobody else uses."""

    def now(self) -> float: ...
    def whereabouts(self) -> str: ...
    def forget(self, shop_id: int, bucket: str | None) -> None: ...
    @property
    def budget(self) -> BudgetTable: ...
    @property
    def vault(self) -> VaultTable: ...
    @property
    def seals(self) -> SealTable: ...
    @property
    def journal(self) -> Journal: ...
    @property
    def pushes(self) -> PushJournal: ...
    @property
    def webhooks(self) -> WebhookTable: ...


class Disk(Protocol):
    """The two databases. `reader` runs read-only functions and never waits for the writer; `local_signal` tells of
    people's edits."""

    @property
    def mirror(self) -> Writer[MirrorTx]: ...
    @property
    def state(self) -> Writer[StateTx]: ...
    @property
    def reader(self) -> Writer[MirrorTx]: ...
    @property
    def local_signal(self) -> LocalSignal: ...
