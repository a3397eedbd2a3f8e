"""A token endpoint with one-use refresh tokens, as strict as the real one, that keeps books for the tests' judges.

Written from the outside view: it knows nothing of generations, phases or how the other side stores what it gets.
"""

from dataclasses import dataclass, field

from syncd.domain.secret import Secret
from syncd.domain.shop import Shop
from syncd.errors import GrantRevoked
from syncd.ports import Clock, Granted, Inspected


@dataclass
class TokenServer:
    """Satisfies ports.Exchange. With `grace` the predecessor works until the successor is first used.

    `faults` are taken one per exchange: an error to raise before the exchange happens, or, as ("after", error), when it
    has happened and the answer is lost.
    """

    clock: Clock
    grace: bool = False
    latency_s: float = 0.2
    lifetime_s: float = 1800.0
    scopes: tuple[str, ...] = ("products", "orders")
    faults: list[BaseException | tuple[str, BaseException] | None] = field(default_factory=list)
    current: str = ""
    previous: str = ""
    access: dict[str, float] = field(default_factory=dict)
    issued: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    reused: list[str] = field(default_factory=list)
    exchanges: int = 0
    under_way: int = 0
    most_under_way: int = 0

    def consent(self) -> Secret:
        """The owner agrees: the first refresh token."""
        self.current = self._issue("refresh")
        return Secret(self.current)

    def revoke(self) -> None:
        self.current = self.previous = ""
        self.access.clear()

    def accepts(self, access: Secret) -> bool:
        return self.clock.wall() < self.access.get(access.reveal(), 0.0)

    async def redeem(self, shop: Shop, refresh: Secret) -> Granted:
        self.asked.append(refresh.reveal())
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        fault = self.faults.pop(0) if self.faults else None
        try:
            await self.clock.sleep(self.latency_s / 2)
            if isinstance(fault, BaseException):
                raise fault
            granted = self._exchange(refresh.reveal())
            await self.clock.sleep(self.latency_s / 2)
            if fault is not None:
                raise fault[1]
            return granted
        finally:
            self.under_way -= 1

    async def inspect(self, shop: Shop, access: Secret) -> Inspected:
        await self.clock.sleep(self.latency_s)
        if not self.accepts(access):
            raise GrantRevoked("expired")
        return Inspected(self.scopes, self.access[access.reveal()] - self.clock.wall())

    def _exchange(self, refresh: str) -> Granted:
        if refresh == self.previous and self.grace:
            self.issued.remove(self.current)
        elif refresh != self.current:
            if refresh in self.issued:
                self.reused.append(refresh)
            raise GrantRevoked("invalid_grant")
        self.exchanges += 1
        self.previous, self.current = refresh, self._issue("refresh")
        access = self._issue("access")
        self.access[access] = self.clock.wall() + self.lifetime_s
        return Granted(Secret(access), Secret(self.current), self.lifetime_s)

    def _issue(self, kind: str) -> str:
        token = f"{kind}-token-{len(self.issued) + len(self.asked)}-of-the-server"
        self.issued.append(token)
        return token
