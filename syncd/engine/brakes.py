"""The brake on mass disappearances, as the walks of one shop meet it: they stop until a person says that it is right.

`engine/verdict.py` puts it on; pushing has a brake of its own, on the changes (`engine/notice.py`).
"""

from dataclasses import replace

from syncd.domain.shop import Shop
from syncd.errors import BrakeOn
from syncd.ports import Disk, MirrorTx


class Brakes:
    """The brakes of one shop, by resource."""

    def __init__(self, shop: Shop, disk: Disk) -> None:
        self._shop = shop
        self._disk = disk

    async def stop_at(self, name: str) -> None:
        """Raise BrakeOn where a brake holds the resource `name` and nobody has approved."""
        brakes = await self._disk.reader.run(lambda tx: tx.books.brakes(self._shop.id))
        for brake in brakes:
            if brake.resource == name and not brake.approved:
                raise BrakeOn(
                    f"{name}: {brake.reason}",
                    hint=f"If that is right: syncd sweep {self._shop.name} --resource {name} --approve",
                )

    async def approve(self, name: str) -> None:
        """Somebody says that what the brake holds is right: the next complete walk judges without it."""

        def release(tx: MirrorTx) -> None:
            for brake in tx.books.brakes(self._shop.id):
                if brake.resource == name:
                    tx.books.set_brake(self._shop.id, replace(brake, approved=True))

        await self._disk.mirror.run(release)
