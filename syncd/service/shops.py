"""Shops as a person adds, names and pauses them: the rules of their names and addresses, and where they are kept."""

import ipaddress
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from syncd.domain.shop import Shop, ShopState
from syncd.domain.token import TokenPhase
from syncd.errors import NeedsPerson, UsageProblem
from syncd.ports import Disk, MirrorTx
from syncd.service.wire import House, bucket_key
from syncd.service.words import meant

DEFAULT_SCOPES: Final = ("products", "customers", "orders", "themes", "companies")
DEFAULT_REDIRECT: Final = "http://127.0.0.1:8765/oauth/callback"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A shop as the command line describes it; empty parts take their defaults."""

    name: str
    base_url: str
    client_id: str
    oauth_url: str = ""
    redirect_uri: str = ""
    scopes: str = ""
    secret_file: Path | None = None


def described(wanted: Wanted) -> Shop:
    """The shop with its defaults filled in. Raises UsageProblem for a name or address that cannot be."""
    if not _NAME.fullmatch(wanted.name):
        raise UsageProblem(
            f"{wanted.name!r} cannot be a shop's name: small letters, digits, - _ . (it stands in keys and commands)",
            hint="syncd shop add NAME --base-url URL --client-id ID",
        )
    base_url = _address(wanted.base_url, "--base-url")
    redirect = wanted.redirect_uri or DEFAULT_REDIRECT
    if _parts(redirect) is None:
        raise UsageProblem(
            f"--redirect-uri is {redirect!r}; it must be the address that the app is registered with",
            hint=f"syncd shop add NAME --redirect-uri {DEFAULT_REDIRECT} ...",
        )
    scopes = tuple(dict.fromkeys(part.strip() for part in wanted.scopes.split(",") if part.strip()))
    return Shop(
        id=0,
        name=wanted.name,
        base_url=base_url,
        oauth_url=_address(wanted.oauth_url, "--oauth-url") if wanted.oauth_url else _oauth_beside(base_url),
        client_id=wanted.client_id,
        redirect_uri=redirect,
        scopes=scopes or DEFAULT_SCOPES,
    )


def _address(url: str, option: str) -> str:
    parts = _parts(url)
    if parts is None or not (parts.scheme == "https" or _is_loopback(parts.hostname or "")):
        raise UsageProblem(
            f"{option} is {url!r}; it must be an https:// address (http:// only for this machine itself)",
            hint=f"syncd shop add NAME {option} https://admin.flickrocket.com ...",
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UsageProblem(
            f"{option} must be a bare address, without user, password or query", hint="syncd shop add --help"
        )
    return url.rstrip("/")


def _parts(url: str) -> SplitResult | None:
    """The parts of a web address; None where it is none."""
    try:
        parts = urlsplit(url)
        whole = parts.scheme in {"https", "http"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, half an IPv6 address
        return None
    return parts if whole else None


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _oauth_beside(base_url: str) -> str:
    """api.flickrocket.com is authorised at oauth.flickrocket.com, dev2api at dev2oauth; other hosts do both."""
    parts = urlsplit(base_url)
    first, dot, rest = parts.netloc.partition(".")
    if rest == "flickrocket.com" and first.endswith("api"):
        return f"{parts.scheme}://{first.removesuffix('api')}oauth{dot}{rest}"
    return base_url


def pick(shops: Sequence[Shop], name: str) -> Shop:
    """The shop of that name. Raises UsageProblem with the name that was probably meant."""
    for shop in shops:
        if shop.name == name:
            return shop
    hint = "syncd shop list" if shops else "syncd shop add NAME --base-url URL --client-id ID"
    raise UsageProblem(f"there is no shop {name!r}; {meant(name, [shop.name for shop in shops])}", hint=hint)


async def listed(disk: Disk) -> list[Shop]:
    """All shops, by name."""
    return sorted(await disk.reader.run(lambda tx: tx.books.shops()), key=lambda shop: shop.name)


async def find(disk: Disk, name: str) -> Shop:
    """One shop. Raises UsageProblem."""
    return pick(await listed(disk), name)


async def chosen(disk: Disk, name: str | None) -> list[Shop]:
    """The shop named, or all that are at work. Raises UsageProblem where there is none at all."""
    if name is not None:
        return [await find(disk, name)]
    shops = await listed(disk)
    if not shops:
        raise UsageProblem("there is no shop yet", hint="syncd shop add NAME --base-url URL --client-id ID")
    return [shop for shop in shops if shop.state is not ShopState.PAUSED]


async def add(house: House, wanted: Wanted) -> Shop:
    """Store a new shop. Raises UsageProblem where the name is taken, or the secret's file cannot be read.

    The exchange of tokens needs no secret, and nothing else uses one yet: the file is checked and not kept."""
    shop = replace(described(wanted), created_at=house.clock.now())
    if wanted.secret_file is not None and not os.access(wanted.secret_file, os.R_OK):
        raise UsageProblem(
            f"--secret-file {wanted.secret_file} cannot be read", hint=f"look at: ls -l {wanted.secret_file}"
        )

    def store(tx: MirrorTx) -> Shop:
        if any(other.name == shop.name for other in tx.books.shops()):
            raise UsageProblem(f"there is a shop {shop.name!r} already", hint=f"syncd shop show {shop.name}")
        return tx.books.add_shop(shop)

    return await house.disk.mirror.run(store)


async def pause(disk: Disk, name: str) -> Shop:
    """The daemon leaves the shop alone from now on."""
    return await _set_state(disk, name, ShopState.PAUSED)


async def resume(disk: Disk, name: str) -> Shop:
    """End a pause, or set free a shop that was set aside, where nothing keeps it from working.

    Raises NeedsPerson where a person must authorise it first."""
    shop = await find(disk, name)
    if shop.company_id is None:
        return await _set_state(disk, name, ShopState.NEW)
    tokens = await disk.state.run(lambda tx: tx.vault.load(shop.id))
    if shop.state is ShopState.QUARANTINED and (tokens is None or tokens.phase is TokenPhase.DEAD):
        why = shop.reason.partition(". ")[0] or "its grant is over"
        raise NeedsPerson(f"shop {name} cannot go on: {why}", hint=f"syncd auth login {name}")
    return await _set_state(disk, name, ShopState.ACTIVE)


async def _set_state(disk: Disk, name: str, state: ShopState) -> Shop:
    def save(tx: MirrorTx) -> Shop:
        changed = replace(pick(tx.books.shops(), name), state=state, reason="")
        tx.books.save_shop(changed)
        return changed

    return await disk.mirror.run(save)


async def remove(house: House, name: str) -> Shop:
    """Forget the tokens first, then the shop: what is left behind by a crash between the two can be removed again.

    The call budget goes too, unless another shop of the same app and company draws on it."""
    shop = await find(house.disk, name)
    mine = bucket_key(shop)
    others = [other for other in await listed(house.disk) if other.id != shop.id and bucket_key(other) == mine]
    bucket = None if others else mine
    await house.tokens(shop).forget()
    await house.disk.state.run(lambda tx: tx.forget(shop.id, bucket))
    await house.disk.mirror.run(lambda tx: tx.books.remove_shop(shop.id))
    # A daemon may have worked it until now, and have written down what it did.
    await house.disk.state.run(lambda tx: tx.forget(shop.id, bucket))
    return shop
