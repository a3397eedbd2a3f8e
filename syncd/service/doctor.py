"""`syncd doctor`: what is wrong here, what each shop can do, and the next step.

First what can be seen without a shop (settings, key, disk, revisions), then each shop: grant, answer, capabilities.
A check never raises what it finds; it tells it. Costs a call or two a shop, and ten a resource that is not known yet.
"""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Final

from syncd.domain.budget import CallClass
from syncd.domain.capability import Capabilities
from syncd.domain.policy import WHOLE, Policy
from syncd.domain.resource import Resource
from syncd.domain.resources import COMPANIES, CURRENCY_RATES
from syncd.domain.shop import Shop, ShopState
from syncd.engine.hooks import SCOPE_MISSING
from syncd.errors import NotUnderstood, Retry, ScopeMissing, SyncdError
from syncd.host.keyfile import find_keys
from syncd.ports import Listing, MirrorTx, Purpose
from syncd.service import shops, surroundings, webhooks
from syncd.service.health import stale_for
from syncd.service.installation import shown_url
from syncd.service.settings import Loaded
from syncd.service.wire import House, Workplace
from syncd.service.words import duration
from syncd.store import migrate
from syncd.store import status as store_status

SPACE_LEAST: Final = 500 * 1024 * 1024
WAL_MOST: Final = 256 * 1024 * 1024
SKEW_S: Final = 30.0


def exit_code(checks: Sequence["Check"]) -> int:
    """One code for all: what must be changed here first, then what a person must do, then what can be tried again."""
    codes = [check.exit_code for check in checks if check.verdict is Verdict.BAD]
    return next((code for code in (1, 2, 3, 75) if code in codes), 0)


class Verdict(StrEnum):
    """How a check came out."""

    FINE = "fine"
    ODD = "odd"  # works, but somebody should know
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; `command` is the remedy."""

    what: str
    verdict: Verdict
    said: str
    command: str = ""
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class ShopReport:
    """What was found out about one shop."""

    shop: Shop
    checks: Sequence[Check]
    capabilities: Sequence[tuple[Resource, Capabilities]]


@dataclass(frozen=True, slots=True)
class Taking:
    """What of a resource's edits the shop is sent, and who wins a conflict."""

    resource: str
    create: bool
    update: bool
    delete: str  # yes, off (until switched on), no
    policy: str


def here(loaded: Loaded) -> list[Check]:
    """The checks of this machine."""
    checks = [Check("settings", Verdict.FINE, str(loaded.file or "no file: defaults and environment"))]
    checks.append(_checked("sealing key", partial(_key, loaded)))
    checks.append(_checked("databases", partial(_revisions, loaded)))
    return [*checks, _space(loaded), *_beneath(loaded), *_page(loaded)]


async def databases(house: House) -> list[Check]:
    """Versions and sizes of the databases."""
    return [check for state in await store_status.databases(house.disk) for check in _database(state)]


async def visit(house: House, name: str | None, *, again: bool) -> list[ShopReport]:
    """The checks of every shop, or of one. `again` learns the capabilities anew."""
    known = [await shops.find(house.disk, name)] if name else await shops.listed(house.disk)
    return [await _visit(house, shop, again=again) for shop in known]


def takings(house: House) -> list[Taking]:
    """How edits are sent, by resource: what the API takes, and what the settings say."""
    found = []
    for resource in [each for each in house.resources if each.writable]:
        policy = house.policies.get(resource.name, Policy())
        delete = "no" if not resource.deletable else "yes" if policy.deletes else "off"
        said = [f"{name} {choice}" for name, choice in policy.choices.items() if name != WHOLE]
        usual = policy.choice(resource, "").value
        found.append(Taking(resource.name, resource.creatable, resource.writable, delete, ", ".join([usual, *said])))
    return found


# --- this machine ----------------------------------------------------------------------------------------------------


def _checked(what: str, look: "partial[str]") -> Check:
    try:
        return Check(what, Verdict.FINE, look())
    except SyncdError as problem:
        return _problem(what, problem)


def _problem(what: str, problem: SyncdError) -> Check:
    return Check(what, Verdict.BAD, problem.message, problem.hint, problem.exit_code)


def _key(loaded: Loaded) -> str:
    ring = find_keys(loaded.key_sources)
    place = loaded.key_sources.key_file
    return f"{place or 'given by the environment'}, key {ring.kid}"


def _revisions(loaded: Loaded) -> str:
    migrate.check(loaded.mirror_url, loaded.state_url)
    return f"{shown_url(loaded.mirror_url)}, revision {migrate.known_revisions()[0]}"


def _space(loaded: Loaded) -> Check:
    folder = next(place for place in (loaded.home, *loaded.home.parents) if place.exists())
    free = shutil.disk_usage(folder).free
    said = f"{free / 2**30:,.1f} GiB free at {folder}"
    if free < SPACE_LEAST:
        return Check("disk", Verdict.BAD, said, f"df -h {folder}", exit_code=1)
    return Check("disk", Verdict.FINE, said)


def _beneath(loaded: Loaded) -> Iterator[Check]:
    kind = surroundings.beneath(loaded.home) if loaded.mirror_url.startswith("sqlite") else ""
    if surroundings.is_shared(kind):
        said = f"{loaded.home} lies on {kind}: locks there do not hold, and the files may be damaged"
        yield Check("file system", Verdict.BAD, said, "move the files to a local disk, or use PostgreSQL", exit_code=1)


def _page(loaded: Loaded) -> Iterator[Check]:
    if said := surroundings.exposure(loaded):
        remedy = 'set [web] listen = "127.0.0.1:8765" and put a proxy with https before it    (docs/web.md)'
        yield Check("status page", Verdict.ODD, said, remedy)


def _database(state: store_status.DatabaseState) -> Iterator[Check]:
    what = f"{state.house.value} database"
    said = f"{state.version}, {state.size_bytes / 2**20:,.1f} MiB"
    if not state.sound:
        remedy = "pip install 'syncd[sqlite]'    (before 3.51.3 two writers can, very rarely, damage a file)"
        yield Check(what, Verdict.ODD, said, remedy)
    if state.wal_bytes > WAL_MOST:
        said = f"{said}, and its WAL has {state.wal_bytes / 2**20:,.0f} MiB: somebody keeps a transaction open"
        yield Check(what, Verdict.ODD, said, f"fuser {Path(state.where)}")
    elif state.sound:
        yield Check(what, Verdict.FINE, said)


# --- a shop ----------------------------------------------------------------------------------------------------------


async def _visit(house: House, shop: Shop, *, again: bool) -> ShopReport:
    login = f"syncd auth login {shop.name}"
    if shop.company_id is None:
        return ShopReport(shop, [Check("grant", Verdict.BAD, "not authorised yet", login, exit_code=3)], [])
    checks = []
    if shop.state is ShopState.QUARANTINED:
        checks.append(Check("state", Verdict.BAD, f"set aside: {shop.reason}", login, exit_code=3))
    elif shop.state is ShopState.PAUSED:
        checks.append(Check("state", Verdict.ODD, "paused by a person", f"syncd shop resume {shop.name}"))
    try:
        place = await house.place(shop)
        checks.append(await _grant(house, place))
        checks.append(await _answer(house, place))
        checks += await _webhooks(house, shop)
        caps = await place.worker.discover(house.resources, again=again)
    except SyncdError as problem:
        return ShopReport(shop, [*checks, _problem("contact", problem)], await _stored(house, shop))
    return ShopReport(shop, checks, [(resource, caps[resource.name]) for resource in house.resources])


async def _stored(house: House, shop: Shop) -> list[tuple[Resource, Capabilities]]:
    """What was learned before, for a shop that cannot be asked now."""

    def read(tx: MirrorTx) -> list[tuple[Resource, Capabilities]]:
        known = [(resource, tx.books.capabilities(shop.id, resource.name)) for resource in house.resources]
        return [(resource, caps) for resource, caps in known if caps is not None]

    return await house.disk.reader.run(read)


async def _grant(house: House, place: Workplace) -> Check:
    health = await place.tokens.health()
    age = "" if health is None or health.age_s is None else f", tokens {duration(health.age_s)} old"
    try:
        inspected = await place.tokens.inspect()
    except (Retry, NotUnderstood) as problem:
        return Check("grant", Verdict.ODD, f"tokeninfo does not answer: {problem.message.rstrip('.')}{age}")
    missing = sorted({resource.scope for resource in house.resources if resource.scope} - set(inspected.scopes))
    said = f"scopes {', '.join(inspected.scopes)}{age}"
    if stale_for(health, house.loaded.settings.vault.stale_days) is not None:
        return Check("grant", Verdict.ODD, f"{said}: it may lapse unused", f"syncd auth refresh {place.shop.name}")
    if missing:
        remedy = f"syncd auth login {place.shop.name}    (to ask for {', '.join(missing)} too)"
        return Check("grant", Verdict.ODD, f"{said}; not granted: {', '.join(missing)}", remedy)
    return Check("grant", Verdict.FINE, said)


async def _webhooks(house: House, shop: Shop) -> list[Check]:
    """Whether the shop calls us, from what the last check found; nothing where that is not wanted."""
    stands, now = await webhooks.shown(house, shop.name)
    if not stands.wanted:
        return []
    missing, login = len(stands.wanted) - len(stands.registered), f"syncd auth login {shop.name}"
    said = webhooks.line(stands, now)
    if not missing:
        return [Check("webhooks", Verdict.FINE, said)]
    remedy = login if SCOPE_MISSING in said else f"syncd shop webhooks {shop.name} --check"
    return [Check("webhooks", Verdict.ODD, said, remedy)]


async def _answer(house: House, place: Workplace) -> Check:
    """One small read: whether the shop answers, and how far its clock is from ours."""
    began_s = house.clock.monotonic()
    small = CURRENCY_RATES if CURRENCY_RATES in house.resources else COMPANIES
    try:
        page = await place.remote.page(Listing(small), Purpose(CallClass.USER, "doctor", "sample"))
    except ScopeMissing as problem:
        return Check("answer", Verdict.ODD, problem.message, problem.hint)
    took_s = house.clock.monotonic() - began_s
    if page.served_at is None:
        return Check("answer", Verdict.FINE, f"after {took_s:.2f} s, without its own time")
    skew_s = (page.served_at - house.clock.now()).total_seconds()
    said = f"after {took_s:.2f} s; its clock is {abs(skew_s):.0f} s {'ahead of' if skew_s > 0 else 'behind'} ours"
    if abs(skew_s) > SKEW_S:
        return Check(
            "answer", Verdict.ODD, said, "timedatectl status    (syncd goes by the shop's clock, people may not)"
        )
    return Check("answer", Verdict.FINE, said)
