"""Bugs on purpose, planted through the disk door: a simulation that does not find them proves nothing."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from syncd.domain.cursor import Cursor
from syncd.store.disk import StoreDisk

Kept = list[tuple[int, str, Cursor]]


@dataclass(frozen=True, slots=True)
class Changed:
    """Something of the store, in which some parts are others."""

    inner: Any
    parts: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        return self.parts[name] if name in self.parts else getattr(self.inner, name)


def _without_cursor(tx: Any, kept: Kept) -> Any:
    """The transaction, in which a cursor that is to be saved only goes to `kept`."""
    books = Changed(tx.books, {"save_cursor": lambda *cursor: kept.append(cursor)})
    return Changed(tx, {"books": books})


class _Undone(Exception):
    """Ends a rehearsal so that nothing of it stays."""


@dataclass(frozen=True, slots=True)
class _CursorFirst:
    """A writer that commits the cursor in a transaction of its own, before the page that it stands for."""

    inner: Any

    async def run(self, f: Callable[[Any], Any]) -> Any:
        kept: Kept = []

        def rehearse(tx: Any) -> None:
            f(_without_cursor(tx, kept))
            raise _Undone

        def save(tx: Any) -> None:
            for cursor in kept:
                tx.books.save_cursor(*cursor)

        with suppress(_Undone):
            await self.inner.run(rehearse)
        if kept:
            await self.inner.run(save)
        return await self.inner.run(lambda tx: f(_without_cursor(tx, [])))

    def close(self) -> None:
        self.inner.close()


@dataclass(frozen=True, slots=True)
class _Altered:
    """A writer whose transactions are altered before anybody uses them."""

    inner: Any
    alter: Callable[[Any], Any]

    async def run(self, f: Callable[[Any], Any]) -> Any:
        return await self.inner.run(lambda tx: f(self.alter(tx)))

    def close(self) -> None:
        self.inner.close()


def _without(part: str, name: str, answer: object = None) -> Callable[[Any], Any]:
    """Of `part` of a transaction, `name` does nothing but answer so."""
    return lambda tx: Changed(tx, {part: Changed(getattr(tx, part), {name: lambda *_: answer})})


def _overruled(tx: Any) -> Any:
    """Rows become what was agreed on whenever they are written."""

    def write(shop_id: int, resource: Any, before: Any, local: Any, base: Any, at: Any) -> None:
        if local is not None and base is not None and before.base is not None:
            local = replace(local, fields=base.fields)
        tx.mirror.write(shop_id, resource, before, local, base, at)

    return Changed(tx, {"mirror": Changed(tx.mirror, {"write": write})})


def cursor_first(disk: StoreDisk) -> StoreDisk:
    """The cursor of a page is committed before its rows: a death between the two loses the page."""
    return replace(disk, mirror=_CursorFirst(disk.mirror))  # type: ignore[arg-type]


def forgetful(disk: StoreDisk) -> StoreDisk:
    """Changes that a shop made to known records do not arrive."""
    return replace(disk, mirror=_Altered(disk.mirror, _without("mirror", "write")))  # type: ignore[arg-type]


def unwritten(disk: StoreDisk) -> StoreDisk:
    """Writes leave without a line in the push journal: a death right after makes the same record twice."""
    return replace(disk, state=_Altered(disk.state, _without("pushes", "begin")))  # type: ignore[arg-type]


def overruling(disk: StoreDisk) -> StoreDisk:
    """An edit on its way is gone without a word where the shop changed another field of its record."""
    return replace(disk, mirror=_Altered(disk.mirror, _overruled))  # type: ignore[arg-type]


def unfenced(disk: StoreDisk) -> StoreDisk:
    """Whoever was stopped before a transaction and continued after it lost its lease carries it out all the same."""
    return replace(disk, mirror=_Altered(disk.mirror, _without("leases", "keeps", answer=True)))  # type: ignore[arg-type]
