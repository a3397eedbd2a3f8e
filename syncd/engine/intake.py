"""One page into the mirror: fingerprints first, decoding only what differs, rows and cursor in one transaction.

Also watches what a page shows against what was learned of the shop, and withdraws what it contradicts (design
section 5).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from syncd.domain.capability import Order
from syncd.domain.cursor import Cursor, Feed
from syncd.domain.feeds import finds_changes, needs_look
from syncd.domain.ledger import HintSource, Known
from syncd.domain.record import Broken, Item, Page, Record, filled
from syncd.domain.shop import Shop
from syncd.engine.apart import apart
from syncd.engine.discovery import order_of, trimmed_fields
from syncd.engine.rules import PullRules
from syncd.engine.sighting import Form, Scope, Seen
from syncd.engine.take import Taken, take
from syncd.engine.trip import Trip
from syncd.errors import RowRefused
from syncd.ports import Clock, Disk, Listing, MirrorTx, Remote


class Intake:
    """Stores pages of one shop."""

    def __init__(self, shop: Shop, *, remote: Remote, disk: Disk, clock: Clock, rules: PullRules) -> None:
        self._shop = shop
        self._remote = remote
        self._disk = disk
        self._clock = clock
        self._rules = rules

    async def known(self, trip: Trip, keys: Sequence[str]) -> dict[str, Known]:
        """The ledger lines of these keys."""
        name = trip.resource.name
        return await self._disk.reader.run(lambda tx: tx.ledger.find(self._shop.id, name, keys))

    def note_time(self, trip: Trip, page: Page) -> None:
        """By its first page, be it empty, a walk begins at the server's time: ours may be wrong."""
        if not trip.keys and page.served_at is not None and not trip.walk.resumed:
            trip.cursor = replace(trip.cursor, walk=replace(trip.walk, started_at=page.served_at))

    async def store(self, trip: Trip, page: Page) -> None:
        """Put one page into the mirror and the cursor behind it, in transactions of at most `page_rows_max` rows."""
        self._learn_paging(trip, page)
        if trip.choice.feed is Feed.TRIMMED:
            page = await self._untrimmed(trip, page)
        items = [item for item in page.items if isinstance(item, Item)]
        broken = [item for item in page.items if isinstance(item, Broken)]
        trip.keys.update(item.key for item in items)
        trip.keyless += [each for each in broken if not each.key]
        trip.tally.pages += 1
        trip.tally.seen += len(page.items)
        cursor = trip.cursor.advanced()
        parts = list(_parts(items, self._rules.page_rows_max)) or [[]]
        for number, part in enumerate(parts, start=1):
            last = number == len(parts)
            await self._store_part(trip, part, broken if last else [], page.ticket, cursor if last else None)
        trip.cursor = cursor

    async def _store_part(
        self, trip: Trip, items: Sequence[Item], broken: list[Broken], ticket: int, cursor: Cursor | None
    ) -> None:
        name = trip.resource.name
        lines = await self.known(trip, [item.key for item in items])
        same, differs = self._sorted(trip, items, lines)
        seen, undecoded = self._decoded(trip, differs, ticket)
        scope = Scope(self._shop.id, trip.resource, trip.policy, self._clock.now())

        def store(tx: MirrorTx, seen: Sequence[Seen], refused: Sequence[Broken] = ()) -> Taken:
            taken = take(tx, scope, seen, [*broken, *undecoded, *refused])
            if same:
                tx.ledger.sightings(self._shop.id, name, same, ticket)
                tx.books.unpark(self._shop.id, name, [key for key in same if key in trip.parked])
            if cursor is not None:
                tx.books.save_cursor(self._shop.id, name, cursor)
            return taken

        try:
            taken = await self._disk.mirror.run(lambda tx: store(tx, seen))
        except RowRefused:
            one_by_one, refused = await apart(self._disk, scope, seen)
            taken = await self._disk.mirror.run(lambda tx: store(tx, (), refused))
            taken = taken.with_(one_by_one)
        taken.tally.seen = 0  # counted per page already
        trip.tally.add(taken.tally)
        trip.tally.same += len(same)
        self._contradicted(trip, taken)

    def _sorted(self, trip: Trip, items: Sequence[Item], lines: dict[str, Known]) -> tuple[list[str], list[Item]]:
        """Which of these are the same as last seen, by fingerprint alone, and which want a closer look."""
        same: list[str] = []
        differs: list[Item] = []
        whole = not needs_look(trip.resource, trip.caps)
        for item in items:
            line = lines.get(item.key)
            known = line is not None and line.gone_at is None and line.missed == 0
            if known and line is not None and self._unchanged(trip, item, line, whole=whole):
                same.append(item.key)
            else:
                differs.append(item)
        return same, differs

    def _unchanged(self, trip: Trip, item: Item, line: Known, *, whole: bool) -> bool:
        if trip.choice.feed is Feed.TRIMMED and set(item.wire) <= set(trimmed_fields(trip.resource)):
            return item.stamp is not None and item.stamp == line.stamp
        if line.list_print != item.fingerprint:
            return False
        return whole or (line.detail_print is not None and not self._audit_due(trip, line))

    def _audit_due(self, trip: Trip, line: Known) -> bool:
        """Whether it is time to compare all of a record of which listings show a part only. An audit takes younger ones
        along: the looks of the one before it were answered after it had ended."""
        if trip.walk.feed is not Feed.WHOLE:
            return False
        now, period, last = self._clock.now(), self._rules.audit_period, trip.cursor.audited_at
        is_audit = last is None or now - last >= period
        return line.compared_at is None or now - line.compared_at >= (period / 2 if is_audit else period)

    def _decoded(self, trip: Trip, items: Sequence[Item], ticket: int) -> tuple[list[Seen], list[Broken]]:
        records: list[tuple[Item, Record]] = []
        broken: list[Broken] = []
        shape = trip.caps.list_shape
        for item in items:
            record = self._remote.decode(trip.resource, item)
            if isinstance(record, Broken):
                broken.append(record)
            else:
                records.append((item, record))
                shape = shape.widened(record)
        if shape is not trip.caps.list_shape:
            trip.caps = replace(trip.caps, list_shape=shape)
        lacks = needs_look(trip.resource, trip.caps)
        return [Seen(i, filled(r, shape), ticket, Form.LISTED, lacks_detail=lacks) for i, r in records], broken

    async def _untrimmed(self, trip: Trip, page: Page) -> Page:
        """A trimmed page on which records moved is asked for again, whole: one call instead of one a record. A stamp
        is a reason to fetch, never proof of anything else."""
        items = [item for item in page.items if isinstance(item, Item)]
        keys = [item.key for item in items]
        _, differs = self._sorted(trip, items, await self.known(trip, keys))
        if not differs:
            return page
        trip.tally.calls += 1
        whole = await self._remote.page(Listing(trip.resource, trip.walk.page), trip.purpose)
        shown = {item.key for item in whole.items}
        await self._hinted(trip, [item.key for item in differs if item.key not in shown])
        rest = tuple(item for item in page.items if item.key not in shown and item not in differs)
        return replace(whole, items=(*whole.items, *rest))

    async def _hinted(self, trip: Trip, keys: Sequence[str]) -> None:
        """Records that moved to another page between the two answers: they are there, and are looked at directly.
        Where that cannot be done they count as not seen yet."""
        if not keys or not trip.caps.detail_path:
            return
        name, now = trip.resource.name, self._clock.now()
        await self._disk.mirror.run(lambda tx: tx.hints.leave(self._shop.id, name, keys, HintSource.LISTING, now))
        trip.keys.update(keys)
        trip.tally.hints += len(keys)

    def _learn_paging(self, trip: Trip, page: Page) -> None:
        """A second page that shows other records proves paging, also where discovery saw one page only."""
        if trip.walk.page == 1:
            size = len(page.items)
            if trip.caps.page_size is None or size > trip.caps.page_size:
                trip.caps = replace(trip.caps, page_size=size)
        elif trip.caps.pages is not True and trip.idle == 0:
            trip.caps = replace(trip.caps, pages=True)
        order = order_of([item for item in page.items if isinstance(item, Item)])
        if trip.caps.order not in (None, Order.LOOSE, order) and len(page.items) > 2:
            trip.caps = trip.caps.withdrawn("order", f"page {trip.walk.page} came in another order")

    def _contradicted(self, trip: Trip, taken: Taken) -> None:
        """What this page shows against what was learned: stamps that stand still, a window that missed a change."""
        if taken.moved_under_stamp and trip.caps.stamps_move:
            key = taken.moved_under_stamp[0]
            trip.caps = trip.caps.withdrawn("stamps", f"{key} changed and its stamp did not")
        name = trip.choice.filter or next(iter(trip.caps.filters), "")
        mark = trip.cursor.watermark
        if trip.walk.feed is not Feed.WHOLE or mark is None or not finds_changes(trip.resource, name):
            return
        late = [key for key, stamp in taken.changed if stamp is not None and stamp < mark]
        if late and name in trip.caps.filters:
            trip.caps = trip.caps.withdrawn(name, f"a window did not show the change of {late[0]}")


def _parts(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
