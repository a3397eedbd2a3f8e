"""An answer that many ask for and that costs something: worked out once for all who ask within a while."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from syncd.ports import Clock

T = TypeVar("T")


class Recent(Generic[T]):
    """Keeps an answer for `keep_s` seconds; who asks while it is worked out waits for the same one."""

    def __init__(self, clock: Clock, keep_s: float, work_out: Callable[[], Awaitable[T]]) -> None:
        self._clock = clock
        self._keep_s = keep_s
        self._work_out = work_out
        self._turn = asyncio.Lock()
        self._kept: tuple[float, T] | None = None

    async def get(self) -> T:
        """The answer, at most `keep_s` old. Raises what working it out raises, and keeps no such outcome."""
        async with self._turn:
            now = self._clock.monotonic()
            if self._kept is not None and now - self._kept[0] < self._keep_s:
                return self._kept[1]
            answer = await self._work_out()
            self._kept = (self._clock.monotonic(), answer)
            return answer

    def forget(self) -> None:
        """Whoever asks next gets a new answer."""
        self._kept = None
