"""What the daemon clears away, now and then: accounts of calls, deliveries of webhooks and answers to commands that are
old by now."""

from datetime import timedelta
from typing import Final

from syncd.engine.outages import WAITS
from syncd.ports import StateTx
from syncd.service.wire import House

EVERY_S: Final = 6 * 3600.0
CALLS_KEPT: Final = timedelta(days=400)
"""A year can be compared with the one before."""
REQUESTS_KEPT: Final = timedelta(days=7)
_HOUR_S: Final = 3600


async def keep_up(house: House) -> None:
    """Clear away until cancelled."""
    while True:
        try:
            await clear_away(house)
        except WAITS as problem:
            house.log.warning("upkeep.put_off", message=problem.message)
        await house.clock.sleep(EVERY_S)


async def clear_away(house: House) -> None:
    """Once. Raises what `WAITS` names."""
    now = house.clock.now()
    answered_before, delivered_before = now - REQUESTS_KEPT, now - timedelta(days=house.hook_rules.keep_days)

    def state(tx: StateTx) -> tuple[int, int]:
        accounts = tx.budget.purge(int((tx.now() - CALLS_KEPT.total_seconds()) // _HOUR_S))
        return accounts, tx.webhooks.purge(delivered_before)

    accounts, deliveries = await house.disk.state.run(state)
    requests = await house.disk.mirror.run(lambda tx: tx.requests.purge(answered_before))
    if accounts or deliveries or requests:
        house.log.info("upkeep.done", accounts=accounts, deliveries=deliveries, requests=requests)
