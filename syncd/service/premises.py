"""What a house stands on: the settings and what they mean for each part, the databases, keys and locks.

Must not know workers, nor the wire.
"""

from functools import cached_property
from typing import Final

import structlog

from syncd.engine.budget_transactions import BudgetRules
from syncd.host.keywatch import WatchedKeys
from syncd.host.lock import BothLocks, ExchangeLocks
from syncd.host.redaction import Redactor
from syncd.host.spill import SpillFolder
from syncd.host.stamp import Stamp
from syncd.ports import Clock, Dice, ExchangeLock, Home, Log, Sealer, Watcher
from syncd.service.hush import HushedSealer
from syncd.service.progress import LogWatcher
from syncd.service.rules import enabled_resources, hook_rules, policies, pull_rules, push_rules, remote_settings
from syncd.service.settings import Loaded
from syncd.store.disk import StoreDisk
from syncd.store.home import DatabaseHome
from syncd.store.pglock import PostgresExchangeLocks

SPILL: Final = "spill"
STAMP: Final = "installation"


class Premises:
    """The lower half of a `House` (`service/wire.py`)."""

    def __init__(
        self, loaded: Loaded, disk: StoreDisk, redactor: Redactor, clock: Clock, dice: Dice, watcher: Watcher | None
    ) -> None:
        self.redactor = redactor
        self.disk = disk
        self.clock = clock
        self.dice = dice
        self.log: Log = structlog.get_logger("syncd")
        self._given_watcher = watcher
        self.edition = 0
        self._go_by(loaded)

    def _go_by(self, loaded: Loaded) -> None:
        """Take over what the settings say."""
        settings = loaded.settings
        self.loaded = loaded
        self.rules = pull_rules(loaded)
        self.push_rules = push_rules(loaded)
        self.hook_rules = hook_rules(loaded)
        self.policies = policies(loaded)
        self.remote_settings = remote_settings(loaded)
        self.budget_rules = BudgetRules(size=settings.budget.size, leak=settings.budget.leak_per_s)
        self.resources = enabled_resources(loaded)
        # Where nobody watches, a line now and then says how far long runs are.
        lines = LogWatcher(self.clock, self.log, settings.log.progress_every_s)
        self.watcher: Watcher = self._given_watcher or lines

    def adopt(self, loaded: Loaded) -> None:
        """Go by other settings from here on. A workplace follows when it is opened anew (`House.reopened`)."""
        self._go_by(loaded)
        self.edition += 1

    @cached_property
    def sealer(self) -> Sealer:
        """The seal; the key is read when it is first needed. Raises KeyProblem."""
        return HushedSealer(self.keys, self.redactor)

    @cached_property
    def keys(self) -> WatchedKeys:
        """The sealing keys, as they are at each moment. Raises KeyProblem."""
        return WatchedKeys(self.loaded.key_sources)

    @cached_property
    def lock(self) -> ExchangeLock:
        """One exchange at a time: a file's lock, and on PostgreSQL the database's own lock as well.

        The server's lock ends with the daemon; the file's is held on to by the process that exchanges."""
        where, here = self.disk.address.state, ExchangeLocks(self.loaded.home, self.clock.sleep)
        if where.get_backend_name() == "postgresql":
            return BothLocks(here, PostgresExchangeLocks(where, self.clock.sleep))
        return here

    @cached_property
    def home(self) -> Home:
        """Which installation this is: by a file beside the databases, or on PostgreSQL by the database itself."""
        if self.disk.address.state.get_backend_name() == "postgresql":
            return DatabaseHome(self.disk.state)
        return Stamp(self.loaded.home / STAMP)

    @cached_property
    def spill(self) -> SpillFolder:
        """Where new pairs lie until the database has them."""
        return SpillFolder(self.loaded.home / SPILL)
