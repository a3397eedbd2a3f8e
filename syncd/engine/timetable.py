"""What falls due for a shop, and when: jobs in lanes, so that a long fill never keeps edits or quick looks waiting."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from syncd.domain.cadence import Cadence, due_at_start
from syncd.domain.resource import Resource
from syncd.engine.rules import PullRules, PushRules


class Lane(StrEnum):
    """Jobs of one lane run one after the other; lanes run side by side."""

    PUSH = "push"
    QUICK = "quick"
    WALK = "walk"


@dataclass(frozen=True, slots=True)
class Job:
    """Something that falls due again and again for one shop. `place` breaks ties: small and referred-to things
    first."""

    name: str  # push, scan, looks, quick:orders, walk:orders
    lane: Lane
    cadence: Cadence
    place: int
    resource: Resource | None = None


def timetable(resources: Sequence[Resource], rules: PullRules, push: PushRules | None) -> list[Job]:
    """The jobs of a shop: answering hints, the quick and the complete look of each resource, and pushing."""
    jobs = [Job("looks", Lane.QUICK, Cadence(rules.looks_s), 0)]
    for place, resource in enumerate(resources, start=1):
        cadence = rules.cadence(resource.name)
        jobs.append(Job(f"quick:{resource.name}", Lane.QUICK, Cadence(cadence.quick_s), place, resource))
        jobs.append(Job(f"walk:{resource.name}", Lane.WALK, Cadence(cadence.walk_s), place, resource))
    if push is not None:
        jobs.append(Job("push", Lane.PUSH, Cadence(push.every_s), 0))
        jobs.append(Job("scan", Lane.PUSH, Cadence(push.scan_s), 1))
    return jobs


def first_due(job: Job, stored: datetime | None, now: datetime, luck: float) -> datetime:
    """When a job is due as seen by a daemon that starts. What never ran in the walk lane is the first fill: at once,
    in the order of the resources."""
    if stored is None and job.lane is not Lane.QUICK:
        return now
    return due_at_start(job.cadence, stored, now, luck)
