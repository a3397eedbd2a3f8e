"""Every secret that passes is made known to the log's redactor, so that no log line can show it.

Thin coats around the two doors through which secrets come in: the token endpoint and the seal.
"""

from syncd.domain.secret import Secret
from syncd.domain.shop import Shop
from syncd.host.redaction import Redactor
from syncd.ports import Exchange, Granted, Inspected, Sealer


class HushedExchange:
    """A token endpoint whose secrets the redactor knows (satisfies `ports.Exchange`)."""

    def __init__(self, inner: Exchange, redactor: Redactor) -> None:
        self._inner = inner
        self._redactor = redactor

    async def redeem(self, shop: Shop, refresh: Secret) -> Granted:
        """Spend the refresh token; see `ports.Exchange`."""
        self._redactor.know(refresh)
        granted = await self._inner.redeem(shop, refresh)
        self._redactor.know(granted.access)
        self._redactor.know(granted.refresh)
        return granted

    async def inspect(self, shop: Shop, access: Secret) -> Inspected:
        """Ask what the token covers; see `ports.Exchange`."""
        return await self._inner.inspect(shop, access)


class HushedSealer:
    """A seal whose opened secrets the redactor knows (satisfies `ports.Sealer`)."""

    def __init__(self, inner: Sealer, redactor: Redactor) -> None:
        self._inner = inner
        self._redactor = redactor

    def seal(self, plain: bytes, *, shop: int, field: str, generation: int) -> str:
        """See `ports.Sealer`."""
        return self._inner.seal(plain, shop=shop, field=field, generation=generation)

    def open(self, sealed: str, *, shop: int, field: str, generation: int) -> bytes:
        """See `ports.Sealer`."""
        plain = self._inner.open(sealed, shop=shop, field=field, generation=generation)
        self._redactor.know(Secret(plain.decode()))
        return plain
