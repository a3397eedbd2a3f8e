"""Webhooks as values: what a delivery says, the door through which it came, and what is to be registered at the shop.

A webhook is a hint, never data: of a delivery only the resource and the key are believed, as "look there". Pure.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final

from syncd.domain.resource import Kind, Resource

_TOPIC: Final = re.compile(r"([a-z_]{1,40})/([a-z_]{1,40})")
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,18}")
_WORD: Final = re.compile(r"[A-Z]{16}")
_BIGGEST: Final = 2**63
_LONGEST: Final = 100
_OUTER: Final = ("company_id", "producer", "scope", "hash")
_INNER: Final = ("type", "id", "long_id")


@dataclass(frozen=True, slots=True)
class Notice:
    """What is believed of a delivery: where to look. `digest` is the same for every delivery that says the same.

    `body` is what the reference names of it, and no more: whoever knows an address may send us anything."""

    topic: str
    resource: str
    key: str
    digest: str
    body: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a delivery is not taken."""

    why: str


class InboxState(StrEnum):
    """How far a delivery came."""

    WAITING = "waiting"  # nobody took it in yet
    HINTED = "hinted"  # a hint was left
    LEFT = "left"  # beyond what webhooks may cost: the ordinary looks find it
    ABSENT = "absent"  # the shop says that there is no such record, and there was none here


@dataclass(frozen=True, slots=True)
class Arrival:
    """A delivery on its way into the inbox."""

    shop_id: int
    at: datetime
    notice: Notice


@dataclass(frozen=True, slots=True)
class Waiting:
    """A row of the inbox. `times` counts the deliveries that it stands for: settling it names the count that was seen,
    so that one which came meanwhile is not lost."""

    seq: int
    resource: str
    key: str
    times: int
    received_at: datetime


@dataclass(frozen=True, slots=True)
class InboxCount:
    """What lies in a shop's inbox."""

    last_at: datetime | None = None
    by_state: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Door:
    """The address of one shop's webhooks. `token` is sealed; `print` is its SHA-256, by which it is found.

    `said` is what the last check at the shop found to be wrong, empty where all is well."""

    shop_id: int
    sealed: str = field(repr=False)
    print: str
    made_at: datetime
    checked_at: datetime | None = None
    said: str = ""
    refused: int = 0
    refused_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook that we registered, or were about to (`hook_id` empty): its topic, and the print of its door."""

    topic: str
    hook_id: str
    door: str
    checked_at: datetime


@dataclass(frozen=True, slots=True)
class Registered:
    """A webhook as the shop lists it, ours or another program's."""

    hook_id: str
    topic: str
    destination: str = field(repr=False)  # holds the door's token
    is_valid: bool = True


@dataclass(frozen=True, slots=True)
class HookPlan:
    """What has to be done at the shop: remove these, then register these topics. `kept` are in order."""

    remove: tuple[Registered, ...]
    add: tuple[str, ...]
    kept: tuple[Registered, ...]


def print_of(token: str) -> str:
    """What is kept of a door's token to find it by."""
    return sha256(token.encode()).hexdigest()


def plan_hooks(
    topics: Sequence[str], destination: str, prints: Iterable[str], ids: Iterable[str], listed: Sequence[Registered]
) -> HookPlan:
    """What makes the shop call `destination` for exactly these topics, and nobody else's webhooks change.

    Ours are those that lead to a door of ours, whatever address stands before it (`prints` knows all doors, old ones
    too), and those that we remember by id where the shop does not show where they lead. One of each topic is kept."""
    known, remembered = frozenset(prints), frozenset(ids)
    kept: dict[str, Registered] = {}
    remove = []
    for hook in listed:
        hidden = not hook.destination and hook.hook_id in remembered
        if not hidden and print_of(hook.destination.rstrip("/").rpartition("/")[2]) not in known:
            continue
        fits = hook.is_valid and (hidden or hook.destination == destination) and hook.topic in topics
        if fits and hook.topic not in kept:
            kept[hook.topic] = hook
        else:
            remove.append(hook)
    add = tuple(topic for topic in dict.fromkeys(topics) if topic not in kept)
    return HookPlan(tuple(remove), add, tuple(kept.values()))


def topic_resource(topic: str, by_noun: Mapping[str, Resource]) -> Resource | None:
    """The resource that a topic speaks of. One place of the reference writes the noun in the plural."""
    found = _TOPIC.fullmatch(topic)
    return None if found is None else by_noun.get(found[1]) or by_noun.get(found[1].removesuffix("s"))


def read_notice(body: bytes, company_id: int | None, by_noun: Mapping[str, Resource]) -> Notice | Refused:
    """What a delivery says, if it can be meant for this company and speaks of a record of ours. Never raises.

    Its hash is kept and not judged: the reference does not say how it is made, and its own sample is the hash of
    nothing (section 5)."""
    try:
        told = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return Refused("the body is not JSON")
    if not isinstance(told, dict):
        return Refused("the body is no object")
    if company_id is None or _number(told.get("company_id")) != company_id:
        return Refused("it is another company's")
    topic = told.get("scope")
    resource = topic_resource(topic, by_noun) if isinstance(topic, str) else None
    if resource is None or not isinstance(topic, str):
        return Refused("its topic is not mirrored")
    inner = told.get("data")
    inner = inner if isinstance(inner, dict) else {}
    key = _key(resource, inner.get("id"))
    if key is None:
        return Refused(f"it names no record of {resource.name}")
    kind = inner.get("type")
    if isinstance(kind, str) and topic_resource(f"{kind}/any", by_noun) not in (None, resource):
        return Refused("its type and its topic differ")
    kept = json.dumps(_named(told, _OUTER) | {"data": _named(inner, _INNER)}, separators=(",", ":"), sort_keys=True)
    # The topic does not count: whatever happened to the record, it is looked at.
    return Notice(topic, resource.name, key, sha256(f"{resource.name}/{key}".encode()).hexdigest(), kept)


def _named(told: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """What the reference names of an object, where it has the form of such a thing."""
    found = {name: told[name] for name in names if name in told}
    return {
        name: value
        for name, value in found.items()
        if (isinstance(value, str) and len(value) <= _LONGEST) or (isinstance(value, int) and abs(value) < _BIGGEST)
    }


def nouns(resources: Iterable[Resource]) -> dict[str, Resource]:
    """The resources by the noun that stands in topics."""
    return {resource.singular: resource for resource in resources}


def _number(value: Any) -> int | None:
    """A whole number, also as text; None for anything else."""
    if isinstance(value, bool):
        return None
    text = str(value) if isinstance(value, int) and abs(value) < _BIGGEST else value
    return int(text) if isinstance(text, str) and _NUMBER.fullmatch(text) and int(text) < _BIGGEST else None


def _key(resource: Resource, value: Any) -> str | None:
    """A record's key, if the value has the form that keys of this resource have."""
    if resource.by_name[resource.key].kind is Kind.INT:
        number = _number(value)
        return None if number is None else str(number)
    return value if isinstance(value, str) and _WORD.fullmatch(value) else None
