"""What happened to a record, and going back to what it was. Must not know how it is shown."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from syncd.domain.change import HistoryLine
from syncd.domain.ids import RecordKey
from syncd.domain.policy import Policy
from syncd.domain.resource import Resource
from syncd.domain.resources import BY_NAME
from syncd.domain.shop import Shop
from syncd.engine.sighting import Scope
from syncd.engine.undo import Undone
from syncd.engine.undo import undo as set_back
from syncd.errors import UsageProblem
from syncd.service import shops
from syncd.service.wire import House
from syncd.service.words import meant

_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h|d)(?: ago)?")
_UNITS: Final = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}


async def history(house: House, text: str) -> list[HistoryLine]:
    """All that is kept of a record, the oldest first. Raises UsageProblem for a KEY that cannot be."""
    shop, resource, key = await record(house, text)
    return await house.disk.reader.run(lambda tx: tx.history.of(shop.id, resource.name, key))


async def undo(house: House, text: str, to: str) -> Undone:
    """Set a record's row to what it was at a moment; the edit then takes the way of every edit.

    Raises UsageProblem, Retry (the row is held)."""
    shop, resource, key = await record(house, text)
    moment = moment_of(to, house.clock.now())
    scope = Scope(shop.id, resource, house.policies.get(resource.name, Policy()), house.clock.now())
    return await house.disk.mirror.run(lambda tx: set_back(tx, scope, key, moment))


async def record(house: House, text: str) -> tuple[Shop, Resource, str]:
    """What a KEY names. Raises UsageProblem."""
    named = RecordKey.parse(text)
    if named.resource not in BY_NAME:
        raise UsageProblem(
            f"there is no resource {named.resource!r}; {meant(named.resource, BY_NAME)}", hint="syncd status"
        )
    return await shops.find(house.disk, named.shop), BY_NAME[named.resource], named.key


def moment_of(text: str, now: datetime) -> datetime:
    """`2026-11-23`, `2026-11-23T10:00`, `2h`, `30min`, `3d` (ago): a moment; without a zone it is UTC.

    Raises UsageProblem for what is no moment, or lies ahead."""
    if found := _SPAN.fullmatch(text.strip()):
        return now - timedelta(seconds=float(found[1]) * _UNITS[found[2]])
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise UsageProblem(
            f"{text!r} is no moment: write 2026-11-23T10:00 (UTC), or 2h, 30min, 3d for so long ago",
            hint="syncd history KEY    (says when what changed)",
        ) from error
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    if moment > now:
        raise UsageProblem(f"{text} lies ahead", hint="syncd history KEY")
    return moment
