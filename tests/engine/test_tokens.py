"""The vault: one-use refresh tokens are never lost, never used twice, and renewed once for everybody who asks."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from syncd.domain.secret import Secret
from syncd.domain.token import TokenPhase, is_same_home
from syncd.errors import (
    DatabaseBusy,
    DiskProblem,
    GrantRevoked,
    KeyProblem,
    LostAnswer,
    NotUnderstood,
    RemoteDown,
    Throttled,
)
from syncd.host.cipher import KeyRing
from tests.engine.faults import Crash, Fuse
from tests.engine.token_server import TokenServer
from tests.engine.vaults import RULES, Desk, desk, numbered
from tests.engine.virtual import simulate
from tests.support.databases import TestDatabase

DUE_S = 1501.0  # a token of 30 minutes is renewed 5 minutes before its end
ALMOST_DUE_S = 1499.0


@pytest.fixture
def at(database: TestDatabase, tmp_path: Path) -> Iterator[Desk]:
    """On both databases: what is stored, and in which order."""
    with desk(database.url, tmp_path) as opened:
        yield opened


@pytest.fixture
def here(make_database: Callable[[str], TestDatabase], tmp_path: Path) -> Iterator[Desk]:
    """On SQLite alone: what happens in memory, whatever the database."""
    with desk(make_database("sqlite").url, tmp_path) as opened:
        yield opened


# --- the usual life of a pair ---------------------------------------------------------------------------------------


def test_a_token_is_renewed_ahead_of_its_end_and_not_before(here: Desk) -> None:
    async def scene() -> None:
        server = here.server()
        tokens = await here.authorised(server)
        first = await tokens.access()
        await here.pass_time(ALMOST_DUE_S - server.latency_s)
        assert await tokens.access() == first
        await here.pass_time(2)
        second = await tokens.access()
        assert second != first
        assert server.accepts(second)
        assert (await here.row()).generation == 2
        assert server.exchanges == 2

    simulate(scene)


def test_a_process_that_starts_uses_the_stored_token(at: Desk) -> None:
    async def scene() -> None:
        server = at.server()
        first = await (await at.authorised(server)).access()
        assert await at.process(server).access() == first
        assert server.exchanges == 1

    simulate(scene)


def test_many_who_ask_at_once_cause_one_exchange(at: Desk) -> None:
    async def scene() -> None:
        server = at.server()
        await at.authorised(server)
        fuse = Fuse()
        await at.pass_time(DUE_S)
        processes = [at.process(server, fuse=fuse), at.process(server, fuse=fuse)]
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(processes[n % 2].access()) for n in range(40)]
        assert {task.result().reveal() for task in asked} == {server.issued[-1]}
        assert server.exchanges == 2
        assert server.most_under_way == 1
        assert server.reused == []
        assert fuse.seen.count("state") <= 40 + 4, "each looks once for itself, and one of each process renews"

    simulate(scene)


def test_a_new_pair_is_spilled_then_stored_then_used(at: Desk) -> None:
    async def scene() -> None:
        server = at.server()
        await at.authorised(server)
        await at.pass_time(DUE_S)
        fuse = Fuse()
        await at.process(server, fuse=fuse).access()
        # peek, the row under the lock, the intent; then the pair in the spill before it is in the database
        assert fuse.seen == ["state", "state", "state", "exchange", "spill.append", "state"]

    simulate(scene)


def test_the_intent_is_stored_before_the_exchange(at: Desk) -> None:
    async def scene() -> None:
        server = at.server()
        tokens = await at.authorised(server)
        await at.pass_time(DUE_S)
        asked = asyncio.ensure_future(tokens.access())
        await at.pass_time(server.latency_s / 2)
        row = await at.row()
        assert (row.phase, row.generation, row.replayed) == (TokenPhase.EXCHANGING, 1, False)
        await asked
        assert await at.phase() is TokenPhase.READY

    simulate(scene)


def test_no_token_can_be_read_from_the_files(at: Desk, tmp_path: Path) -> None:
    async def scene() -> None:
        server = at.server()
        await at.authorised(server)
        with suppress(DatabaseBusy):
            fuse = Fuse(at=1, times=99, make=lambda: DatabaseBusy("away"), only="state", after=True)
            await at.pass_time(DUE_S)
            await at.process(server, fuse=fuse).access()
        shown = repr([await at.row(), at.spill.rows(), at.log.lines])
        assert [token for token in server.issued if token in shown] == []
        issued.extend(server.issued)

    issued: list[str] = []
    simulate(scene)
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert written
    assert not [token for token in issued for content in written if token.encode() in content]


def test_health_shows_ages_and_never_a_token(here: Desk) -> None:
    async def scene() -> None:
        server = here.server()
        tokens = here.process(server)
        assert await tokens.health() is None
        await tokens.first_exchange(server.consent())
        await here.pass_time(100)
        health = await tokens.health()
        assert health is not None
        assert (health.generation, health.phase) == (1, TokenPhase.READY)
        assert health.age_s == pytest.approx(100 + server.latency_s, abs=1)
        assert health.expires_in_s == pytest.approx(1700 - server.latency_s, abs=1)
        assert "token-" not in repr(health)

    simulate(scene)


def test_an_idle_grant_is_renewed_once_a_day(here: Desk) -> None:
    async def scene() -> None:
        server = here.server()
        tokens = await here.authorised(server)
        for _ in range(72):
            await tokens.tend()
            await here.pass_time(3600)
        assert server.exchanges == 1 + 2

    simulate(scene)


def test_a_person_can_have_it_renewed_now(here: Desk) -> None:
    async def scene() -> None:
        server = here.server()
        tokens = await here.authorised(server)
        await tokens.refresh()
        assert server.exchanges == 2
        assert server.accepts(await tokens.access())

    simulate(scene)


# --- refused access tokens ------------------------------------------------------------------------------------------


def test_a_refused_access_token_is_renewed_once_for_all_who_were_refused(here: Desk) -> None:
    async def scene() -> None:
        server = here.server()
        tokens = await here.authorised(server)
        stale = await tokens.access()
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(tokens.access(stale)) for _ in range(10)]
        assert len({task.result().reveal() for task in asked}) == 1
        assert server.exchanges == 2

    simulate(scene)


def test_a_refused_token_that_another_process_has_renewed_costs_no_exchange(at: Desk) -> None:
    async def scene() -> None:
        server = at.server()
        tokens = await at.authorised(server)
        stale = await tokens.access()
        newer = await at.process(server).access(stale)
        assert await tokens.access(stale) == newer
        assert server.exchanges == 2

    simulate(scene)


def test_a_shop_that_refuses_what_it_issues_is_not_asked_as_fast_as_calls_come(here: Desk) -> None:
    async def scene() -> None:
        server = here.server()
        tokens = await here.authorised(server)
        stale = await tokens.access()
        stale = await tokens.access(stale)
        for _ in range(5):
            with pytest.raises(RemoteDown, match="just issued"):
                await tokens.access(stale)
        await here.pass_time(RULES.doubt_s)
        assert await tokens.access(stale) != stale
        assert server.exchanges == 3

    simulate(scene)


# --- faults of the shop ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [RemoteDown("no connection"), Throttled("429"), NotUnderstood("not that form", status=415)]
)
def test_a_token_that_was_not_spent_is_as_good_as_before(at: Desk, error: Exception) -> None:
    async def scene() -> None:
        server = at.server()
        tokens = await at.authorised(server)
        old = await tokens.access()
        await at.pass_time(1900)
        server.faults = [error]
        with pytest.raises(type(error)):
            await tokens.access()
        assert await at.phase() is TokenPhase.READY
        await at.pass_time(RULES.again_s)
        assert await tokens.access() != old
        assert server.reused == []

    simulate(scene)


HOUR_S = 3600.0


@pytest.mark.parametrize(
    "error", [RemoteDown("no connection"), Throttled("429"), NotUnderstood("not that form", status=404)]
)
def test_an_endpoint_that_is_away_is_asked_less_and_less(here: Desk, error: Exception) -> None:
    async def scene() -> None:
        server = here.server()
        tokens = await here.authorised(server)
        await here.pass_time(1900)
        server.faults = [error] * 1000
        asked, began_s = len(server.asked), here.clock.monotonic()
        while here.clock.monotonic() < began_s + HOUR_S:  # as calls come: several at once, every few seconds
            outcomes = await asyncio.gather(*(tokens.access() for _ in range(3)), return_exceptions=True)
            assert {type(each) for each in outcomes} == {type(error)}
            await here.pass_time(2)
        assert 15 <= len(server.asked) - asked <= 48
        server.faults = []
        back_s = here.clock.monotonic()
        while True:
            try:
                await tokens.access()
                break
            except type(error) as problem:
                left_s = getattr(problem, "after_s", 5.0)
                assert left_s <= RULES.again_max_s
                await here.pass_time(left_s)
        assert here.clock.monotonic() <= back_s + RULES.again_max_s + 5
        assert server.reused == []
        await here.pass_time(1900)
        server.faults = [error]
        with pytest.raises(type(error)):
            await tokens.access()
        await here.pass_time(RULES.again_s)  # after a success the waits begin anew
        await tokens.access()

    simulate(scene)


def test_an_endpoint_that_names_a_moment_is_not_asked_before(here: Desk) -> None:
    async def scene() -> None:
        server = here.server()
        tokens = await here.authorised(server)
        await here.pass_time(1900)
        server.faults = [RemoteDown("503", after_s=1000.0)]
        asked = len(server.asked)
        for passed_s in (0, 500, 490):
            await here.pass_time(passed_s)
            with pytest.raises(RemoteDown):
                await tokens.access()
        assert len(server.asked) == asked + 1
        await here.pass_time(10 + RULES.again_s)
        await tokens.access()

    simulate(scene)


@pytest.mark.parametrize("how", ["refreshed", "authorised", "in another process"])
def test_a_person_need_not_wait_for_an_endpoint_that_failed(here: Desk, how: str) -> None:
    async def scene() -> None:
        server = here.server()
        tokens = await here.authorised(server)
        await here.pass_time(1900)
        server.faults = [RemoteDown("503", after_s=1000.0)]
        with pytest.raises(RemoteDown):
            await tokens.access()
        match how:
            case "refreshed":
                await tokens.refresh()
            case "authorised":
                await tokens.first_exchange(server.consent())
            case _:
                await here.process(server).refresh()
        assert server.accepts(await tokens.access())
        assert server.reused == []

    simulate(scene)


@pytest.mark.parametrize("error", [RemoteDown("down"), LostAnswer("half an answer")])
def test_a_renewal_that_fails_is_put_off_as_long_as_the_old_token_works(here: Desk, error: Exception) -> None:
    async def scene() -> None:
        server = here.server(grace=True)
        tokens = await here.authorised(server)
        old = await tokens.access()
        await here.pass_time(DUE_S)
        server.faults = [error]
        assert await tokens.access() == old
        asked = len(server.asked)
        for _ in range(10):
            assert await tokens.access() == old
        assert len(server.asked) == asked, "nobody asks again at once"
        await here.pass_time(RULES.exchange_s)
        assert await tokens.access() != old
        assert server.reused == []

    simulate(scene)


def test_a_refused_grant_is_dead_until_somebody_authorises_again(at: Desk) -> None:
    async def scene() -> None:
        server = at.server()
        tokens = await at.authorised(server)
        server.revoke()
        await at.pass_time(DUE_S)
        with pytest.raises(GrantRevoked, match="refuses the refresh token") as caught:
            await tokens.access()
        assert "syncd auth login demo" in caught.value.hint
        asked = len(server.asked)
        for process in (tokens, at.process(server)):
            with pytest.raises(GrantRevoked):
                await process.access()
        assert len(server.asked) == asked, "a dead grant is not tried again"
        await at.process(server).first_exchange(server.consent())
        assert server.accepts(await tokens.access()), "the daemon goes on by itself"

    simulate(scene)


def test_a_shop_without_any_grant_says_what_to_do(here: Desk) -> None:
    async def scene() -> None:
        with pytest.raises(GrantRevoked, match="not authorised yet") as caught:
            await here.process(here.server()).access()
        assert "syncd auth login demo" in caught.value.hint

    simulate(scene)


def test_a_refused_code_leaves_the_working_pair_alone(at: Desk) -> None:
    async def scene() -> None:
        server = at.server()
        tokens = await at.authorised(server)
        with pytest.raises(GrantRevoked, match="authorisation code"):
            await at.process(server).first_exchange(Secret("mistyped"))
        await at.pass_time(DUE_S)
        assert server.accepts(await tokens.access())

    simulate(scene)


# --- an outcome that nobody knows -----------------------------------------------------------------------------------


@pytest.mark.parametrize("grace", [False, True])
@pytest.mark.parametrize("applied", [False, True])
def test_a_lost_answer_is_settled_by_one_more_try(at: Desk, applied: bool, grace: bool) -> None:
    async def scene() -> None:
        server = at.server(grace=grace)
        tokens = await at.authorised(server)
        await at.pass_time(1900)
        lost = LostAnswer("half an answer")
        server.faults = [("after", lost) if applied else lost]
        with pytest.raises(LostAnswer):
            await tokens.access()
        assert await at.phase() is TokenPhase.EXCHANGING
        begun_s = at.clock.wall()
        if applied and not grace:
            with pytest.raises(GrantRevoked, match="interrupted") as caught:
                await tokens.access()
            assert "syncd auth login demo" in caught.value.hint
            assert await at.phase() is TokenPhase.DEAD
            assert len(server.reused) == 1
        else:
            assert server.accepts(await tokens.access())
            assert server.reused == []
        assert at.clock.wall() - begun_s >= RULES.exchange_s - server.latency_s, "the first may still be under way"

    simulate(scene)


def test_the_one_more_try_is_one(at: Desk) -> None:
    async def scene() -> None:
        server = at.server(grace=True)
        tokens = await at.authorised(server)
        await at.pass_time(1900)
        server.faults = [LostAnswer("lost"), LostAnswer("lost again")]
        with pytest.raises(LostAnswer):
            await tokens.access()
        with pytest.raises(GrantRevoked, match="interrupted twice"):
            await tokens.access()
        assert len(server.asked) == 3
        with pytest.raises(GrantRevoked):
            await at.process(server).access()
        assert len(server.asked) == 3

    simulate(scene)


def test_a_crash_during_the_one_more_try_ends_it(at: Desk) -> None:
    async def scene() -> None:
        server = at.server(grace=True)
        await at.authorised(server)
        await at.pass_time(1900)
        for _ in range(2):
            with pytest.raises(Crash):
                await at.process(server, fuse=Fuse(after=True, at=1, times=99, only="exchange")).access()
        asked = len(server.asked)
        with pytest.raises(GrantRevoked, match="interrupted twice"):
            await at.process(server).access()
        assert len(server.asked) == asked

    simulate(scene)


def test_an_old_spill_does_not_undo_an_intent(at: Desk) -> None:
    async def scene() -> None:
        server = at.server()
        await at.authorised(server)
        at.spill.append(await at.row())
        await at.pass_time(1900)
        server.faults = [("after", LostAnswer("lost"))]
        stuck = Fuse(at=1, times=999, make=lambda: DiskProblem("read-only"), only="spill.forget")
        with pytest.raises(LostAnswer):
            await at.process(server, fuse=stuck).access()
        assert len(at.spill.rows()) == 1
        with pytest.raises(GrantRevoked, match="interrupted"):
            await at.process(server).recover()
        assert len(server.reused) == 1

    simulate(scene)


def test_a_try_that_never_left_does_not_count(at: Desk) -> None:
    async def scene() -> None:
        server = at.server()
        tokens = await at.authorised(server)
        await at.pass_time(1900)
        server.faults = [LostAnswer("lost"), RemoteDown("no connection"), RemoteDown("no connection")]
        for expected in (LostAnswer, RemoteDown, RemoteDown):
            with pytest.raises(expected):
                await tokens.access()
            await at.pass_time(2 * RULES.again_s)
        assert server.accepts(await tokens.access())

    simulate(scene)


class Jammed(Fuse):
    """The database is locked in the very moment after an exchange."""

    def before(self, name: str) -> int:
        jammed = name == "state" and self.seen[-1:] == ["exchange"]
        number = super().before(name)
        if jammed:
            self.blown.append(name)
            raise DatabaseBusy("locked")
        return number


def test_an_intent_that_the_database_could_not_take_back_is_no_interruption(at: Desk) -> None:
    """A shop that is away and a busy database, again and again: nothing was spent, and the process knows it."""

    async def scene() -> None:
        server = at.server()
        await at.authorised(server)
        await at.pass_time(1900)
        fuse = Jammed()
        tokens = at.process(server, fuse=fuse)
        server.faults = [RemoteDown("no connection") for _ in range(5)]
        while server.faults:
            with suppress(RemoteDown, DatabaseBusy):
                await tokens.access()
            await at.pass_time(RULES.again_max_s)
        assert len(fuse.blown) == 5
        assert server.accepts(await tokens.access())
        assert server.reused == []

    simulate(scene)


# --- crashes: the process dies at every I/O, before and after it took effect -----------------------------------------


@pytest.mark.parametrize("grace", [False, True])
def test_a_crash_at_any_moment_loses_no_pair_that_reached_us(at: Desk, grace: bool) -> None:
    """Only between the shop's rotation and our spill does a crash cost the grant, where the shop gives no grace."""

    async def scene() -> None:
        number, lost = 0, []
        for after in (False, True):
            for step in range(1, 7):
                number += 1
                server = at.server(grace=grace)
                await at.authorised(server, numbered(number))
                await at.pass_time(DUE_S)
                fuse = Fuse(at=step, after=after)
                with pytest.raises(Crash):
                    await at.process(server, numbered(number), fuse=fuse).access()
                if not await _survives(at, server, number):
                    lost.append((fuse.blown[0], after))
                assert len(server.reused) <= 1
        assert lost == ([] if grace else [("spill.append", False), ("exchange", True)])

    simulate(scene)


async def _survives(at: Desk, server: TokenServer, number: int) -> bool:
    """Whether the next process comes to a token by itself; where not, it must say so, once and for all."""
    process = at.process(server, numbered(number))
    try:
        await process.recover()
        access = await process.access()
    except GrantRevoked:
        assert await at.phase(number) is TokenPhase.DEAD
        return False
    await process.refresh()
    assert server.accepts(access)
    assert await at.phase(number) is TokenPhase.READY
    assert await at.row(number) in at.spill.rows()
    return True


def test_a_crash_during_the_first_exchange_costs_no_older_grant(at: Desk) -> None:
    async def scene() -> None:
        for number in range(1, 6):
            server = at.server(grace=True)
            await at.authorised(server, numbered(number))
            await at.pass_time(60)
            older, newer = server, at.server()
            with suppress(Crash):
                fuse = Fuse(at=number)
                await at.process(newer, numbered(number), fuse=fuse).first_exchange(newer.consent())
            process = at.process(newer if number == 5 else older, numbered(number))
            await process.recover()
            access = await process.access()
            assert older.accepts(access) or newer.accepts(access)

    simulate(scene)


# --- the n-th I/O fails, and the process goes on ----------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("after", [False, True])
def test_a_database_that_fails_at_any_moment_loses_no_pair(at: Desk, after: bool, times: int) -> None:
    async def scene() -> None:
        for step in range(1, 8):
            server = at.server()
            await at.authorised(server, numbered(step))
            await at.pass_time(1900)
            fuse = Fuse(at=step, times=times, after=after, make=lambda: DatabaseBusy("away"), only="state")
            process = at.process(server, numbered(step), fuse=fuse)
            assert server.accepts(await _insist(process.access, at))
            assert server.reused == []
            assert await at.phase(step) is TokenPhase.READY

    simulate(scene)


async def _insist(access: Callable[[], Awaitable[Secret]], at: Desk) -> Secret:
    for _ in range(5):
        with suppress(DatabaseBusy, DiskProblem):
            return await access()
        await at.pass_time(1)
    return await access()


def test_a_pair_that_the_database_does_not_take_waits_in_the_spill(at: Desk) -> None:
    async def scene() -> None:
        server = at.server()
        await at.authorised(server)
        await at.pass_time(1900)
        fuse = Fuse(at=6, times=999, make=lambda: DatabaseBusy("away"), only="state")
        with pytest.raises(DatabaseBusy):
            await at.process(server, fuse=fuse).access()
        assert [row.generation for row in at.spill.rows()] == [2]
        assert (await at.row()).generation == 1
        restarted = at.process(server)
        await restarted.recover()
        assert (await at.row()).generation == 2
        assert server.accepts(await restarted.access())
        assert server.reused == []

    simulate(scene)


@pytest.mark.parametrize("only", ["spill.append", "spill.forget"])
def test_a_full_disk_beside_the_database_loses_no_pair(here: Desk, only: str) -> None:
    async def scene() -> None:
        server = here.server()
        await here.authorised(server)
        await here.pass_time(1900)
        fuse = Fuse(at=1, times=999, make=lambda: DiskProblem("full"), only=only)
        assert server.accepts(await here.process(server, fuse=fuse).access())
        assert (await here.row()).generation == 2
        assert server.accepts(await here.process(server).access())

    simulate(scene)


def test_a_pair_that_nothing_takes_is_held_on_to_until_something_does(at: Desk) -> None:
    async def scene() -> None:
        server = at.server()
        await at.authorised(server)
        await at.pass_time(1900)
        fuse = Fuse(at=5, times=120, make=lambda: DiskProblem("full"))
        tokens = at.process(server, fuse=fuse)
        asked = asyncio.ensure_future(tokens.access())
        await at.pass_time(30)
        assert not asked.done()
        asked.cancel()
        await tokens.close()
        assert (await at.row()).generation == 2 or at.spill.rows(), "a drain waits for it"
        assert server.accepts(await at.process(server).access())
        assert server.exchanges == 2

    simulate(scene)


def test_a_spilled_pair_lifts_a_quarantine_and_an_old_one_changes_nothing(at: Desk) -> None:
    async def scene() -> None:
        server = at.server()
        await at.authorised(server)
        await at.pass_time(1900)
        fuse = Fuse(at=6, times=999, make=lambda: DatabaseBusy("away"), only="state")
        with pytest.raises(DatabaseBusy):
            await at.process(server, fuse=fuse).access()
        spilled = at.spill.rows()[0]
        at.spill.forget(1, 2)
        # Another machine, which does not see our spill, tries the old token and gives up.
        with pytest.raises(GrantRevoked):
            await at.process(server).access()
        assert await at.phase() is TokenPhase.DEAD
        at.spill.append(spilled)
        restarted = at.process(server)
        await restarted.recover()
        assert server.accepts(await restarted.access())
        at.spill.append(spilled)
        await restarted.refresh()
        assert (await at.row()).generation == 3
        assert at.spill.rows() == [await at.row()]

    simulate(scene)


def test_a_database_that_was_set_back_is_set_right_by_the_spill(at: Desk) -> None:
    """Restored from a copy, or failed over to a server that had not heard of the last commits."""

    async def scene() -> None:
        server = at.server()
        tokens = await at.authorised(server)
        before = await at.row()
        for _ in range(3):
            await tokens.refresh()
        await at.disk.state.run(lambda tx: (tx.vault.forget(1), tx.vault.swap(None, before)))
        restarted = at.process(server)
        await restarted.recover()
        assert (await at.row()).generation == 4
        assert server.accepts(await restarted.access())
        await restarted.refresh()
        assert server.reused == []

    simulate(scene)


# --- copies of an installation ----------------------------------------------------------------------------------------


@dataclass
class _Where:
    """A Home that can be told where it is."""

    place: str

    async def here(self) -> str:
        return self.place


@pytest.mark.parametrize(
    ("then", "now", "is_same"),
    [
        ("", "a:1:5", True),
        ("a:1:5", "a:1:5", True),
        ("a:1:5", "a:1:9", True),
        ("a:1:5", "a:2:5", True),
        ("a:1:5", "a:2:9", False),
        ("a:1:5", "b:1:5", False),
        ("postgresql-7-1-2", "postgresql-7-1-2", True),
        ("postgresql-7-1-2", "postgresql-7-1-3", False),
        ("postgresql-7-1-2", "a:1:5", False),
    ],
)
def test_a_copy_is_told_from_the_original(then: str, now: str, is_same: bool) -> None:
    assert is_same_home(then, now) is is_same


def test_a_copy_spends_no_token_until_it_is_told_to(at: Desk) -> None:
    async def scene() -> None:
        server = at.server()
        here, elsewhere = _Where("a:1:5"), _Where("a:2:9")
        await at.process(server, home=here).first_exchange(server.consent())
        copy = at.process(server, home=elsewhere)
        for use in (copy.recover, copy.refresh):
            with pytest.raises(GrantRevoked, match="another installation") as told:
                await use()
            assert "syncd auth login demo" in told.value.hint
        assert server.exchanges == 1
        assert await at.phase() is TokenPhase.READY, "the original goes on"
        await at.process(server, home=here).refresh()
        await copy.refresh(adopt=True)
        await copy.recover()
        assert (await at.row()).home == elsewhere.place
        with pytest.raises(GrantRevoked, match="another installation"):
            await at.process(server, home=here).recover()
        await at.process(server, home=here).first_exchange(server.consent())
        await at.process(server, home=here).recover()
        assert server.reused == []

    simulate(scene)


# --- clocks of machines that differ, and jump ----------------------------------------------------------------------


@pytest.mark.parametrize("step_s", [-7200.0, 7200.0])
@pytest.mark.parametrize("grace", [False, True])
def test_a_clock_that_jumps_during_an_exchange_costs_no_token(here: Desk, step_s: float, grace: bool) -> None:
    async def scene() -> None:
        server = here.server(grace=grace, latency_s=20.0)
        tokens = await here.authorised(server)
        asked = asyncio.ensure_future(tokens.refresh())
        await here.pass_time(5)
        here.clock.step(step_s)
        other = asyncio.ensure_future(here.process(server).access())
        await asyncio.wait([asked, other])
        assert asked.exception() is None
        assert other.exception() is None
        assert server.most_under_way == 1
        assert (await here.row()).generation >= 2
        await here.process(server).refresh()
        assert server.reused == []

    simulate(scene)


@pytest.mark.parametrize("step_s", [-7200.0, 7200.0])
def test_a_clock_that_jumps_after_a_crash_in_an_exchange_costs_no_token(here: Desk, step_s: float) -> None:
    async def scene() -> None:
        server = here.server()
        await here.authorised(server)
        await here.pass_time(DUE_S)
        with pytest.raises(Crash):
            await here.process(server, fuse=Fuse(at=4)).access()
        here.clock.step(step_s)
        server.access.clear()
        assert await here.process(server).access()
        assert server.reused == []
        assert await here.phase() is TokenPhase.READY

    simulate(scene)


# --- stopping, clocks, keys -------------------------------------------------------------------------------------------


def test_an_exchange_outlives_who_asked_for_it(at: Desk) -> None:
    async def scene() -> None:
        server = at.server()
        tokens = await at.authorised(server)
        await at.pass_time(DUE_S)
        asked = asyncio.ensure_future(tokens.access())
        await at.pass_time(server.latency_s / 2)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        await tokens.close()
        assert (await at.row()).generation == 2
        assert server.accepts(await at.process(server).access())
        assert server.exchanges == 2

    simulate(scene)


def test_closing_calls_off_what_only_waits(here: Desk) -> None:
    async def scene() -> None:
        server = here.server()
        tokens = await here.authorised(server)
        await here.pass_time(1900)
        server.faults = [LostAnswer("lost")]
        with pytest.raises(LostAnswer):
            await tokens.access()
        asked = asyncio.ensure_future(tokens.access())
        await here.pass_time(1)
        began_s = here.clock.wall()
        await tokens.close()
        assert here.clock.wall() - began_s < 1
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert len(server.asked) == 2

    simulate(scene)


@pytest.mark.parametrize("step_s", [-86_400.0, 86_400.0])
def test_a_clock_that_is_set_costs_at_most_one_exchange(here: Desk, step_s: float) -> None:
    async def scene() -> None:
        server = here.server()
        tokens = await here.authorised(server)
        here.clock.step(step_s)
        server.access = {token: until_s + step_s for token, until_s in server.access.items()}
        for _ in range(10):
            assert server.accepts(await tokens.access())
            assert server.accepts(await here.process(server).access())
            await here.pass_time(60)
        assert server.exchanges <= 2
        assert server.reused == []

    simulate(scene)


@pytest.mark.parametrize("lifetime_s", [-5.0, 0.0, 20.0, float("nan"), float("inf"), 1e15])
def test_an_odd_lifetime_is_no_reason_to_lose_a_pair_or_to_exchange_without_end(here: Desk, lifetime_s: float) -> None:
    async def scene() -> None:
        server = here.server(lifetime_s=lifetime_s)
        tokens = await here.authorised(server)
        for _ in range(10):
            await tokens.access()
        assert server.exchanges == 1

    simulate(scene)


def test_a_wrong_key_is_noticed_before_anything_is_spent(here: Desk) -> None:
    async def scene() -> None:
        server = here.server()
        await here.authorised(server)
        await here.pass_time(DUE_S)
        right, here.keys = here.keys, KeyRing([b"w" * 32])
        with pytest.raises(KeyProblem):
            await here.process(server).access()
        here.keys = right
        assert server.exchanges == 1
        assert server.accepts(await here.process(server).access())

    simulate(scene)


def test_forgetting_leaves_nothing(at: Desk) -> None:
    async def scene() -> None:
        server = at.server()
        tokens = await at.authorised(server)
        at.spill.append(await at.row())
        await tokens.forget()
        assert await tokens.health() is None
        assert at.spill.rows() == []

    simulate(scene)
