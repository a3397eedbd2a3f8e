"""Targets of freshness go by what was learned of a shop: its feeds, its counts, its call budget."""

import asyncio
from datetime import timedelta
from pathlib import Path

from syncd.domain.cadence import Every
from syncd.domain.freshness import Limit, Reach
from syncd.domain.resources import RESOURCES
from syncd.engine.freshness import reaches
from syncd.engine.rules import Cadences, PullRules
from syncd.engine.timetable import first_due, timetable
from tests.engine.kit import START, Desk, desk

RULES = PullRules(cadences={"orders": Cadences(fresh_s=120.0), "products": Cadences(fresh_s=60.0)})


async def _reaches(at: Desk, leak: float) -> dict[str, Reach]:
    now = at.clock.now()
    return await at.disk.reader.run(lambda tx: reaches(tx, at.shop.id, RESOURCES, RULES, now, leak=leak, size=40.0))


def test_what_a_target_takes_is_known_after_the_first_walk_and_follows_the_counts(tmp_path: Path) -> None:
    async def scene() -> None:
        async with desk(f"sqlite:///{tmp_path / 'mirror.db'}", products=40, orders=60, customers=5) as at:
            before = await _reaches(at, 2.0)
            assert {each.limit for each in before.values()} == {Limit.UNKNOWN}
            await at.pull()
            await at.pull("orders", "products", quick=True)
            found = await _reaches(at, 2.0)
            assert found["orders"].is_met
            assert found["orders"].every_s < 120
            jobs = {job.name: job for job in timetable(RESOURCES, RULES, None, found)}
            lane = "walk" if found["orders"].by_walk else "quick"
            assert jobs[f"{lane}:orders"].cadence == Every(found["orders"].every_s)
            assert jobs["quick:customers"].cadence == Every(60.0)

            def grown(tx: object) -> None:
                cursor = tx.books.cursor(at.shop.id, "products")  # type: ignore[attr-defined]
                many = type(cursor)(filled_at=START, walked_at=START, remote_count=500_000, pages_last=10_000)
                tx.books.save_cursor(at.shop.id, "products", many)  # type: ignore[attr-defined]

            await at.disk.mirror.run(grown)
            dear = (await _reaches(at, 0.2))["products"]
            assert not dear.is_met
            assert dear.bound_s is not None
            assert dear.bound_s > 60

    asyncio.run(scene())


def test_only_what_never_ran_in_the_walk_lane_is_due_at_once() -> None:
    [walk] = [job for job in timetable(RESOURCES, PullRules(), None) if job.name == "walk:orders"]
    [quick] = [job for job in timetable(RESOURCES, PullRules(), None) if job.name == "quick:orders"]
    assert first_due(walk, {}, START, 0.5) == START
    assert first_due(walk, {"walk:orders@0 3 * * * UTC": START}, START, 0.5) > START
    assert first_due(walk, {"walk:orders": START + timedelta(hours=1)}, START, 0.5) == START + timedelta(hours=1)
    assert first_due(quick, {}, START, 0.5) > START
