"""The leases that this process holds, and how long they last by our own monotonic clock.

A daemon holds its share of all shops and beats; a command holds one shop while it works. Whoever works a shop asks
`check` before each call, and inside each transaction the fence asks the database (`engine/fence.py`).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import inf

from syncd.domain.lease import BEATS, Kind, Lease, Watch
from syncd.domain.shop import Shop
from syncd.engine.lease_transactions import Member, Turn, take_one, turn
from syncd.errors import LeaseLost
from syncd.ports import Clock, Disk, Log, MirrorTx

_STEADY = 1.5
"""In beats: after a longer pause between two of ours the database was away, perhaps, and nobody could renew."""


@dataclass(frozen=True, slots=True)
class _Held:
    lease: Lease
    until_s: float  # on our monotonic clock


@dataclass(frozen=True, slots=True)
class Beat:
    """All shops, those that are ours to work, and those of them to be given back as soon as their work rests."""

    shops: tuple[Shop, ...]
    held: frozenset[int]
    surplus: frozenset[int]


class Leases:
    """What one process holds. A shop that it never asked for is not guarded: who only looks on needs no lease."""

    def __init__(self, disk: Disk, clock: Clock, log: Log, member: Member) -> None:
        self._disk = disk
        self._clock = clock
        self._log = log
        self._member = member
        self._held: dict[int, _Held] = {}
        self._lost: set[int] = set()
        self._watches: dict[int, Watch] = {}
        self._last_beat_s = -inf
        self._met: frozenset[str] = frozenset()

    @property
    def owner(self) -> str:
        """Our name in the table."""
        return self._member.owner

    @property
    def beat_s(self) -> float:
        """How often leases are renewed."""
        return self._member.lease_s / BEATS

    @property
    def is_daemon(self) -> bool:
        """Whether this process is a replica."""
        return self._member.kind is Kind.DAEMON

    def join(self, *, alone: bool) -> None:
        """Be a daemon from here on: a shop that is not ours is not to be worked."""
        self._member = replace(self._member, kind=Kind.DAEMON, is_alone=alone)

    # --- asked by whoever works --------------------------------------------------------------------------------------

    def generation(self, shop_id: int) -> int:
        """The number of our lease; 0 where we hold none."""
        held = self._held.get(shop_id)
        return 0 if held is None else held.lease.generation

    def lasts_s(self, shop_id: int) -> float:
        """How long our lease lasts if it is not renewed any more; not positive where it is over."""
        held = self._held.get(shop_id)
        if held is None:
            return -inf if self._is_guarded(shop_id) else inf
        return inf if self._member.is_alone else held.until_s - self._clock.monotonic()

    def check(self, shop_id: int, *, need_s: float = 0.0) -> int:
        """The generation under which to work, 0 for a shop that nobody guards here. Raises LeaseLost unless the lease
        lasts longer than `need_s` seconds."""
        if self.lasts_s(shop_id) <= need_s:
            raise LeaseLost(f"the lease of shop {shop_id} is over", hint="another process may work the shop now")
        return self.generation(shop_id)

    def lose(self, shop_id: int) -> None:
        """Somebody else has it: the database said so."""
        self._held.pop(shop_id, None)
        self._lost.add(shop_id)

    def _is_guarded(self, shop_id: int) -> bool:
        return self.is_daemon or shop_id in self._lost

    # --- a daemon ----------------------------------------------------------------------------------------------------

    async def beat(self, working: Collection[int]) -> Beat:
        """Renew, take and give in one transaction. Raises DatabaseBusy: then ours last as long as they last."""
        began_s = self._clock.monotonic()
        is_steady = began_s - self._last_beat_s < _STEADY * self.beat_s
        found: Turn = await self._disk.mirror.run(
            partial(
                turn,
                member=self._member,
                working=frozenset(working),
                watches=self._watches,
                monotonic_s=began_s,
                met=self._met if is_steady else None,
            )
        )
        self._last_beat_s = began_s
        self._met = found.known | found.signed
        self._watches = dict(found.watches)
        names = {shop.id: shop.name for shop in found.shops}
        for shop_id in self._held.keys() - found.mine.keys():
            self.lose(shop_id)
            if shop_id in working:
                self._log.warning("lease.lost", shop=names.get(shop_id, shop_id))
        for shop_id in found.mine.keys() - self._held.keys():
            self._log.info("lease.taken", shop=names[shop_id], generation=found.mine[shop_id].generation)
        for lease in found.mine.values():
            self._hold(lease, began_s)
        return Beat(found.shops, frozenset(found.mine), found.surplus)

    def _hold(self, lease: Lease, began_s: float) -> None:
        # Counted from before the transaction: so ours is over here before it is over in the database.
        self._held[lease.shop_id] = _Held(lease, began_s + self._member.lease_s)
        self._lost.discard(lease.shop_id)

    async def release(self, shop_ids: Sequence[int]) -> None:
        """Give back what is not worked any more. Raises DatabaseBusy: then it ends by itself."""
        await self._disk.mirror.run(lambda tx: tx.leases.release(self.owner, shop_ids))
        for shop_id in shop_ids:
            self._held.pop(shop_id, None)

    async def resign(self, working: Collection[int]) -> None:
        """Be no replica any more, and give back what is not worked just now; `release` follows for the rest."""
        idle = sorted(self._held.keys() - set(working))

        def leave(tx: MirrorTx) -> None:
            tx.leases.forget(self.owner)
            tx.leases.release(self.owner, idle)

        await self._disk.mirror.run(leave)
        for shop_id in idle:
            self._held.pop(shop_id, None)

    # --- a command ---------------------------------------------------------------------------------------------------

    async def take(self, shop_id: int, *, daemon_lives: bool | None = None) -> Lease:
        """Take one shop if nobody has it; the lease that comes back is ours, or that of whoever has the shop."""
        began_s = self._clock.monotonic()
        lease, watch = await self._disk.mirror.run(
            partial(
                take_one,
                shop_id=shop_id,
                member=self._member,
                watch=self._watches.get(shop_id),
                monotonic_s=began_s,
                daemon_lives=daemon_lives,
            )
        )
        if watch is not None:
            self._watches[shop_id] = watch
        if lease.owner == self.owner:
            self._hold(lease, began_s)
        return lease

    async def renew(self) -> None:
        """Renew what a command holds; what somebody else took meanwhile is lost. Raises DatabaseBusy."""
        began_s = self._clock.monotonic()
        mine = await self._disk.mirror.run(lambda tx: tx.leases.renew(self.owner, self._member.lease_s))
        for shop_id in self._held.keys() - {lease.shop_id for lease in mine}:
            self.lose(shop_id)
        for lease in mine:
            if lease.shop_id in self._held:
                self._hold(lease, began_s)
