"""Makes the calls of one shop: each with its budget ticket and its token; reads are tried again where that may help.

What answers say about the call limit goes back to the budget. Must not know what is asked for or what an answer means.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import httpx

from syncd.domain.backoff import delay
from syncd.domain.resource import Resource
from syncd.domain.secret import Secret
from syncd.domain.shop import Shop
from syncd.errors import DatabaseBusy, DiskProblem, LostAnswer, NotUnderstood, Retry, Throttled
from syncd.ports import Admission, Clock, Dice, Purpose, Tokens
from syncd.remote import faults
from syncd.remote.auth import UNAUTHORIZED, NeedToken, auth_flow
from syncd.remote.client import Answer, Call, fetch
from syncd.remote.limits import LimitHeader, Usage, retry_after_s, served_at
from syncd.remote.settings import RemoteSettings

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Errand:
    """One thing asked of the shop: the call, what it is for, and how messages name it."""

    call: Call
    purpose: Purpose
    resource: Resource
    what: str


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer with the ticket of the call that brought it."""

    answer: Answer
    ticket: int

    @property
    def served_at(self) -> datetime | None:
        """The shop's own time."""
        return served_at(self.answer.headers)


class Garbled(NotUnderstood):
    """An answer that is not JSON: it may have been cut on the way, so it is read once more."""


class Caller:
    """Sends reads, tried again, and writes, once."""

    def __init__(
        self,
        shop: Shop,
        client: httpx.AsyncClient,
        tokens: Tokens,
        admission: Admission,
        clock: Clock,
        dice: Dice,
        settings: RemoteSettings,
    ) -> None:
        self._shop = shop
        self._client = client
        self._tokens = tokens
        self._admission = admission
        self._clock = clock
        self._dice = dice
        self._settings = settings
        self._limit = LimitHeader(settings.limit_headers)

    async def read(self, read: Errand, take: Callable[[Heard], T]) -> T:
        """What `take` makes of the answer. Raises Retry, Garbled, ScopeMissing, GrantRevoked, and what `take` raises.

        A pause that the shop asks for and that is longer than `patience_s` is left to the caller."""
        attempt, garbled = 0, False
        while True:
            attempt += 1
            after_s, waits_by_itself = None, False
            try:
                return take(await self._call(read, []))
            except Garbled:
                if garbled or attempt >= self._settings.tries:
                    raise
                garbled = True
            except Retry as problem:
                # After a refusal the next ticket waits by itself.
                after_s, waits_by_itself = problem.after_s, isinstance(problem, Throttled)
                if attempt >= self._settings.tries or (after_s or 0.0) > self._settings.patience_s:
                    raise
            if not waits_by_itself:
                await self._pause(attempt - 1, after_s)

    async def _pause(self, attempt: int, after_s: float | None) -> None:
        base_s, max_s = self._settings.backoff_base_s, self._settings.backoff_max_s
        await self._clock.sleep(delay(attempt, base_s, max_s, self._dice.random(), after_s))

    async def write(self, write: Errand, ticket: int | None) -> Heard:
        """Send a write, once: only a refusal of the token, which comes before anything is taken, sends it again.

        Raises Throttled, RemoteDown, LostAnswer, ScopeMissing, GrantRevoked, DatabaseBusy; success and other refusals
        come back."""
        try:
            heard = await self._call(write, [] if ticket is None else [ticket])
        except NotUnderstood as problem:  # an answer too large to take in
            lost = f"{write.what}: {problem.message}"
        else:
            return heard
        raise LostAnswer(lost)

    async def mark(self, write: Errand) -> int:
        """The budget counter after a write's answer. Raises LostAnswer where it cannot be had: what the answer says has
        no place among other observations then."""
        for attempt in range(self._settings.tries):
            if attempt:
                await self._pause(attempt - 1, None)
            with suppress(DatabaseBusy, DiskProblem):
                return await self._admission.mark()
        raise LostAnswer(f"{write.what}: the answer came, but the state database is too busy to place it.")

    async def _call(self, errand: Errand, tickets: list[int]) -> Heard:
        """One try: usually one HTTP call, two where the token had to be renewed. `tickets` are taken first."""
        flow = auth_flow()
        step = next(flow)
        while True:
            if isinstance(step, NeedToken):
                step = flow.send(await self._tokens.access(stale=step.stale))
                continue
            ticket = tickets.pop() if tickets else await self._admission.ticket(errand.purpose)
            heard = await self._send(errand, step.token, ticket)
            try:
                step = flow.send(heard.answer.status)
            except StopIteration:
                break
        if heard.answer.status == UNAUTHORIZED:
            raise faults.scope_missing(self._shop, errand.resource, errand.what, UNAUTHORIZED)
        return heard

    async def _send(self, errand: Errand, token: Secret, ticket: int) -> Heard:
        """One HTTP call with its ticket. Raises Retry and ScopeMissing; other statuses come back."""
        try:
            answer = await fetch(self._client, self._settings, errand.call, token=token)
        except faults.SENDING_FAILS as problem:
            raise faults.from_exception(problem, self._shop, errand.what) from None
        usage = self._limit.read(answer.headers)
        if usage:
            await self._admission.heard(ticket, usage.used, usage.size)
        after_s = retry_after_s(answer.headers, self._clock.now())
        if self._is_refusal(answer.status, usage):
            await self._admission.refused(after_s, had_header=usage is not None)
            raise faults.throttled(self._shop, errand.what, answer.status, after_s)
        if answer.status == faults.UNSERVED:
            await self._admission.unserved(after_s)
        if errand.call.method != "GET":
            if lost := faults.from_write(answer.status, after_s, self._shop, errand.what):
                raise lost
        elif answer.status >= faults.FAILED:
            raise faults.from_status(answer.status, after_s, self._shop, errand.what)
        if answer.status == faults.REFUSED:
            raise faults.scope_missing(self._shop, errand.resource, errand.what, answer.status)
        return Heard(answer, ticket)

    def _is_refusal(self, status: int, usage: Usage | None) -> bool:
        """429, what the settings add, and a 503 that comes with a full bucket: the reference names no status."""
        if status in self._settings.over_limit_statuses:
            return True
        return status == faults.UNSERVED and usage is not None and usage.is_full
