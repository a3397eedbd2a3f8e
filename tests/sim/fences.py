"""Who writes into the mirror, and under whose lease: a daemon that was stopped and continued writes nothing under a
lease that it lost meanwhile.

Looks at each transaction from inside, through the disk door. Must not know how leases are taken.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from syncd.store.disk import StoreDisk
from tests.sim.doors import Process
from tests.sim.planted import Changed

WRITES: Final = {
    "mirror": ("write",),
    "ledger": ("put",),
    "books": ("save_cursor",),
    "outbox": ("add", "save", "close"),
}
"""By which a daemon that works a shop changes it. Each is told the number of the shop first."""


@dataclass(frozen=True, slots=True)
class _Watched:
    """A writer of one daemon, of whose writes `breach` hears where the shop is somebody else's.

    The daemon may be stopped right before them."""

    inner: Any
    process: Process
    owner: Callable[[], str]  # the name under which it takes leases, "" as long as it has none
    breach: Callable[[str], None]

    async def run(self, f: Callable[[Any], Any]) -> Any:
        def run(tx: Any) -> Any:
            written: dict[int, str] = {}
            parts = {name: Changed(getattr(tx, name), _noting(tx, name, written)) for name in WRITES}
            result = f(Changed(tx, parts))
            for shop_id, what in written.items():
                lease = tx.leases.load(shop_id)
                if lease is None or lease.owner != self.owner():
                    holder = "nobody" if lease is None or lease.is_given_back else "another daemon"
                    self.breach(f"wrote {what} of shop {shop_id}, which {holder} holds")
            return result

        await self.process.about_to_write()
        return await self.inner.run(run)

    def close(self) -> None:
        self.inner.close()


def _noting(tx: Any, part: str, written: dict[int, str]) -> dict[str, Any]:
    def noting(name: str) -> Callable[..., Any]:
        def call(shop_id: int, *more: Any, **named: Any) -> Any:
            written.setdefault(shop_id, f"{part}.{name}")
            return getattr(getattr(tx, part), name)(shop_id, *more, **named)

        return call

    return {name: noting(name) for name in WRITES[part]}


def watched(disk: StoreDisk, process: Process, owner: Callable[[], str], breach: Callable[[str], None]) -> StoreDisk:
    """The databases of a daemon whose writes are looked at."""
    return replace(disk, mirror=_Watched(disk.mirror, process, owner, breach))  # type: ignore[arg-type]
