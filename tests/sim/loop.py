"""An event loop whose time is a number: where everybody waits, it jumps to the next timer.

Nothing here waits for the machine, so a day takes seconds, and the same program runs the same way each time. Knows
nothing of syncd.
"""

import asyncio
import heapq
import selectors
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, Final

ROUNDS_MAX: Final = 200_000
"""Rounds in a row at one moment after which the program is said to spin."""


class Stuck(RuntimeError):
    """Nothing is ready and nothing is scheduled, or time does not get on: a real loop would hang here."""


class _Jump(selectors.SelectSelector):
    """Instead of waiting for `timeout` it lets the loop's time pass. No socket is ever looked at."""

    def __init__(self, pass_time: Callable[[float | None], None]) -> None:
        super().__init__()
        self._pass_time = pass_time

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._pass_time(timeout)
        return []


class SimTask(asyncio.Task[Any]):
    """A task whose hash is its number: asyncio keeps tasks in sets, whose order must not differ from run to run."""

    def __init__(self, number: int, coroutine: Coroutine[Any, Any, Any], **more: Any) -> None:
        self.number = number
        super().__init__(coroutine, **more)

    def __hash__(self) -> int:
        return self.number


class _Callback(asyncio.Handle):
    """Something that is to run soon, unless whoever it belongs to is stopped."""

    _context: Context
    _loop: "VirtualLoop"

    def _run(self) -> None:
        if not self._loop.keeps(self, self._context):
            super()._run()  # type: ignore[misc]


class _Timer(asyncio.TimerHandle):
    """Something that is to run at a time, unless whoever it belongs to is stopped."""

    _context: Context
    _loop: "VirtualLoop"

    def _run(self) -> None:
        if not self._loop.keeps(self, self._context):
            super()._run()  # type: ignore[misc]


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time starts at 0 and passes only between steps. `on_task` hears of every task that is made; of whom `is_stopped`
    says so by the context, nothing runs until `resume` after he goes on."""

    def __init__(self) -> None:
        self._now_s = 0.0
        self._rounds = 0
        self._tasks_made = 0
        self.on_task: Callable[[SimTask], None] | None = None
        self.is_stopped: Callable[[Context], bool] | None = None
        self._kept: list[asyncio.Handle] = []
        super().__init__(_Jump(self._pass_time))
        self._clock_resolution = 1e-7  # after months, a float of seconds has no finer steps
        self.set_task_factory(self._make_task)

    def time(self) -> float:
        """Seconds since this loop was made, as its timers count them."""
        return self._now_s

    def keeps(self, handle: asyncio.Handle, context: Context) -> bool:
        """Whether this is not to run now; then it is kept."""
        if self.is_stopped is None or not self.is_stopped(context):
            return False
        self._kept.append(handle)
        return True

    def resume(self) -> None:
        """What was kept runs next, in the order in which it was to run; of those who are stopped still it is kept
        again."""
        self._ready.extend(self._kept)  # type: ignore[attr-defined]
        self._kept.clear()

    def _call_soon(self, callback: Any, args: Any, context: Context | None) -> asyncio.Handle:
        handle = _Callback(callback, args, self, context)
        self._ready.append(handle)  # type: ignore[attr-defined]
        return handle

    def call_at(self, when: float, callback: Any, *args: Any, context: Context | None = None) -> asyncio.TimerHandle:
        """As every loop does; see `keeps`."""
        timer = _Timer(when, callback, args, self, context)
        heapq.heappush(self._scheduled, timer)  # type: ignore[attr-defined]
        timer._scheduled = True  # type: ignore[attr-defined]
        return timer

    def _pass_time(self, timeout: float | None) -> None:
        if timeout is None:
            raise Stuck(f"at {self._now_s:.3f} s everybody waits and nothing is scheduled")
        if timeout > 0:
            self._now_s += timeout
            self._rounds = 0
        self._rounds += 1
        if self._rounds > ROUNDS_MAX:
            self._rounds = 0
            raise Stuck(f"at {self._now_s:.3f} s the program spins: time does not get on")

    def _make_task(
        self, _loop: asyncio.AbstractEventLoop, coroutine: Any, context: Context | None = None, **more: Any
    ) -> SimTask:
        self._tasks_made += 1
        task = SimTask(self._tasks_made, coroutine, loop=self, context=context, **more)
        if self.on_task is not None:
            self.on_task(task)
        return task
