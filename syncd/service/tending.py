"""Grants that nobody uses are kept alive: the daemon exchanges those of idle and paused shops now and then.

Where that does not succeed for days it says so, before the grant lapses. Must not know how tokens are exchanged.
"""

from functools import partial
from typing import Final

from syncd.domain.shop import Shop, ShopState
from syncd.engine.outages import WAITS
from syncd.engine.vault_transactions import health, load
from syncd.errors import NeedsPerson, NotUnderstood
from syncd.service import shops
from syncd.service.health import stale_for
from syncd.service.wire import House

BEAT_S: Final = 3600.0
_DAY_S: Final = 86_400.0


class Tender:
    """Looks after all grants, once an hour."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._warned_s: dict[int, float] = {}

    async def run(self) -> None:
        """Until cancelled. What does not succeed is tried again at the next beat."""
        while True:
            try:
                await self.look()
            except WAITS as problem:
                self._house.log.warning("vault.untended", message=problem.message)
            await self._house.clock.sleep(BEAT_S)

    async def look(self) -> None:
        """Exchange what is older than `vault.idle_s`, and warn of what stays older than `vault.stale_days`."""
        for shop in await shops.listed(self._house.disk):
            if shop.state is ShopState.PAUSED and not self._house.loaded.settings.vault.tend_paused:
                continue
            if shop.company_id is not None:
                await self._tend(shop)
        for shop in await shops.listed(self._house.disk):
            await self._warn(shop)

    async def _tend(self, shop: Shop) -> None:
        tokens = self._house.tokens(shop)
        try:
            await tokens.tend()
        except (*WAITS, NotUnderstood, NeedsPerson) as problem:
            # Whoever works the shop meets the same, and decides; of a paused one the status tells. A key that does not
            # open its tokens is this shop's trouble, and ends nobody else.
            self._house.log.warning("vault.untended", shop=shop.name, message=problem.message, hint=problem.hint)
        finally:
            await tokens.close()

    async def _warn(self, shop: Shop) -> None:
        house, now_s = self._house, self._house.clock.monotonic()
        row = await house.disk.state.run(partial(load, shop_id=shop.id))
        tokens = None if row is None else health(row, house.clock.now())
        stale = stale_for(tokens, house.loaded.settings.vault.stale_days)
        if stale is None:
            self._warned_s.pop(shop.id, None)
        elif now_s - self._warned_s.get(shop.id, now_s - _DAY_S) >= _DAY_S:
            self._warned_s[shop.id] = now_s
            house.log.warning(
                "vault.stale", shop=shop.name, unexchanged_for=stale, hint=f"syncd auth refresh {shop.name}"
            )
