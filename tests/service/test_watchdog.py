"""A ping is earned: by a round over the shops that began lately, and by writers that answer, be it with an error."""

import asyncio
import os
import socket
from pathlib import Path

import pytest

from syncd.errors import DatabaseBusy
from syncd.service.installation import install
from syncd.service.notify import READY, notify
from syncd.service.settings import watchdog_s
from syncd.service.watchdog import BEAT_MOST_S, is_alive, status, watch
from syncd.service.wire import open_house


def test_alive_is_who_begins_rounds_and_whose_writers_answer(tmp_path: Path) -> None:
    loaded, _ = install(tmp_path)

    async def scenario() -> None:
        async with open_house(loaded) as house:
            assert await is_alive(house, 5.0)
            assert not await is_alive(house, BEAT_MOST_S + 1)
            assert status(house) == "all that is needed answers"
            house.outages.failed("demo", "orders", DatabaseBusy("away"))
            assert "database" in status(house)

    asyncio.run(scenario())


def test_systemd_hears_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded, _ = install(tmp_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "180000000")
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
        assert watchdog_s() == 180.0

        async def scenario() -> list[str]:
            async with open_house(loaded) as house:
                task = asyncio.ensure_future(watch(house, lambda: 0.0))
                heard = [await asyncio.to_thread(lambda: listener.recv(500).decode()) for _ in range(2)]
                task.cancel()
                return heard

        assert asyncio.run(scenario()) == ["WATCHDOG=1", "STATUS=all that is needed answers"]
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert watchdog_s() == 0.0


def test_a_listener_that_does_not_listen_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        taken = [notify(f"STATUS={number}") for number in range(600)]  # more than any queue holds
        assert taken[0]
        assert not taken[-1]
        assert not notify(READY)
        assert listener.recv(100) == b"STATUS=0"
        assert notify(READY)
