"""What an operator does from the page: decide conflicts, let edits go or take them back, let go what a brake holds,
pause and resume. Each is what the command of the same name does.

Plain forms; after each the browser is sent back to the shop's page. Must not change anything for who is not signed in.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from syncd.domain.shop import Shop
from syncd.errors import NeedsPerson, SyncdError, UsageProblem
from syncd.ports import MirrorTx
from syncd.service import conflicts, errands, outbox, shops
from syncd.service.jobs import Wish
from syncd.service.outbox import Selection
from syncd.service.web.login import permitted
from syncd.service.web.operator import Gate
from syncd.service.web.render import Pages
from syncd.service.web.snapshot import Snapshots
from syncd.service.wire import House
from syncd.service.words import amount

Deed = Callable[[Shop, Request, Mapping[str, str]], Awaitable[str]]
"""Does it, and returns what the page says then (a name of pages.FLASHES)."""


class Deeds:
    """Everything that changes something."""

    def __init__(self, house: House, gate: Gate, pages: Pages, snapshots: Snapshots) -> None:
        self._house = house
        self._gate = gate
        self._pages = pages
        self._snapshots = snapshots

    def routes(self) -> list[Route]:
        """The addresses of the forms."""
        deeds: dict[str, Deed] = {
            "conflicts/{conflict:int}": self._decide,
            "edits": self._edits,
            "brake": self._release,
            "pause": self._pause,
            "resume": self._resume,
        }
        asked = Route("/shops/{name}/edits/drop", self._confirm, methods=["GET"])
        return [asked, *(self._route(path, deed) for path, deed in deeds.items())]

    def _route(self, path: str, deed: Deed) -> Route:
        async def act(request: Request) -> Response:
            form = await permitted(request, self._gate)
            name = request.path_params["name"]
            place = f"/shops/{name}"
            if form is None:
                return self._refused(request, place)
            try:
                shop = await shops.find(self._house.disk, name)
                done = await deed(shop, request, form)
            except SyncdError as problem:
                return self._failed(request, problem, place)
            finally:
                self._snapshots.forget()
            self._house.log.info("web.done", shop=shop.name, deed=path.partition("/")[0], outcome=done)
            return RedirectResponse(f"{place}?done={done}", 303)

        return Route(f"/shops/{{name}}/{path}", act, methods=["POST"])

    def _failed(self, request: Request, problem: SyncdError, place: str) -> Response:
        if isinstance(problem, UsageProblem | NeedsPerson):
            told = "The page may have been out of date."
            return self._pages.trouble(request, "Nothing was changed", problem, told, status=409, back=place)
        told = "Try again in a moment."
        return self._pages.trouble(request, "That did not work", problem, told, status=503, back=place)

    def _refused(self, request: Request, place: str) -> Response:
        lines = "Only an operator may do that, and only from a page of this site.", "You may have been signed out."
        return self._pages.message(
            request,
            "Sign in first",
            *lines,
            status=403,
            onward=f"/login?next={place}",
            onward_words="Sign in",
        )

    async def _decide(self, shop: Shop, request: Request, form: Mapping[str, str]) -> str:
        number, take = str(request.path_params["conflict"]), form.get("take", "")
        if take not in {"local", "remote"}:
            raise UsageProblem("choose one of the two sides")
        known = await conflicts.listed(self._house, shop.name)
        if not any(str(each.conflict.id) == number for each in known):
            return "over"
        await conflicts.resolve(self._house, number, take)
        return "decided"

    async def _edits(self, shop: Shop, _: Request, form: Mapping[str, str]) -> str:
        change = form.get("change", "")
        selection = Selection(
            change_id=int(change) if change.isascii() and change.isdigit() else None,
            everything=not change,
            shop=shop.name,
        )
        match form.get("deed"):
            case "approve":
                await outbox.approve(self._house, selection)
                return "approved"
            case "drop":
                await outbox.drop(self._house, selection)
                return "dropped"
            case _:
                raise UsageProblem("choose whether to send or to take back")

    async def _release(self, shop: Shop, _: Request, form: Mapping[str, str]) -> str:
        """The brake comes off, and whoever works the shop is asked to judge anew: the next walk may be hours away."""
        resource = form.get("resource", "")
        wish, now = errands.asked(Wish(shop.name, (resource,), approve=True), ()), self._house.clock.now()

        def release(tx: MirrorTx) -> bool:
            held = [brake for brake in tx.books.brakes(shop.id) if brake.resource == resource and not brake.approved]
            for brake in held:
                tx.books.set_brake(shop.id, replace(brake, approved=True))
                tx.requests.add(shop.id, "sweep", wish, "the status page", now)
            return bool(held)

        return "released" if await self._house.disk.mirror.run(release) else "over"

    async def _pause(self, shop: Shop, _: Request, __: Mapping[str, str]) -> str:
        await shops.pause(self._house.disk, shop.name)
        return "paused"

    async def _resume(self, shop: Shop, _: Request, __: Mapping[str, str]) -> str:
        await shops.resume(self._house.disk, shop.name)
        return "resumed"

    async def _confirm(self, request: Request) -> Response:
        """Taking edits back loses them, so it is asked once more, on a page that does not renew itself."""
        place = f"/shops/{request.path_params['name']}"
        if self._gate.session(request) is None:
            return self._refused(request, place)
        try:
            lines = await outbox.listed(self._house, request.path_params["name"])
        except SyncdError as problem:
            return self._failed(request, problem, place)
        change = request.query_params.get("change", "")
        chosen = [line for line in lines if (str(line.change.id) == change if change else line.change.state == "held")]
        if not chosen:
            return self._pages.message(request, "There is nothing to take back", back=place)
        count = amount(len(chosen), "edit")
        act = {
            "action": f"{place}/edits",
            "fields": {"deed": "drop", **({"change": change} if change else {})},
            "words": f"Take back {count}",
        }
        told = (
            "The mirror will show again what both sides last agreed on, and nothing is sent. What you changed is lost."
        )
        return self._pages.message(request, f"Take back {count}?", told, act=act, back=place)
