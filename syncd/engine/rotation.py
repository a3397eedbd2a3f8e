"""The exchange of a one-use refresh token for the next pair; no crash and no second process loses or reuses one.

The order (design section 7), all under the shop's exchange lock: take in the spill -> commit the intent -> exchange
-> spill the new pair -> commit it -> hand it out -> empty the spill. What a crash leaves open is settled by whoever
comes next: a spilled pair is taken in; an intent without one means that nobody knows whether the old token was
spent, and it is tried exactly once more. This is the most careful code of the project. Must not know when a token
is due: `tokens.py` decides that.
"""

from collections.abc import Callable
from functools import partial

from syncd.domain.secret import Secret
from syncd.domain.shop import Shop
from syncd.domain.token import SealedTokens, TokenPhase, TokenSet, is_same_home
from syncd.engine.pairs import Pairs, TokenRules, Vault
from syncd.engine.respite import is_unspent
from syncd.engine.vault_transactions import begin, bury, withdraw
from syncd.errors import (
    DatabaseBusy,
    DiskProblem,
    GrantRevoked,
    LostAnswer,
    SchemaProblem,
    SyncdError,
)
from syncd.ports import Clock, Dice, Log, StateTx
from syncd.ports.teller import Fetched, Order


class Rotation:
    """The rotation of one shop's tokens. `calm` is cleared while stopping could lose a pair."""

    def __init__(self, shop: Shop, vault: Vault, *, clock: Clock, dice: Dice, log: Log, rules: TokenRules) -> None:
        self._shop = shop
        self._vault = vault
        self._clock = clock
        self._log = log
        self._rules = rules
        self._hint = f"Authorise the shop again: syncd auth login {shop.name}"
        self._pairs = Pairs(shop, vault, clock=clock, dice=dice, log=log, rules=rules)
        self.calm = self._pairs.calm
        self.outlives = self._pairs.teller.outlives
        self._unspent: SealedTokens | None = (
            None  # our intent of a token that is not spent: it is still to be taken back
        )

    async def peek(self) -> TokenSet | None:
        """Return the stored pair without any lock; None where there is none that could be used."""
        row = await self._pairs.row()
        return None if row is None or row.phase is TokenPhase.DEAD else self._pairs.open(row)

    async def renewed(self, is_good: Callable[[TokenSet], bool], *, patient: bool, adopt: bool = False) -> TokenSet:
        """Return the stored pair if it is good (somebody else may have renewed it), else exchange it for the next.

        An impatient caller does not wait for the moment when an interrupted exchange may be tried again. `adopt` spends
        a token that another installation stored.

        Raises:
            GrantRevoked: the shop refuses the refresh token, there is none, or it is another installation's.
            RemoteDown: the token was not spent; try again later.
            LostAnswer: nobody knows whether it was; it is tried once more after `exchange_s`.
        """
        async with self._vault.lock.hold(self._shop.id) as held:
            row = self._living(await self._newest())
            home = await self._at_home(row, adopt=adopt)
            if row.phase is TokenPhase.EXCHANGING:
                await self._wait_out(row, patient=patient)
            elif is_good(tokens := self._pairs.open(row)):
                return tokens
            return await self._exchanged(row, held, home)

    async def settled(self) -> None:
        """Take in what the spill holds, and settle an exchange that a crash left open. Raises as `renewed` does."""
        async with self._vault.lock.hold(self._shop.id) as held:
            row = await self._newest()
            if row is None or row.phase is TokenPhase.DEAD:
                return
            home = await self._at_home(row)
            if row.phase is TokenPhase.EXCHANGING:
                await self._wait_out(row, patient=True)
                await self._exchanged(row, held, home)

    async def first(self, code: Secret) -> TokenSet:
        """Exchange the code of a callback, which is a refresh token, and store the pair over whatever was there.

        No intent is written: a person is present and authorises again if this is interrupted, and a refused code
        must not cost the pair that still works.
        """
        async with self._vault.lock.hold(self._shop.id) as held:
            row = await self._pairs.newest()
            generation = 1 if row is None else row.generation + 1
            self._pairs.probe(generation)
            home = await self._pairs.here()
            await self._pairs.teller.ready()
            self.calm.clear()
            try:
                try:
                    fetched = await self._pairs.teller.run(self._order(code, generation, home), held)
                except GrantRevoked as error:
                    raise GrantRevoked("the shop refuses this authorisation code", hint=self._hint) from error
                return self._pairs.open(await self._pairs.keep(fetched))
            finally:
                self.calm.set()

    async def forget(self) -> None:
        """Remove every trace of the shop's tokens."""
        async with self._vault.lock.hold(self._shop.id):
            await self._pairs.forget()

    async def _newest(self) -> SealedTokens | None:
        """The row that stands. An intent that the database could not take back is taken back now: the shop was never
        asked, or turned us away, so this was no interruption. Raises DatabaseBusy where it still cannot."""
        row = await self._pairs.newest()
        if self._unspent is not None and row == self._unspent:
            await self._vault.state.run(partial(withdraw, intent=row))
            row = await self._pairs.newest()
        self._unspent = None
        return row

    def _living(self, row: SealedTokens | None) -> SealedTokens:
        if row is None:
            raise GrantRevoked(f"shop {self._shop.name} is not authorised yet", hint=self._hint)
        if row.phase is TokenPhase.DEAD:
            raise GrantRevoked(row.reason, hint=self._hint)
        return row

    async def _at_home(self, row: SealedTokens, *, adopt: bool = False) -> str:
        """Return which installation this is, if the pair is its own. Two that share a pair would spend each other's
        tokens, and the shop would end the grant of both."""
        home = await self._pairs.here()
        if not adopt and not is_same_home(row.home, home):
            name = self._shop.name
            raise GrantRevoked(
                f"the tokens of shop {name} belong to another installation, of which this one is a copy",
                hint=f"Authorise this one: syncd auth login {name}    (or, if the other one is gone for good:"
                f" syncd auth refresh {name} --adopt)",
            )
        return home

    async def _wait_out(self, row: SealedTokens, *, patient: bool) -> None:
        """Wait until an exchange that was interrupted cannot be under way any more.

        On one machine the file lock says so already: the process that exchanges holds it, whoever sent it. From another
        machine that is not seen, for the database's lock died with the daemon; so the time that an exchange can take
        has to pass, on the database's clock, which all machines share."""
        begun_s = self._clock.wall() if row.started_at is None else row.started_at.timestamp()
        passed_s = max(0.0, await self._vault.state.run(_database_s) - begun_s)
        wait_s = max(0.0, self._rules.exchange_s - passed_s)
        if wait_s > 0 and not patient:
            raise LostAnswer("an exchange of tokens was interrupted; it is settled shortly", after_s=wait_s)
        if wait_s > 0:
            self._log.warning("vault.interrupted", shop=self._shop.name, wait_s=round(wait_s, 1))
            await self._clock.sleep(wait_s)

    async def _exchanged(self, row: SealedTokens, held: int | None, home: str) -> TokenSet:
        if row.replayed:
            reason = "the exchange of its token was interrupted twice, and the outcome is unknown"
            raise await self._buried(row, reason)
        refresh = self._pairs.unseal(row, "refresh", row.refresh)
        await self._pairs.teller.ready()
        self.calm.clear()
        try:
            order = self._order(refresh, row.generation + 1, home)
            intent = await self._vault.state.run(partial(begin, row=row))
            if intent is None:
                raise DatabaseBusy(f"the token row of shop {self._shop.name} was changed by another program")
            return self._pairs.open(await self._pairs.keep(await self._fetched(intent, order, held)))
        finally:
            self.calm.set()

    def _order(self, refresh: Secret, generation: int, home: str) -> Order:
        return Order(self._shop, refresh, generation, self._clock.now(), home)

    async def _fetched(self, intent: SealedTokens, order: Order, held: int | None) -> Fetched:
        try:
            return await self._pairs.teller.run(order, held)
        except GrantRevoked as error:
            after = "after an exchange that was interrupted, " if intent.replayed else ""
            reason = f"{after}the shop refuses the refresh token of {self._shop.name}"
            raise await self._buried(intent, reason) from error
        except SyncdError as error:
            if is_unspent(error):
                await self._withdrawn(intent)
            elif intent.replayed:
                reason = "the exchange of its token was interrupted twice, and the outcome is unknown"
                raise await self._buried(intent, reason) from error
            raise

    async def _buried(self, row: SealedTokens, reason: str) -> GrantRevoked:
        self._log.error("vault.dead", shop=self._shop.name, generation=row.generation, reason=reason)
        await self._vault.state.run(partial(bury, row=row, reason=reason))
        return GrantRevoked(reason, hint=self._hint)

    async def _withdrawn(self, intent: SealedTokens) -> None:
        try:
            await self._vault.state.run(partial(withdraw, intent=intent))
        except (DatabaseBusy, DiskProblem, SchemaProblem) as error:
            # The intent stays for now. What the shop said matters more to the caller.
            self._unspent = intent
            self._log.warning("vault.intent_stays", shop=self._shop.name, reason=error.message)


def _database_s(tx: StateTx) -> float:
    return tx.now()
