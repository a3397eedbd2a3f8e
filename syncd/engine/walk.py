"""One pass over a feed of one resource, resumable, ended by an empty or repeated page.

A listing without a reliable order is passed over in rounds until every counted record was seen. What an unresumed
complete walk did not show is judged at its end (design section 5).
"""

import asyncio

from syncd.domain.capability import Order
from syncd.domain.cursor import Feed, Walk
from syncd.domain.feeds import pages_of
from syncd.domain.record import Page
from syncd.domain.shop import Shop
from syncd.engine.discovery import trimmed_fields
from syncd.engine.intake import Intake
from syncd.engine.pages import Pages, pages
from syncd.engine.rules import PullRules
from syncd.engine.sighting import Scope
from syncd.engine.trip import Trip
from syncd.engine.verdict import close
from syncd.errors import NotUnderstood
from syncd.ports import Clock, Disk, Listing, Log, MirrorTx, Remote, Watcher


class Walker:
    """Walks the feeds of one shop."""

    def __init__(
        self, shop: Shop, *, remote: Remote, disk: Disk, clock: Clock, log: Log, rules: PullRules, watcher: Watcher,
        drain: asyncio.Event,
    ) -> None:  # fmt: skip
        self._shop = shop
        self.remote = remote
        self._disk = disk
        self._clock = clock
        self._log = log
        self._rules = rules
        self._watcher = watcher
        self._drain = drain
        self.intake = Intake(shop, remote=remote, disk=disk, clock=clock, rules=rules)

    @property
    def draining(self) -> bool:
        """Whether the walk shall stop between two pages."""
        return self._drain.is_set()

    async def walk(self, trip: Trip) -> bool:
        """Walk to the end; False if a drain stopped it between two pages. Raises what the calls raise: the cursor
        then stands at the page that failed, and the next walk goes on there."""
        await self.begin(trip)
        still = 0
        for _ in range(self._rules.rounds_max):
            before = len(trip.keys)
            if not await self._round(trip):
                return False
            still = 0 if len(trip.keys) > before else still + 1
            if not await self._another_round(trip, still):
                break
            trip.previous, trip.idle, trip.keyless = frozenset(), 0, []
            trip.cursor = trip.cursor.again()
        await self.finish(trip)
        return True

    async def begin(self, trip: Trip) -> None:
        """Start the walk of `trip.choice`, or take up the one that its cursor holds; says so to who watches."""
        if trip.cursor.walk is not None:
            trip.cursor = trip.cursor.resumed()
        else:
            await self._start(trip)
        parked = await self._disk.reader.run(lambda tx: tx.books.parked(self._shop.id))
        trip.parked = frozenset(each.key for each in parked if each.resource == trip.resource.name)
        size = trip.caps.page_size if trip.walk.feed in (Feed.WHOLE, Feed.TRIMMED) else None
        total = pages_of(trip.cursor.remote_count, size)
        self._watcher.began(self._shop.name, trip.resource.name, trip.walk.feed.value, total)

    async def _start(self, trip: Trip) -> None:
        feed = trip.choice.feed
        count = None
        if feed is not Feed.WINDOW and trip.caps.counts and trip.caps.pages is not None:
            trip.tally.calls += 1
            count = await self.remote.count(trip.resource, trip.purpose)
        ticket = await self._disk.reader.run(lambda tx: tx.ledger.highest_ticket(self._shop.id))
        low = trip.cursor.watermark if feed is Feed.WINDOW else None
        walk = Walk(feed, 1, self._clock.now(), ticket, low_stamp=low)
        trip.cursor = trip.cursor.begun(walk, count)

    async def _round(self, trip: Trip) -> bool:
        last = pages_of(trip.cursor.remote_count, trip.caps.page_size) if trip.caps.pages else None
        ahead = self._rules.pages_ahead if last and trip.choice.feed is not Feed.WINDOW else 0
        first = trip.walk.page
        async with pages(
            self.remote, self._ask(trip), trip.purpose, first=first, ahead=ahead, last=last or 0
        ) as source:
            return await self._store_until_end(trip, source)

    async def _store_until_end(self, trip: Trip, source: Pages) -> bool:
        for _ in range(self._rules.pages_max):
            if self._drain.is_set():
                return False
            try:
                number, page = await anext(source)
            except NotUnderstood as problem:
                if trip.walk.page == 1 or problem.status not in (400, 404, 410, 416):
                    raise
                return True  # this shop says "not there" past the end
            trip.tally.calls += 1
            self.intake.note_time(trip, page)
            if self._ended(trip, page):
                return True
            await self.intake.store(trip, page)
            self._watcher.page(self._shop.name, trip.resource.name, number, trip.tally.seen, trip.tally.waited_s)
            if self._is_all(trip, page):
                return True
        raise NotUnderstood(
            f"the listing of {trip.resource.name} does not end",
            hint=f"See what the shop answers: syncd doctor {self._shop.name}",
        )

    def _ended(self, trip: Trip, page: Page) -> bool:
        """Whether this page is past the end: empty, or showing nothing that was not shown already."""
        keys = frozenset(item.key for item in page.items if item.key)
        repeated = bool(keys) and keys == trip.previous
        trip.idle = trip.idle + 1 if keys <= trip.keys else 0
        trip.previous = keys
        if not page.items or repeated:
            return True
        return trip.idle >= self._rules.idle_pages_max and trip.walk.page > 1

    def _is_all(self, trip: Trip, page: Page) -> bool:
        """Whether a shop that is known not to page has shown as many records as it counted."""
        return trip.caps.pages is False and len(page.items) == trip.cursor.remote_count

    async def _another_round(self, trip: Trip, still: int) -> bool:
        """Records moved between pages while we walked, or the listing has no order: is there more to find?"""
        complete = trip.choice.feed in (Feed.WHOLE, Feed.TRIMMED)
        if not complete or not trip.caps.pages:
            return False
        count = trip.cursor.remote_count
        if count is None:
            return trip.caps.order is Order.LOOSE and still < 1
        known = len(trip.keys)
        if trip.walk.resumed:
            known = await self._disk.reader.run(lambda tx: _live(tx, self._shop.id, trip.resource.name))
        if known + len(trip.keyless) + trip.cursor.surplus >= count:
            return False
        # An ordered listing that shows nothing new in a second pass simply counts more than it lists.
        return still < (5 if trip.caps.order is Order.LOOSE else 1)

    def _ask(self, trip: Trip) -> Listing:
        if trip.choice.feed is Feed.TRIMMED:
            return Listing(trip.resource, fields=trimmed_fields(trip.resource))
        if trip.choice.feed is Feed.WINDOW and trip.walk.low_stamp is not None:
            moment = self.remote.decode_time(trip.walk.low_stamp)
            return Listing(trip.resource, filters=((trip.choice.filter, moment),))
        return Listing(trip.resource)

    async def finish(self, trip: Trip) -> None:
        """End the walk: promote the watermark, judge absence, store what was learned."""
        complete = trip.walk.feed in (Feed.WHOLE, Feed.TRIMMED) and not trip.walk.resumed
        surplus = None
        if complete and trip.cursor.remote_count is not None:
            surplus = max(0, trip.cursor.remote_count - len(trip.keys) - len(trip.keyless))
        now = self._clock.now()
        cursor = trip.cursor.finished(now, self._rules.overlap, surplus)
        scope = Scope(self._shop.id, trip.resource, trip.policy, now)
        trip.tally.gone += await self._disk.mirror.run(
            lambda tx: close(tx, scope, trip, cursor, self._rules, complete=complete)
        )
        trip.cursor = cursor


def _live(tx: MirrorTx, shop_id: int, resource: str) -> int:
    return sum(1 for line in tx.ledger.keys(shop_id, resource) if line.gone_at is None)
