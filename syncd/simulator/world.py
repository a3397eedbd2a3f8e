"""Several simulated shops in one place, and which of them a request is for.

A request finds its shop by the path prefix `/s/<name>` first, then by host. Shops that share a host, as those of
the real service do, are told apart by the token that the request carries, and at the consent page by `company_id`.
"""

from collections.abc import Iterable
from dataclasses import replace

from syncd.simulator import oauth
from syncd.simulator.app import answer
from syncd.simulator.shop import SimShop
from syncd.simulator.wire import Reply, Request

PREFIX = "/s/"


class SimWorld:
    """Shops by name. A world of one shop answers for every host."""

    def __init__(self, shops: Iterable[SimShop]) -> None:
        self.shops = {shop.name: shop for shop in shops}

    def answer(self, request: Request) -> Reply:
        """The reply of the shop that the request is for, 404 where there is none."""
        shop, inner = self.route(request)
        if shop is None:
            return Reply.error(404, "No shop lives here.")
        return answer(shop, inner)

    def route(self, request: Request) -> tuple[SimShop | None, Request]:
        """The shop, and the request as that shop sees it."""
        if request.path.startswith(PREFIX):
            name, slash, rest = request.path.removeprefix(PREFIX).partition("/")
            return self.shops.get(name), replace(request, path=slash + rest)
        living = list(self.shops.values())
        if len(living) > 1:
            living = [shop for shop in living if shop.host == request.host]
        return (_told_apart(living, request) if len(living) > 1 else next(iter(living), None)), request


def _told_apart(shops: list[SimShop], request: Request) -> SimShop:
    """The shop that knows the request's token, or the first: it will refuse an unknown one as any other would."""
    token = oauth.bearer(request) or oauth.form(request).get("refresh_token", "")
    company_id = request.asked("company_id")
    for shop in shops:
        if shop.grants.knows(token) or str(shop.company_id) == company_id:
            return shop
    return shops[0]
