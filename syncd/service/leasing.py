"""Leases for commands: who works a shop just now, and the lease of one shop for as long as a command works it.

`leased(house, shop)` is the block in which a command works a shop by itself. Where a daemon holds the shop it raises
`WorkedByDaemon`, and the command asks that daemon instead; another command is waited for. Must not know what is done
with a shop.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from syncd.domain.lease import Kind, Lease
from syncd.domain.shop import Shop
from syncd.errors import Retry
from syncd.host.lock import FileLock
from syncd.ports import MirrorTx
from syncd.service.wire import House

LOCK: Final = "daemon.lock"
_LOOK_S: Final = 1.0
"""How often a shop that another command works is looked at again."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who works a shop just now. `host` and `pid` are known of daemons."""

    lease: Lease
    host: str = ""
    pid: int = 0

    @property
    def is_daemon(self) -> bool:
        """Whether it takes requests."""
        return self.lease.kind is Kind.DAEMON

    def __str__(self) -> str:
        who = "a daemon" if self.is_daemon else "another command"
        return f"{who} (pid {self.pid} on {self.host})" if self.pid else who


class WorkedByDaemon(Retry):
    """A daemon that lives holds this shop: ask it."""

    def __init__(self, shop: Shop, holder: Holder) -> None:
        super().__init__(f"{shop.name} is worked by {holder}", hint="syncd status")
        self.holder = holder


async def holder(house: House, shop: Shop) -> Holder | None:
    """Who holds the shop, None where nobody that lives does. Raises DatabaseBusy."""
    lives = daemon_lives(house)

    def read(tx: MirrorTx) -> Holder | None:
        lease = tx.leases.load(shop.id)
        if lease is None or lease.is_given_back:
            return None
        lasts = lease.lasts(tx.leases.now())
        if lives is not None and lease.kind is Kind.DAEMON:
            lasts = lives
        replicas = {each.replica: each for each in tx.leases.replicas()}
        known = replicas.get(lease.owner)
        found = Holder(lease, known.host, known.pid) if known is not None else Holder(lease)
        return found if lasts else None

    return await house.disk.reader.run(read)


def daemon_lives(house: House) -> bool | None:
    """Whether a daemon has the lock on these files; None where no lock keeps daemons apart."""
    return None if house.has_replicas else FileLock(lock_path(house)).is_taken()


def lock_path(house: House) -> Path:
    """Where the daemon's lock on a SQLite mirror lies."""
    return Path(house.disk.address.mirror.database or "").with_name(LOCK)


@asynccontextmanager
async def leased(house: House, shop: Shop) -> AsyncIterator[None]:
    """Hold the shop's lease: all that is done inside with its workers is fenced.

    Raises WorkedByDaemon where a daemon holds it, and waits for another command. Inside, work raises LeaseLost once the
    lease could not be renewed in time. What is ours already, in a daemon or in a block around this one, stays so."""
    if house.leases.is_daemon or house.leases.generation(shop.id):
        house.leases.check(shop.id)
        yield
        return
    await _taken(house, shop)
    renewing = asyncio.get_running_loop().create_task(_renewed(house))
    try:
        yield
    finally:
        renewing.cancel()
        await asyncio.wait([renewing])
        with suppress(Retry):  # what cannot be given back ends by itself
            await house.leases.release([shop.id])


async def _taken(house: House, shop: Shop) -> None:
    told = False
    while True:
        lease = await house.leases.take(shop.id, daemon_lives=daemon_lives(house))
        if lease.owner == house.leases.owner:
            return
        if lease.kind is Kind.DAEMON:
            raise WorkedByDaemon(shop, await holder(house, shop) or Holder(lease))
        if not told:
            house.log.info("shop.waits", shop=shop.name, message="another command works it")
            told = True
        if house.draining.is_set():
            raise Retry(f"{shop.name} is worked by another command", hint="syncd status")
        await house.clock.sleep(_LOOK_S)


async def _renewed(house: House) -> None:
    while True:
        await house.clock.sleep(house.leases.beat_s)
        with suppress(Retry):
            await house.leases.renew()
