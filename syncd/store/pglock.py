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

from syncd.store.database import session
from syncd.store.faults import border

POLL_S: Final = 0.1
_CLASS: Final = 0x73796E64
"""First half of our advisory locks' keys, so that they meet no other program's; the second is the shop's id."""
_TRY: Final = text("SELECT pg_try_advisory_lock(:class, :shop)")
_LEASED: Final = "syncd lease "
"""So a session is named that holds a lock for work under a lease; the generation follows."""
_END_OLDER: Final = text(
    "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid)"
    " WHERE locktype = 'advisory' AND granted AND classid::bigint = :class"
    " AND objid::bigint = CAST(:shop AS bigint) & 4294967295"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND application_name ~ '^syncd lease [0-9]+$'"
    " AND CAST(split_part(application_name, ' ', 3) AS bigint) < :generation"
)

T = TypeVar("T")


class PostgresExchangeLocks:
    """The exchange locks of all shops in one database (satisfies `ports.ExchangeLock`).

    With a `generation` it is a lock for work under a lease: whoever holds a newer lease ends the session of a holder
    that is older, for that one stands still or has not noticed yet, and whatever it does is fenced."""

    def __init__(self, url: URL, sleep: Callable[[float], Awaitable[None]], generation: int = 0) -> None:
        self._engine = create_engine(
            url.difference_update_query(["options"]),
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            hide_parameters=True,
            connect_args=session(url, f"{_LEASED}{generation}" if generation else "syncd exchange"),
        )
        self._sleep = sleep
        self._generation = generation

    def hold(self, shop_id: int) -> "HeldSession":
        """Return an `async with` block inside which no other exchange of this shop runs anywhere."""
        return HeldSession(self._engine, shop_id, self._sleep, self._generation)


class HeldSession:
    """The block of `PostgresExchangeLocks.hold`. Entering raises DatabaseBusy where the server is out of reach."""

    def __init__(
        self, engine: Engine, shop_id: int, sleep: Callable[[float], Awaitable[None]], generation: int = 0
    ) -> None:
        self._engine = engine
        self._generation = generation
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
            if self._connection.execute(_TRY, self._key).scalar_one():
                return True
            if self._generation:
                self._connection.execute(_END_OLDER, self._key | {"generation": self._generation})
            return False

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
