"""The doors of the house: what the engine asks of the world, as protocols over domain values.

Five doors lead out (design section 2): clock, dice, wire (behind `Remote` and `Exchange`), disk (`Writer.run`), alarm.
Whoever builds a syncd passes them in, so that a whole daemon runs in a test on simulated time. The transaction
protocols (`MirrorTx`, `StateTx`) are synchronous on purpose: what runs inside a transaction cannot wait for the
network.
"""

from syncd.ports.disk import Disk, MirrorTx, StateTx, Writer
from syncd.ports.leasing import LeaseTable
from syncd.ports.pushing import ConflictTable, HistoryTable, LocalSignal, LocalTable, OutboxTable, PushJournal
from syncd.ports.requests import RequestTable
from syncd.ports.tables import Books, BudgetTable, HintQueue, Journal, LedgerTable, MirrorTable, SealTable, VaultTable
from syncd.ports.webhooks import RemoteHooks, WebhookTable
from syncd.ports.wire import (
    Admission,
    Exchange,
    Granted,
    Inspected,
    Listing,
    Look,
    Purpose,
    Remote,
    RemoteWriter,
    Tokens,
    Written,
)
from syncd.ports.world import Alarm, AsyncGuard, Clock, Dice, ExchangeLock, Home, Log, Sealer, Spill, Watcher

__all__ = [
    "Admission",
    "Alarm",
    "AsyncGuard",
    "Books",
    "BudgetTable",
    "Clock",
    "ConflictTable",
    "Dice",
    "Disk",
    "Exchange",
    "ExchangeLock",
    "Granted",
    "HintQueue",
    "HistoryTable",
    "Home",
    "Inspected",
    "Journal",
    "LeaseTable",
    "LedgerTable",
    "Listing",
    "LocalSignal",
    "LocalTable",
    "Log",
    "Look",
    "MirrorTable",
    "MirrorTx",
    "OutboxTable",
    "Purpose",
    "PushJournal",
    "Remote",
    "RemoteHooks",
    "RemoteWriter",
    "RequestTable",
    "SealTable",
    "Sealer",
    "Spill",
    "StateTx",
    "Tokens",
    "VaultTable",
    "Watcher",
    "WebhookTable",
    "Writer",
    "Written",
]
