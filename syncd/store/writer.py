"""Writers: they run a plain function inside exactly one transaction, on threads of their own or inline.

The function cannot await, so nothing holds the database while it waits for the network. A cancelled caller waits for
the end of its transaction, so that a cancellation never leaves anybody in doubt about a commit. Must not know tables.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from sqlalchemy import Connection, Engine

from syncd.store.faults import border

T = TypeVar("T")
Tx = TypeVar("Tx")


def run_once(engine: Engine, make_tx: Callable[[Connection], Tx], f: Callable[[Tx], T]) -> T:
    """One transaction: committed when `f` returns, rolled back when it raises."""
    with border(), engine.begin() as connection:
        return f(make_tx(connection))


class StoreWriter(Generic[Tx]):
    """Runs functions on `threads` threads: one where the database has one writer anyway (SQLite), a few elsewhere."""

    def __init__(self, engine: Engine, make_tx: Callable[[Connection], Tx], threads: int, name: str) -> None:
        self._engine = engine
        self._make_tx = make_tx
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=f"syncd-{name}")

    async def run(self, f: Callable[[Tx], T]) -> T:
        """Run `f`; raises DatabaseBusy, DiskProblem, SchemaProblem, and whatever `f` raises."""
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._threads, run_once, self._engine, self._make_tx, f)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            future.add_done_callback(_heard)
            await asyncio.wait([future])
            raise

    def close(self) -> None:
        """Wait for the transaction under way, then close the connections."""
        self._threads.shutdown(wait=True)
        self._engine.dispose()


def _heard(future: "asyncio.Future[T]") -> None:
    """Look at the outcome that nobody waits for any more, so that asyncio does not complain about it."""
    if not future.cancelled():
        future.exception()


class InlineWriter(Generic[Tx]):
    """Runs functions on the loop's own thread, for simulated time: `pause` stands for the time that it takes, and is
    where a simulation may crash the process, before the transaction or after its commit."""

    def __init__(
        self, engine: Engine, make_tx: Callable[[Connection], Tx], pause: Callable[[], Awaitable[None]]
    ) -> None:
        self._engine = engine
        self._make_tx = make_tx
        self._pause = pause

    async def run(self, f: Callable[[Tx], T]) -> T:
        """Run `f`; raises what `StoreWriter.run` raises."""
        await self._pause()
        result = run_once(self._engine, self._make_tx, f)
        await self._pause()
        return result

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()
