"""Health and readiness mean something: each way of not being well is seen, and only there."""

import asyncio
from contextlib import closing
from pathlib import Path
from threading import Event

from syncd.store.database import sqlite_module
from tests.web.kit import face, settle


def test_a_house_in_order_is_ready(tmp_path: Path) -> None:
    async def asked() -> None:
        async with face(settle(tmp_path), lambda: 1.0) as (_, browser):
            healthy, ready = await browser.get("/healthz"), await browser.get("/readyz")
            assert (healthy.status_code, healthy.json()) == (200, {"ok": True, "problems": []})
            assert (ready.status_code, ready.json()) == (200, {"ready": True, "problems": []})

    asyncio.run(asked())


def test_what_keeps_it_from_being_ready_is_named(tmp_path: Path) -> None:
    loaded = settle(tmp_path)

    async def asked() -> None:
        async with face(loaded, lambda: 95.0) as (house, browser):
            loaded.key_file.unlink()
            house.draining.set()
            with closing(sqlite_module().connect(tmp_path / "mirror.db")) as other:
                other.execute("UPDATE alembic_version SET version_num = '0001'")
                other.commit()
            answer = await browser.get("/readyz")
            assert answer.status_code == 503
            said = " | ".join(answer.json()["problems"])
            for part in ("revision 0001", "sealing key", "95 s ago", "it is stopping"):
                assert part in said
            assert (await browser.get("/healthz")).status_code == 200

    asyncio.run(asked())


def test_a_writer_that_hangs_is_asked_once_and_bounds_the_answer(tmp_path: Path) -> None:
    async def asked() -> None:
        async with face(settle(tmp_path), lambda: 1.0) as (house, browser):
            over = Event()
            held = asyncio.ensure_future(house.disk.state.run(lambda _: over.wait(60)))
            try:
                answer = await browser.get("/readyz")
                assert answer.status_code == 503
                assert "state database does not answer" in answer.json()["problems"][0]
                assert (await browser.get("/healthz")).status_code == 200  # it may still come
            finally:
                over.set()
                await held
            await browser.get("/healthz")  # takes the answer that came late
            await house.clock.sleep(1.1)  # what was found out is told to all who ask within a second
            assert (await browser.get("/readyz")).status_code == 200

    asyncio.run(asked())


def test_only_our_own_names_are_answered(tmp_path: Path) -> None:
    async def asked() -> None:
        web = {"public_url": "https://sync.example.org", "hosts": ["syncd.lan"]}
        async with face(settle(tmp_path, **web)) as (_, browser):

            async def status(host: str, path: str = "/nothing") -> int:
                return (await browser.get(path, headers={"Host": host})).status_code

            for ours in ("127.0.0.1:8765", "[::1]:8765", "localhost", "sync.example.org", "syncd.lan:80", "10.0.0.7"):
                assert await status(ours) == 404
            for other in ("evil.example", "127.0.0.1.evil.example", "", "localhost.evil.example", "a:b:c"):
                assert await status(other) == 421
            assert await status("evil.example", "/healthz") == 200  # probes come under any name

    asyncio.run(asked())
