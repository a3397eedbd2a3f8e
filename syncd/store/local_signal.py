"""Hearing soon that people wrote into the mirror, asked for something or paused a shop, without asking the tables again
and again.

SQLite counts foreign commits in `PRAGMA data_version`: a look at it costs microseconds, and only when it moved are the
hints looked at. PostgreSQL's triggers notify a listening connection, and so does a replica that gives shops back. On
simulated time the same looks are made inline.
"""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import URL, PoolProxiedConnection
from sqlalchemy.exc import SQLAlchemyError

from syncd.errors import Retry, SettingsProblem
from syncd.ports import Clock, RequestTable
from syncd.ports import Writer as Reader
from syncd.store.database import House, Use, open_engine, session, sqlite_module
from syncd.store.leases import LEASES_CHANNEL
from syncd.store.local import Local
from syncd.store.triggers import CHANNEL

if TYPE_CHECKING:
    import psycopg

#: How often SQLite's counter is looked at: well within a second, and thousands of times cheaper than that allows.
POLL_S = 0.3
#: On simulated time nobody waits, and every look costs the simulation.
SIMULATED_POLL_S = 10.0
#: How long a lost connection is left alone, and how often a listener looks whether it missed anything.
RETRY_S = 1.0
LISTEN_S = 30.0


class HasLocal(Protocol):
    """A transaction on the mirror database, as this file needs it."""

    @property
    def local(self) -> Local: ...
    @property
    def requests(self) -> RequestTable: ...


class PollingSignal:
    """`ports.LocalSignal` by looking. `version` moves whenever somebody commits (None: not known).

    Where it is known there is one writer at a time, and hints come in the order of their places: only new ones are
    looked at. Elsewhere a transaction that began earlier may add its hints later."""

    def __init__(
        self, reader: Reader[HasLocal], clock: Clock, every_s: float, version: "Version | None" = None
    ) -> None:
        self._reader = reader
        self._clock = clock
        self._every_s = every_s
        self._version = version
        self._seen: int | None = None
        self._told: dict[int, tuple[int, int]] = {}
        self._news: Mapping[int, object] | None = None
        self._after = 0
        self._is_called = False

    async def wait(self, timeout_s: float) -> list[int]:
        """The shops with news, as soon as there are; none after `timeout_s` seconds, or when shops were given back."""
        until = self._clock.monotonic() + timeout_s
        while not (shops := await self._fresh()):
            left = until - self._clock.monotonic()
            if left <= 0 or self._is_called:
                break
            await self._pause(min(left, self._every_s))
        self._is_called = False
        return shops

    async def _pause(self, seconds: float) -> None:
        await self._clock.sleep(seconds)

    async def _fresh(self) -> list[int]:
        version = self._version.read() if self._version is not None else None
        if version is not None and version == self._seen:
            return []
        try:
            found, news = await self._reader.run(lambda tx: (tx.local.fresh(self._after), tx.requests.news()))
        except (Retry, SettingsProblem):
            return []  # looked at again after the next pause
        self._seen = version
        before = news if self._news is None else self._news
        shops = {shop_id for shop_id, state in found.items() if self._told.get(shop_id) != state}
        shops |= {shop_id for shop_id in news.keys() | before.keys() if news.get(shop_id) != before.get(shop_id)}
        self._told, self._news = found, news
        if self._version is not None:
            self._after = max([self._after, *(place for _, place in found.values())])
        return sorted(shops)

    def close(self) -> None:
        """Close what was opened for it."""
        if self._version is not None:
            self._version.close()


class Version:
    """SQLite's count of the commits of others, on a connection of its own that is never inside a transaction."""

    def __init__(self, url: URL) -> None:
        self._engine = open_engine(url, House.MIRROR, Use.READ, 1)
        self._raw: PoolProxiedConnection | None = None

    def read(self) -> int | None:
        """The count; None where it cannot be told just now."""
        try:
            if self._raw is None:
                self._raw = self._engine.raw_connection()
            cursor = self._raw.cursor()
            cursor.execute("PRAGMA data_version")
            return int(cursor.fetchall()[0][0])
        except (SQLAlchemyError, sqlite_module().Error):
            return None

    def close(self) -> None:
        """Close the connection."""
        if self._raw is not None:
            self._raw.close()
            self._raw = None
        self._engine.dispose()


class ListeningSignal(PollingSignal):
    """The same by listening: a notification ends the pause. Looks now and then all the same, for what it missed."""

    def __init__(self, reader: Reader[HasLocal], clock: Clock, url: URL) -> None:
        super().__init__(reader, clock, LISTEN_S)
        self._address = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._session = session(url, "syncd listen")
        self._connection: psycopg.AsyncConnection[Any] | None = None

    async def _pause(self, seconds: float) -> None:
        import psycopg  # slow to load, and on SQLite nobody needs it

        try:
            if self._connection is None:
                self._connection = await psycopg.AsyncConnection.connect(
                    self._address, autocommit=True, **self._session
                )
                await self._connection.execute(f"LISTEN {CHANNEL}")
                await self._connection.execute(f"LISTEN {LEASES_CHANNEL}")
                return  # what came before it listened is to be looked for first
            async for notice in self._connection.notifies(timeout=seconds, stop_after=1):
                self._is_called = self._is_called or notice.channel == LEASES_CHANNEL
        except psycopg.Error:
            self._drop()
            await self._clock.sleep(min(seconds, RETRY_S))
        except asyncio.CancelledError:
            self._drop()
            raise

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.pgconn.finish()
            self._connection = None

    def close(self) -> None:
        """Close the listening connection."""
        self._drop()
