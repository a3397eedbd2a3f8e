"""The call budget of one shop, as the wire sees it: waits for tickets and passes on what answers teach.

The state is one row that all processes share (`budget_transactions.py`), so this object may be lost at any moment.
Calls of one class wait in line here, and only the first of each line asks the database: however many tasks wait, at
most one question per class is open. Must not know what the calls are, nor how they are sent.
"""

import asyncio
from dataclasses import dataclass
from functools import partial

from syncd.domain.budget import CallClass, Granted, Wait, heard, paused, refused
from syncd.engine.budget_transactions import Ask, BudgetRules, Correction, Place, correct, mark, settle_size, take
from syncd.engine.clock_steps import Passing
from syncd.errors import DatabaseBusy, DiskProblem
from syncd.ports import Clock, Dice, Purpose, StateTx, Writer

_SPREAD = 1.25
"""Waits are stretched by up to this, so that those who wait for one moment do not all come at it."""
_LATE_MAX = 32


@dataclass(slots=True)
class _Flight:
    """Calls under way on one grant: their tickets begin at `first`; `open` of them have no answer yet."""

    first: int
    calls: int
    open: int
    since_s: float


@dataclass(slots=True)
class Waited:
    """What one job took through this budgeter so far."""

    calls: int = 0
    waited_s: float = 0.0


class Budgeter:
    """The budget of one shop (satisfies `ports.Admission`). `bucket` is `client_id/company_id`.

    `floor` is the highest ticket that the mirror's ledger knows: the counter goes on above it even where the state
    database is older than the mirror.
    """

    def __init__(
        self,
        shop_id: int,
        bucket: str,
        *,
        state: Writer[StateTx],
        clock: Clock,
        dice: Dice,
        rules: BudgetRules | None = None,
        floor: int = 0,
    ) -> None:
        self._shop_id = shop_id
        self._state = state
        self._clock = clock
        self._dice = dice
        self._rules = rules or BudgetRules()
        self._place = Place(bucket, self._rules, floor, Passing(clock))
        self._turns = {klass: asyncio.Lock() for klass in CallClass}  # first come, first served
        self._flights: list[_Flight] = []
        self._late: list[Correction] = []
        self._size_is_settled = False
        self.waited: dict[str, Waited] = {}
        self.refusals = 0  # 429s that this process met

    async def ticket(self, purpose: Purpose, calls: int = 1) -> int:
        """Wait until `calls` calls may leave; return the ticket of the first. Raises DatabaseBusy.

        Being cancelled while waiting costs nothing; in the moment of the grant it costs the calls, which then leak
        away.
        """
        asked_s = self._clock.monotonic()
        async with self._turns[purpose.klass]:
            await self._settle()
            granted = await self._granted(purpose, calls, asked_s)
            first, left = granted.ticket, calls - granted.calls
            while left > 0:  # The bucket is too small ever to hold them together.
                left -= (await self._granted(purpose, left, self._clock.monotonic())).calls
        return first

    async def heard(self, ticket: int, used: float, size: float) -> None:
        """Take in a used/size header of the answer to the call with `ticket`."""
        oldest = self._landed(ticket)
        await self._correct(lambda bucket, t: heard(bucket, used, size, oldest, t))

    async def refused(self, after_s: float | None, *, had_header: bool) -> None:
        """Take in a 429; `after_s` is its Retry-After, None where it has none."""
        self.refusals += 1
        await self._correct(lambda bucket, t: refused(bucket, after_s, had_header, t))

    async def unserved(self, after_s: float | None) -> None:
        """Take in a 503: the shop is out of service for `after_s` seconds, or for as long as the rules say."""
        pause_s = self._rules.pause_s if after_s is None else after_s
        await self._correct(lambda bucket, t: paused(bucket, pause_s, t))

    async def mark(self) -> int:
        """The highest ticket that any process was granted so far. Raises DatabaseBusy."""
        return await self._state.run(partial(mark, key=self._place.key, floor=self._place.floor))

    async def _granted(self, purpose: Purpose, calls: int, asked_s: float) -> Granted:
        while True:
            ask = Ask(self._shop_id, purpose, calls, max(0.0, self._clock.monotonic() - asked_s))
            answer = await self._state.run(partial(take, place=self._place, ask=ask))
            if not isinstance(answer, Wait):
                self._left(answer, ask)
                return answer
            # Asking again before the time is right costs a transaction; sleeping on while a 503 has been lifted or
            # a clock was set costs minutes. So long waits are cut into turns.
            wait_s = answer.delay_s * self._dice.uniform(1.0, _SPREAD)
            await self._clock.sleep(min(wait_s, self._rules.turn_s))

    async def _settle(self) -> None:
        if not self._size_is_settled:
            await self._state.run(partial(settle_size, place=self._place))
            self._size_is_settled = True
        if self._late:
            await self._correct()

    async def _correct(self, *corrections: Correction) -> None:
        """Write down what an answer taught; where the database is busy, before the next ticket.

        The answer itself has arrived by then: it must not be lost because a figure about it could not be written.
        """
        self._late = [*self._late, *corrections][-_LATE_MAX:]
        now, self._late = self._late, []
        try:
            await self._state.run(partial(correct, place=self._place, corrections=now))
        except (DatabaseBusy, DiskProblem):
            self._late = [*now, *self._late][-_LATE_MAX:]

    def _left(self, granted: Granted, ask: Ask) -> None:
        now_s = self._clock.monotonic()
        flight = _Flight(granted.ticket, granted.calls, granted.calls, now_s)
        # An answer without a header is never heard of here, so flights also end by age.
        young = [f for f in self._flights if now_s - f.since_s < self._rules.flight_s]
        self._flights = [*young, flight]
        account = self.waited.setdefault(ask.purpose.job, Waited())
        account.calls += granted.calls
        account.waited_s += ask.waited_s

    def _landed(self, ticket: int) -> int:
        """End the flight of this call; return the oldest ticket that was under way with it."""
        oldest = min([ticket, *(flight.first for flight in self._flights)])
        for flight in self._flights:
            if flight.first <= ticket < flight.first + flight.calls:
                flight.open -= 1
        self._flights = [flight for flight in self._flights if flight.open > 0]
        return oldest
