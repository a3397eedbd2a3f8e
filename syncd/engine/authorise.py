"""The first authorisation of a shop, and any later one: binds it to its company and stores its first pair of tokens.

A shop belongs to the company of its first callback for good, and no two shops mirror one company through one client
(design section 7). Must not know how the callback arrived.
"""

from dataclasses import replace
from functools import partial

from syncd.domain.secret import Secret
from syncd.domain.shop import Shop, ShopState
from syncd.engine.tokens import ShopTokens
from syncd.errors import UsageProblem, WrongShop
from syncd.ports import MirrorTx, Writer


async def first_exchange(
    shop: Shop, code: Secret, company_id: int, *, tokens: ShopTokens, mirror: Writer[MirrorTx]
) -> Shop:
    """Exchange the code of a callback and make the shop active; return it as it is stored then.

    Nothing is spent where the company is the wrong one, and a working pair stays where the code is refused.

    Raises:
        WrongShop: the shop is bound to another company, or another shop is bound to this one.
        GrantRevoked: the shop refuses the code.
        Retry: the exchange did not end; authorise once more.
    """
    await mirror.run(partial(bound_row, shop=shop, company_id=company_id))
    await tokens.first_exchange(code)
    granted = await tokens.scopes()
    try:
        return await mirror.run(partial(bind, shop=shop, company_id=company_id, granted=granted))
    except WrongShop:
        # Somebody else bound the company while we exchanged: these tokens must not stay under this shop.
        await tokens.forget()
        raise


def bound_row(tx: MirrorTx, shop: Shop, company_id: int) -> Shop:
    """Return the stored row of `shop` if it may be bound to this company. Raises WrongShop, UsageProblem."""
    shops = tx.books.shops()
    stored = next((row for row in shops if row.id == shop.id), None)
    if stored is None:
        raise UsageProblem(f"there is no shop {shop.name} any more", hint="See the shops: syncd shop list")
    if stored.company_id not in {None, company_id}:
        raise WrongShop(
            f"shop {stored.name} is company {stored.company_id}, and the authorisation is for company {company_id}",
            hint=f"Log in to the shop's own account and try again: syncd auth url {stored.name}",
        )
    for other in shops:
        if other.id != shop.id and (other.client_id, other.company_id) == (stored.client_id, company_id):
            raise WrongShop(
                f"company {company_id} is mirrored already, as shop {other.name}",
                hint=f"Authorise that one instead: syncd auth login {other.name}",
            )
    return stored


def bind(tx: MirrorTx, shop: Shop, company_id: int, granted: tuple[str, ...]) -> Shop:
    """Bind the shop to the company for good, and let it work; a shop that a person paused stays so."""
    stored = bound_row(tx, shop, company_id)
    state = stored.state if stored.state is ShopState.PAUSED else ShopState.ACTIVE
    reason = stored.reason if stored.state is ShopState.PAUSED else ""
    bound = replace(stored, company_id=company_id, granted=granted, state=state, reason=reason)
    tx.books.save_shop(bound)
    return bound
