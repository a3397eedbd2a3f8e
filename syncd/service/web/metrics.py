"""`/metrics`: the figures of a snapshot in the text form of Prometheus. No global registry, nothing kept in between.

Must not read a database: a scraper that comes too often gets the snapshot that is there.
"""

import asyncio
import platform
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

import syncd
from syncd.domain.shop import Shop, ShopState
from syncd.domain.token import TokenPhase
from syncd.errors import SyncdError
from syncd.service.web.metric_names import BY_NAME, Family
from syncd.service.web.operator import Gate
from syncd.service.web.recent import Recent
from syncd.service.web.snapshot import KEEP_S, STRETCH, ResourceFigures, Snapshot, Snapshots
from syncd.service.wire import House

Sample = tuple[str, tuple[str, ...], float | None]
"""A name, the values of its labels, the value; None is no sample."""
_FORMAT: Final = CONTENT_TYPE_LATEST


def routes(
    house: House,
    gate: Gate,
    snapshots: Snapshots,
    registry: CollectorRegistry,
    beat_age_s: Callable[[], float] | None,
) -> list[Route]:
    """The address."""
    ProcessCollector(registry=registry)
    text = Recent(house.clock, KEEP_S, lambda: _collected(house, snapshots, beat_age_s), stretch=STRETCH)

    async def metrics(request: Request) -> Response:
        if not gate.may_read(request):
            told = "The operator's token is needed, as in: Authorization: Bearer TOKEN\n"
            return PlainTextResponse(told, 401, {"WWW-Authenticate": "Bearer"})
        return Response(await text.get() + generate_latest(registry), media_type=_FORMAT)

    return [Route("/metrics", metrics)]


async def _collected(house: House, snapshots: Snapshots, beat_age_s: Callable[[], float] | None) -> bytes:
    """The text of all that is not measured in between. It is put together on a thread: many shops make it long."""
    begun = house.clock.monotonic()
    samples = list(_daemon(house, beat_age_s))
    try:
        shot = await snapshots.now()
    except SyncdError:
        samples.append(("syncd_database_up", (), 0.0))
    else:
        samples += [("syncd_database_up", (), 1.0), *_all(house, shot)]
    samples.append(("syncd_collect_seconds", (), house.clock.monotonic() - begun))
    return await asyncio.to_thread(_text, samples)


class _Once:
    """A collector of one answer."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._families = families

    def collect(self) -> Iterable[Family]:
        return self._families


def _text(samples: Iterable[Sample]) -> bytes:
    families: dict[str, Family] = {}
    for name, labels, value in samples:
        if value is not None:
            family = families.get(name) or families.setdefault(name, BY_NAME[name].family())
            family.add_metric(labels, value)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once(families.values()))
    return generate_latest(registry)


def _daemon(house: House, beat_age_s: Callable[[], float] | None) -> Iterator[Sample]:
    database = house.disk.address.mirror.get_backend_name()
    yield "syncd_up", (), 1.0
    yield "syncd_build_info", (syncd.__version__, platform.python_version(), database), 1.0
    yield "syncd_draining", (), float(house.draining.is_set())
    yield "syncd_beat_age_seconds", (), beat_age_s() if beat_age_s else None


def _all(house: House, shot: Snapshot) -> Iterator[Sample]:
    mirror, state = shot.mirror, shot.state
    names = {shop.id: shop.name for shop in mirror.shops}
    yield "syncd_replicas", (), float(mirror.replicas)
    for shop in mirror.shops:
        yield from _shop(house, shot, shop)
        for each in shot.resources[shop.id]:
            yield from _resource((shop.name, each.name), each)
    for name, counts in (
        ("syncd_hints", mirror.hints),
        ("syncd_outbox_changes", mirror.outbox),
        ("syncd_conflicts", mirror.conflicts),
        ("syncd_parked_records", mirror.parked),
        ("syncd_refused_edits", mirror.refused),
        ("syncd_brakes", mirror.brakes),
        ("syncd_calls_total", shot.calls),
        ("syncd_calls_waited_seconds_total", shot.waited),
        ("syncd_runs_total", shot.runs),
        ("syncd_webhooks", state.webhooks),
        ("syncd_webhook_deliveries", state.deliveries),
    ):
        for (shop_id, *rest), count in counts.items():
            if shop_id in names:  # one that was removed leaves accounts behind
                yield name, (names[shop_id], *map(str, rest)), float(count)


def _shop(house: House, shot: Snapshot, shop: Shop) -> Iterator[Sample]:
    one = (shop.name,)
    for state in ShopState:
        yield "syncd_shop_state", (shop.name, state.value), float(shop.state is state)
    lease = shot.mirror.leased.get(shop.id)
    yield "syncd_shop_leased", one, float(lease is not None)
    if lease is not None:
        yield "syncd_lease_left_seconds", (shop.name, lease[0]), lease[1]
    yield "syncd_calls_refused_total", one, float(house.refusals(shop))
    if (bucket := shot.bucket(shop)) is not None:
        yield "syncd_budget_level_calls", one, bucket.level
        yield "syncd_budget_size_calls", one, bucket.size
        yield "syncd_budget_leak_calls_per_second", one, bucket.leak
        yield "syncd_budget_blocked_seconds", one, max(0.0, bucket.blocked_until - shot.state.now)
        yield "syncd_budget_granted_calls_total", one, float(bucket.granted)
    if (tokens := shot.state.tokens.get(shop.id)) is not None:
        for phase in TokenPhase:
            yield "syncd_token_phase", (shop.name, phase.value), float(tokens.phase is phase)
        yield "syncd_token_generation", one, float(tokens.generation)
        if tokens.issued_at is not None:
            yield "syncd_token_age_seconds", one, (shot.at - tokens.issued_at).total_seconds()
        if tokens.expires_at is not None:
            yield "syncd_token_expires_in_seconds", one, (tokens.expires_at - shot.at).total_seconds()


def _resource(place: tuple[str, str], each: ResourceFigures) -> Iterator[Sample]:
    count = each.cursor.remote_count
    yield "syncd_resource_available", place, float(each.available)
    yield "syncd_resource_filled", place, float(each.cursor.filled_at is not None)
    yield "syncd_resource_lag_seconds", place, each.lag_s
    yield "syncd_resource_walk_age_seconds", place, each.walk_age_s
    yield "syncd_resource_bound_seconds", place, each.bound_s
    yield "syncd_resource_late_seconds", place, each.late_s
    yield "syncd_resource_rows", place, float(each.rows)
    yield "syncd_resource_remote_rows", place, None if count is None else float(count)
