"""A shop's vault on one desk: real database, seal, spill and lock, a one-use token server, faults at every door."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from syncd.domain.shop import Shop
from syncd.domain.token import SealedTokens, TokenPhase
from syncd.engine.pairs import TokenRules, Vault
from syncd.engine.tokens import ShopTokens
from syncd.host.cipher import KeyRing
from syncd.host.lock import ExchangeLocks
from syncd.host.spill import SpillFolder
from syncd.ports import Home
from syncd.store.disk import StoreDisk, open_disk
from tests.engine.faults import Fuse, FusedExchange, FusedSpill, FusedWriter, no_pause
from tests.engine.token_server import TokenServer
from tests.engine.virtual import KeptLog, LoopClock, SeededDice
from tests.support.ready import make_ready

RULES = TokenRules()


def shop(shop_id: int = 1, name: str = "demo", company_id: int | None = None) -> Shop:
    return Shop(
        id=shop_id,
        name=name,
        base_url="https://shop.test",
        oauth_url="https://oauth.test",
        client_id="syncd.test",
        redirect_uri="http://127.0.0.1:8765/callback",
        scopes=("products", "orders"),
        company_id=company_id,
    )


@dataclass
class Desk:
    """What outlives a process: the disk, the spill, the server, time. `process` starts one, with its own memory."""

    disk: StoreDisk
    folder: Path
    clock: LoopClock
    log: KeptLog = field(default_factory=KeptLog)
    keys: KeyRing = field(default_factory=lambda: KeyRing([b"k" * 32]))

    @property
    def spill(self) -> SpillFolder:
        return SpillFolder(self.folder / "spill")

    def process(
        self,
        server: TokenServer,
        of: Shop | None = None,
        *,
        fuse: Fuse | None = None,
        rules: TokenRules = RULES,
        home: Home | None = None,
    ) -> ShopTokens:
        fuse = fuse or Fuse()
        vault = Vault(
            exchange=FusedExchange(server, fuse),
            state=FusedWriter(self.disk.state, fuse),
            sealer=self.keys,
            spill=FusedSpill(self.spill, fuse),
            lock=ExchangeLocks(self.folder, self.clock.sleep),
            home=home,
        )
        return ShopTokens(of or shop(), vault, clock=self.clock, dice=SeededDice(), log=self.log, rules=rules)

    def server(self, **settings: object) -> TokenServer:
        return TokenServer(self.clock, **settings)  # type: ignore[arg-type]

    async def row(self, shop_id: int = 1) -> SealedTokens:
        row = await self.disk.state.run(lambda tx: tx.vault.load(shop_id))
        assert row is not None
        return row

    async def phase(self, shop_id: int = 1) -> TokenPhase:
        return (await self.row(shop_id)).phase

    async def authorised(self, server: TokenServer, of: Shop | None = None) -> ShopTokens:
        """A process that has just made the first exchange."""
        tokens = self.process(server, of)
        await tokens.first_exchange(server.consent())
        return tokens

    async def pass_time(self, seconds: float) -> None:
        await self.clock.sleep(seconds)


@contextmanager
def desk(url: str, folder: Path) -> Iterator[Desk]:
    make_ready(url)
    clock = LoopClock()
    disk = open_disk(url, clock=clock, inline_pause=no_pause)
    try:
        yield Desk(disk, folder, clock)
    finally:
        disk.close()


def numbered(number: int) -> Shop:
    """One shop of many in one database."""
    return replace(shop(), id=number, name=f"shop-{number}")
