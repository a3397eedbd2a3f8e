"""Logins that begin here and end elsewhere: in the browser, which the daemon's page sends off and takes in again.

What is given along on the way to the shop is unguessable, used once, and ends after ten minutes. Must not know HTML.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from syncd.domain.shop import Shop
from syncd.engine.authorise import first_exchange
from syncd.errors import NeedsPerson, UsageProblem
from syncd.remote.loopback import TakenByDaemon
from syncd.remote.oauth import Redirect, authorize_url, parse_redirect
from syncd.service import grants, shops
from syncd.service.grants import Answer, asking
from syncd.service.wire import House
from syncd.store.disk import StateTransaction
from syncd.store.logins import Login, print_of

CALLBACK: Final = "/oauth/callback"
START: Final = "/oauth/start"
LOGIN_S: Final = 600
_STATE_BYTES: Final = 24
_KEPT: Final = timedelta(days=1)
_POLL_S: Final = 0.5
_EXCHANGE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Begun:
    """A login under way: what goes along, and the consent page."""

    shop: Shop
    state: str
    address: str


async def login(house: House, name: str, answer: Answer, ask: Callable[[str], None], wait_s: float) -> Shop:
    """Authorise a shop from a terminal; where a daemon has the port of the redirect URI, it takes the callback in.

    `ask` is told the address that somebody has to open. Raises what `grants.login` raises, and NeedsPerson."""
    try:
        return await grants.login(house, name, answer, ask, wait_s)
    except (NeedsPerson, UsageProblem) as problem:
        problem.hint = problem.hint.replace(" NAME", f" {name}")  # who read the address does not know the shop
        raise
    except TakenByDaemon:
        begun = await begin(house, await shops.find(house.disk, name))
        ask(f"http://{urlsplit(begun.shop.redirect_uri).netloc}{START}?state={begun.state}")
        return await wait(house, begun, wait_s)


async def begin(house: House, shop: Shop) -> Begun:
    """Note that somebody is sent off to the consent page of a shop. Raises KeyProblem before anybody has to agree."""
    house.tokens(shop)
    state, now = house.dice.token(_STATE_BYTES), house.clock.now()

    def note(tx: StateTransaction) -> None:
        tx.logins.forget(now - _KEPT)
        tx.logins.begin(state, shop.id, now)

    await house.disk.state.run(note)
    return _begun(house, shop, state)


async def resume(house: House, state: str) -> Begun:
    """The login that was begun elsewhere with this state. Raises UsageProblem where there is none that is open."""
    login = await house.disk.state.run(lambda tx: tx.logins.find(state))
    return _begun(house, await _shop(house, _open(house, login)), state)


async def finish(house: House, url: str, cookie: str) -> Shop:
    """Somebody came back to `url`, in a browser that carries this state in its cookie: exchange and bind.

    A shop that sends no state back (the reference knows none) is believed only where exactly one login is open and it
    is this browser's. Raises UsageProblem, WrongShop, GrantRevoked, Retry."""
    redirect = parse_redirect(url)
    house.redactor.know(redirect.code)
    state = redirect.state or await _only(house, cookie)
    login = await house.disk.state.run(lambda tx: tx.logins.find(state))
    shop = await _shop(house, _open(house, login))
    if not await house.disk.state.run(lambda tx: tx.logins.use(state, house.clock.now())):
        raise UsageProblem("this login was used already", hint="begin anew")
    return await _exchanged(house, shop, redirect)


async def _exchanged(house: House, shop: Shop, redirect: Redirect) -> Shop:
    return await first_exchange(
        shop, redirect.code, redirect.company_id, tokens=house.tokens(shop), mirror=house.disk.mirror
    )


async def wait(house: House, begun: Begun, wait_s: float) -> Shop:
    """Wait in a terminal until the daemon took the browser's answer in. Raises NeedsPerson where none came, or it could
    not be taken."""
    ends = house.clock.monotonic() + wait_s
    while house.clock.monotonic() < ends:
        login = await house.disk.state.run(lambda tx: tx.logins.find(begun.state))
        if login is not None and login.used_at is not None:
            return await _taken(house, begun.shop, login.used_at)
        await house.clock.sleep(_POLL_S)
    raise NeedsPerson(
        f"nobody came back within {wait_s:.0f} s",
        hint=f"Try again: syncd auth login {begun.shop.name}; or pass the address that the browser was sent to:"
        f" syncd auth login {begun.shop.name} --redirected -",
    )


async def _taken(house: House, shop: Shop, used_at: datetime) -> Shop:
    """The shop once its new tokens are there."""
    ends = house.clock.monotonic() + _EXCHANGE_S
    while house.clock.monotonic() < ends:
        row = await house.disk.state.run(lambda tx: tx.vault.load(shop.id))
        stored = await shops.find(house.disk, shop.name)
        if row is not None and row.issued_at is not None and row.issued_at >= used_at and stored.granted:
            return stored
        await house.clock.sleep(_POLL_S)
    raise NeedsPerson("the authorisation was not taken", hint="The browser shows why; so does: syncd status")


def comes_back(shop: Shop, *places: str) -> bool:
    """Whether the shop sends the browser back to a page of ours: `places` are hosts with ports that lead here."""
    parts = urlsplit(shop.redirect_uri)
    return parts.path == CALLBACK and _place(parts.netloc, parts.scheme) in {_place(place) for place in places if place}


def _place(netloc: str, scheme: str = "") -> str:
    """One name for this machine; a port that goes without saying is left out."""
    host, _, port = netloc.rpartition(":") if netloc.rpartition(":")[2].isdigit() else (netloc, "", "")
    here = "here" if host in {"127.0.0.1", "localhost", "[::1]"} else host.lower()
    return here if (scheme, port) in {("https", "443"), ("http", "80")} else f"{here}:{port}".rstrip(":")


async def _only(house: House, cookie: str) -> str:
    since = house.clock.now() - timedelta(seconds=LOGIN_S)
    open_ = await house.disk.state.run(lambda tx: tx.logins.open(since))
    if not cookie or len(open_) != 1 or open_[0].print != print_of(cookie):
        raise UsageProblem("the shop's answer does not say which login it belongs to", hint="begin anew, one at a time")
    return cookie


def _open(house: House, login: Login | None) -> Login:
    if login is None:
        raise UsageProblem("this answer belongs to no login that was begun here", hint="begin anew")
    if login.used_at is not None:
        raise UsageProblem("this login was used already", hint="begin anew")
    if house.clock.now() - login.made_at > timedelta(seconds=LOGIN_S):
        raise UsageProblem("this login was begun more than ten minutes ago", hint="begin anew")
    return login


async def _shop(house: House, login: Login) -> Shop:
    for shop in await shops.listed(house.disk):
        if shop.id == login.shop_id:
            return shop
    raise UsageProblem("that shop is no longer there", hint="syncd shop list")


def _begun(house: House, shop: Shop, state: str) -> Begun:
    return Begun(shop, state, authorize_url(asking(house, shop), state))
