"""The shops of this process: works those whose lease it holds, sets aside those that need a person, stops on a drain.

Due times are ours and stored, the alarm only rings. One shop's trouble never stops another's; a bug comes out and ends
the process loudly (design section 10).
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from syncd.domain.shop import Shop, ShopState
from syncd.engine.clock_steps import ClockSteps
from syncd.engine.keeping import Keeping
from syncd.engine.outages import RECOVERED, WAITS
from syncd.engine.putting_off import PUT_OFF, hasten
from syncd.engine.shop_life import ShopLife
from syncd.errors import Fatal, NeedsPerson
from syncd.ports import LocalSignal, MirrorTx

GRACE_S = 4.0
"""How long a drain waits for what shops have in hand: with a token exchange too it is over within ten seconds."""
_SIGNAL_S = 600.0
_SOON = 5
"""In parts of a beat: after a beat that the database did not take, the next one comes sooner."""


class Supervisor:
    """Runs until drained. `signal` rings when somebody edited the mirror, asked for something, paused or gave back a
    shop."""

    def __init__(self, keeping: Keeping, signal: LocalSignal | None = None) -> None:
        self._keeping = keeping
        self._leases = keeping.leases
        self._signal = signal
        self._rung = asyncio.Event()
        self._lives: dict[int, ShopLife] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._has_read = False
        self._steps = ClockSteps(keeping.clock)
        self._beat_at = keeping.clock.monotonic()
        self._is_unread = False

    @property
    def beat_age_s(self) -> float:
        """How long ago the last round over the shops began."""
        return self._keeping.clock.monotonic() - self._beat_at

    def hinted(self, shop_id: int) -> None:
        """A webhook came for a shop; where another process works it, that one finds it in the inbox."""
        if shop_id in self._lives:
            self._lives[shop_id].hinted()

    async def run(self, drain: asyncio.Event) -> None:
        """Work every active shop that is ours until `drain` is set, then let each finish the page in hand and return.

        Raises what is a bug (as an exception group), SchemaProblem, and SettingsProblem or KeyProblem at the start."""
        self._keeping.alarm.start()
        try:
            async with asyncio.TaskGroup() as group:
                watches = [group.create_task(self._watch_drain(drain)), group.create_task(self._pulse())]
                if self._signal is not None:
                    watches.append(group.create_task(self._listen(self._signal)))
                while not drain.is_set():
                    await self._round(group)
                    await self._keep_time()
                    for life in self._lives.values():
                        life.remind()
                    await self._until_rung()
                await self._wind_up()
                for watch in watches:
                    watch.cancel()
        finally:
            await self._keeping.alarm.stop()

    def renew(self, keeping: Keeping) -> None:
        """Go on by other rules, each shop after its page in hand."""
        self._keeping = keeping
        for life in self._lives.values():
            life.renew(keeping)

    async def _watch_drain(self, drain: asyncio.Event) -> None:
        await drain.wait()
        self._rung.set()

    async def _pulse(self) -> None:
        """Rings for each beat, by the clock that nobody sets: leases go by it."""
        while True:
            beat_s = self._leases.beat_s
            await self._keeping.clock.sleep(beat_s / _SOON if self._is_unread else beat_s)
            self._rung.set()

    async def _listen(self, signal: LocalSignal) -> None:
        while True:
            for shop_id in await signal.wait(_SIGNAL_S):
                if shop_id in self._lives:
                    self._lives[shop_id].nudge()
            self._rung.set()  # a shop may have been paused, released, or given back

    async def _until_rung(self) -> None:
        await self._rung.wait()
        self._rung.clear()

    async def _round(self, group: asyncio.TaskGroup) -> None:
        """Begin what became ours, stop what no longer is. The database may be away for a while: then all stays."""
        self._beat_at = self._keeping.clock.monotonic()
        try:
            await self._see_off()
            beat = await self._leases.beat(self._lives.keys())
        except WAITS as problem:
            if isinstance(problem, Fatal) and not self._has_read:
                raise
            self._is_unread = True
            self._keeping.log.warning("shops.unread", message=problem.message)
            self._keeping.outages.failed("", "shops", problem)
            return
        self._has_read, self._is_unread = True, False
        self._keeping.outages.fine("", "shops")
        ours = {shop.id: shop for shop in beat.shops if shop.state is ShopState.ACTIVE and shop.id in beat.held}
        for shop_id, life in self._lives.items():
            if ours.get(shop_id) != life.shop or shop_id in beat.surplus:
                life.stop()  # gone, paused, authorised anew, or another replica's
        for shop_id, shop in ours.items():
            if shop_id not in self._lives:  # until it was seen off its shop gets no second life beside it
                life = ShopLife(self._keeping, shop)
                self._lives[shop_id] = life
                self._tasks[shop_id] = group.create_task(self._live(life))

    async def _live(self, life: ShopLife) -> None:
        try:
            await life.live()
        finally:
            life.ended = True
            self._rung.set()

    async def _keep_time(self) -> None:
        """Where somebody set the clock of this machine, nothing waits for the old time to come again."""
        step = self._steps.look()
        if step is None:
            return
        self._keeping.log.warning("clock.step", step_s=round(step.by_s, 3), shops=len(self._lives))
        lives = list(self._lives.values())
        if step.by_s < 0:
            by = self._keeping.clock.now() + PUT_OFF
            try:
                await self._keeping.disk.mirror.run(lambda tx: hasten(tx, [life.shop.id for life in lives], by))
            except WAITS as problem:
                self._keeping.log.warning("shops.unread", message=problem.message)
                return  # the step is found again at the next look
        for life in lives:
            life.stepped(step.by_s)
        self._steps.heed(step)
        self._keeping.log.info(RECOVERED, what="clock", lasted_s=round(step.unseen_s, 1), failures=1)

    async def _see_off(self) -> None:
        """Set aside the shops that need a person, and give back those whose lives have ended. Raises WAITS."""
        ended = [life for life in self._lives.values() if life.ended]
        for life in ended:
            if life.trouble is not None:
                await self._quarantine(life.shop, life.trouble)
                life.trouble = None
        if ended:
            await self._leases.release([life.shop.id for life in ended])
        for life in ended:
            del self._lives[life.shop.id], self._tasks[life.shop.id]

    async def _wind_up(self) -> None:
        """Let every life finish, keep their leases meanwhile, and give each back as soon as it is not needed."""
        for life in self._lives.values():
            life.stop()
        over = asyncio.get_running_loop().call_later(GRACE_S, self._give_up)
        await self._at_best(lambda: self._leases.resign(self._lives.keys()))
        while self._lives:
            await self._at_best(self._see_off)
            if all(life.ended for life in self._lives.values()):
                break  # the database is away: what is not given back ends by itself
            await self._until_rung()
            await self._at_best(self._leases.renew)
        over.cancel()

    def _give_up(self) -> None:
        """End what takes too long: a look is made again another time, and of a write the journal knows that it left."""
        late = {shop_id: life for shop_id, life in self._lives.items() if not life.ended}
        if late:
            names = sorted(life.shop.name for life in late.values())
            self._keeping.log.info("daemon.gives_up", shops=names, after_s=GRACE_S)
        for shop_id in late:
            self._tasks[shop_id].cancel()

    async def _at_best(self, step: Callable[[], Awaitable[None]]) -> None:
        try:
            await step()
        except WAITS as problem:
            self._keeping.log.warning("shops.unread", message=problem.message)

    async def _quarantine(self, shop: Shop, problem: NeedsPerson) -> None:
        """Set the shop aside with what the person must do; everything local stays readable and editable."""
        reason = f"{problem.message}. {problem.hint}".strip()
        await self._keeping.disk.mirror.run(lambda tx: set_aside(tx, shop.id, reason))
        self._keeping.log.error("shop.quarantined", shop=shop.name, message=problem.message, hint=problem.hint)


def set_aside(tx: MirrorTx, shop_id: int, reason: str) -> None:
    """Quarantine the shop as it is stored now: what a person changed or paused meanwhile stays."""
    for shop in tx.books.shops():
        if shop.id == shop_id and shop.state is ShopState.ACTIVE:
            tx.books.save_shop(replace(shop, state=ShopState.QUARANTINED, reason=reason))
