"""A machine that is gone sends no farewell: on every session both sides find out by themselves, within seconds.

Else a daemon waits a quarter of an hour for the answer of a server that lost its power, and a server keeps the locks of
a daemon that lost its own for two hours.
"""

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, make_url, text

from syncd.host.clock import SystemClock
from syncd.store.database import SILENT_S, House, Use, address, open_engine
from syncd.store.disk import open_disk
from syncd.store.pglock import PostgresExchangeLocks
from tests.contract.conftest import Store

_OURS = (
    ("keepalives_idle", socket.TCP_KEEPIDLE),
    ("keepalives_interval", socket.TCP_KEEPINTVL),
    ("keepalives_count", socket.TCP_KEEPCNT),
)


def silences(connection: Connection) -> tuple[float, float, float, float]:
    """After how much silence either side gives up: ours while nothing and while something is on its way, theirs."""
    raw: Any = connection.connection.driver_connection
    ours = socket.socket(fileno=os.dup(raw.pgconn.socket))
    with ours:
        assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        idle, interval, count = (ours.getsockopt(socket.IPPROTO_TCP, option) for _, option in _OURS)
        unanswered = ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) / 1000
    asked = "SELECT current_setting('tcp_' || name)::int FROM unnest(ARRAY['{}', '{}', '{}']) AS name"
    theirs = connection.execute(text(asked.format(*(name for name, _ in _OURS)))).scalars().all()
    unheard = "SELECT setting::int FROM pg_settings WHERE name = 'tcp_user_timeout'"
    heard = connection.execute(text(unheard)).scalar_one()
    return idle + interval * count, unanswered, theirs[0] + theirs[1] * theirs[2], heard / 1000


def test_both_sides_of_every_session_notice(make_store: Callable[[str], Store]) -> None:
    store = make_store("postgresql")
    found = [store.write(lambda tx: silences(tx.connection)), store.state(lambda tx: silences(tx.connection))]
    found.append(store.read(lambda tx: silences(tx.connection)))

    async def locked() -> None:
        lock = PostgresExchangeLocks(address(store.database.url).state, SystemClock().sleep).hold(1)
        async with lock:
            assert lock._connection is not None
            found.append(silences(lock._connection))

    asyncio.run(locked())
    assert found == [(SILENT_S,) * 4] * 4


def test_the_listener_notices_too(make_store: Callable[[str], Store]) -> None:
    disk = open_disk(make_store("postgresql").database.url, clock=SystemClock())

    async def listening() -> dict[str, str]:
        await disk.local_signal.wait(0.1)
        connection: Any = disk.local_signal._connection  # type: ignore[attr-defined]
        return dict(connection.info.get_parameters())

    try:
        told = asyncio.run(listening())
    finally:
        disk.close()
    assert int(told["keepalives_idle"]) + int(told["keepalives_interval"]) * int(told["keepalives_count"]) == SILENT_S


def test_what_the_address_says_of_it_wins(make_store: Callable[[str], Store]) -> None:
    url = make_url(make_store("postgresql").database.url).update_query_dict({"keepalives_idle": "77"})
    engine = open_engine(address(url.render_as_string(hide_password=False)).mirror, House.MIRROR, Use.READ, 1)
    try:
        with engine.connect() as connection:
            raw: Any = connection.connection.driver_connection
            assert raw.info.get_parameters()["keepalives_idle"] == "77"
    finally:
        engine.dispose()
