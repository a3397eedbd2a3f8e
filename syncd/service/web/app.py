"""What the face serves, as one application over the house: each part brings its own addresses.

Must not know how it is served.
"""

from collections.abc import Callable

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from syncd.service.web import health, metrics, webhooks
from syncd.service.web.guard import Guard
from syncd.service.web.snapshot import Snapshots
from syncd.service.wire import House


def build(
    house: House, beat_age_s: Callable[[], float] | None = None, registry: CollectorRegistry | None = None
) -> Starlette:
    """The application. `beat_age_s` says how long ago the supervisor's last round was; without it none is judged.
    `registry` holds what is measured in between requests."""
    snapshots = Snapshots(house)
    routes: list[Route] = [
        *health.routes(house, beat_age_s),
        *metrics.routes(house, snapshots, registry or CollectorRegistry(), beat_age_s),
        *webhooks.routes(house),
    ]
    return Starlette(routes=routes, middleware=[Middleware(Guard, web=house.loaded.settings.web)])
