"""The teller of this process: the token endpoint, the seal, the spill, and not one wait between them.

`service/exchange_child.py` runs this very code in a process of its own, which outlives the daemon; a simulation runs it
in its own. Must not import what is slow to load: a child pays for it at every start.
"""

from collections.abc import Callable
from datetime import timedelta
from math import isfinite
from typing import Final

from syncd.domain.secret import Secret
from syncd.domain.token import SealedTokens, TokenPhase
from syncd.errors import DiskProblem
from syncd.ports import Exchange, Granted, Sealer, Spill
from syncd.ports.teller import Fetched, Order

LIFETIME_S: Final = 1800.0
"""The life of an access token where the shop tells none (the reference: 30 minutes)."""
_LIFETIME_LEAST_S: Final = 60.0
_LIFETIME_MOST_S: Final = 366 * 86_400.0


class DeskTeller:
    """A teller in this process (satisfies `ports.Teller`). `unspilled` is told why a pair could not be spilled."""

    outlives = False

    def __init__(self, exchange: Exchange, sealer: Sealer, spill: Spill, unspilled: Callable[[str], None]) -> None:
        self._exchange = exchange
        self._sealer = sealer
        self._spill = spill
        self._unspilled = unspilled

    async def ready(self) -> None:
        """It always is."""

    async def run(self, order: Order, held: int | None) -> Fetched:  # noqa: ARG002  we hold the lock ourselves
        """Exchange, seal, spill. Raises as `Exchange.redeem` does."""
        granted = await self._exchange.redeem(order.shop, order.refresh)
        row = sealed_pair(granted, order, self._sealer)
        try:
            self._spill.append(row)
        except DiskProblem as error:
            self._unspilled(error.message)
            return Fetched(row, is_spilled=False)
        return Fetched(row, is_spilled=True)


def sealed_pair(granted: Granted, order: Order, sealer: Sealer) -> SealedTokens:
    """The row of a new pair. Its life is counted from before the exchange: never longer than the shop's own count."""
    told_s = granted.lifetime_s if isfinite(granted.lifetime_s) else LIFETIME_S
    return SealedTokens(
        shop_id=order.shop.id,
        generation=order.generation,
        phase=TokenPhase.READY,
        access=seal(sealer, order.shop.id, "access", granted.access, order.generation),
        refresh=seal(sealer, order.shop.id, "refresh", granted.refresh, order.generation),
        issued_at=order.begun_at,
        expires_at=order.begun_at + timedelta(seconds=min(max(_LIFETIME_LEAST_S, told_s), _LIFETIME_MOST_S)),
        home=order.home,
    )


def seal(sealer: Sealer, shop_id: int, field: str, secret: Secret, generation: int) -> str:
    """Seal one token of a pair."""
    plain = secret.reveal().encode("utf-8", "surrogatepass")  # nothing may fail between answer and spill
    return sealer.seal(plain, shop=shop_id, field=field, generation=generation)
