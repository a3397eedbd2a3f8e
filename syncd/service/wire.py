"""The composition root: the one place where doors, adapters and engine are put together.

A `House` is everything that one process needs; commands and the daemon work in it. The five doors can be handed in, so
that a whole daemon runs in a test on simulated time; what is not handed in is this machine's own. No global state.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from syncd.domain.budget import Bucket
from syncd.domain.shop import Shop
from syncd.engine.budget_transactions import bucket_now
from syncd.engine.budgeter import Budgeter
from syncd.engine.fence import FencedAdmission, FencedDisk
from syncd.engine.hands import Hands
from syncd.engine.hooks import Webhooking
from syncd.engine.inbox import Inbox
from syncd.engine.leasing import Leases
from syncd.engine.looks import Looker
from syncd.engine.outages import Outages
from syncd.engine.pairs import Vault
from syncd.engine.tokens import ShopTokens
from syncd.engine.worker import ShopWorker
from syncd.host.clock import SystemClock, SystemDice
from syncd.host.redaction import Redactor
from syncd.ports import Alarm, Watcher
from syncd.remote.gateway import ShopGateway
from syncd.remote.oauth import TokenEndpoint
from syncd.service.doors import Doors
from syncd.service.exchange_parent import ChildTeller
from syncd.service.hush import HushedExchange
from syncd.service.membership import call_s, member, write_s
from syncd.service.premises import SPILL, Premises
from syncd.service.progress import BudgetedWatcher
from syncd.service.rules import token_rules
from syncd.service.settings import Loaded
from syncd.service.turns import Turns, pushing_lock
from syncd.store.disk import StoreDisk, open_disk

DRAINING: Final = "stopping after the page in hand; once more stops at once"


@dataclass(frozen=True, slots=True)
class Workplace:
    """What belongs to one shop."""

    shop: Shop
    tokens: ShopTokens
    budgeter: Budgeter
    remote: ShopGateway
    worker: ShopWorker
    hands: Hands
    pusher: Turns
    webhooks: Webhooking
    edition: int  # of the settings that it was built from


class House(Premises):
    """Everything put together. Build it with `open_house`."""

    def __init__(
        self, loaded: Loaded, doors: Doors, disk: StoreDisk, redactor: Redactor, watcher: Watcher | None
    ) -> None:
        super().__init__(loaded, disk, redactor, doors.clock or SystemClock(), doors.dice or SystemDice(), watcher)
        self.outages = Outages(self.clock, self.log)
        self.draining = asyncio.Event()
        self.drain_note = DRAINING
        self.reload_asked = asyncio.Event()
        self.lease_s = loaded.settings.replicas.lease_s
        self.leases = Leases(disk, self.clock, self.log, member(self.dice, self.lease_s))
        self._doors = doors
        self._places: dict[int, Workplace] = {}

    def adopt(self, loaded: Loaded) -> None:
        """Go by other settings from here on. A workplace follows when it is opened anew (`reopened`)."""
        super().adopt(loaded)
        self.__dict__.pop("endpoint", None)

    # --- the parts ------------------------------------------------------------------------------------------------

    @cached_property
    def teller(self) -> ChildTeller | None:
        """Exchanges run in a process that outlives this one; in this one where the wire was handed in."""
        if self._doors.wire is not None:
            return None
        return ChildTeller(lambda: self.keys.first, self.loaded.home / SPILL, self.remote_settings, self.clock)

    @cached_property
    def inbox(self) -> Inbox:
        """Where webhooks are received."""
        return Inbox(self.disk, self.clock, self.log, self.hook_rules, self.resources)

    @property
    def has_replicas(self) -> bool:
        """Whether several daemons may work on this database; on files a lock refuses the second one."""
        return self._doors.replicas or self.disk.address.mirror.get_backend_name() != "sqlite"

    @cached_property
    def endpoint(self) -> TokenEndpoint:
        """Where tokens are exchanged."""
        return TokenEndpoint(self._doors.wire, self.clock, self.remote_settings)

    @cached_property
    def alarm(self) -> Alarm:
        """The timer."""
        from syncd.host.alarm import SystemAlarm  # only the daemon rings: commands need not load a scheduler

        return self._doors.alarm or SystemAlarm(self.clock, on_error=self._alarm_failed)

    def tokens(self, shop: Shop) -> ShopTokens:
        """The vault's side of one shop. Raises KeyProblem."""
        exchange = HushedExchange(self.endpoint, self.redactor)
        vault = Vault(exchange, self.disk.state, self.sealer, self.spill, self.lock, self.teller, self.home)
        rules = token_rules(self.loaded)
        return ShopTokens(shop, vault, clock=self.clock, dice=self.dice, log=self.log, rules=rules)

    async def place(self, shop: Shop) -> Workplace:
        """The workplace of a shop, put together when it is first asked for. Raises KeyProblem, SettingsProblem."""
        place = self._places.get(shop.id)
        if place is None or place.shop != shop:
            if place is not None:
                await self._leave(self._places.pop(shop.id))
            floor = await self.disk.reader.run(lambda tx: tx.ledger.highest_ticket(shop.id))
            place = self._places[shop.id] = self._place(shop, floor)
            try:
                await place.tokens.recover()
            except BaseException:
                # Whoever comes next has to recover again, so this place must not be found.
                self._places.pop(shop.id, None)
                await self._leave(place)
                raise
        if self.draining.is_set():
            place.worker.drain.set()
        return place

    async def worker(self, shop: Shop) -> ShopWorker:
        """The worker of a shop; see `place`."""
        return (await self.place(shop)).worker

    async def reopened(self, shop: Shop) -> ShopWorker:
        """The worker of a shop whose lanes were stopped, ready to begin anew by the settings of now."""
        place = self._places.get(shop.id)
        if place is not None and place.edition != self.edition:
            await self._leave(self._places.pop(shop.id))
        worker = await self.worker(shop)
        if not self.draining.is_set():
            worker.drain.clear()
        return worker

    async def bucket(self, shop: Shop) -> Bucket:
        """How the call budget of a shop stands; before its first call, what the settings say."""
        stored = await self.disk.state.run(lambda tx: bucket_now(tx, bucket_key(shop)))
        rules = self.budget_rules
        return stored or Bucket.first(size=rules.size, leak=rules.leak, t=self.clock.wall())

    def refusals(self, shop: Shop) -> int:
        """How many 429s of a shop this process met."""
        place = self._places.get(shop.id)
        return 0 if place is None else place.budgeter.refusals

    async def webhooks(self, shop: Shop) -> Webhooking:
        """The webhooks of a shop; see `place`."""
        return (await self.place(shop)).webhooks

    def drain(self) -> None:
        """Let every worker stop after the page in hand."""
        self.draining.set()
        for place in self._places.values():
            place.worker.drain.set()

    async def close(self) -> None:
        """Let a token exchange under way end, and what was delivered be stored, then close every connection."""
        await self.inbox.close()
        for place in list(self._places.values()):
            await self._leave(place)
        self._places.clear()
        if "teller" in self.__dict__ and self.teller is not None:
            self.teller.close()

    # --- putting together ------------------------------------------------------------------------------------------

    def _place(self, shop: Shop, floor: int) -> Workplace:
        tokens = self.tokens(shop)
        budgeter = Budgeter(
            shop.id,
            bucket_key(shop),
            state=self.disk.state,
            clock=self.clock,
            dice=self.dice,
            rules=self.budget_rules,
            floor=floor,
        )
        admission = FencedAdmission(budgeter, self.leases, shop.id, write_s(self.remote_settings, self.lease_s))
        remote = ShopGateway(shop, self._doors.wire, tokens, admission, self.clock, self.dice, self.remote_settings)
        fenced = FencedDisk(self.disk, self.leases, shop.id)
        worker = ShopWorker(
            shop,
            remote=remote,
            disk=fenced,
            clock=self.clock,
            log=self.log,
            rules=self.rules,
            watcher=BudgetedWatcher(self.watcher, lambda: sum(each.waited_s for each in budgeter.waited.values())),
            policies=self.policies,
        )
        hands = self._hands(shop, remote, worker, fenced)
        pusher = worker.pusher = Turns(
            hands, worker, pushing_lock(self.loaded, self.disk), keep_days=self.loaded.settings.history.keep_days
        )
        webhooks = Webhooking.of(
            shop, remote.hooks, self.disk, self.clock, self.dice, self.log, self.sealer, self.hook_rules
        )
        return Workplace(shop, tokens, budgeter, remote, worker, hands, pusher, webhooks, self.edition)

    def _hands(self, shop: Shop, remote: ShopGateway, worker: ShopWorker, disk: FencedDisk) -> Hands:
        return Hands(
            shop,
            remote,
            remote.writer,
            disk,
            self.clock,
            self.dice,
            self.log,
            self.push_rules,
            {resource.name: resource for resource in self.resources},  # edits of those that take none are refused
            self.policies,
            Looker(shop, remote=remote, disk=disk, clock=self.clock, rules=self.rules),
            self.sealer,
            worker.drain,
            generation=lambda: self.leases.generation(shop.id),
            foreign_call_s=call_s(self.remote_settings) if self.has_replicas else 0.0,
        )

    async def _leave(self, place: Workplace) -> None:
        await place.tokens.close()
        await place.remote.aclose()

    def _alarm_failed(self, key: str, error: Exception) -> None:
        self.log.error("alarm.failed", key=key, error=type(error).__name__)


@asynccontextmanager
async def open_house(
    loaded: Loaded,
    doors: Doors | None = None,
    *,
    redactor: Redactor | None = None,
    watcher: Watcher | None = None,
) -> AsyncIterator[House]:
    """Put the house together and open its databases; at the end close what was opened here.

    Raises SchemaProblem, SettingsProblem, DatabaseBusy, DiskProblem."""
    doors = doors or Doors()
    async with AsyncExitStack() as stack:
        disk = doors.disk
        if disk is None:
            disk = open_disk(loaded.mirror_url, loaded.state_url, clock=doors.clock or SystemClock())
            stack.callback(disk.close)
        house = House(loaded, doors, disk, redactor or Redactor(), watcher)
        stack.push_async_callback(house.close)
        yield house


def bucket_key(shop: Shop) -> str:
    """The name of the bucket that a shop's calls fall into: one per app and company (design section 6)."""
    return f"{shop.client_id}/{shop.company_id}"
