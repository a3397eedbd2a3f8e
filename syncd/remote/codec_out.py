"""From canonical values to the body of a write: strict, by description.

Nothing leaves that only the shop sets, nor in an update what is settable only at creation; a secret only if it was
handed in. Where the record as just read is at hand, values go out in the form in which the shop sent them. Must not
know addresses, nor what a shop makes of a body.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from syncd.domain.matching import pair, tokens
from syncd.domain.patch import Act, ElementChange, Patch
from syncd.domain.record import Broken, Element, Item, Record, Value
from syncd.domain.resource import Access, Child, Field, Kind, Resource
from syncd.domain.secret import Secret
from syncd.remote.codec_in import Codec
from syncd.remote.settings import RemoteSettings
from syncd.remote.values import Unfit

Body = dict[str, Any]

_ZONED: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(\d{1,9}))?(?:(Z)|([+-])(\d\d):(\d\d))")
_PASSWORD: Final = "password"  # noqa: S105 - the name of a field
_NOTHING: Final = object()


def encode(kind: Kind, value: Value, zone: tzinfo = UTC, sample: object = None) -> Any:
    """One value as it leaves. `sample` is what the shop sent in this place; `zone` that of times without one.

    Raises TypeError for a value that is not of its kind."""
    match kind, value:
        case _, None:
            return None
        case Kind.FLAG, bool():
            return _flag(value, sample)
        case Kind.INT, int() if not isinstance(value, bool):
            return value
        case Kind.DECIMAL, Decimal() if value.is_finite():
            # Whole numbers stay exact however long; others are read as floats too, with the digits that a float has.
            return int(value) if value == value.to_integral_value() else float(value)
        case Kind.TIME, datetime():
            return _time(value, zone, sample)
        case (Kind.TEXT, str()) | (Kind.JSON, dict() | list()):
            return value
    raise TypeError(f"{type(value).__name__} is no {kind.value}")


def _flag(value: bool, sample: object) -> bool | int | str:
    if isinstance(sample, str) and sample.strip():
        return str(int(value)) if sample.strip() in {"0", "1"} else str(value).lower()
    return int(value) if isinstance(sample, int) and not isinstance(sample, bool) else value


def _time(moment: datetime, zone: tzinfo, sample: object) -> str:
    """`2012-04-16T13:54:12`; where the shop wrote a zone (as .NET does), with that zone and as many digits."""
    form = _ZONED.fullmatch(sample.strip()) if isinstance(sample, str) else None
    if form is None:
        return _local(moment, zone).replace(tzinfo=None).isoformat(timespec="seconds")
    digits, zulu, sign, hours, minutes = form.groups()
    if not zulu:
        east = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
        zone = timezone(east)
    local = _local(moment, UTC if zulu else zone)
    fraction = f".{local.microsecond:06d}000"[: 1 + len(digits)] if digits else ""
    text = local.replace(tzinfo=None).isoformat(timespec="seconds") + fraction
    return text + ("Z" if zulu or local.tzinfo is UTC else f"{sign}{hours}:{minutes}")


def _local(moment: datetime, zone: tzinfo) -> datetime:
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    try:
        return moment.astimezone(zone)
    except OverflowError:  # at the edge of the calendar, where the zone has no name for the moment
        return moment.astimezone(UTC)


class Encoder:
    """Makes the bodies of writes to one shop. `codec` reads the records that they start from."""

    def __init__(self, settings: RemoteSettings, codec: Codec) -> None:
        self._zone = settings.tz
        self._codec = codec

    def created(self, resource: Resource, record: Record) -> Body:
        """The body of a new record: all of it that may be set, under the fields' own names (an order names its buyer by
        `customer_token`, and shows it inside `customer`). Nulls and lists with an address of their own stay out."""
        body = self._own(resource.fields, record.fields)
        for name, value in resource.born_with:
            said = record.fields.get(name)
            body[name] = value if said is None else said
        for child in resource.children:
            elements = record.children.get(child.name, ())
            if elements and child.access is not Access.READ and not child.endpoint:
                body[child.name] = [self._own(child.fields, element.fields) for element in elements]
        return body

    def updated(self, resource: Resource, patch: Patch, whole: Item | None, *, partial: bool = False) -> Body:
        """The body of a change: `whole` with the patch in it; or, if `partial` or without `whole`, the patch's fields
        and its changed lists, complete. Lists with an address of their own stay as they were read.

        Raises Unfit where `whole` cannot be read, ValueError for a changed list without it."""
        wire: Mapping[str, Any] = {} if whole is None else whole.wire
        seen = self._read(resource, whole)
        body: Body = {} if partial else self._kept(resource, wire, seen)
        self._edit(body, resource.by_name, patch.fields, [wire])
        for child in resource.children:
            # A list with an address of its own is changed there; but who takes whole records may drop what is left out.
            changes = () if child.endpoint else patch.children.get(child.name, ())
            if child.access is not Access.WRITE:
                continue
            name = next((key for key in (child.name, *child.aliases) if key in wire), child.name)
            if changes and whole is None:
                raise ValueError(f"{child.name}: a changed list goes out complete, and the record is not at hand")
            if changes or (name in wire and not partial):
                elements = self._listed(child, wire.get(name), seen.children.get(child.name, ()), changes)
                body[name] = next(iter(elements), None) if child.single else elements
        return body

    def element(self, child: Child, fields: Mapping[str, Value], whole: Element | None, *, new: bool) -> Body:
        """The body of a list element with an address of its own; with `whole`, all of it that may be set."""
        if new:
            return self._own(child.fields, fields)
        body: Body = {}
        if whole is not None:
            body |= whole.extra
            self._edit(body, child.by_name, whole.fields, [])
        self._edit(body, child.by_name, fields, [])
        return body

    def _own(self, fields: Sequence[Field], values: Mapping[str, Value]) -> Body:
        """What may be set of something new."""
        return {
            field.name: encode(field.kind, values[field.name], self._zone)
            for field in fields
            if field.access is not Access.READ and values.get(field.name) is not None
        }

    def _read(self, resource: Resource, whole: Item | None) -> Record:
        found = Record({}) if whole is None else self._codec.decode(resource, whole)
        if isinstance(found, Broken):
            raise Unfit(found.reason, path=found.path)
        return found

    def _kept(self, resource: Resource, wire: Mapping[str, Any], seen: Record) -> Body:
        """What goes back unchanged: fields that may be set, as the shop sent them, and those that nobody knows."""
        embedded = {field.wire_path[0] for field in resource.fields if len(field.wire_path) > 1}
        body: Body = {name: value for name, value in seen.extra.items() if name not in embedded}
        _carry(body, _settable(resource.fields), wire, seen.fields)
        return body

    def _edit(
        self,
        body: Body,
        described: Mapping[str, Field],
        values: Mapping[str, Value],
        samples: Sequence[Mapping[str, Any]],
    ) -> None:
        """Put values into a body, in the form that the samples show."""
        for name, value in values.items():
            field = described.get(name)
            if field is not None and field.access is Access.WRITE:
                sample = _sample(field, samples, described.values())
                _place(body, field, encode(field.kind, value, self._zone, sample))

    def _listed(self, child: Child, raw: Any, seen: Sequence[Element], changes: Sequence[ElementChange]) -> list[Body]:
        """A child list, complete: elements that nobody changed as the shop sent them, ids among them."""
        wires: list[Mapping[str, Any]] = [raw] if isinstance(raw, dict) else list(raw or ())
        meant = [(change, change.before) for change in changes if change.before is not None]
        found = pair([before for _, before in meant], seen, *tokens(child))
        change_at = {place: meant[index][0] for index, place in found.items()}
        told = [f for f in child.fields if f.access is Access.WRITE or f.name == "id" or f.name in child.key]
        elements: list[Body] = []
        for place, (wire, element) in enumerate(zip(wires, seen, strict=True)):
            change = change_at.get(place)
            if change is not None and change.act is Act.REMOVE:
                continue
            body: Body = dict(element.extra)
            _carry(body, told, wire, element.fields)
            if change is not None:
                self._edit(body, child.by_name, change.fields, [wire, *wires])
            elements.append(body)
        for change in changes:
            if change.act is Act.ADD:
                body = {}
                self._edit(body, child.by_name, change.fields, wires)
                elements.append(body)
        return elements


def _settable(fields: Iterable[Field]) -> list[Field]:
    return [field for field in fields if field.access is Access.WRITE]


def _carry(body: Body, fields: Iterable[Field], wire: Mapping[str, Any], values: Mapping[str, Value]) -> None:
    """Take fields over as the shop sent them; structures as they were read, without the secrets inside."""
    for field in fields:
        raw = _raw(field, wire)
        if raw is not _NOTHING:
            _place(body, field, values.get(field.name) if field.kind is Kind.JSON else raw, wire)


def _raw(field: Field, wire: Mapping[str, Any]) -> Any:
    """What the shop sent for a field, or _NOTHING."""
    if len(field.wire_path) == 1:
        return next((wire[name] for name in (*field.wire_path, *field.aliases) if name in wire), _NOTHING)
    found: Any = wire
    for step in field.wire_path:
        found = found.get(step, _NOTHING) if isinstance(found, dict) else _NOTHING
    return found


def _place(body: Body, field: Field, value: Any, wire: Mapping[str, Any] | None = None) -> None:
    """Put a value where the field lies, under the name under which the shop sent it."""
    *steps, last = field.wire_path
    if not steps:
        known = body if wire is None else wire
        last = next((name for name in (last, *field.aliases) if name in known), last)
    for step in steps:
        body[step] = dict(body.get(step) or {})
        body = body[step]
    body[last] = value


def _sample(field: Field, samples: Sequence[Mapping[str, Any]], fields: Iterable[Field]) -> object:
    """What the shop sent for this field; for a time that is empty everywhere, how it wrote another one."""
    alike = [field, *(f for f in fields if f.kind is Kind.TIME)] if field.kind is Kind.TIME else [field]
    raws = (_raw(each, wire) for each in alike for wire in samples)
    return next((raw for raw in raws if raw is not _NOTHING and raw is not None and raw != ""), None)


def sealed(envelope: str, body: Body, secrets: Mapping[str, Secret], inside: str = "") -> Secret:
    """The body as text that nobody sees. The secrets come into it only here, into the object `inside` if it is named; a
    password goes with its confirmation."""
    return Secret(json.dumps({envelope: _with_secrets(body, secrets, inside)}, allow_nan=False))


def _with_secrets(body: Body, secrets: Mapping[str, Secret], inside: str) -> Body:
    if inside:
        return {**body, inside: _with_secrets(dict(body.get(inside) or {}), secrets, "")}
    plain = {name: secret.reveal() for name, secret in secrets.items()}
    if _PASSWORD in plain:
        plain["password_confirmation"] = plain[_PASSWORD]
    return body | plain


@lru_cache(maxsize=64)
def as_resource(child: Child) -> Resource:
    """A child list with an address of its own, as the codec reads it there: each element is a record."""
    singular = child.name.removesuffix("es") if child.name.endswith("sses") else child.name.removesuffix("s")
    key = child.key[0] if len(child.key) == 1 else "id"
    return Resource(child.table, child.endpoint, child.name, singular, "", child.fields, key=key)
