"""What metrics and the pages of many shops are made of: all figures of one moment, read at most every two seconds.

Counters that the databases keep by the hour are added up here, so they begin anew with the process, as counters of
Prometheus may. Must not know how anything is shown.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from syncd.domain.budget import Bucket, recover
from syncd.domain.cursor import Cursor
from syncd.domain.shop import Shop
from syncd.engine.freshness import reaches
from syncd.service.status import bound_s
from syncd.service.web.recent import Recent
from syncd.service.wire import House, bucket_key
from syncd.store import figures
from syncd.store.disk import MirrorTransaction
from syncd.store.figures import CallLine, Counts, Kept, Mirrored

KEEP_S: Final = 2.0
STRETCH: Final = 10.0
"""However many shops there are, and however often somebody asks: a tenth of the time goes into it at most."""
ROWS_KEEP_S: Final = 60.0
HOURS: Final = 24
_HOUR_S: Final = 3600
_Job = tuple[int, str, str, str]


@dataclass(frozen=True, slots=True)
class ResourceFigures:
    """One resource of one shop; the fields are those of `syncd status`. Seconds."""

    name: str
    cursor: Cursor
    available: bool
    rows: int
    hints: int
    lag_s: float | None
    walk_age_s: float | None
    bound_s: float

    @property
    def late_s(self) -> float:
        """How long the look that is due has not come."""
        return max(0.0, (self.lag_s or 0.0) - self.bound_s)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One moment. `calls` and `waited` are totals by (shop id, job, class, word), `runs` by (shop id, job, outcome)."""

    at: datetime
    mirror: Mirrored
    state: Kept
    resources: Mapping[int, tuple[ResourceFigures, ...]]
    calls: Mapping[_Job, int]
    waited: Mapping[_Job, float]
    runs: Counts

    def bucket(self, shop: Shop) -> Bucket | None:
        """The shop's call budget as it is now; None before its first call."""
        stored = self.state.buckets.get(bucket_key(shop))
        return None if stored is None else recover(stored, self.state.now)


class Snapshots:
    """Takes them. One per process: it adds up."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._recent = Recent(house.clock, KEEP_S, self._take, stretch=STRETCH)
        self._rows = Recent(house.clock, ROWS_KEEP_S, lambda: house.disk.reader.run(figures.rows))
        self._calls = _Totals()
        self._runs: Counter[tuple[object, ...]] = Counter()
        self._runs_end = 0

    async def now(self) -> Snapshot:
        """The newest, at most two seconds old. Raises Retry, DiskProblem."""
        return await self._recent.get()

    def forget(self) -> None:
        """Somebody changed something: the next one is new."""
        self._recent.forget()

    async def _take(self) -> Snapshot:
        house, at = self._house, self._house.clock.now()
        rows = await self._rows.get()
        mirror = await house.disk.reader.run(partial(figures.mirrored, wall=house.clock.wall()))
        shop_ids = [shop.id for shop in mirror.shops]
        since = int(house.clock.wall() // _HOUR_S) - HOURS + 1
        state = await house.disk.state_reader.run(
            lambda tx: figures.kept(tx, shop_ids, since, after_run=self._runs_end),
        )
        resources = await house.disk.reader.run(
            lambda tx: {shop.id: tuple(_resources(tx, house, mirror, shop, at, rows, state)) for shop in mirror.shops}
        )
        self._runs.update(state.runs)
        self._runs_end = state.runs_end
        self._calls.add(state.calls)
        return Snapshot(
            at, mirror, state, resources, dict(self._calls.calls), dict(self._calls.waited), dict(self._runs)
        )


class _Totals:
    """Adds up accounts that are kept by the hour, each reading of which shows the hour's sum so far."""

    def __init__(self) -> None:
        self.calls: dict[_Job, int] = {}
        self.waited: dict[_Job, float] = {}
        self._seen: dict[tuple[_Job, int], tuple[int, float]] = {}

    def add(self, lines: Sequence[CallLine]) -> None:
        """Take in a reading."""
        seen: dict[tuple[_Job, int], tuple[int, float]] = {}
        for line in lines:
            job = (line.shop_id, line.job, line.klass, line.word)
            calls, waited_s = self._seen.get((job, line.hour), (0, 0.0))
            self.calls[job] = self.calls.get(job, 0) + max(0, line.calls - calls)
            self.waited[job] = self.waited.get(job, 0.0) + max(0.0, line.waited_s - waited_s)
            seen[job, line.hour] = (line.calls, line.waited_s)
        self._seen = seen


def _resources(
    tx: MirrorTransaction, house: House, mirror: Mirrored, shop: Shop, at: datetime, rows: Counts, state: Kept
) -> Iterator[ResourceFigures]:
    hints: Counter[str] = Counter()
    for (shop_id, name, _), count in mirror.hints.items():
        if shop_id == shop.id:
            hints[name] += count
    known, rules = state.buckets.get(bucket_key(shop)), house.budget_rules
    leak, size = (known.leak, known.size) if known else (rules.leak, rules.size)
    reach = reaches(tx, shop.id, house.resources, house.rules, at, leak=leak, size=size)
    for resource in house.resources:
        place = (shop.id, resource.name)
        cursor, caps = mirror.cursors.get(place, Cursor()), mirror.caps.get(place)
        yield ResourceFigures(
            resource.name,
            cursor,
            available=caps.available if caps else True,
            rows=rows.get(place, 0),
            hints=hints[resource.name],
            lag_s=_age(cursor.looked_at, at),
            walk_age_s=_age(cursor.walked_at, at),
            bound_s=bound_s(house, resource, cursor, caps, at, reach.get(resource.name)),
        )


def _age(moment: datetime | None, at: datetime) -> float | None:
    return None if moment is None else max(timedelta(0), at - moment).total_seconds()
