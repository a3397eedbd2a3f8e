"""Webhooks as a person sees them: what is registered, what came, a new door, and looking again at what was delivered.

The address of a door is a secret: it is shown only to who asks for it. Must not know how it is shown.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from syncd.domain.ledger import HintSource
from syncd.domain.resources import BY_NAME
from syncd.domain.run import Run
from syncd.domain.secret import Secret
from syncd.domain.shop import Shop, ShopState
from syncd.domain.webhook import Door, Hook, InboxCount, InboxState
from syncd.errors import SyncdError, UsageProblem
from syncd.ports import MirrorTx, StateTx
from syncd.service import shops
from syncd.service.history import moment_of
from syncd.service.wire import House
from syncd.service.words import ago, amount


@dataclass(frozen=True, slots=True)
class WebhookStatus:
    """How the webhooks of one shop stand. `wanted` are the topics of the settings, none where webhooks are off."""

    wanted: tuple[str, ...] = ()
    hooks: tuple[Hook, ...] = ()
    door: Door | None = None
    inbox: InboxCount = field(default_factory=InboxCount)

    @property
    def registered(self) -> list[str]:
        """The topics that the shop is known to have for the door of today."""
        return [hook.topic for hook in self.hooks if self.door is not None and hook.door == self.door.print]

    @property
    def waiting(self) -> int:
        """Deliveries that nobody took in yet."""
        return self.inbox.by_state.get(InboxState.WAITING.value, 0)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What of a span of time is looked at again, by resource; `absent` are left out: the shop did not have them."""

    since: datetime
    until: datetime
    looks: dict[str, int]
    absent: int


def status_of(tx: StateTx, house: House, shop: Shop) -> WebhookStatus:
    """How a shop's webhooks stand, from the database alone."""
    rules = house.hook_rules
    wanted = rules.topics if rules.public_url else ()
    hooks = tuple(tx.webhooks.hooks(shop.id))
    return WebhookStatus(wanted, hooks, tx.webhooks.door(shop.id), tx.webhooks.count(shop.id))


async def shown(house: House, name: str) -> tuple[WebhookStatus, datetime]:
    """How one shop's webhooks stand, and now. Raises UsageProblem."""
    shop = await shops.find(house.disk, name)
    return await house.disk.state.run(lambda tx: status_of(tx, house, shop)), house.clock.now()


def as_json(stands: WebhookStatus) -> dict[str, Any]:
    """The same as plain values, for scripts."""
    door, last_at = stands.door, stands.inbox.last_at
    return {
        "wanted": list(stands.wanted),
        "registered": stands.registered,
        "trouble": door.said if door else "",
        "checked_at": door.checked_at.isoformat(timespec="seconds") if door and door.checked_at else None,
        "received_at": last_at.isoformat(timespec="seconds") if last_at else None,
        "waiting": stands.waiting,
        "refused": door.refused if door else 0,
    }


def line(stands: WebhookStatus, now: datetime) -> str:
    """The same in one line; empty where nobody wants webhooks."""
    if not stands.wanted:
        return ""
    door = stands.door
    found = [f"{len(stands.registered)} of {amount(len(stands.wanted), 'topic')} registered"]
    found += [f"last received {ago(stands.inbox.last_at, now)}"]
    found += [f"{stands.waiting:,} waiting"] if stands.waiting else []
    found += [f"{door.refused:,} refused"] if door and door.refused else []
    return ", ".join(found) + (f"; {door.said}" if door and door.said else "")


def lines(stands: WebhookStatus, now: datetime) -> list[tuple[str, str]]:
    """The same as lines of a word and its value."""
    missing = [topic for topic in stands.wanted if topic not in stands.registered]
    door, states = stands.door, stands.inbox.by_state
    found = [
        ("wanted", ", ".join(stands.wanted) or "none: webhooks are off"),
        ("registered", ", ".join(stands.registered) or "none"),
        *([("not yet", ", ".join(missing))] if missing else []),
        ("checked", ago(door.checked_at, now) if door else "never"),
        *([("trouble", door.said)] if door and door.said else []),
        ("address made", ago(door.made_at, now) if door else "never"),
        ("last received", ago(stands.inbox.last_at, now)),
        ("inbox", ", ".join(f"{count:,} {state}" for state, count in states.items()) or "empty"),
    ]
    if door and door.refused:
        found.append(("refused", f"{door.refused:,}, the last {ago(door.refused_at, now)}"))
    return found


async def address(house: House, name: str) -> Secret:
    """The address of the shop's door, with its secret. Raises UsageProblem where there is none."""
    shop = await shops.find(house.disk, name)
    found = await (await house.webhooks(shop)).hooks.address() if house.hook_rules.public_url else None
    if found is None:
        raise UsageProblem(
            f"shop {name} has no door for webhooks yet",
            hint=f'set [webhooks] public_url = "https://..." in syncd.toml, then: syncd shop webhooks {name} --check',
        )
    return found


async def check(house: House, name: str, *, rotate: bool) -> Run:
    """Look at the shop's webhooks now; `rotate` makes a new door first. Raises UsageProblem, GrantRevoked."""
    shop = await shops.find(house.disk, name)
    if shop.company_id is None:
        raise UsageProblem(f"shop {name} is not authorised yet", hint=f"syncd auth login {name}")
    hooks = (await house.webhooks(shop)).hooks
    if rotate:
        await hooks.rotate()
    return await hooks.check()


async def replay(house: House, name: str, since: str, until: str, *, dry: bool) -> Replayed:
    """Leave hints again for what was delivered in a span of time. Raises UsageProblem for a moment that is none."""
    shop, now = await shops.find(house.disk, name), house.clock.now()
    begins = moment_of(since, now)
    ends = moment_of(until, now) if until else now
    if ends < begins:
        raise UsageProblem(
            f"--until {until} lies before --since {since}", hint=f"syncd webhooks replay {name} --since 2h"
        )
    told = await house.disk.state.run(lambda tx: tx.webhooks.between(shop.id, begins, ends))
    names = [(resource, key) for resource, key, state in told if state is not InboxState.ABSENT and resource in BY_NAME]
    by_resource: dict[str, list[str]] = {}
    for resource, key in names:
        by_resource.setdefault(resource, []).append(key)

    def leave(tx: MirrorTx) -> None:
        for resource, keys in by_resource.items():
            tx.hints.leave(shop.id, resource, keys, HintSource.WEBHOOK, now)

    if not dry:
        await house.disk.mirror.run(leave)
    looks = {resource: len(keys) for resource, keys in sorted(by_resource.items())}
    return Replayed(begins, ends, looks, len(told) - len(names))


async def remove_shop(house: House, name: str) -> tuple[Shop, str]:
    """Take our webhooks away at the shop, if it lets us, then forget the shop; says what could not be done."""
    shop = await shops.find(house.disk, name)
    said = ""
    if await house.disk.state.run(lambda tx: tx.webhooks.hooks(shop.id)):
        try:
            if shop.state not in (ShopState.ACTIVE, ShopState.PAUSED):
                raise UsageProblem("it is not authorised")
            await (await house.webhooks(shop)).hooks.leave()
        except SyncdError as problem:
            said = f"its webhooks stay registered there: {problem.message}"
    await shops.remove(house, name)
    await house.disk.state.run(lambda tx: tx.webhooks.forget(shop.id))
    return shop, said
