"""First contact with a resource: a few calls that find out what the shop can do (design section 5).

Every step tolerates every answer: a feature that cannot be shown is not relied on. Whatever later contradicts a
finding withdraws it (`Capabilities.withdrawn`). Costs about ten calls a resource, class `user`, and is stored with
its date.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from syncd.domain.budget import CallClass
from syncd.domain.capability import Capabilities, Order, PastEnd
from syncd.domain.record import Broken, Item, Page, Record, Shape
from syncd.domain.resource import Kind, Resource
from syncd.errors import NotUnderstood, ScopeMissing
from syncd.ports import Clock, Listing, Log, Purpose, Remote

_FAR_PAST = datetime(1990, 1, 1, tzinfo=UTC)
_FAR_FUTURE = datetime(2200, 1, 1, tzinfo=UTC)
_NO_ID = "2147483646"
_NO_RECORD = "Z" * 16
_SAMPLES = 2


@dataclass(frozen=True, slots=True)
class _Sample:
    """Page one of a listing, taken apart."""

    page: Page
    items: tuple[Item, ...]
    records: tuple[Record, ...]

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(item.key for item in self.items)


class Discovery:
    """Learns the capabilities of one resource of one shop."""

    def __init__(self, remote: Remote, clock: Clock, log: Log, shop: str) -> None:
        self._remote = remote
        self._clock = clock
        self._log = log
        self._shop = shop

    async def learn(self, resource: Resource) -> Capabilities:
        """Make the calls and return what they showed; a resource outside the grant comes back unavailable.

        Raises Retry and GrantRevoked of the calls; NotUnderstood where the very first listing makes no sense."""
        caps = Capabilities(learned_at=self._clock.now())
        try:
            first = await self._sample(resource, page=1)
        except ScopeMissing as problem:
            return replace(caps, available=False, why_not=problem.message)
        caps = replace(caps, list_shape=_shape(first.records), order=order_of(first.items))
        count = await self._remote.count(resource, _purpose("count")) if resource.counted else None
        caps = replace(caps, counts=count is not None)
        caps = await self._paging(resource, caps, first, count)
        caps = await self._details(resource, caps, first)
        caps = await self._trimming(resource, caps, first)
        for name in resource.filters:
            caps = await self._filtering(resource, caps, first, name)
        self._log.info(
            "discover.done",
            shop=self._shop,
            resource=resource.name,
            pages=caps.pages,
            order=caps.order,
            filters=list(caps.filters),
            trims=caps.trims,
            counts=caps.counts,
            list_is_whole=caps.list_is_whole,
        )
        return caps

    async def _sample(self, resource: Resource, **ask: object) -> _Sample:
        page = await self._remote.page(Listing(resource, **ask), _purpose("sample"))  # type: ignore[arg-type]
        items = tuple(item for item in page.items if isinstance(item, Item))
        decoded = (self._remote.decode(resource, item) for item in items)
        return _Sample(page, items, tuple(record for record in decoded if isinstance(record, Record)))

    async def _maybe(self, resource: Resource, **ask: object) -> _Sample | None:
        try:
            return await self._sample(resource, **ask)
        except NotUnderstood:
            return None

    async def _paging(self, resource: Resource, caps: Capabilities, first: _Sample, count: int | None) -> Capabilities:
        """Ask for page 2. A repeated page 1 means "not paged" only where the count says that page 1 is all."""
        if not first.items:
            return caps
        second = await self._maybe(resource, page=2)
        if second is None:
            return replace(caps, past_end=PastEnd.ABSENT)
        if not second.page.items:
            return replace(caps, past_end=PastEnd.EMPTY)
        if second.keys == first.keys:
            whole = count is not None and len(first.items) == count
            return replace(caps, past_end=PastEnd.REPEATED, pages=False if whole else None)
        size = len(first.page.items)
        order = order_of((*first.items, *second.items))
        return replace(caps, pages=True, page_size=size, order=order)

    async def _details(self, resource: Resource, caps: Capabilities, first: _Sample) -> Capabilities:
        """Read the fullest records of the first page one by one, and one that cannot exist."""
        if not resource.detailed or not first.items:
            return caps
        fullest = sorted(first.items, key=lambda item: (-len(str(item.wire)), item.key))[:_SAMPLES]
        for base in filter(None, (resource.path, resource.path2)):
            shape = Shape()
            for item in fullest:
                record = await self._one(resource, item.key, base)
                if record is not None:
                    shape = shape.widened(record)
            if shape.fields:
                caps = replace(caps, detail_path=base, detail_shape=shape)
                break
        if not caps.detail_path:
            return caps
        impossible = _NO_ID if resource.by_name[resource.key].kind is Kind.INT else _NO_RECORD
        try:
            look = await self._remote.one(resource, impossible, _purpose("one"), caps.detail_path)
        except NotUnderstood:
            return caps
        return replace(caps, absent_form=look.absent_form if look.item is None else "")

    async def _one(self, resource: Resource, key: str, base: str) -> Record | None:
        try:
            look = await self._remote.one(resource, key, _purpose("one"), base)
        except NotUnderstood:
            return None
        if look.item is None or isinstance(look.item, Broken):
            return None
        record = self._remote.decode(resource, look.item)
        return record if isinstance(record, Record) else None

    async def _trimming(self, resource: Resource, caps: Capabilities, first: _Sample) -> Capabilities:
        """Ask for key and stamp only; trimmed means that nothing else came."""
        if not resource.stamp or not first.records or resource.stamp not in caps.list_shape.fields:
            return caps
        wanted = trimmed_fields(resource)
        sample = await self._maybe(resource, page=1, fields=wanted)
        if sample is None or not sample.items:
            return replace(caps, trims=False)
        names = {name for item in sample.items for name in item.wire}
        stamped = all(item.stamp is not None for item in sample.items)
        return replace(caps, trims=names <= set(wanted) and stamped)

    async def _filtering(self, resource: Resource, caps: Capabilities, first: _Sample, name: str) -> Capabilities:
        """Honoured only if the far future is empty, the far past equals unfiltered, and the second of a known
        stamp contains that record; undecided below two records with stamps."""
        stamp = name.removesuffix("_min")
        dated = [(r.fields.get(stamp), item) for r, item in zip(first.records, first.items, strict=False)]
        known = [(at, item) for at, item in dated if isinstance(at, datetime)]
        if len(known) < 2 or len(first.records) != len(first.items):
            return replace(caps, doubtful=(*caps.doubtful, name))

        async def asked(moment: datetime) -> _Sample | None:
            text = self._remote.decode_time(moment)
            return await self._maybe(resource, page=1, filters=((name, text),))

        future = await asked(_FAR_FUTURE)
        if future is None or future.page.items:
            return caps
        past = await asked(_FAR_PAST)
        if past is None or len(past.page.items) != len(first.page.items):
            return caps
        if caps.order is not Order.LOOSE and past.keys != first.keys:
            return caps
        at, item = max(known, key=lambda pair: (pair[0], pair[1].key))
        near = await asked(at.replace(microsecond=0))
        if near is None or item.key not in near.keys:
            return caps
        return replace(caps, filters=(*caps.filters, name))


def trimmed_fields(resource: Resource) -> tuple[str, ...]:
    """The wire names of key, id and stamp: all that a trimmed walk asks for."""
    names = dict.fromkeys((resource.key, "id", resource.stamp))
    return tuple(name for name in names if name in resource.by_name)


def order_of(items: Sequence[Item]) -> Order:
    """In which order these came: by the shop's numeric ids, by keys where there are none; LOOSE below three."""
    numbers = [number for item in items if (number := _number(item)) is not None]
    places: Sequence[Any] = numbers if len(numbers) == len(items) else [item.key for item in items]
    if len(places) < 3:
        return Order.LOOSE
    up = all(a < b for a, b in pairwise(places))
    down = all(a > b for a, b in pairwise(places))
    return Order.ID_UP if up else Order.ID_DOWN if down else Order.LOOSE


def _number(item: Item) -> int | None:
    try:
        return int(item.wire.get("id", item.key))
    except (TypeError, ValueError):
        return None


def _shape(records: Sequence[Record]) -> Shape:
    shape = Shape()
    for record in records:
        shape = shape.widened(record)
    return shape


def _purpose(word: str) -> Purpose:
    return Purpose(CallClass.USER, "discover", word)
