"""Bugs on purpose, planted through the disk door: a simulation that does not find them proves nothing."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from syncd.domain.cursor import Cursor
from syncd.store.disk import StoreDisk


@dataclass(slots=True)
class _Leaving:
    """The books of a transaction that writes no cursor, and remembers the one it was given."""

    inner: Any
    kept: list[tuple[int, str, Cursor]]

    def save_cursor(self, shop_id: int, resource: str, cursor: Cursor) -> None:
        self.kept.append((shop_id, resource, cursor))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@dataclass(slots=True)
class _WithoutCursor:
    """A transaction on the mirror in which cursors are only noted."""

    inner: Any
    kept: list[tuple[int, str, Cursor]]

    @property
    def books(self) -> _Leaving:
        return _Leaving(self.inner.books, self.kept)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class _Undone(Exception):
    """Ends a rehearsal so that nothing of it stays."""


@dataclass(frozen=True, slots=True)
class _CursorFirst:
    """A writer that commits the cursor in a transaction of its own, before the page that it stands for."""

    inner: Any

    async def run(self, f: Callable[[Any], Any]) -> Any:
        rehearsed: list[tuple[int, str, Cursor]] = []

        def rehearse(tx: Any) -> None:
            f(_WithoutCursor(tx, rehearsed))
            raise _Undone

        def save(tx: Any) -> None:
            for cursor in rehearsed:
                tx.books.save_cursor(*cursor)

        with suppress(_Undone):
            await self.inner.run(rehearse)
        if rehearsed:
            await self.inner.run(save)
        return await self.inner.run(lambda tx: f(_WithoutCursor(tx, [])))

    def close(self) -> None:
        self.inner.close()


def cursor_first(disk: StoreDisk) -> StoreDisk:
    """The cursor of a page is committed before its rows: a death between the two loses the page."""
    return replace(disk, mirror=_CursorFirst(disk.mirror))  # type: ignore[arg-type]
