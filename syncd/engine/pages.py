"""Pages of a listing, in order, with a few asked for ahead so that latency does not leave budget unused.

Yields pages until the caller stops; what a page means (the end, a repetition) is the caller's business. Errors of a
page asked for ahead come out when that page's turn comes, never earlier.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from syncd.domain.record import Page
from syncd.errors import SyncdError
from syncd.ports import Listing, Purpose, Remote


class Pages:
    """An async iterator of (page number, page). `last` is the highest page number that is worth asking for ahead."""

    def __init__(
        self,
        remote: Remote,
        ask: Listing,
        purpose: Purpose,
        group: asyncio.TaskGroup,
        first: int,
        ahead: int,
        last: int,
    ) -> None:
        self._remote = remote
        self._ask = ask
        self._purpose = purpose
        self._group = group
        self._next = first
        self._ahead = ahead
        self._last = last
        self._asked: deque[tuple[int, asyncio.Task[Page | SyncdError]]] = deque()

    def __aiter__(self) -> "Pages":
        return self

    async def __anext__(self) -> tuple[int, Page]:
        """The next page. Raises what asking for it raised."""
        self._fill()
        number, task = self._asked.popleft()
        page = await task
        if isinstance(page, SyncdError):
            raise page
        return number, page

    def _fill(self) -> None:
        while not self._asked or (len(self._asked) <= self._ahead and self._next <= self._last):
            self._asked.append((self._next, self._group.create_task(self._fetch(self._next))))
            self._next += 1

    async def _fetch(self, number: int) -> Page | SyncdError:
        ask = Listing(self._ask.resource, number, self._ask.fields, self._ask.filters, self._ask.base)
        try:
            return await self._remote.page(ask, self._purpose)
        except SyncdError as problem:
            return problem

    def stop(self) -> None:
        """Give up the pages that were asked for ahead."""
        for _, task in self._asked:
            task.cancel()
        self._asked.clear()


@asynccontextmanager
async def pages(
    remote: Remote, ask: Listing, purpose: Purpose, *, first: int, ahead: int, last: int
) -> AsyncIterator[Pages]:
    """The pages of a listing from `first` on, `ahead` of them under way at once up to page `last`."""
    try:
        async with asyncio.TaskGroup() as group:
            source = Pages(remote, ask, purpose, group, first, ahead, last)
            try:
                yield source
            finally:
                source.stop()
    except BaseExceptionGroup as several:
        # The body's own error, alone: a group of one tells the caller nothing more.
        if len(several.exceptions) == 1:
            raise several.exceptions[0] from None
        raise
