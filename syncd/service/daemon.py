"""`syncd run`: one daemon per SQLite file, all shops on their timetable, until the first signal drains it.

Must not know how a shop is read; that is the supervisor's (`engine`).
"""

import asyncio
import os
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Final

from syncd.engine.keeping import Keeping
from syncd.engine.supervisor import Supervisor
from syncd.errors import DatabaseBusy, Fatal
from syncd.host.lock import FileLock, describe_holder
from syncd.service import errands, shops
from syncd.service.installation import shown_url
from syncd.service.leasing import lock_path
from syncd.service.notify import READY, STOPPING, notify
from syncd.service.reload import reload_when_asked
from syncd.service.tending import Tender
from syncd.service.upkeep import keep_up
from syncd.service.watchdog import watch
from syncd.service.web.server import Face, open_face
from syncd.service.wire import House

_TRIES: Final = 5
"""Commands look whether the lock is taken, and have it for a moment themselves."""
_TRY_S: Final = 0.02


async def run(house: House) -> None:
    """Keep all shops current until the house drains. Raises Fatal where another daemon has the same file."""
    with await _alone(house):
        house.leases.join(alone=not house.has_replicas)
        known = await _count(house)
        house.sealer.seal(b"", shop=0, field="start", generation=0)  # a wrong key is found now, not at the first token
        house.log.info("daemon.started", shops=known, mirror=shown_url(house.loaded.mirror_url), pid=os.getpid())
        if known == 0:
            house.log.warning("daemon.idle", hint="syncd shop add NAME --base-url URL --client-id ID")
        supervisor = Supervisor(_keeping(house), house.disk.local_signal)
        house.inbox.told = supervisor.hinted
        async with open_face(house, lambda: supervisor.beat_age_s) as face, asyncio.TaskGroup() as group:
            notify(READY)
            beside = [group.create_task(_tell_drain(house, face)), group.create_task(keep_up(house))]
            beside.append(group.create_task(reload_when_asked(house, lambda: supervisor.renew(_keeping(house)))))
            beside.append(group.create_task(Tender(house).run()))
            beside.append(group.create_task(watch(house, lambda: supervisor.beat_age_s)))
            await supervisor.run(house.draining)
            for task in beside:
                task.cancel()
        house.log.info("daemon.stopped")


def _keeping(house: House) -> Keeping:
    """What the shops' lives go by, as the settings are now."""
    return Keeping(
        disk=house.disk,
        clock=house.clock,
        dice=house.dice,
        alarm=house.alarm,
        log=house.log,
        rules=house.rules,
        resources=house.resources,
        open_worker=house.reopened,
        read_bucket=house.bucket,
        open_errands=partial(errands.opened, house, house.leases.owner),
        push_rules=house.push_rules,
        outages=house.outages,
        hook_rules=house.hook_rules,
        open_webhooks=house.webhooks,
        leases=house.leases,
    )


async def _count(house: House) -> int | None:
    """How many shops there are; None where the database is away: that is no reason to end, the supervisor waits."""
    try:
        return len(await shops.listed(house.disk))
    except DatabaseBusy:
        return None


async def _tell_drain(house: House, face: Face) -> None:
    await house.draining.wait()
    notify(STOPPING)
    house.log.info("daemon.draining")
    await face.stop()


async def _alone(house: House) -> AbstractContextManager[object]:
    """On SQLite two daemons would do everything twice; on PostgreSQL they may stand beside each other."""
    if house.has_replicas:
        return nullcontext()
    path = lock_path(house)
    note = describe_holder(os.getpid(), house.clock.now().isoformat(timespec="seconds"))
    lock = FileLock(path, note=note)
    for _ in range(_TRIES):
        if lock.try_acquire():
            return lock
        await house.clock.sleep(_TRY_S)
    raise Fatal(
        f"another syncd daemon works on {house.disk.address.mirror.database} ({lock.holder() or 'it left no note'})",
        hint="stop that one first; commands like syncd status work beside it",
    )
