"""The pages that people read: all shops at a glance, and one shop whole.

Reading changes nothing. Must not know how a decision is carried out.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from syncd.domain.shop import Shop
from syncd.errors import SyncdError
from syncd.service.web.headline import Headline, Tone, headline
from syncd.service.web.operator import Gate
from syncd.service.web.render import Pages
from syncd.service.web.snapshot import Snapshot, Snapshots
from syncd.service.web.view import view
from syncd.service.wire import House
from syncd.service.words import amount

Answer = Callable[[Request], Awaitable[Response]]
FLASHES: Final = {
    "decided": "Decided. It is carried out within seconds.",
    "approved": "Approved. The edits are on their way.",
    "dropped": "Taken back. The mirror shows again what both sides agreed on.",
    "released": "The brake is off. The shop is asked once more; what is really gone is marked as deleted then.",
    "paused": "Paused. Nothing is read or sent until you resume it.",
    "resumed": "Resumed.",
    "authorised": "Authorised. syncd works the shop from now on.",
    "over": "There was nothing to do any more: somebody was quicker, or it settled itself.",
}
_TALLY: Final = (
    (Tone.STOPPED, "stopped"),
    (Tone.NEEDS, "waiting for you"),
    (Tone.LATE, "behind"),
    (Tone.BUSY, "loading"),
    (Tone.PAUSED, "paused"),
    (Tone.WELL, "up to date"),
)


def routes(house: House, gate: Gate, pages: Pages, snapshots: Snapshots) -> list[Route]:
    """`/` and `/shops/NAME`."""

    async def overview(request: Request) -> Response:
        shot = await snapshots.now()
        if len(shot.mirror.shops) == 1:
            return await _shop(house, pages, shot, request, shot.mirror.shops[0])
        lines = [(shop, headline(shot, shop)) for shop in shot.mirror.shops]
        lines.sort(key=lambda line: (line[1].tone, line[0].name))
        counts = Counter(head.tone for _, head in lines)
        tally = [(tone.name.lower(), words, counts[tone]) for tone, words in _TALLY if counts[tone]]
        return pages.page(
            request,
            "shops.html",
            shops=lines,
            tally=tally,
            summary=_summary(lines),
            times=pages.times(),
            **_freshening(request),
        )

    async def one(request: Request) -> Response:
        shot = await snapshots.now()
        shop = next((shop for shop in shot.mirror.shops if shop.name == request.path_params["name"]), None)
        if shop is None:
            return pages.message(request, "There is no such shop", status=404, back="/", back_words="All shops")
        return await _shop(house, pages, shot, request, shop)

    return [
        Route("/", guarded(gate, pages, overview)),
        Route("/shops/{name}", guarded(gate, pages, one)),
    ]


def guarded(gate: Gate, pages: Pages, answer: Answer) -> Answer:
    """Show it to whoever may read; say in words what is wrong where the databases do not answer."""

    async def ask(request: Request) -> Response:
        if not gate.may_read(request):
            return RedirectResponse(f"/login?next={request.url.path}", 303)
        try:
            return await answer(request)
        except SyncdError as problem:
            told = "syncd goes on trying, and this page too."
            return pages.trouble(request, "Just now nothing can be said", problem, told, status=503, refresh="/")

    return ask


async def _shop(house: House, pages: Pages, shot: Snapshot, request: Request, shop: Shop) -> Response:
    seen = await view(house, shot, shop)
    return pages.page(
        request,
        "shop.html",
        view=seen,
        braked=frozenset(brake.resource for brake in seen.brakes),
        several=len(shot.mirror.shops) > 1,
        times=pages.times(),
        **_freshening(request),
    )


def _freshening(request: Request) -> dict[str, Any]:
    """A page is made anew every minute, unless somebody wants it still. What was just done is said once."""
    still = "still" in request.query_params
    done = FLASHES.get(request.query_params.get("done", ""), "")
    return {"refresh": "" if still else request.url.path, "still": still, "flash": done}


def _summary(lines: Sequence[tuple[Shop, Headline]]) -> str:
    if not lines:
        return "No shop yet"
    waiting = sum(head.tone <= Tone.NEEDS for _, head in lines)
    if waiting:
        return f"{amount(waiting, 'shop')} of {len(lines)} {'needs' if waiting == 1 else 'need'} you"
    if all(head.tone in {Tone.WELL, Tone.PAUSED} for _, head in lines):
        return "Everything is up to date"
    return f"{amount(len(lines), 'shop')}, nothing for you to do"
