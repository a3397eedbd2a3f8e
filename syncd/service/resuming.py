"""A complete pull that was interrupted goes on: what it walked already is not walked again.

When it began is kept with the shop's due times, so a process that was killed leaves it behind. Must not know how a
resource is walked; a walk that was interrupted itself is taken up by the engine.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from syncd.domain.cursor import Cursor
from syncd.domain.resource import Resource
from syncd.domain.run import Run
from syncd.engine.worker import ShopWorker
from syncd.service.wire import House

AGE_MAX: Final = timedelta(hours=1)
"""What lies further back than this since its last completed walk is begun anew: people asked for a look, now."""
_MARK: Final = "pull:begun"
_NONE: Final = datetime(1970, 1, 1, tzinfo=UTC)


async def complete_pull(house: House, worker: ShopWorker, resources: Sequence[Resource]) -> list[Run]:
    """Walk all of `resources`, or what an interrupted pull left of them. Raises what the worker raises."""
    if len(resources) < len(house.resources):
        return await worker.pull(resources, quick=False)  # who names a resource wants a look at it now
    shop_id = worker.shop.id
    left = await unwalked(house, shop_id, resources)
    if len(left) == len(resources):
        await _mark(house, shop_id, house.clock.now())
    done = [resource for resource in resources if resource not in left]
    runs = await worker.looks(done)  # a walk may have ended and its looks not
    runs += await worker.pull(left, quick=False)
    if not worker.drain.is_set():
        await _mark(house, shop_id, _NONE)
    return runs


async def unwalked(house: House, shop_id: int, resources: Sequence[Resource]) -> list[Resource]:
    """What a complete pull has to walk now: all, or less where an earlier one was interrupted a short while ago."""
    began = (await house.disk.state.run(lambda tx: tx.journal.due(shop_id))).get(_MARK, _NONE)
    if began == _NONE or len(resources) < len(house.resources):
        return list(resources)
    cursors: dict[str, Cursor] = await house.disk.reader.run(
        lambda tx: {each.name: tx.books.cursor(shop_id, each.name) for each in resources}
    )
    ended = {name: cursor.walked_at for name, cursor in cursors.items() if cursor.walked_at and cursor.walk is None}
    walked = {name for name, at in ended.items() if at >= began}
    if house.clock.now() - max([began, *(ended[name] for name in walked)]) > AGE_MAX:
        return list(resources)
    return [each for each in resources if each.name not in walked]


async def _mark(house: House, shop_id: int, at: datetime) -> None:
    await house.disk.state.run(lambda tx: tx.journal.save_due(shop_id, _MARK, at))
