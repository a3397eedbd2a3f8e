"""One token exchange at a time per shop, on PostgreSQL: a session advisory lock on a connection of its own.

The lock is the session's: it dies with its holder, and no time limit takes it from a holder that merely stands
still (design section 7). It needs a direct connection; a pooler that shares sessions between clients would share
the lock too. Must not know what is exchanged.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, text
from sqlalchemy.pool import NullPool

from syncd.store.faults import border

POLL_S: Final = 0.1
_CLASS: Final = 0x73796E64
"""First half of our advisory locks' keys, so that they meet no other program's; the second is the shop's id."""
_TRY: Final = text("SELECT pg_try_advisory_lock(:class, :shop)")

T = TypeVar("T")


class PostgresExchangeLocks:
    """The exchange locks of all shops in one database (satisfies `ports.ExchangeLock`)."""

    def __init__(self, url: URL, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._engine = create_engine(
            url,
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            hide_parameters=True,
            connect_args={"application_name": "syncd exchange", "connect_timeout": 10},
        )
        self._sleep = sleep

    def hold(self, shop_id: int) -> "HeldSession":
        """Return an `async with` block inside which no other exchange of this shop runs anywhere."""
        return HeldSession(self._engine, shop_id, self._sleep)


class HeldSession:
    """The block of `PostgresExchangeLocks.hold`. Entering raises DatabaseBusy where the server is out of reach."""

    def __init__(self, engine: Engine, shop_id: int, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._engine = engine
        self._key = {"class": _CLASS, "shop": shop_id}
        self._sleep = sleep
        self._connection: Connection | None = None
        # All that happens to the connection happens in this order on this thread: so a cancelled wait needs no care.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="syncd-exchange")

    async def __aenter__(self) -> int | None:
        """Wait for the lock. No descriptor carries it: only this session's end gives it back."""
        try:
            await self._run(self._open)
            # Asking again and again rather than waiting inside the server: a wait there could not be called off.
            while not await self._run(self._try):
                await self._sleep(POLL_S)
        except BaseException:
            self._let_go()
            raise
        return None

    async def __aexit__(self, *exc: object) -> None:
        self._let_go()

    async def _run(self, f: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, f)

    def _let_go(self) -> None:
        self._thread.submit(self._close)
        self._thread.shutdown(wait=False)

    def _open(self) -> None:
        with border():
            self._connection = self._engine.connect()

    def _try(self) -> bool:
        if self._connection is None:
            return False
        with border():
            return bool(self._connection.execute(_TRY, self._key).scalar_one())

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
