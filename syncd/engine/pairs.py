"""The pairs of tokens of one shop on their way into the vault and out of it: sealed, spilled, stored, opened again.

A new pair is worth more than anything else here: it goes to the spill first, then to the database, and is tried again
until one of the two has it. Must not know when or why a pair is exchanged: that is `rotation.py`.
"""

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Final

from syncd.domain.backoff import delay
from syncd.domain.secret import Secret
from syncd.domain.shop import Shop
from syncd.domain.token import SealedTokens, TokenSet
from syncd.engine.teller import DeskTeller, seal
from syncd.engine.vault_transactions import forget, load, store
from syncd.errors import DatabaseBusy, DiskProblem, SchemaProblem
from syncd.ports import Clock, Dice, Exchange, ExchangeLock, Home, Log, Sealer, Spill, StateTx, Writer
from syncd.ports.teller import Fetched, Teller

_EVERY_GENERATION: Final = 2**62


@dataclass(frozen=True, slots=True)
class TokenRules:
    """The numbers of the vault. All times in seconds.

    `ahead_s` how long before its expiry a token is renewed, `idle_s` the age at which an unused pair is.
    `exchange_s` is the longest time that an exchange can take: no interrupted one is tried again before. After a
    renewal that failed nobody asks again for `again_s`, twice as long after each further failure, up to `again_max_s`.
    Within `doubt_s` a token that the shop refuses right after issuing it is not renewed again. Clocks of two machines
    may differ by `skew_s`. `store_tries` is how often storing a spilled pair is tried. Whoever stops waits `leave_s`
    for an exchange that comes to its end without us.
    """

    ahead_s: float = 300.0
    idle_s: float = 86_400.0
    exchange_s: float = 60.0
    again_s: float = 15.0
    again_max_s: float = 240.0
    doubt_s: float = 60.0
    skew_s: float = 120.0
    leave_s: float = 5.0
    store_tries: int = 8
    store_base_s: float = 0.2
    store_max_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Vault:
    """What a rotation works with: the token endpoint, the rows, the seal, the spill and the lock.

    `teller` None exchanges in this process, `home` None asks nobody where we are."""

    exchange: Exchange
    state: Writer[StateTx]
    sealer: Sealer
    spill: Spill
    lock: ExchangeLock
    teller: Teller | None = None
    home: Home | None = None


class Pairs:
    """The pairs of one shop. `calm` is cleared while stopping could lose one."""

    def __init__(self, shop: Shop, vault: Vault, *, clock: Clock, dice: Dice, log: Log, rules: TokenRules) -> None:
        self._shop = shop
        self._vault = vault
        self._clock = clock
        self._dice = dice
        self._log = log
        self._rules = rules
        self.calm = asyncio.Event()
        self.calm.set()
        self.teller: Teller = vault.teller or DeskTeller(vault.exchange, vault.sealer, vault.spill, self._unspilled)

    async def row(self) -> SealedTokens | None:
        """Return the row as it is stored."""
        return await self._vault.state.run(partial(load, shop_id=self._shop.id))

    async def here(self) -> str:
        """Return which installation this is."""
        return "" if self._vault.home is None else await self._vault.home.here()

    async def forget(self) -> None:
        """Remove the row and what is spilled."""
        await self._vault.state.run(partial(forget, shop_id=self._shop.id))
        self._vault.spill.forget(self._shop.id, _EVERY_GENERATION)

    def probe(self, generation: int) -> None:
        """Make sure that sealing works, before anything is spent. Raises KeyProblem."""
        seal(self._vault.sealer, self._shop.id, "probe", Secret(""), generation)

    async def newest(self) -> SealedTokens | None:
        """Return the row, after storing the spilled pair over it if that is newer, whatever the row's phase.

        It is newer where the database could not take it at the time, and where the database was set back since."""
        row = await self.row()
        for spilled in self._vault.spill.rows():
            if spilled.shop_id != self._shop.id:
                continue
            if row is None or spilled.generation > row.generation:
                row = await self._vault.state.run(partial(store, fresh=spilled))
                self._log.info("vault.taken_in", shop=self._shop.name, generation=row.generation)
            elif spilled.generation < row.generation:
                self._emptied(spilled)  # another machine has exchanged since
        return row

    async def keep(self, fetched: Fetched) -> SealedTokens:
        """Store a new pair; return the row that stands. One that is not spilled is in memory only: it is tried until
        spill or database has it.

        It stays in the spill until the next one comes: so it is there although the database may be set back."""
        fresh, is_spilled, attempt = fetched.row, fetched.is_spilled, 0
        if is_spilled and self.teller.outlives:
            self.calm.set()
        while (standing := await self._stored(fresh, is_spilled, attempt)) is None:
            attempt += 1
            is_spilled = is_spilled or self._spilled(fresh)
            if is_spilled:
                self.calm.set()
            rules = self._rules
            await self._clock.sleep(delay(attempt, rules.store_base_s, rules.store_max_s, self._dice.random()))
        self._log.info("vault.exchanged", shop=self._shop.name, generation=standing.generation)
        return standing

    async def _stored(self, fresh: SealedTokens, is_spilled: bool, attempt: int) -> SealedTokens | None:
        """Try to store; None to try again: without end while the pair lies nowhere else, else `store_tries` times."""
        try:
            return await self._vault.state.run(partial(store, fresh=fresh))
        except (DatabaseBusy, DiskProblem, SchemaProblem) as error:
            self._log.error("vault.unstored", shop=self._shop.name, spilled=is_spilled, reason=error.message)
            if is_spilled and attempt + 1 >= self._rules.store_tries:
                raise
            return None

    def _spilled(self, fresh: SealedTokens) -> bool:
        try:
            self._vault.spill.append(fresh)
        except DiskProblem as error:
            self._unspilled(error.message)
            return False
        return True

    def _unspilled(self, reason: str) -> None:
        self._log.error("vault.unspilled", shop=self._shop.name, reason=reason)

    def _emptied(self, stored: SealedTokens) -> None:
        try:
            self._vault.spill.forget(stored.shop_id, stored.generation)
        except DiskProblem as error:
            # Harmless: the database holds a newer generation, and takes in only newer ones.
            self._log.warning("vault.spill_stays", shop=self._shop.name, reason=error.message)

    def unseal(self, row: SealedTokens, field: str, sealed: str) -> Secret:
        """Unseal one token of a row. Raises KeyProblem."""
        plain = self._vault.sealer.open(sealed, shop=row.shop_id, field=field, generation=row.generation)
        return Secret(plain.decode("utf-8", "surrogatepass"))

    def open(self, row: SealedTokens) -> TokenSet:
        """Unseal the pair of a row. Raises KeyProblem."""
        issued_at = row.issued_at or self._clock.now()
        return TokenSet(
            generation=row.generation,
            access=self.unseal(row, "access", row.access),
            refresh=self.unseal(row, "refresh", row.refresh),
            issued_at=issued_at,
            expires_at=row.expires_at or issued_at,
        )
