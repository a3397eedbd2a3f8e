"""Connecting a shop in the browser: sent to the shop's consent page, and taken in when the owner comes back.

The way back is open to everybody, for it comes from the shop; what counts there is what we gave along. Must not show a
code or a token.
"""

from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from syncd.domain.shop import Shop
from syncd.errors import SyncdError
from syncd.service import logins, shops
from syncd.service.logins import CALLBACK, LOGIN_S, START, Begun
from syncd.service.web.login import permitted
from syncd.service.web.operator import Gate
from syncd.service.web.render import Pages
from syncd.service.web.snapshot import Snapshots
from syncd.service.wire import House

COOKIE: Final = "syncd_login"
_PATH: Final = "/oauth"


class Onboarding:
    """The addresses on the way there and back."""

    def __init__(self, house: House, gate: Gate, pages: Pages, snapshots: Snapshots) -> None:
        self._house = house
        self._gate = gate
        self._pages = pages
        self._snapshots = snapshots

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/shops/{name}/authorise", self._ask, methods=["GET"]),
            Route("/shops/{name}/authorise", self._begin, methods=["POST"]),
            Route(START, self._start, methods=["GET"]),
            Route(CALLBACK, self._come_back, methods=["GET"]),
        ]

    async def _ask(self, request: Request) -> Response:
        """What is going to happen, and the button."""
        name = request.path_params["name"]
        if self._gate.session(request) is None:
            return RedirectResponse(f"/login?next={request.url.path}", 303)
        try:
            shop = await shops.find(self._house.disk, name)
        except SyncdError as problem:
            return self._trouble(request, problem, "/")
        if not self._comes_back(request, shop):
            lines = (
                f"The shop sends the browser back to {shop.redirect_uri}, and that is not this page.",
                f"To do it here, the app must be registered with this page's address and {CALLBACK},",
                "and the shop be added with that: syncd shop add --redirect-uri. Else authorise it in a terminal:",
            )
            command = f"syncd auth login {name}"
            return self._pages.message(
                request, "Not from here", *lines, commands=[command], status=409, back=f"/shops/{name}"
            )
        host = urlsplit(shop.oauth_url).netloc
        told = (
            f"You are sent to {host}. Log in there to the shop's own account, and agree. Then you come back here.",
            f"syncd asks for: {', '.join(shop.scopes)}.",
        )
        act = {"action": request.url.path, "fields": {}, "words": "Go to the shop"}
        return self._pages.message(request, f"Connect {name}", *told, act=act, back=f"/shops/{name}")

    async def _begin(self, request: Request) -> Response:
        name = request.path_params["name"]
        if await permitted(request, self._gate) is None:
            return RedirectResponse(f"/login?next={request.url.path}", 303)
        try:
            begun = await logins.begin(self._house, await shops.find(self._house.disk, name))
        except SyncdError as problem:
            return self._trouble(request, problem, f"/shops/{name}")
        return self._sent_off(request, begun)

    async def _start(self, request: Request) -> Response:
        """The same for a login that was begun in a terminal: its state is known to nobody else."""
        try:
            begun = await logins.resume(self._house, request.query_params.get("state", ""))
        except SyncdError as problem:
            return self._trouble(request, problem, "/")
        return self._sent_off(request, begun)

    def _sent_off(self, request: Request, begun: Begun) -> Response:
        # A page that leads on, not a redirect: a browser follows none from a form to where the policy names no form.
        answer = self._pages.message(
            request,
            f"On to {urlsplit(begun.address).netloc}",
            "If nothing happens within a second, go on by hand.",
            onward=begun.address,
            onward_words="Go to the shop",
            outside=True,
            refresh=begun.address,
            refresh_s=0,
        )
        answer.set_cookie(
            COOKIE,
            begun.state,
            max_age=LOGIN_S,
            path=_PATH,
            httponly=True,
            secure=self._gate.is_secure,
            samesite="lax",  # the way back begins at the shop
        )
        return answer

    async def _come_back(self, request: Request) -> Response:
        try:
            shop = await logins.finish(self._house, str(request.url), request.cookies.get(COOKIE, ""))
        except SyncdError as problem:
            self._house.log.warning("web.not_authorised", message=problem.message)
            answer = self._trouble(request, problem, "/")
        else:
            self._snapshots.forget()
            self._house.log.info("web.authorised", shop=shop.name, company=shop.company_id)
            told = f"syncd may work {shop.name} (company {shop.company_id}) from now on, and begins by itself."
            answer = self._pages.message(
                request, "Thank you", told, onward=f"/shops/{shop.name}", onward_words="See how it goes"
            )
            answer.delete_cookie(COOKIE, path=_PATH, httponly=True, secure=self._gate.is_secure, samesite="lax")
        answer.headers["Referrer-Policy"] = "no-referrer"  # the address holds the code
        return answer

    def _trouble(self, request: Request, problem: SyncdError, back: str) -> Response:
        return self._pages.trouble(
            request, "Not authorised", problem, status=400, back=back, back_words="Back to the page"
        )

    def _comes_back(self, request: Request, shop: Shop) -> bool:
        web = self._house.loaded.settings.web
        return logins.comes_back(shop, request.headers.get("host", ""), urlsplit(web.public_url).netloc)
