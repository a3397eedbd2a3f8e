"""How far long runs are: the figures behind a progress bar, and a watcher that writes them to the log.

Must not know how a bar is drawn (`cli/progress_bar.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from syncd.domain.run import Run
from syncd.host.clock import SystemClock
from syncd.ports import Clock, Log, Watcher


@dataclass(slots=True)
class Stretch:
    """One walk over one resource. Mutable: it grows with every page. `total` is None where nobody knows the end."""

    shop: str
    resource: str
    feed: str
    total: int | None
    began_s: float
    first_page: int = 0
    pages: int = 0
    rows: int = 0
    waited_s: float = 0.0

    def advance(self, pages: int, rows: int, waited_s: float) -> None:
        """A page is stored. A walk that was taken up again does not begin at page 1."""
        self.first_page = self.first_page or pages
        self.pages, self.rows, self.waited_s = pages, rows, waited_s

    def rate(self, now_s: float) -> float:
        """Pages a second."""
        done = self.pages - self.first_page + 1 if self.pages else 0
        return done / max(0.001, now_s - self.began_s)

    def left_s(self, now_s: float) -> float | None:
        """Seconds that the rest takes at this rate; None where the end is not known."""
        if self.total is None or not self.pages:
            return None
        return max(0, self.total - self.pages) / max(0.001, self.rate(now_s))

    def waiting_share(self, now_s: float) -> float:
        """The share of the time that went by waiting for the call budget."""
        return min(1.0, self.waited_s / max(0.001, now_s - self.began_s))


@dataclass(slots=True)
class Stretches:
    """The walks under way, by shop and resource."""

    clock: Clock = field(default_factory=SystemClock)
    under_way: dict[tuple[str, str], Stretch] = field(default_factory=dict)

    def now_s(self) -> float:
        """The moment to which rates and times left refer."""
        return self.clock.monotonic()

    def begin(self, shop: str, resource: str, feed: str, total: int | None) -> Stretch:
        """A walk begins."""
        stretch = Stretch(shop, resource, feed, total, self.clock.monotonic())
        self.under_way[shop, resource] = stretch
        return stretch

    def find(self, shop: str, resource: str) -> Stretch | None:
        """The walk of this resource, where one is under way."""
        return self.under_way.get((shop, resource))

    def end(self, shop: str, resource: str) -> Stretch | None:
        """A walk has ended."""
        return self.under_way.pop((shop, resource), None)


class LogWatcher:
    """A log line for every `every_s` seconds of a long run (satisfies `ports.Watcher`). Short runs leave none."""

    def __init__(self, clock: Clock, log: Log, every_s: float) -> None:
        self._clock = clock
        self._log = log
        self._every_s = every_s
        self._stretches = Stretches(clock)
        self._told_s: dict[tuple[str, str], float] = {}

    def began(self, shop: str, resource: str, feed: str, total: int | None) -> None:
        """A walk begins."""
        stretch = self._stretches.begin(shop, resource, feed, total)
        self._told_s[shop, resource] = stretch.began_s

    def page(self, shop: str, resource: str, pages: int, rows: int, waited_s: float) -> None:
        """A page is stored."""
        stretch = self._stretches.find(shop, resource)
        if stretch is None:
            return
        stretch.advance(pages, rows, waited_s)
        now_s = self._clock.monotonic()
        if now_s - self._told_s[shop, resource] < self._every_s:
            return
        self._told_s[shop, resource] = now_s
        left_s = stretch.left_s(now_s)
        self._log.info(
            "pull.progress",
            shop=shop,
            resource=resource,
            feed=stretch.feed,
            pages=pages,
            pages_total=stretch.total,
            rows=rows,
            pages_per_s=round(stretch.rate(now_s), 2),
            waited_s=round(waited_s, 1),
            left_s=None if left_s is None else round(left_s),
        )

    def ended(self, shop: str, resource: str, run: Run) -> None:  # noqa: ARG002  the engine logs the run itself
        """A walk has ended."""
        self._stretches.end(shop, resource)
        self._told_s.pop((shop, resource), None)


class BudgetedWatcher:
    """Passes on what it is told, with the seconds that the walk waited for the call budget (satisfies `ports.Watcher`).

    `waited` gives the seconds that the shop's calls have waited so far, all together."""

    def __init__(self, inner: Watcher, waited: Callable[[], float]) -> None:
        self._inner = inner
        self._waited = waited
        self._before: dict[str, float] = {}

    def began(self, shop: str, resource: str, feed: str, total: int | None) -> None:
        """A walk begins."""
        self._before[resource] = self._waited()
        self._inner.began(shop, resource, feed, total)

    def page(self, shop: str, resource: str, pages: int, rows: int, waited_s: float) -> None:
        """A page is stored."""
        waited_s = max(waited_s, self._waited() - self._before.get(resource, 0.0))
        self._inner.page(shop, resource, pages, rows, waited_s)

    def ended(self, shop: str, resource: str, run: Run) -> None:
        """A walk has ended."""
        self._inner.ended(shop, resource, run)
