"""Faults at the doors: the n-th I/O of a run fails, before or after it took effect, or the process dies there.

The doors behind stay real. A `Fuse` is shared by all of them, so that "the n-th" means the n-th of the whole run.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from syncd.domain.secret import Secret
from syncd.domain.shop import Shop
from syncd.domain.token import SealedTokens
from syncd.ports import Granted, Inspected


class Crash(BaseException):
    """The process dies here: nothing in syncd may catch it, and nothing after it runs."""


@dataclass
class Fuse:
    """Blows at I/O number `at` (from 1) and the `times - 1` after it, with a new error each."""

    at: int = 0
    times: int = 1
    after: bool = False
    make: Callable[[], BaseException] = Crash
    only: str = ""
    seen: list[str] = field(default_factory=list)
    blown: list[str] = field(default_factory=list)

    def before(self, name: str) -> int:
        """Count an I/O; its number is what `then` is told when it has taken effect."""
        self.seen.append(name)
        number = len(self.seen)
        if not self.after:
            self._blow(number, name)
        return number

    def then(self, number: int, name: str) -> None:
        if self.after:
            self._blow(number, name)

    def _blow(self, number: int, name: str) -> None:
        if self.at <= number < self.at + self.times and name.startswith(self.only):
            self.blown.append(name)
            raise self.make()


@dataclass
class FusedWriter:
    """A Writer."""

    writer: Any
    fuse: Fuse

    async def run(self, f: Callable[[Any], Any]) -> Any:
        number = self.fuse.before("state")
        result = await self.writer.run(f)
        self.fuse.then(number, "state")
        return result


@dataclass
class FusedExchange:
    """An Exchange."""

    exchange: Any
    fuse: Fuse

    async def redeem(self, shop: Shop, refresh: Secret) -> Granted:
        number = self.fuse.before("exchange")
        granted: Granted = await self.exchange.redeem(shop, refresh)
        self.fuse.then(number, "exchange")
        return granted

    async def inspect(self, shop: Shop, access: Secret) -> Inspected:
        found: Inspected = await self.exchange.inspect(shop, access)
        return found


@dataclass
class FusedSpill:
    """A Spill."""

    spill: Any
    fuse: Fuse

    def append(self, row: SealedTokens) -> None:
        number = self.fuse.before("spill.append")
        self.spill.append(row)
        self.fuse.then(number, "spill.append")

    def rows(self) -> Sequence[SealedTokens]:
        found: Sequence[SealedTokens] = self.spill.rows()
        return found

    def forget(self, shop_id: int, generation: int) -> None:
        number = self.fuse.before("spill.forget")
        self.spill.forget(shop_id, generation)
        self.fuse.then(number, "spill.forget")


async def no_pause() -> None:
    """Let others run, as a real transaction does."""
    await asyncio.sleep(0)
