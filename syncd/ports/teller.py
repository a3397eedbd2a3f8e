"""The teller, who makes an exchange: an old token leaves, a new pair lies sealed in the spill.

Nothing may stand between the shop's answer and the spill; so one does all three steps, and that may be another process.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from syncd.domain.secret import Secret
from syncd.domain.shop import Shop
from syncd.domain.token import SealedTokens


@dataclass(frozen=True, slots=True)
class Order:
    """What to exchange: `refresh` for the pair of `generation`, at `home`. The pair's life counts from `begun_at`."""

    shop: Shop
    refresh: Secret
    generation: int
    begun_at: datetime
    home: str = ""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The new pair, sealed. Where it is not spilled, nobody else has it yet."""

    row: SealedTokens
    is_spilled: bool


class Teller(Protocol):
    """Redeems, seals and spills, with nothing in between. `held` is the descriptor that carries the exchange lock.

    `outlives` says whether it comes to its end although whoever sent it has died. `ready` makes sure that it can be
    run, before anything is committed. Raises as `Exchange.redeem` does; DiskProblem never."""

    @property
    def outlives(self) -> bool: ...
    async def ready(self) -> None: ...
    async def run(self, order: Order, held: int | None) -> Fetched: ...
