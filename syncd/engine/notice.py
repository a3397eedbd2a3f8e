"""Noticing local edits: the hints that triggers left become changes, and a slow comparison finds what no trigger
saw."""

from collections.abc import Iterator, Mapping, Sequence

from syncd.domain.change import Touch
from syncd.domain.record import Broken
from syncd.domain.resource import Resource
from syncd.domain.resources import BY_NAME, RESOURCES
from syncd.engine.claim import Claim, brakes, claim
from syncd.engine.hands import Hands
from syncd.errors import RowRefused
from syncd.ports import MirrorTx


class Noticer:
    """Claims the local edits of one shop."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands

    async def notice(self) -> dict[Claim, int]:
        """Turn the local edits that were noticed into changes; returns how many rows came out how."""
        counts = dict.fromkeys(Claim, 0)
        touched = await self._hands.disk.reader.run(lambda tx: tx.local.count_touched(self._hands.shop.id))
        if not touched:
            return counts
        live = await self._hands.disk.reader.run(
            lambda tx: {n: tx.mirror.count(self._hands.shop.id, r) for n, r in self._of(touched)}
        )
        braked = brakes(touched, live, self._hands.rules)
        waiting: set[tuple[str, int]] = set()
        while not self._hands.drain.is_set():
            done, found = await self._batch(braked, waiting)
            for outcome, rows in found.items():
                counts[outcome] += rows
            if not done:
                break
        if counts[Claim.HELD]:
            self._hands.log.warning(
                "push.held", shop=self._hands.shop.name, rows=counts[Claim.HELD], resources=sorted(braked)
            )
        return counts

    async def _batch(self, braked: frozenset[str], waiting: set[tuple[str, int]]) -> tuple[int, dict[Claim, int]]:
        """Claim one batch. Where the database refuses a row of it, one by one: that row is parked."""
        limit, run = self._hands.rules.claim_rows, self._hands.disk.mirror.run
        try:
            return await run(lambda tx: self._claim_some(tx, braked, waiting, limit))
        except RowRefused:
            pass
        try:
            return await run(lambda tx: self._claim_some(tx, braked, waiting, 1))
        except RowRefused as problem:
            why = problem.message
        return await run(lambda tx: self._park_first(tx, waiting, why))

    def _park_first(self, tx: MirrorTx, waiting: set[tuple[str, int]], why: str) -> tuple[int, dict[Claim, int]]:
        """The row whose turn it is cannot be claimed: it is set aside, until it is touched again."""
        shop_id, now = self._hands.shop.id, self._hands.clock.now()
        for touch in self._fresh(tx, waiting, 1):
            tx.local.settle(shop_id, touch.seqs)
            tx.books.park(shop_id, touch.resource, [Broken(f"row_id={touch.row_id}", "", why)], now)
        return 1, {Claim.REFUSED: 1}

    def _fresh(self, tx: MirrorTx, waiting: set[tuple[str, int]], limit: int) -> list[Touch]:
        touches = tx.local.touched(self._hands.shop.id, self._hands.clock.now(), limit + len(waiting))
        return [each for each in touches if (each.resource, each.row_id) not in waiting][:limit]

    def _of(self, touched: Mapping[str, int]) -> list[tuple[str, Resource]]:
        return [(name, BY_NAME[name]) for name in touched]

    def _claim_some(
        self, tx: MirrorTx, braked: frozenset[str], waiting: set[tuple[str, int]], limit: int
    ) -> tuple[int, dict[Claim, int]]:
        """Claim one batch; returns how many rows of it were not seen in this pass before, and how they came out."""
        hands, counts = self._hands, dict.fromkeys(Claim, 0)
        fresh = self._fresh(tx, waiting, limit)
        for name in dict.fromkeys(each.resource for each in fresh):
            resource = hands.resources.get(name) or BY_NAME[name]
            mine = [each for each in fresh if each.resource == name]
            for touch, outcome in self._claim_of(tx, resource, mine, braked=name in braked):
                counts[outcome] += 1
                if outcome is Claim.WAITS:
                    waiting.add((name, touch.row_id))
        return len(fresh), counts

    def _claim_of(
        self, tx: MirrorTx, resource: Resource, touches: Sequence[Touch], *, braked: bool
    ) -> Iterator[tuple[Touch, Claim]]:
        """Claim rows of one resource. A row that was deleted and inserted anew is found again by its remote id first; a
        second row with the same one is parked, and never pushed."""
        scope = self._hands.scope(resource)
        same = tx.local.rekeyed(scope.shop_id, resource, [touch.row_id for touch in touches], scope.at)
        images = tx.mirror.load(scope.shop_id, resource, [touch.row_id for touch in touches])
        for touch in touches:
            if touch.row_id in same.doubles:
                tx.local.settle(scope.shop_id, touch.seqs)
                yield touch, Claim.REFUSED
            elif touch.row_id in same.later:
                yield touch, Claim.WAITS
            else:
                yield touch, claim(tx, scope, touch, images.get(touch.row_id), self._hands.rules, braked=braked)

    async def scan(self, names: Sequence[str] | None = None) -> None:
        """Compare mirror and base in full, in ranges, and leave hints for what no trigger saw. What the API cannot take
        is compared too: such edits are refused, not passed over. `names` None: every resource."""
        for resource in [each for each in RESOURCES if names is None or each.name in names]:
            low: int | None = 0
            while low is not None and not self._hands.drain.is_set():
                low = await self._scan_range(resource, low)

    async def catch_up(self) -> None:
        """Compare what nobody may have watched for a while: triggers were missing, a table was emptied."""
        wanted = await self._hands.disk.reader.run(lambda tx: tx.local.scan_wanted(self._hands.shop.id))
        if wanted:
            await self.scan(wanted)

    async def _scan_range(self, resource: Resource, low: int) -> int | None:
        now, rows = self._hands.clock.now(), self._hands.rules.scan_rows
        return await self._hands.disk.mirror.run(
            lambda tx: tx.local.scan(self._hands.shop.id, resource, low, rows, now)
        )
