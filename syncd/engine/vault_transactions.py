"""What happens to the token row of a shop, each as one transaction; the phases are in `domain/token.py`.

Must not know the tokens: rows pass through here sealed. Every function may be run again after an outcome that nobody
learned, and then changes nothing.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from syncd.domain.token import SealedTokens, TokenPhase
from syncd.errors import DatabaseBusy
from syncd.ports import StateTx


@dataclass(frozen=True, slots=True)
class TokenHealth:
    """What may be shown of a shop's tokens: phase, ages, and what a person must know. Never the tokens. Seconds.

    `age_s` is the time since the last exchange, `home` the installation that made it, `kid` the id of the key that
    sealed it."""

    shop_id: int
    phase: TokenPhase
    generation: int
    age_s: float | None
    expires_in_s: float | None
    reason: str
    home: str = ""
    kid: str = ""


def load(tx: StateTx, shop_id: int) -> SealedTokens | None:
    """Return the row of a shop."""
    return tx.vault.load(shop_id)


def begin(tx: StateTx, row: SealedTokens) -> SealedTokens | None:
    """Commit the intent to exchange the refresh token of `row`; None where the row is not what it was.

    Its moment is the database's, the one clock that all who may come next go by.

    A row that is EXCHANGING already is begun anew: that is the one more try, and it is marked before it leaves.
    """
    is_replay = row.phase is TokenPhase.EXCHANGING
    started_at = datetime.fromtimestamp(tx.now(), UTC)
    intent = replace(row, phase=TokenPhase.EXCHANGING, started_at=started_at, replayed=is_replay)
    return intent if tx.vault.swap(row, intent) else None


def withdraw(tx: StateTx, intent: SealedTokens) -> None:
    """Take the intent back, for the token was not spent. A first try is READY again, the second is still to be made."""
    if intent.replayed:
        before = replace(intent, replayed=False)
    else:
        before = replace(intent, phase=TokenPhase.READY, started_at=None)
    tx.vault.swap(intent, before)


def bury(tx: StateTx, row: SealedTokens, reason: str) -> None:
    """Mark the pair dead: only a new authorisation helps, or a newer pair that turns up in the spill."""
    tx.vault.swap(row, replace(row, phase=TokenPhase.DEAD, started_at=None, reason=reason))


def store(tx: StateTx, fresh: SealedTokens) -> SealedTokens:
    """Store a new pair over any older generation, whatever its phase; return the row that stands then.

    Raises DatabaseBusy where the row changed in the meantime: look again.
    """
    stored = tx.vault.load(fresh.shop_id)
    if stored is not None and stored.generation >= fresh.generation:
        return stored
    if not tx.vault.swap(stored, fresh):
        raise DatabaseBusy("the token row was changed by another program")
    return fresh


def forget(tx: StateTx, shop_id: int) -> None:
    """Remove the row of a shop that is no longer ours."""
    tx.vault.forget(shop_id)


def health(row: SealedTokens, now: datetime) -> TokenHealth:
    """Return what status shows of a row."""
    return TokenHealth(
        shop_id=row.shop_id,
        phase=row.phase,
        generation=row.generation,
        age_s=None if row.issued_at is None else (now - row.issued_at).total_seconds(),
        expires_in_s=None if row.expires_at is None else (row.expires_at - now).total_seconds(),
        reason=row.reason,
        home=row.home,
        kid=row.refresh.split(".")[1] if row.refresh.count(".") else "",
    )
