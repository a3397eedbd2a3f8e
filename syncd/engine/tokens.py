"""The access token of one shop, ready when a call needs it: says when a pair is due, renews it once for everybody.

However many calls ask, one renewal runs in this process, and `rotation.py` sees to it that none runs in another. It
runs to its end even where the call that asked for it was cancelled. Must not know what the token is used for.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any

from syncd.domain.secret import Secret
from syncd.domain.shop import Shop
from syncd.domain.token import TokenSet
from syncd.engine.pairs import TokenRules, Vault
from syncd.engine.respite import Respite
from syncd.engine.rotation import Rotation
from syncd.engine.vault_transactions import TokenHealth, health, load
from syncd.errors import NeedsPerson, NotUnderstood, RemoteDown, Retry
from syncd.ports import Clock, Dice, Inspected, Log


@dataclass(frozen=True, slots=True)
class _Held:
    """A pair in memory; `until_s` is its end on the monotonic clock, which no step of the wall clock moves."""

    tokens: TokenSet
    until_s: float


class ShopTokens:
    """The tokens of one shop (satisfies `ports.Tokens`)."""

    def __init__(
        self,
        shop: Shop,
        vault: Vault,
        *,
        clock: Clock,
        dice: Dice,
        log: Log,
        rules: TokenRules | None = None,
    ) -> None:
        self._shop = shop
        self._vault = vault
        self._clock = clock
        self._log = log
        self._rules = rules or TokenRules()
        self._rotation = Rotation(shop, vault, clock=clock, dice=dice, log=log, rules=self._rules)
        self._flight: asyncio.Task[TokenSet] | None = None
        self._held: _Held | None = None
        self._respite = Respite(clock, dice, self._rules)
        self._doubted = (0, 0.0)

    async def access(self, stale: Secret | None = None) -> Secret:
        """Return an access token that should work. `stale` is one that the shop just refused: it is renewed.

        A renewal that fails for now is put off; as long as the old token still works, that one is returned.

        Raises:
            GrantRevoked: a person must authorise the shop again.
            Retry: the token endpoint or the database is away, and no usable token is left.
        """
        if self._held is None and (stored := await self._rotation.peek()) is not None:
            self._hold(stored)
        held = self._held
        works = held is not None and self._lasts(held, 0.0) and held.tokens.access != stale
        if held is not None and works:
            if self._lasts(held, self._ahead_s(held.tokens)) or self._respite.lasts:
                return held.tokens.access
        elif held is not None:
            self._refuse_to_race(held.tokens, stale)
        if not works and (problem := self._respite.problem()) is not None:
            stored = await self._rotation.peek()
            if stored is None or not self._is_good(stored, stale):  # else another process had more luck
                raise problem
        try:
            tokens = await self._renewed(lambda pair: self._is_good(pair, stale), patient=not works)
        except Retry as error:
            if held is None or not works:
                raise
            self._log.warning("vault.put_off", shop=self._shop.name, reason=error.message)
            return held.tokens.access
        if stale is not None:
            self._doubted = (tokens.generation, self._clock.monotonic())
        return tokens.access

    async def refresh(self, *, adopt: bool = False) -> None:
        """Renew the pair now, however young it is and whatever failed a moment ago: a person waits. `adopt` also
        another installation's. Raises as `access` does."""
        stored = await self._rotation.peek()
        generation = 0 if stored is None else stored.generation
        await self._renewed(lambda pair: pair.generation > generation, patient=True, adopt=adopt)

    async def tend(self) -> None:
        """Renew a pair that has not been used for long, so that a grant never ages out. Raises as `access` does."""
        stored = await self._rotation.peek()
        if stored is not None and not self._is_young(stored):
            await self._renewed(self._is_young, patient=True)

    async def recover(self) -> None:
        """Settle at start what a crash left open: the spill first, then an exchange without an outcome.

        Waits up to `exchange_s` where one was interrupted a moment ago. Raises as `access` does.
        """
        await self._rotation.settled()

    async def first_exchange(self, code: Secret) -> None:
        """Exchange the code of a callback; `authorise.py` binds the shop to its company around this."""
        if self._flight is not None and not self._flight.done():
            await asyncio.wait([self._flight])
        self._hold(await asyncio.shield(self._started(self._rotation.first(code))))
        self._respite.end()

    async def inspect(self) -> Inspected:
        """Ask the shop what the grant covers. Raises Retry, NotUnderstood, GrantRevoked."""
        return await self._vault.exchange.inspect(self._shop, await self.access())

    async def scopes(self) -> tuple[str, ...]:
        """Return the scopes that were granted; those that were asked for where the shop does not say."""
        try:
            return (await self.inspect()).scopes or self._shop.scopes
        except (Retry, NotUnderstood, NeedsPerson) as error:
            self._log.warning("vault.scopes_unknown", shop=self._shop.name, reason=error.message)
            return self._shop.scopes

    async def health(self) -> TokenHealth | None:
        """Return ages, generation and phase, never the tokens; None before the first authorisation."""
        row = await self._vault.state.run(partial(load, shop_id=self._shop.id))
        return None if row is None else health(row, self._clock.now())

    async def forget(self) -> None:
        """Remove every trace of the shop's tokens from database and spill."""
        self._held = None
        await self._rotation.forget()

    async def close(self) -> None:
        """Let a renewal that is under way end: a pair that was exchanged is stored or spilled before this returns.

        One that only waits for its turn is called off. One that outlives us gets `leave_s`, and is left to itself then.
        """
        if self._rotation.outlives:
            calm = asyncio.ensure_future(self._rotation.calm.wait())
            late = asyncio.ensure_future(self._clock.sleep(self._rules.leave_s))
            await asyncio.wait([calm, late], return_when=asyncio.FIRST_COMPLETED)
            calm.cancel()
            late.cancel()
        else:
            await self._rotation.calm.wait()
        if self._flight is not None and not self._flight.done():
            self._flight.cancel()
            await asyncio.wait([self._flight])

    async def _renewed(self, is_good: Callable[[TokenSet], bool], *, patient: bool, adopt: bool = False) -> TokenSet:
        while True:
            flight = self._flight
            is_mine = flight is None or flight.done()
            if flight is None or is_mine:
                flight = self._started(self._tried(is_good, patient=patient, adopt=adopt))
            tokens = await asyncio.shield(flight)
            if is_mine or is_good(tokens):  # else it was begun by somebody whom an older pair satisfied
                self._hold(tokens)
                return tokens

    async def _tried(self, is_good: Callable[[TokenSet], bool], *, patient: bool, adopt: bool) -> TokenSet:
        """One renewal, for however many wait for it: its failure is one failure."""
        try:
            tokens = await self._rotation.renewed(is_good, patient=patient, adopt=adopt)
        except (Retry, NotUnderstood) as problem:
            self._respite.begin(problem)
            raise
        self._respite.end()
        return tokens

    def _started(self, renewal: Coroutine[Any, Any, TokenSet]) -> asyncio.Task[TokenSet]:
        """Run it as a task of its own, which a cancelled caller leaves running; `close` waits for it."""
        self._flight = asyncio.get_running_loop().create_task(renewal)
        # Where every caller was cancelled nobody else looks at the outcome; the rotation has logged it.
        self._flight.add_done_callback(lambda task: task.cancelled() or task.exception())
        return self._flight

    def _hold(self, tokens: TokenSet) -> None:
        now_s = self._clock.monotonic()
        self._held = _Held(tokens, now_s + self._left_s(tokens))

    def _left_s(self, tokens: TokenSet) -> float:
        """Seconds that a pair is good for by the wall clock; none where that clock was set back since it was issued."""
        now = self._clock.now()
        if (tokens.issued_at - now).total_seconds() > self._rules.skew_s:
            return 0.0
        return min((tokens.expires_at - now).total_seconds(), _lifetime_s(tokens))

    def _lasts(self, held: _Held, seconds: float) -> bool:
        """Whether it lasts so long by both clocks: one can be set, the other stands while the machine sleeps."""
        by_monotonic_s = held.until_s - self._clock.monotonic()
        return min(by_monotonic_s, self._left_s(held.tokens)) > seconds

    def _ahead_s(self, tokens: TokenSet) -> float:
        return min(self._rules.ahead_s, _lifetime_s(tokens) / 2)

    def _is_good(self, tokens: TokenSet, stale: Secret | None) -> bool:
        return tokens.access != stale and self._left_s(tokens) > self._ahead_s(tokens)

    def _is_young(self, tokens: TokenSet) -> bool:
        return (self._clock.now() - tokens.issued_at).total_seconds() < self._rules.idle_s

    def _refuse_to_race(self, tokens: TokenSet, stale: Secret | None) -> None:
        """A shop that refuses what it has just issued would otherwise be asked for tokens as fast as calls come."""
        generation, at_s = self._doubted
        is_recent = self._clock.monotonic() - at_s < self._rules.doubt_s
        if tokens.access == stale and tokens.generation == generation and is_recent:
            raise RemoteDown(
                f"shop {self._shop.name} refuses the access token that it has just issued",
                hint=f"See what the grant covers: syncd doctor {self._shop.name}",
                after_s=self._rules.doubt_s,
            )


def _lifetime_s(tokens: TokenSet) -> float:
    return (tokens.expires_at - tokens.issued_at).total_seconds()
