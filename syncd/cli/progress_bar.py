"""The progress bar: one line per walk under way, with rate, waiting for the call budget, and time left.

Satisfies `ports.Watcher`; the figures come from `service.progress`.
"""

from types import TracebackType
from typing import Any, Self

from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

from syncd.cli import screen
from syncd.service.progress import Stretches
from syncd.service.words import duration


class _Facts(ProgressColumn):
    """What the walk has done, how fast, what it waits for, and how long it will take."""

    def get_table_column(self) -> Column:
        return Column(no_wrap=True)

    def render(self, task: Task) -> Text:
        facts: dict[str, Any] = task.fields
        return Text(facts["facts"], style="dim")


class ProgressBar:
    """Shows walks while they go on, as a context: nothing stays on the screen but the result."""

    def __init__(self) -> None:
        self._stretches = Stretches()
        self._tasks: dict[tuple[str, str], TaskID] = {}
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", table_column=Column(no_wrap=True)),
            BarColumn(bar_width=None),
            _Facts(),
            console=screen.err(),
            transient=True,
            expand=True,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def say(self, text: str) -> None:
        """A line above the bars."""
        self._progress.console.print(text, markup=False)

    def began(self, shop: str, resource: str, feed: str, total: int | None) -> None:
        """A walk begins."""
        self._stretches.begin(shop, resource, feed, total)
        self._drop(shop, resource)
        self._tasks[shop, resource] = self._progress.add_task(f"{shop} {resource}", total=total, facts=feed)

    def page(self, shop: str, resource: str, pages: int, rows: int, waited_s: float) -> None:
        """A page is stored."""
        stretch, task = self._stretches.find(shop, resource), self._tasks.get((shop, resource))
        if stretch is None or task is None:
            return
        stretch.advance(pages, rows, waited_s)
        now_s = self._stretches.now_s()
        facts = [f"{rows:,} rows", f"{stretch.rate(now_s):.1f} pages/s"]
        if (share := stretch.waiting_share(now_s)) >= 0.05:
            # Waiting means waiting for the call budget; where there is room, it is said.
            facts.append(f"{share:.0%} waiting{' for the call budget' if self._progress.console.width >= 110 else ''}")
        if (left_s := stretch.left_s(now_s)) is not None:
            facts.append(f"{duration(left_s)} left")
        self._progress.update(task, completed=pages, facts=", ".join(facts))

    def ended(self, shop: str, resource: str, run: object) -> None:  # noqa: ARG002  the result tells of it
        """A walk has ended."""
        self._stretches.end(shop, resource)
        self._drop(shop, resource)

    def _drop(self, shop: str, resource: str) -> None:
        task = self._tasks.pop((shop, resource), None)
        if task is not None:
            self._progress.remove_task(task)
