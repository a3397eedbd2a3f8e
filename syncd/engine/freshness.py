"""What is known of the looks at a shop, and what becomes of the targets of freshness. Makes no call.

Reads capabilities and cursors as they are stored, so the answer moves with what is learned and with the counts.
"""

from collections.abc import Sequence
from datetime import datetime

from syncd.domain.cadence import interval_s
from syncd.domain.capability import Capabilities
from syncd.domain.cursor import Cursor
from syncd.domain.feeds import calls_of, choose, shows_edits
from syncd.domain.freshness import Look, Reach, reach
from syncd.domain.resource import Resource
from syncd.engine.rules import PullRules
from syncd.ports import MirrorTx


def reaches(
    tx: MirrorTx,
    shop_id: int,
    resources: Sequence[Resource],
    rules: PullRules,
    now: datetime,
    *,
    leak: float,
    size: float,
) -> dict[str, Reach]:
    """What becomes of the targets of this shop, by resource; nothing where there are none."""
    if not rules.has_targets:
        return {}
    looks: list[Look] = []
    for resource in resources:
        caps = tx.books.capabilities(shop_id, resource.name) or Capabilities()
        if caps.available:
            looks += _looks(resource, caps, tx.books.cursor(shop_id, resource.name), rules, now)
    return reach(looks, leak=leak, size=size)


def _looks(
    resource: Resource, caps: Capabilities, cursor: Cursor, rules: PullRules, now: datetime
) -> tuple[Look, Look]:
    """The quick and the complete look. The target, where there is one, is for the cheaper of those that show edits."""
    cadence, name = rules.cadence(resource.name), resource.name
    choices = [
        choose(resource, caps, cursor, quick=quick, audit_period=rules.audit_period, now=now) for quick in (True, False)
    ]
    filled = cursor.filled_at is not None
    quick_calls, walk_calls = (
        calls_of(resource, choice, caps, cursor, cursor.remote_count) if filled else None for choice in choices
    )
    by_walk = filled and not shows_edits(resource, choices[0], caps)
    quick_s, walk_s = interval_s(cadence.quick, now), interval_s(cadence.walk, now)
    if cadence.fresh_s is None:
        return Look(name, False, quick_calls, quick_s), Look(name, True, walk_calls, walk_s)
    if by_walk:
        return Look(name, False, quick_calls, quick_s), Look(name, True, walk_calls, target_s=cadence.fresh_s)
    return Look(name, False, quick_calls, target_s=cadence.fresh_s), Look(name, True, walk_calls, walk_s)
