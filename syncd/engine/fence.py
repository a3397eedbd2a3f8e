"""The fence around one shop's work: no transaction on the mirror without our lease, and no call to the shop.

The database is asked inside the very transaction, so a process that was stopped and continued can write nothing,
whatever its own clock says. A call cannot be asked about like that: it leaves only while our lease lasts by our
monotonic clock, and a write only while it lasts a while longer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from syncd.engine.leasing import Leases
from syncd.errors import LeaseLost
from syncd.ports import Admission, Disk, LocalSignal, MirrorTx, Purpose, StateTx, Writer

T = TypeVar("T")
WRITE: Final = "write"
"""The word of a purpose that sends an edit."""
_CHANGING: Final = frozenset({WRITE, "register", "remove"})
"""The words of purposes that change something at the shop: the two others are those of its webhooks."""


@dataclass(frozen=True, slots=True)
class _FencedWriter:
    inner: Writer[MirrorTx]
    leases: Leases
    shop_id: int

    async def run(self, f: Callable[[MirrorTx], T]) -> T:
        """One transaction, under our lease. Raises LeaseLost too."""
        generation = self.leases.check(self.shop_id)
        if generation == 0:
            return await self.inner.run(f)

        def fenced(tx: MirrorTx) -> T:
            if not tx.leases.keeps(self.shop_id, self.leases.owner, generation):
                raise LeaseLost(f"shop {self.shop_id} is worked by somebody else now", hint="syncd status")
            return f(tx)

        try:
            return await self.inner.run(fenced)
        except LeaseLost:
            self.leases.lose(self.shop_id)
            raise


@dataclass(frozen=True, slots=True)
class FencedDisk:
    """The databases as the workers of one shop see them (`ports.Disk`)."""

    inner: Disk
    leases: Leases
    shop_id: int

    @property
    def mirror(self) -> Writer[MirrorTx]:
        """The mirror, under our lease."""
        return _FencedWriter(self.inner.mirror, self.leases, self.shop_id)

    @property
    def state(self) -> Writer[StateTx]:
        """The state: what it guards has locks and counters of its own."""
        return self.inner.state

    @property
    def reader(self) -> Writer[MirrorTx]:
        """Reading needs no lease."""
        return self.inner.reader

    @property
    def local_signal(self) -> LocalSignal:
        """Tells of people's edits."""
        return self.inner.local_signal


class FencedAdmission:
    """The call budget of one shop (`ports.Admission`), which admits nothing once our lease is over."""

    def __init__(self, inner: Admission, leases: Leases, shop_id: int, write_s: float) -> None:
        self._inner = inner
        self._leases = leases
        self._shop_id = shop_id
        self._write_s = write_s

    async def ticket(self, purpose: Purpose, calls: int = 1) -> int:
        """A ticket for a call that leaves right after. Raises LeaseLost, and what the budget raises."""
        self._check(purpose)
        ticket = await self._inner.ticket(purpose, calls)
        self._check(purpose)
        return ticket

    def _check(self, purpose: Purpose) -> None:
        self._leases.check(self._shop_id, need_s=self._write_s if purpose.word in _CHANGING else 0.0)

    async def heard(self, ticket: int, used: float, size: float) -> None:
        """See `Admission`."""
        await self._inner.heard(ticket, used, size)

    async def refused(self, after_s: float | None, *, had_header: bool) -> None:
        """See `Admission`."""
        await self._inner.refused(after_s, had_header=had_header)

    async def unserved(self, after_s: float | None) -> None:
        """See `Admission`."""
        await self._inner.unserved(after_s)

    async def mark(self) -> int:
        """See `Admission`."""
        return await self._inner.mark()
