"""What the face serves, as one application over the house: each part brings its own addresses.

Must not know how it is served.
"""

from collections.abc import Callable

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from syncd.service.web import health, login, metrics, pages, webhooks
from syncd.service.web.deeds import Deeds
from syncd.service.web.guard import Guard
from syncd.service.web.onboarding import Onboarding
from syncd.service.web.operator import Gate
from syncd.service.web.render import Pages, style_route
from syncd.service.web.snapshot import Snapshots
from syncd.service.wire import House


def build(
    house: House, beat_age_s: Callable[[], float] | None = None, registry: CollectorRegistry | None = None
) -> Starlette:
    """The application. `beat_age_s` says how long ago the supervisor's last round was; without it none is judged.
    `registry` holds what is measured in between requests."""
    snapshots, gate = Snapshots(house), Gate(house)
    made = Pages(house, gate)
    routes: list[Route] = [
        *health.routes(house, beat_age_s),
        *metrics.routes(house, gate, snapshots, registry or CollectorRegistry(), beat_age_s),
        *login.routes(house, gate, made),
        *pages.routes(house, gate, made, snapshots),
        *Deeds(house, gate, made, snapshots).routes(),
        *Onboarding(house, gate, made, snapshots).routes(),
        *webhooks.routes(house),
        style_route(),
    ]

    async def nothing_here(request: Request, _: Exception) -> Response:
        return made.message(request, "There is nothing here", status=404, back="/", back_words="To the first page")

    return Starlette(
        routes=routes,
        middleware=[Middleware(Guard, web=house.loaded.settings.web)],
        exception_handlers={404: nothing_here},
    )
