"""What falls due for a shop, and when: jobs in lanes, so that a long fill never keeps edits or quick looks waiting."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from syncd.domain.cadence import Cadence, Every, due_at_start, ever_due, stored_name
from syncd.domain.freshness import Reach
from syncd.domain.resource import Resource
from syncd.engine.rules import HookRules, PullRules, PushRules


class Lane(StrEnum):
    """Jobs of one lane run one after the other; lanes run side by side."""

    PUSH = "push"
    QUICK = "quick"
    WALK = "walk"


@dataclass(frozen=True, slots=True)
class Job:
    """Something that falls due again and again for one shop. `place` breaks ties: small and referred-to things
    first."""

    name: str  # push, scan, looks, hooks, quick:orders, walk:orders
    lane: Lane
    cadence: Cadence
    place: int
    resource: Resource | None = None

    @property
    def stored_as(self) -> str:
        """The name of its due moment among the stored ones."""
        return stored_name(self.name, self.cadence)


def timetable(
    resources: Sequence[Resource],
    rules: PullRules,
    push: PushRules | None,
    reaches: Mapping[str, Reach] | None = None,
    hooks: HookRules | None = None,
) -> list[Job]:
    """The jobs of a shop: answering hints, the quick and the complete look of each resource, pushing, and looking after
    its webhooks. `reaches` says how often those are looked at that have a target of freshness."""
    jobs = [Job("looks", Lane.QUICK, Every(rules.looks_s), 0)]
    for place, resource in enumerate(resources, start=1):
        cadence = rules.cadence(resource.name)
        quick, walk = cadence.quick, cadence.walk
        reach = (reaches or {}).get(resource.name)
        if reach is not None and reach.by_walk:
            walk = Every(reach.every_s)
        elif reach is not None:
            quick = Every(reach.every_s)
        jobs.append(Job(f"quick:{resource.name}", Lane.QUICK, quick, place, resource))
        jobs.append(Job(f"walk:{resource.name}", Lane.WALK, walk, place, resource))
    if hooks is not None:
        jobs.append(Job("hooks", Lane.QUICK, Every(hooks.check_s), len(resources) + 1))
    if push is not None:
        jobs.append(Job("push", Lane.PUSH, Every(push.every_s), 0))
        jobs.append(Job("scan", Lane.PUSH, Every(push.scan_s), 1))
    return jobs


def first_due(job: Job, stored: Mapping[str, datetime], now: datetime, luck: float) -> datetime:
    """When a job is due as seen by a daemon that starts. What never ran in the walk lane is the first fill: at once,
    in the order of the resources."""
    if job.lane is not Lane.QUICK and not ever_due(job.name, stored):
        return now
    return due_at_start(job.cadence, stored.get(job.stored_as), now, luck)
