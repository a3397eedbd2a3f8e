"""The sealing key is changed while others work, and whatever is killed on the way, everything opens."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from syncd.domain.token import SealedTokens, TokenPhase
from syncd.errors import KeyProblem, UsageProblem
from syncd.host.clock import SystemClock
from syncd.host.keyfile import add_key, read_key_file
from syncd.host.lock import FileLock
from syncd.ports import StateTx
from syncd.service.doors import Doors
from syncd.service.installation import install
from syncd.service.rekey import LOCK, rekey
from syncd.service.settings import Loaded
from syncd.service.wire import House, open_house
from syncd.store.disk import open_disk
from tests.engine.faults import Crash, Fuse, FusedWriter
from tests.support.databases import TestDatabase


@pytest.fixture
def loaded(database: TestDatabase, tmp_path: Path) -> Loaded:
    loaded, _ = install(tmp_path, database_url=database.url)
    asyncio.run(_in(loaded, _fill))
    return loaded


async def _in(loaded: Loaded, job: Callable[[House], Coroutine[Any, Any, None]], fuse: Fuse | None = None) -> None:
    disk = open_disk(loaded.mirror_url, loaded.state_url, clock=SystemClock())
    try:
        fused = disk if fuse is None else replace(disk, state=FusedWriter(disk.state, fuse))  # type: ignore[arg-type]
        async with open_house(loaded, Doors(disk=fused)) as house:
            await job(house)
    finally:
        disk.close()


def _pair(house: House, shop_id: int, generation: int) -> SealedTokens:
    access, refresh = (
        house.sealer.seal(f"{field} {generation}".encode(), shop=shop_id, field=field, generation=generation)
        for field in ("access", "refresh")
    )
    now = datetime.now(UTC)
    return SealedTokens(shop_id, generation, TokenPhase.READY, access, refresh, now, now)


async def _fill(house: House) -> None:
    """Two shops with tokens, a new customer's password, and a pair that only the spill has."""
    password = house.sealer.seal(b"password", shop=1, field="password", generation=7)
    rows = [_pair(house, 1, 3), _pair(house, 2, 9)]

    def write(tx: StateTx) -> None:
        for row in rows:
            tx.vault.swap(None, row)
        tx.pushes.seal_password(1, 7, password)

    await house.disk.state.run(write)
    house.spill.append(_pair(house, 2, 10))


async def _check(house: House) -> None:
    """Everything opens, and says what it said."""
    texts = await house.disk.state.run(lambda tx: tx.seals.all())
    said = [
        house.sealer.open(text.text, shop=text.shop_id, field=text.field, generation=text.generation).decode()
        for text in texts
    ]
    assert sorted(said) == ["access 3", "access 9", "password", "refresh 3", "refresh 9"]
    (row,) = house.spill.rows()
    assert house.sealer.open(row.refresh, shop=2, field="refresh", generation=10) == b"refresh 10"


def test_everything_is_sealed_anew_and_the_older_key_goes_when_it_is_told_to(loaded: Loaded) -> None:
    before = read_key_file(loaded.key_file).kid

    async def scene(house: House) -> None:
        done = await rekey(house)
        assert done.is_new
        assert done.kid != before
        assert (done.anew.total(), done.unopened, done.older) == (6, [], 1)
        assert read_key_file(loaded.key_file).kids == [done.kid, before]
        await _check(house)
        done = await rekey(house, drop=True)
        assert (done.is_new, done.anew.total(), done.dropped) == (False, 0, 1)
        assert read_key_file(loaded.key_file).kids == [done.kid]
        await _check(house)

    asyncio.run(_in(loaded, scene))
    asyncio.run(_in(loaded, _check))


def test_a_daemon_at_work_follows_the_change(loaded: Loaded) -> None:
    async def scene(daemon: House) -> None:
        await _check(daemon)

        async def change(house: House) -> None:
            await rekey(house)
            await rekey(house, drop=True)

        await _in(loaded, change)
        await _check(daemon)
        fresh = _pair(daemon, 1, 4)
        assert daemon.keys.is_current(fresh.access)
        assert daemon.keys.ring.kids == read_key_file(loaded.key_file).kids

    asyncio.run(_in(loaded, scene))


def test_a_kill_at_any_step_leaves_everything_openable(loaded: Loaded) -> None:
    """The file is changed, then each text in a transaction of its own: the process dies before and after each."""
    steps = 0
    for after in (False, True):
        for step in range(1, 9):
            fuse = Fuse(at=step, after=after)
            with suppress(Crash):
                asyncio.run(_in(loaded, _change, fuse))
            asyncio.run(_in(loaded, _check))
            steps += bool(fuse.blown)
    assert steps >= 12, "what a killed change has done already is not done again"
    asyncio.run(_in(loaded, _end))


async def _change(house: House) -> None:
    await rekey(house)


async def _end(house: House) -> None:
    done = await rekey(house, drop=True)
    assert done.unopened == []
    await _check(house)
    assert house.keys.ring.kids == [done.kid]


def test_a_change_that_was_interrupted_goes_on_with_its_own_key(loaded: Loaded) -> None:
    add_key(loaded.key_file)

    async def scene(house: House) -> None:
        done = await rekey(house)
        assert not done.is_new
        assert done.anew.total() == 6

    asyncio.run(_in(loaded, scene))
    assert len(read_key_file(loaded.key_file).kids) == 2


def test_one_at_a_time_and_only_a_key_that_is_ours(loaded: Loaded) -> None:
    async def scene(house: House) -> None:
        with FileLock(loaded.home / LOCK) as lock:
            assert lock.try_acquire()
            with pytest.raises(UsageProblem, match="somebody else"):
                await rekey(house)
        before = read_key_file(loaded.key_file).kids
        loaded.key_file.chmod(0o640)
        with pytest.raises(KeyProblem, match="open to other users"):
            await rekey(house)
        loaded.key_file.chmod(0o600)
        assert read_key_file(loaded.key_file).kids == before

    asyncio.run(_in(loaded, scene))
