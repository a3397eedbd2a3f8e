"""Noticing local edits: the hints that triggers left become changes, and a slow comparison finds what no trigger
saw."""

from collections.abc import Mapping

from syncd.domain.resource import Resource
from syncd.engine.claim import Claim, brakes, claim
from syncd.engine.hands import Hands
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
            done = await self._hands.disk.mirror.run(lambda tx: self._claim_some(tx, braked, waiting, counts))
            if not done:
                break
        if counts[Claim.HELD]:
            self._hands.log.warning(
                "push.held", shop=self._hands.shop.name, rows=counts[Claim.HELD], resources=sorted(braked)
            )
        return counts

    def _of(self, touched: Mapping[str, int]) -> list[tuple[str, Resource]]:
        return [(name, self._hands.resources[name]) for name in touched if name in self._hands.resources]

    def _claim_some(
        self, tx: MirrorTx, braked: frozenset[str], waiting: set[tuple[str, int]], counts: dict[Claim, int]
    ) -> int:
        """Claim one batch; returns how many rows of it were not seen in this pass before."""
        now = self._hands.clock.now()
        limit = self._hands.rules.claim_rows + len(waiting)
        fresh = [t for t in tx.local.touched(self._hands.shop.id, now, limit) if (t.resource, t.row_id) not in waiting]
        for touch in fresh:
            resource = self._hands.resources.get(touch.resource)
            if resource is None:
                tx.local.settle(self._hands.shop.id, touch.seqs)
                continue
            scope = self._hands.scope(resource)
            outcome = claim(tx, scope, touch, self._hands.rules, braked=touch.resource in braked)
            counts[outcome] += 1
            if outcome is Claim.WAITS:
                waiting.add((touch.resource, touch.row_id))
        return len(fresh)

    async def scan(self) -> None:
        """Compare mirror and base in full, in ranges, and leave hints for what no trigger saw."""
        for resource in self._hands.resources.values():
            low: int | None = 0
            while low is not None and not self._hands.drain.is_set():
                low = await self._scan_range(resource, low)

    async def _scan_range(self, resource: Resource, low: int) -> int | None:
        now, rows = self._hands.clock.now(), self._hands.rules.scan_rows
        return await self._hands.disk.mirror.run(
            lambda tx: tx.local.scan(self._hands.shop.id, resource, low, rows, now)
        )
