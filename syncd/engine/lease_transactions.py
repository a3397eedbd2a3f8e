"""The transactions of leases: one beat of a daemon, which is all that it asks of the mirror while nothing is due; and
taking one shop for a command.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from syncd.domain.lease import NOBODY, Kind, Lease, Replica, Watch, is_free, moment, to_give, to_take
from syncd.domain.shop import Shop, ShopState
from syncd.ports import LeaseTable, MirrorTx

_FORGOTTEN = 20
"""In lengths of a lease: so long after it was last seen a replica's row goes."""


@dataclass(frozen=True, slots=True)
class Member:
    """Who holds leases here. `is_alone`: a lock on the files keeps every other daemon away, so that what another one
    held is free at once, and no clock takes ours from us."""

    owner: str
    host: str
    pid: int
    kind: Kind
    lease_s: float
    is_alone: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """What a beat found: all shops, our leases, which of them to give back, what is known of the others', who has a
    session, and `known`: who holds a lease or counts as living, so that it matters whether it is gone."""

    shops: tuple[Shop, ...]
    mine: Mapping[int, Lease]
    surplus: frozenset[int]
    watches: Mapping[int, Watch]
    signed: frozenset[str]
    known: frozenset[str]


def turn(
    tx: MirrorTx,
    member: Member,
    working: Collection[int],
    watches: Mapping[int, Watch],
    monotonic_s: float,
    *,
    met: frozenset[str] | None,
) -> Turn:
    """One beat: be seen, renew, give back what is no longer worked, take what is free.

    `working` are the shops that somebody still works in this process: none of them is given back, and none that was
    lost meanwhile is taken again. `met` are those whom our last beat found, by a session or by what they hold: who has
    no session now is gone, also one that was dead when we came. None where that beat was late, or was none: the
    database was away, perhaps, for all."""
    table, shops = tx.leases, tx.books.shops()
    active = {shop.id for shop in shops if shop.state is ShopState.ACTIVE}
    table.seen(member.owner, member.host, member.pid)
    table.sign(member.owner)
    signed = table.signed()
    gone = frozenset[str]() if signed is None or met is None else met - signed
    mine = {lease.shop_id: lease for lease in table.renew(member.owner, member.lease_s)}
    idle = [shop_id for shop_id in mine if shop_id not in active and shop_id not in working]
    table.release(member.owner, idle)
    mine = {shop_id: lease for shop_id, lease in mine.items() if shop_id not in idle}
    leases = {lease.shop_id: lease for lease in table.all() if lease.shop_id not in mine}
    watches = watched(watches, leases, monotonic_s)
    living = _others(table, member)
    others = [each for each in living if each.replica not in gone]
    free = {
        shop_id: _free_for_s(leases.get(shop_id), table.now())
        for shop_id in sorted(active - mine.keys() - set(working))
        if _may_take(leases.get(shop_id), watches.get(shop_id), member, table.now(), monotonic_s, gone)
    }
    held = Counter(lease.owner for lease in leases.values())
    counts = [held[each.replica] for each in others]
    surplus = to_give([lease for lease in mine.values() if lease.shop_id in active], counts, len(active), len(free))
    for shop_id in to_take(free, len(mine), counts, len(active), member.lease_s):
        lease = table.take(shop_id, member.owner, member.kind, member.lease_s, leases.get(shop_id))
        if lease is not None:
            mine[shop_id] = lease
    known = frozenset({lease.owner for lease in leases.values()} - {NOBODY} | {each.replica for each in living})
    return Turn(tuple(shops), mine, frozenset(surplus), watches, signed or frozenset(), known)


def watched(before: Mapping[int, Watch], leases: Mapping[int, Lease], monotonic_s: float) -> dict[int, Watch]:
    """What is known of the leases of others after one more look at them."""
    return {
        shop_id: Watch.after(before.get(shop_id), lease, monotonic_s)
        for shop_id, lease in leases.items()
        if not lease.is_given_back
    }


def _others(table: LeaseTable, member: Member) -> list[Replica]:
    """The other daemons that live; rows of those that are long dead go."""
    if member.is_alone:
        return []
    now_s = table.now()
    replicas = [each for each in table.replicas() if each.replica != member.owner]
    for each in replicas:
        if abs(now_s - each.seen_s) > _FORGOTTEN * member.lease_s:
            table.forget(each.replica)
    return [each for each in replicas if each.lives(now_s, member.lease_s)]


def _may_take(
    lease: Lease | None,
    watch: Watch | None,
    member: Member,
    now_s: float,
    monotonic_s: float,
    gone: frozenset[str],
) -> bool:
    if member.is_alone and lease is not None and lease.kind is Kind.DAEMON:
        return True
    is_gone = lease is not None and lease.owner in gone
    return is_free(lease, watch, now_s, monotonic_s, member.lease_s, is_gone=is_gone)


def _free_for_s(lease: Lease | None, now_s: float) -> float:
    """Since when nobody has it; what nobody ever had is taken by whoever comes first."""
    return float("inf") if lease is None else max(0.0, now_s - lease.until_s)


def take_one(
    tx: MirrorTx, shop_id: int, member: Member, watch: Watch | None, monotonic_s: float, *, daemon_lives: bool | None
) -> tuple[Lease, Watch | None]:
    """Take one shop's lease if it is free; else whoever has it, and what is known of that one now. `daemon_lives`:
    what a lock on the files says, whatever a daemon's lease does; None where there is no such lock."""
    table = tx.leases
    lease, now_s = table.load(shop_id), table.now()
    if lease is not None and not lease.is_given_back:
        watch = Watch.after(watch, lease, monotonic_s)
    table.sign(member.owner)
    free = is_free(lease, watch, now_s, monotonic_s, member.lease_s)
    if daemon_lives is not None and lease is not None and not lease.is_given_back and lease.kind is Kind.DAEMON:
        free = not daemon_lives
    if free:
        taken = table.take(shop_id, member.owner, member.kind, member.lease_s, lease)
        if taken is not None:
            return taken, None
        lease = table.load(shop_id) or lease
    if lease is None:  # somebody takes it just now, and has not committed
        return Lease(shop_id, "?", Kind.COMMAND, 0, now_s, moment(now_s)), None
    return lease, watch
