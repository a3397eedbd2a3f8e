"""Signals become calls: the first SIGTERM or SIGINT drains, the second stops at once, SIGHUP reloads.

Knows nothing of what draining means. What was set before is put back at the end.
"""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_STOPPING = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def watch(
    *, drain: Callable[[], None], stop: Callable[[], None], reload: Callable[[], None] | None = None
) -> Iterator[None]:
    """Wire the signals to the running loop (main thread only) for the length of the block.

    `drain` is called once, `stop` at every further signal. The calls run inside the loop and must be short.
    Without `reload` SIGHUP keeps the meaning that it had.
    """
    loop = asyncio.get_running_loop()
    draining = False

    def stopping() -> None:
        nonlocal draining
        if draining:
            stop()
        else:
            draining = True
            drain()

    calls: dict[signal.Signals, Callable[[], None]] = dict.fromkeys(_STOPPING, stopping)
    if reload is not None:
        calls[signal.SIGHUP] = reload
    before: dict[signal.Signals, Any] = {}
    try:
        for number, call in calls.items():
            before[number] = signal.getsignal(number)
            loop.add_signal_handler(number, call)
        yield
    finally:
        for number, earlier in before.items():
            loop.remove_signal_handler(number)
            # None stands for a handler that was not set from Python and cannot be put back from here.
            if earlier is not None:
                signal.signal(number, earlier)
