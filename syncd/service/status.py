"""How things stand, per shop and resource, read from the databases alone: no call is made and no key is needed.

`as_json` is a promise to scripts: names are added, never changed. Must not know how it is shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, assert_never

from syncd.domain.budget import Bucket
from syncd.domain.cadence import wait_s
from syncd.domain.capability import Capabilities
from syncd.domain.cursor import Cursor
from syncd.domain.feeds import choose, pages_of, shows_edits
from syncd.domain.freshness import Limit, Reach
from syncd.domain.ledger import Brake, Parked
from syncd.domain.resource import Resource
from syncd.domain.run import Run
from syncd.domain.shop import Shop, ShopState
from syncd.domain.token import TokenPhase
from syncd.engine.budget_transactions import Spent, bucket_now, spent
from syncd.engine.freshness import reaches
from syncd.engine.vault_transactions import TokenHealth, health, load
from syncd.ports import MirrorTx, StateTx
from syncd.service import edits as people
from syncd.service import shops
from syncd.service import webhooks as hooks
from syncd.service.edits import Edits, Need
from syncd.service.health import stale_for
from syncd.service.webhooks import WebhookStatus
from syncd.service.wire import House, bucket_key
from syncd.service.words import amount, duration

VERSION: Final = 1
_RUNS: Final = 40
_HOURS: Final = 24


@dataclass(frozen=True, slots=True)
class ResourceStatus:
    """One resource. `lag_s` is the age of the last look; within `bound_s` an edit in the shop is found. Seconds.
    `reach` is what becomes of its target of freshness, where it has one."""

    resource: Resource
    cursor: Cursor
    caps: Capabilities | None
    rows: int
    hints: int
    parked: int
    brake: Brake | None
    lag_s: float | None
    bound_s: float
    reach: Reach | None = None

    @property
    def state(self) -> str:
        """One word for it: unavailable, braked, waiting, filling, current."""
        if self.caps is not None and not self.caps.available:
            return "unavailable"
        if self.brake is not None and not self.brake.approved:
            return "braked"
        if self.cursor.filled_at is None:
            return "filling" if self.cursor.walk else "waiting"
        return "current"

    @property
    def walk(self) -> tuple[str, int, int | None] | None:
        """Feed, next page and pages in all of the walk under way."""
        walk = self.cursor.walk
        size = self.caps.page_size if self.caps else None
        return (walk.feed.value, walk.page, pages_of(self.cursor.remote_count, size)) if walk else None


@dataclass(frozen=True, slots=True)
class ShopStatus:
    """One shop."""

    shop: Shop
    bucket: Bucket | None
    tokens: TokenHealth | None
    resources: tuple[ResourceStatus, ...]
    parked: tuple[Parked, ...]
    spent: tuple[Spent, ...]
    runs: tuple[Run, ...]
    edits: Edits
    webhooks: WebhookStatus
    needs: tuple[Need, ...]


async def status(house: House, name: str | None = None) -> list[ShopStatus]:
    """How all shops stand, or one. Raises UsageProblem for a name that is not there."""
    known = [await shops.find(house.disk, name)] if name else await shops.listed(house.disk)
    return [await _shop(house, shop) for shop in known]


async def status_now(house: House, name: str | None = None) -> tuple[list[ShopStatus], datetime]:
    """The same, with the moment to which it refers."""
    return await status(house, name), house.clock.now()


async def _shop(house: House, shop: Shop) -> ShopStatus:
    now = house.clock.now()
    limits = await house.bucket(shop)
    resources, parked = await house.disk.reader.run(
        partial(_mirror_side, house=house, shop=shop, now=now, limits=limits)
    )
    bucket, tokens, calls, runs = await house.disk.state.run(partial(_state_side, shop=shop, now=now))
    told = await house.disk.state.run(lambda tx: hooks.status_of(tx, house, shop))
    found = await house.disk.reader.run(lambda tx: people.edits(tx, shop))
    needs = (*_needs(shop, tokens, resources, parked, house.loaded.settings.vault.stale_days), *found.needs)
    return ShopStatus(
        shop, bucket, tokens, tuple(resources), tuple(parked), tuple(calls), tuple(runs), found, told, needs
    )


def _mirror_side(
    tx: MirrorTx, house: House, shop: Shop, now: datetime, limits: Bucket
) -> tuple[list[ResourceStatus], list[Parked]]:
    parked = tx.books.parked(shop.id)
    brakes = {brake.resource: brake for brake in tx.books.brakes(shop.id)}
    depth = tx.hints.depth(shop.id)
    fresh = reaches(tx, shop.id, house.resources, house.rules, now, leak=limits.leak, size=limits.size)
    found = []
    for resource in house.resources:
        cursor, caps = tx.books.cursor(shop.id, resource.name), tx.books.capabilities(shop.id, resource.name)
        reach = fresh.get(resource.name)
        found.append(
            ResourceStatus(
                resource,
                cursor,
                caps,
                rows=tx.mirror.count(shop.id, resource),
                hints=sum(count for (name, _), count in depth.items() if name == resource.name),
                parked=sum(item.resource == resource.name for item in parked),
                brake=brakes.get(resource.name),
                lag_s=(now - cursor.looked_at).total_seconds() if cursor.looked_at else None,
                bound_s=bound_s(house, resource, cursor, caps, now, reach),
                reach=reach,
            )
        )
    return found, parked


def bound_s(
    house: House, resource: Resource, cursor: Cursor, caps: Capabilities | None, now: datetime, reach: Reach | None
) -> float:
    """A quick look that shows changes bounds it; else only the complete one does."""
    if reach is not None and reach.bound_s is not None:
        return reach.bound_s
    cadence = house.rules.cadence(resource.name)
    if caps is None or cursor.filled_at is None:
        return wait_s(cadence.walk, now)
    choice = choose(resource, caps, cursor, quick=True, audit_period=house.rules.audit_period, now=now)
    return wait_s(cadence.quick if shows_edits(resource, choice, caps) else cadence.walk, now)


def _state_side(
    tx: StateTx, shop: Shop, now: datetime
) -> tuple[Bucket | None, TokenHealth | None, list[Spent], list[Run]]:
    row = load(tx, shop.id)
    tokens = None if row is None else health(row, now)
    return bucket_now(tx, bucket_key(shop)), tokens, spent(tx, shop.id, _HOURS), tx.journal.last(shop.id, _RUNS)


def _needs(
    shop: Shop,
    tokens: TokenHealth | None,
    resources: Sequence[ResourceStatus],
    parked: Sequence[Parked],
    stale_days: float,
) -> list[Need]:
    needs = []
    login = f"syncd auth login {shop.name}"
    if shop.state is ShopState.NEW or tokens is None:
        needs.append(Need("not authorised yet", login))
    elif shop.state is ShopState.QUARANTINED:
        needs.append(Need(shop.reason.partition(". ")[0] or "set aside", login))
    elif tokens.phase is TokenPhase.DEAD:
        needs.append(Need(tokens.reason or "the grant is over", login))
    elif (stale := stale_for(tokens, stale_days)) is not None:
        needs.append(Need(f"tokens not exchanged for {stale}: the grant may lapse", f"syncd auth refresh {shop.name}"))
    for each in resources:
        if each.state == "braked" and each.brake is not None:
            command = f"syncd sweep {shop.name} --resource {each.resource.name} --approve"
            needs.append(Need(f"{each.resource.name}: {each.brake.reason}", command))
    by_resource: dict[str, list[Parked]] = {}
    for item in parked:
        by_resource.setdefault(item.resource, []).append(item)
    for name, items in by_resource.items():
        first = items[0]
        where = f"{first.key or 'a record without key'} at {first.path}"
        what = f"{len(items)} of {name} parked, first {where}: {first.reason}"
        needs.append(Need(what, f"syncd pull {shop.name} --resource {name}    (after it is right in the shop)"))
    return needs


def why_not(reach: Reach) -> str:
    """Why a target of freshness is not met, in words."""
    look = f"a look takes {amount(reach.calls or 0, 'call')}"
    match reach.limit:
        case Limit.NONE:
            return ""
        case Limit.UNKNOWN:
            return "what a look costs is known after the first complete walk"
        case Limit.BUDGET:
            return f"{look}, and the call budget leaves {reach.calls_per_s * 60:,.3g} calls a minute for it"
        case Limit.LOOK:
            return f"{look}, and those {duration(reach.wait_s)}"
        case Limit.LANE:
            return f"it may have to wait for a look at {reach.behind}, in all {duration(reach.wait_s)}"
        case _:
            assert_never(reach.limit)


# --- for scripts -----------------------------------------------------------------------------------------------------


def as_json(shops_: Sequence[ShopStatus], now: datetime) -> dict[str, Any]:
    """The whole as plain values; times are ISO 8601 in UTC, spans are seconds."""
    return {"version": VERSION, "at": _time(now), "shops": [_shop_json(each) for each in shops_]}


def _shop_json(each: ShopStatus) -> dict[str, Any]:
    bucket, tokens = each.bucket, each.tokens
    return {
        "shop": each.shop.name,
        "state": each.shop.state.value,
        "reason": each.shop.reason,
        "company_id": each.shop.company_id,
        "budget": None
        if bucket is None
        else {
            "level": round(bucket.level, 2),
            "size": bucket.size,
            "leak_per_s": round(bucket.leak, 4),
            "blocked_until": _time(datetime.fromtimestamp(bucket.blocked_until, UTC)) if bucket.blocked_until else None,
            "calls_granted": bucket.granted,
        },
        "tokens": None
        if tokens is None
        else {
            "phase": tokens.phase.value,
            "generation": tokens.generation,
            "age_s": _span(tokens.age_s),
            "expires_in_s": _span(tokens.expires_in_s),
        },
        "resources": [_resource_json(resource) for resource in each.resources],
        "parked": [
            {"resource": p.resource, "key": p.key, "path": p.path, "reason": p.reason, "since": _time(p.first_at)}
            for p in each.parked
        ],
        "edits": people.as_json(each.edits),
        "webhooks": hooks.as_json(each.webhooks),
        "needs": [{"what": need.what, "command": need.command} for need in each.needs],
    }


def _resource_json(each: ResourceStatus) -> dict[str, Any]:
    walk = each.walk
    return {
        "resource": each.resource.name,
        "state": each.state,
        "why_not": each.caps.why_not if each.caps else "",
        "looked_at": _time(each.cursor.looked_at),
        "walked_at": _time(each.cursor.walked_at),
        "filled_at": _time(each.cursor.filled_at),
        "lag_s": _span(each.lag_s),
        "bound_s": _span(each.bound_s),
        "fresh": None if each.reach is None else _reach_json(each.reach),
        "rows_local": each.rows,
        "rows_remote": each.cursor.remote_count,
        "hints": each.hints,
        "parked": each.parked,
        "brake": each.brake.reason if each.brake and not each.brake.approved else None,
        "walk": {"feed": walk[0], "page": walk[1], "pages": walk[2]} if walk else None,
    }


def _reach_json(reach: Reach) -> dict[str, Any]:
    return {
        "target_s": reach.target_s,
        "bound_s": _span(reach.bound_s),
        "every_s": _span(reach.every_s),
        "met": reach.is_met,
        "calls_a_look": reach.calls,
        "why_not": "" if reach.is_met else why_not(reach),
    }


def _time(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="seconds") if moment else None


def _span(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
