"""How a shop's grant stands, in one word with the command that helps.

Made of ages and phases alone: no key is needed, and no token is seen.
"""

from dataclasses import dataclass
from functools import partial

from syncd.domain.shop import Shop
from syncd.domain.token import TokenPhase, is_same_home
from syncd.engine.vault_transactions import TokenHealth, health, load
from syncd.service import shops
from syncd.service.wire import House
from syncd.service.words import duration

FINE = "fine"


@dataclass(frozen=True, slots=True)
class Grant:
    """The grant of one shop. `word` is `fine`, `new`, `open`, `stale`, `copy` or `over`; `said` explains it."""

    shop: Shop
    tokens: TokenHealth | None
    word: str
    said: str = ""
    command: str = ""

    @property
    def needs_person(self) -> bool:
        """Whether it does not mend by itself."""
        return self.word in {"new", "copy", "over"}


async def grants(house: House, name: str | None = None) -> list[Grant]:
    """The grants of all shops, or of one. Raises UsageProblem for a name that is not there."""
    known = [await shops.find(house.disk, name)] if name else await shops.listed(house.disk)
    here, now = await house.home.here(), house.clock.now()
    found = []
    for shop in known:
        row = await house.disk.state.run(partial(load, shop_id=shop.id))
        tokens = None if row is None else health(row, now)
        found.append(judged(shop, tokens, here, house.loaded.settings.vault.stale_days))
    return found


def judged(shop: Shop, tokens: TokenHealth | None, here: str, stale_days: float) -> Grant:
    """The word for a grant. `here` is this installation, empty where that was not asked."""
    login, refresh = f"syncd auth login {shop.name}", f"syncd auth refresh {shop.name}"
    if tokens is None:
        return Grant(shop, None, "new", "not authorised yet", login)
    if tokens.phase is TokenPhase.DEAD:
        return Grant(shop, tokens, "over", tokens.reason or "the grant is over", login)
    if here and not is_same_home(tokens.home, here):
        said = "the tokens belong to another installation, of which this one is a copy"
        return Grant(shop, tokens, "copy", said, f"{login}    (or, if the other is gone for good: {refresh} --adopt)")
    if tokens.phase is TokenPhase.EXCHANGING:
        return Grant(shop, tokens, "open", "an exchange is under way or was interrupted; it is settled by itself")
    if (stale := stale_for(tokens, stale_days)) is not None:
        return Grant(shop, tokens, "stale", f"not exchanged for {stale}; a grant that is not used can lapse", refresh)
    return Grant(shop, tokens, FINE)


def stale_for(tokens: TokenHealth | None, stale_days: float) -> str | None:
    """For how long a living grant was not exchanged, where that is too long."""
    if tokens is None or tokens.age_s is None or tokens.phase is TokenPhase.DEAD:
        return None
    return duration(tokens.age_s, units=1) if tokens.age_s > stale_days * 86_400 else None


def lasts(seconds: float | None) -> str:
    """When the access token ends."""
    if seconds is None:
        return "?"
    return f"{duration(seconds)} more" if seconds > 0 else "over; the next call renews it"


def exchanged(tokens: TokenHealth) -> str:
    """How long ago the pair came."""
    return "?" if tokens.age_s is None else f"{duration(tokens.age_s)} ago"
