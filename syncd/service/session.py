"""One command at work: settings, logs, the house, and what happens when somebody presses Ctrl-C.

The first signal drains: the page in hand is stored, then the job ends by itself. The second stops at once.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TextIO, TypeVar, cast

from syncd.errors import SettingsProblem
from syncd.host import logs, signals
from syncd.ports import Watcher
from syncd.service.doors import Doors
from syncd.service.settings import Loaded, load
from syncd.service.wire import House, open_house

T = TypeVar("T")


class _StandardError:
    """Standard error as it is at each moment: a progress bar puts itself before it while it is shown."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()

    def fileno(self) -> int:
        return sys.stderr.fileno()

    def isatty(self) -> bool:
        return sys.stderr.isatty()


def perform(
    config: Path | Loaded | None,
    job: Callable[[House], Awaitable[T]],
    *,
    watcher: Watcher | None = None,
    told: Callable[[str], None] | None = None,
    doors: Doors | None = None,
    quiet: bool = True,
    reloads: bool = False,
) -> T:
    """Open the house, do the job in it, close the house; raises what the job raises.

    `told` hears that a signal came; without it a signal ends the job at once, with KeyboardInterrupt. A `quiet` job has
    a screen of its own: beside it, on a terminal, only trouble is worth a line. One that `reloads` looks after SIGHUP
    itself: it sets `house.reload_asked`."""
    loaded = config if isinstance(config, Loaded) else load(config)
    _refuse_nowhere(loaded)
    settings = loaded.settings.log
    on_terminal = sys.stderr.isatty()
    level = "warning" if quiet and on_terminal and settings.level == "info" else settings.level
    redactor = logs.configure(settings.format, level, stream=cast(TextIO, _StandardError()))

    async def work() -> T:
        async with open_house(loaded, doors, redactor=redactor, watcher=watcher) as house:
            return await _listening(house, job, told, reloads=reloads)

    return asyncio.run(work())


def _refuse_nowhere(loaded: Loaded) -> None:
    """Somebody who runs a command in the wrong folder is better told so than led to an empty database."""
    file = Path(loaded.mirror_url.removeprefix("sqlite:///"))
    if loaded.file is None and loaded.mirror_url.startswith("sqlite:///") and not file.exists():
        raise SettingsProblem(
            f"there is no settings file, and no mirror at {file}",
            hint="syncd init    (or name the settings: --config FILE)",
        )


async def _listening(
    house: House, job: Callable[[House], Awaitable[T]], told: Callable[[str], None] | None, *, reloads: bool
) -> T:
    if told is None:
        return await job(house)
    task = asyncio.ensure_future(job(house))
    stopped = False

    def drain() -> None:
        told(house.drain_note)
        house.drain()

    def stop() -> None:
        nonlocal stopped
        stopped = True
        task.cancel()

    with signals.watch(drain=drain, stop=stop, reload=house.reload_asked.set if reloads else None):
        try:
            return await task
        except asyncio.CancelledError:
            if stopped:
                raise KeyboardInterrupt from None
            task.cancel()
            await asyncio.wait([task])
            raise
