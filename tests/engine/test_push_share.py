"""A long queue of edits takes what is left of the budget, all of it, and nothing from the looks beside it."""

import asyncio
from typing import Any

from syncd.simulator.switches import FILTERS, Switches
from tests.engine.push_kit import push_desk
from tests.support.databases import TestDatabase

RICH = Switches.named("rich").flipped(["page_size=50", f"filters={FILTERS}"])
EDITS = 400
LEAK = 2.0


def test_approved_edits_drain_at_the_leak_while_quick_looks_keep_their_share(make_database: Any) -> None:
    async def scene(database: TestDatabase) -> None:
        shop = {"products": EDITS, "orders": 20, "customers": 10, "bucket_size": 40, "leak": LEAK}
        async with push_desk(database.url, switches=RICH, **shop) as desk:
            desk.sql("UPDATE products SET version = 'autumn'")
            await desk.push()
            desk.sql("UPDATE sync_outbox SET state = 'ready'")
            looks: list[float] = []
            pushing = True

            async def look_every_minute() -> None:
                while pushing:
                    at = desk.at.clock.monotonic()
                    await desk.pull("orders", quick=True)
                    looks.append(desk.at.clock.monotonic() - at)
                    due = at + 60
                    while pushing and desk.at.clock.monotonic() < due:  # noqa: ASYNC110 - sleeping would move the clock
                        await asyncio.sleep(0)

            began, spent = desk.at.clock.monotonic(), desk.at.calls()
            async with asyncio.TaskGroup() as group:
                group.create_task(look_every_minute())
                await desk.push()
                pushing = False
            took_s = desk.at.clock.monotonic() - began
            calls = desk.at.calls() - spent
            assert desk.sql("SELECT * FROM sync_outbox") == []
            assert desk.at.sim.books.refused == 0
            assert calls >= 0.95 * LEAK * took_s
            assert len(looks) >= 3
            assert max(looks) < 15  # the worst look began while the queue had just filled the bucket

    with_database = make_database("sqlite")
    asyncio.run(scene(with_database))
