"""Leases: who works a shop, for how long, and under which number. Pure.

A lease is a row with an owner and an end on the database's clock. Its **generation** grows by one whenever it changes
hands, so that whoever was stopped and continued can be told from whoever works the shop now. A **replica** is one
daemon process; each works its fair share of the shops.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

LEASE_S: Final = 15.0
"""How long a lease lasts that nobody renews."""
BEATS: Final = 3
"""How often a lease is renewed within its length: two renewals may fail before it is lost."""
NOBODY: Final = ""
_PATIENCE: Final = 2.5
"""In beats: so long a replica counts as living after it was last seen."""


_MISSED: Final = 0.9
"""In beats: who has no session and did not renew for so long missed a beat."""


class Kind(StrEnum):
    """Whose lease it is."""

    DAEMON = "daemon"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class Lease:
    """One row of `sync_leases`. `until_s` is unix seconds on the database's clock; of a lease that was given back it is
    the moment of that, and its owner is nobody. `since` is when it changed hands."""

    shop_id: int
    owner: str
    kind: Kind
    generation: int
    until_s: float
    since: datetime

    @property
    def is_given_back(self) -> bool:
        """Whether its last owner let go of it in order."""
        return self.owner == NOBODY

    def lasts(self, now_s: float) -> bool:
        """Whether somebody holds it, as far as the database's clock tells."""
        return not self.is_given_back and now_s < self.until_s


@dataclass(frozen=True, slots=True)
class Replica:
    """One row of `sync_replicas`: a daemon process, and when it was last seen (the database's clock)."""

    replica: str
    host: str
    pid: int
    seen_s: float
    started_at: datetime

    def lives(self, now_s: float, lease_s: float) -> bool:
        """Whether it was seen lately. What is seen in the future was written before the clock was set back."""
        return abs(now_s - self.seen_s) < _PATIENCE * lease_s / BEATS


@dataclass(frozen=True, slots=True)
class Watch:
    """What one process saw of somebody else's lease, by its own monotonic clock, which nobody sets.

    `is_known` is False until the lease was seen to change: before that nothing tells how old what we see is."""

    lease: Lease
    since_s: float
    is_known: bool

    def rests_s(self, lease: Lease, now_s: float) -> float:
        """For how long the lease has not changed, as far as we saw."""
        return now_s - self.since_s if self.lease == lease else 0.0

    @classmethod
    def after(cls, before: "Watch | None", lease: Lease, now_s: float) -> "Watch":
        """What is known after one more look at it."""
        if before is None:
            return cls(lease, now_s, is_known=False)
        return before if before.lease == lease else cls(lease, now_s, is_known=True)


def taken(before: Lease | None, shop_id: int, owner: str, kind: Kind, now_s: float, lease_s: float) -> Lease:
    """The lease after `owner` took it from whoever had it: another number, hence another generation."""
    generation = 1 if before is None else before.generation + 1
    return Lease(shop_id, owner, kind, generation, now_s + lease_s, moment(now_s))


def renewed(lease: Lease, now_s: float, lease_s: float) -> Lease:
    """The same lease for another while. Time never shortens a lease but when its clock was set back."""
    return replace(lease, until_s=now_s + lease_s)


def given_back(lease: Lease, now_s: float) -> Lease:
    """The lease after its owner let go: its generation stays, so that the next one's is higher."""
    return replace(lease, owner=NOBODY, until_s=now_s)


def moment(now_s: float) -> datetime:
    """Unix seconds as a time in UTC."""
    return datetime.fromtimestamp(now_s, UTC)


def is_free(
    lease: Lease | None,
    watch: Watch | None,
    now_s: float,
    monotonic_s: float,
    lease_s: float,
    *,
    is_gone: bool = False,
) -> bool:
    """Whether a lease may be taken by somebody else. `is_gone`: its holder has no session in the database any more; if
    it did not renew for a beat either, it is dead.

    The database's clock decides only about leases that we did not see move. One that we saw renewed is free when it
    was not renewed for a whole length by our own monotonic clock: then no step of any clock, forward or back, takes a
    shop from a holder that lives, or keeps it with one that is dead."""
    if lease is None or lease.is_given_back:
        return True
    rests_s = watch.rests_s(lease, monotonic_s) if watch is not None else 0.0
    if rests_s >= (_MISSED * lease_s / BEATS if is_gone else lease_s):
        return True
    return not lease.lasts(now_s) and (watch is None or not watch.is_known)


def fair_shares(shops: int, replicas: int) -> tuple[int, int]:
    """How many shops a replica has at least and at most where all are even."""
    least, rest = divmod(shops, max(1, replicas))
    return least, least + (rest > 0)


def to_take(free: Mapping[int, float], mine: int, others: Sequence[int], shops: int, lease_s: float) -> list[int]:
    """Which free shops to take now, by number: `free` says since how many seconds each has no holder, `others` how many
    shops each other living replica has.

    Up to the fair share at once, but nothing that another one lacks. What nobody took within a beat is taken beyond
    that: a replica that just died still counts as living for a moment, and its shops must not wait until it is
    forgotten."""
    least, most = fair_shares(shops, len(others) + 1)
    spare = len(free) - sum(max(0, least - count) for count in others)
    room = min(max(0, most - mine), max(0, least - mine, spare))
    longest = sorted(free, key=lambda shop_id: (-free[shop_id], shop_id))
    rest = [shop_id for shop_id in longest[room:] if free[shop_id] >= lease_s / BEATS]
    return sorted(longest[:room] + rest)


def to_give(mine: Sequence[Lease], others: Sequence[int], shops: int, free: int) -> list[int]:
    """Which of our shops to give back, the last taken first: what is above the fair share, or above the least while
    another replica lacks that; never more than the others will take."""
    least, most = fair_shares(shops, len(others) + 1)
    by_most = min(len(mine) - most, sum(max(0, most - count) for count in others) - free)
    by_least = min(len(mine) - least, sum(max(0, least - count) for count in others) - free)
    youngest = sorted(mine, key=lambda lease: (lease.since, lease.shop_id), reverse=True)
    return [lease.shop_id for lease in youngest[: max(0, by_most, by_least)]]
