"""The tail: count, and the page with the newest records. Two calls when nothing is new; it shows new records only.

Needs a count and a stable order. From the newest page it goes towards older ones until a page's oldest record is known.
"""

from syncd.domain.capability import Order
from syncd.domain.feeds import pages_of
from syncd.domain.record import Item
from syncd.engine.trip import Trip
from syncd.engine.walk import Walker
from syncd.ports import Listing


async def tail(walker: Walker, trip: Trip) -> bool:
    """Take the newest records; False if a drain stopped it. Raises what the calls raise."""
    await walker.begin(trip)
    last = pages_of(trip.cursor.remote_count, trip.caps.page_size) or 1
    rising = trip.caps.order is Order.ID_UP
    numbers = range(last, 0, -1) if rising else range(1, last + 1)
    for number in numbers:
        if walker.draining:
            return False
        trip.tally.calls += 1
        page = await walker.remote.page(Listing(trip.resource, number), trip.purpose)
        keys = [item.key for item in page.items if isinstance(item, Item)]
        known = await walker.intake.known(trip, keys[:1] if rising else keys[-1:])
        await walker.intake.store(trip, page)
        if known:
            break
    await walker.finish(trip)
    return True
