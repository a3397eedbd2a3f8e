"""Logins under way: somebody was sent to a shop's consent page and has to come back with what we gave along.

Only a print of that is kept, it is used once, and not for long. Must not know who comes back.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select, update

from syncd.store.schema import LOGINS

_L = LOGINS.c


@dataclass(frozen=True, slots=True)
class Login:
    """One of them."""

    print: str
    shop_id: int
    made_at: datetime
    used_at: datetime | None


def print_of(state: str) -> str:
    """What is kept of a state."""
    return hashlib.sha256(state.encode()).hexdigest()


class Logins:
    """`sync_logins` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def begin(self, state: str, shop_id: int, at: datetime) -> None:
        """Somebody is sent off with this state."""
        row = {"print": print_of(state), "shop_id": shop_id, "made_at": at}
        self._connection.execute(LOGINS.insert().values(row))

    def find(self, state: str) -> Login | None:
        """The login with this state, used ones too."""
        row = self._connection.execute(select(LOGINS).where(_L.print == print_of(state))).first()
        return None if row is None else Login(row.print, row.shop_id, row.made_at, row.used_at)

    def open(self, since: datetime) -> list[Login]:
        """Those that nobody came back from and that are not older."""
        rows = select(LOGINS).where(_L.used_at.is_(None), _L.made_at >= since).order_by(_L.made_at)
        return [Login(row.print, row.shop_id, row.made_at, None) for row in self._connection.execute(rows)]

    def use(self, state: str, at: datetime) -> bool:
        """Somebody came back with this state. False where somebody did before."""
        once = update(LOGINS).where(_L.print == print_of(state), _L.used_at.is_(None)).values(used_at=at)
        return self._connection.execute(once).rowcount == 1

    def forget(self, before: datetime) -> None:
        """Remove old ones."""
        self._connection.execute(delete(LOGINS).where(_L.made_at < before))
