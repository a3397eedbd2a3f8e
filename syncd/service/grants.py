"""Authorising a shop: the address to open, the ways in which its answer arrives, and what is kept of it.

Must not know how tokens are exchanged and stored (`engine`), and never shows one.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from syncd.domain.secret import Secret
from syncd.domain.shop import Shop, ShopState
from syncd.engine.authorise import first_exchange
from syncd.engine.hooks import SCOPE
from syncd.errors import UsageProblem
from syncd.ports import MirrorTx
from syncd.remote.loopback import wait_for_callback
from syncd.remote.oauth import authorize_url, parse_redirect
from syncd.service import shops
from syncd.service.health import exchanged, grants, lasts
from syncd.service.wire import House

_STATE_BYTES = 16


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person already has of the shop's answer; empty where syncd is to listen for it itself."""

    code: str = ""
    company: int | None = None
    redirected: str = ""


async def address(house: House, name: str) -> str:
    """The address where the shop's owner agrees."""
    shop = await shops.find(house.disk, name)
    return authorize_url(asking(house, shop), house.dice.token(_STATE_BYTES))


def asking(house: House, shop: Shop) -> Shop:
    """The shop with the scopes to ask for: its own, and that of webhooks where the settings want some."""
    wanted = (*shop.scopes, *([SCOPE] if house.hook_rules.public_url else []))
    return replace(shop, scopes=tuple(dict.fromkeys(wanted)))


async def login(house: House, name: str, answer: Answer, ask: Callable[[str], None], wait_s: float) -> Shop:
    """Authorise the shop with the answer at hand, or with the one that comes to the loopback redirect URI.

    `ask` is told the address that somebody has to open. Raises WrongShop, GrantRevoked, UsageProblem, Retry."""
    shop = await shops.find(house.disk, name)
    tokens = house.tokens(shop)  # a missing key is found out before anybody has to agree
    if answer.code:
        code, company = Secret(answer.code), answer.company or shop.company_id
        if company is None:
            raise UsageProblem(
                "the code alone does not say which company it is for",
                hint=f"syncd auth login {name} --redirected URL    (the whole address), or add --company ID",
            )
    elif answer.redirected:
        code, company, _ = parse_redirect(answer.redirected)
    else:
        state = house.dice.token(_STATE_BYTES)
        url = authorize_url(asking(house, shop), state)
        code, company, _ = await wait_for_callback(shop.redirect_uri, state, wait_s, ready=lambda: ask(url))
    house.redactor.know(code)
    return await first_exchange(shop, code, company, tokens=tokens, mirror=house.disk.mirror)


async def facts(house: House, name: str) -> list[tuple[str, str]]:
    """Age, scopes and state of the stored tokens, as lines of a word and its value."""
    (grant,) = await grants(house, name)
    shop, tokens = grant.shop, grant.tokens
    if tokens is None:
        raise UsageProblem(f"shop {name} is not authorised yet", hint=grant.command)
    older = house.keys.ring.kid != tokens.kid
    lines = [
        ("shop", f"{shop.name} ({shop.state.value})"),
        ("company", str(shop.company_id)),
        ("scopes", ", ".join(shop.granted) or "-"),
        ("tokens", f"{tokens.phase.value}, generation {tokens.generation}"),
        ("exchanged", exchanged(tokens)),
        ("access lasts", lasts(tokens.expires_in_s)),
        ("sealed with", f"key {tokens.kid}{', not the one that seals now: syncd auth rekey' if older else ''}"),
        ("health", f"{grant.word}{f': {grant.said}' if grant.said else ''}"),
    ]
    return [*lines, ("next", grant.command)] if grant.command else lines


async def refresh(house: House, name: str, *, adopt: bool = False) -> list[tuple[str, str]]:
    """Exchange the tokens now; a shop that was set aside goes on. `adopt` takes over those of another installation.

    Raises GrantRevoked, Retry."""
    shop = await shops.find(house.disk, name)
    tokens = house.tokens(shop)
    if not adopt:
        await tokens.recover()
    await tokens.refresh(adopt=adopt)
    await house.disk.mirror.run(lambda tx: _release(tx, shop.id))
    return await facts(house, name)


def _release(tx: MirrorTx, shop_id: int) -> None:
    for shop in tx.books.shops():
        if shop.id == shop_id and shop.state is ShopState.QUARANTINED:
            tx.books.save_shop(replace(shop, state=ShopState.ACTIVE, reason=""))
