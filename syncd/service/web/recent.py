"""An answer that many ask for and that costs something: worked out once for all who ask within a while.

It is never worked out twice at a time: whoever adds up what it reads would count twice. A database that hangs hangs
nobody here: who asks waits for so long and no longer, and it is not asked again meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from syncd.errors import DatabaseBusy
from syncd.ports import Clock

T = TypeVar("T")
PATIENCE_S = 8.0


class Recent(Generic[T]):
    """Keeps an answer for `keep_s` seconds from when it was begun; or for `stretch` times what it took."""

    def __init__(
        self, clock: Clock, keep_s: float, work_out: Callable[[], Awaitable[T]], *, stretch: float = 0.0
    ) -> None:
        self._clock = clock
        self._keep_s = keep_s
        self._stretch = stretch
        self._work_out = work_out
        self._until = 0.0
        self._one = asyncio.Lock()
        self._task: asyncio.Task[T] | None = None

    async def get(self) -> T:
        """The answer. Raises what working it out raises, and DatabaseBusy where it takes too long."""
        task, now = self._task, self._clock.monotonic()
        if task is None or (task.done() and (now >= self._until or task.exception() is not None)):
            task = self._task = asyncio.ensure_future(self._worked_out())
        await asyncio.wait([task], timeout=PATIENCE_S)
        if not task.done():
            raise DatabaseBusy("the database does not answer", hint="syncd doctor")
        return task.result()

    def forget(self) -> None:
        """Whoever asks next gets a new answer."""
        self._task = None

    async def _worked_out(self) -> T:
        async with self._one:
            begun = self._clock.monotonic()
            answer = await self._work_out()
            took = self._clock.monotonic() - begun
            self._until = begun + max(self._keep_s, self._stretch * took)
            return answer
