"""What the next looks cost, as far as it is known without a call: from capabilities, cursors and counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from syncd.domain.capability import Capabilities
from syncd.domain.cursor import Cursor
from syncd.domain.feeds import calls_of, choose
from syncd.domain.resource import Resource
from syncd.ports import MirrorTx


@dataclass(frozen=True, slots=True)
class Cost:
    """What the next look at a resource will cost in calls (None: unknown before it is done), and why this feed."""

    resource: str
    feed: str
    calls: int | None
    why: str


def known_costs(
    tx: MirrorTx,
    shop_id: int,
    resources: Sequence[Resource],
    *,
    quick: bool,
    audit_period: timedelta,
    now: datetime,
) -> list[Cost]:
    """The cost of the next look at each of these resources."""
    costs = []
    for resource in resources:
        caps = tx.books.capabilities(shop_id, resource.name) or Capabilities()
        if not caps.available:
            costs.append(Cost(resource.name, "", 0, caps.why_not))
            continue
        cursor = tx.books.cursor(shop_id, resource.name)
        costs.append(_cost(resource, caps, cursor, quick=quick, audit_period=audit_period, now=now))
    return costs


def _cost(
    resource: Resource, caps: Capabilities, cursor: Cursor, *, quick: bool, audit_period: timedelta, now: datetime
) -> Cost:
    choice = choose(resource, caps, cursor, quick=quick, audit_period=audit_period, now=now)
    return Cost(
        resource.name, choice.feed.value, calls_of(resource, choice, caps, cursor, cursor.remote_count), choice.why
    )
