"""Taking observations into the mirror: plain functions that run inside one transaction and never wait.

An observation goes in only if nothing newer is known of its record; what differs is decided by `domain.reconcile`, so
that a pull never overwrites a local edit. The caller saves its cursor in the same transaction.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from syncd.domain.change import HistoryLine, Origin
from syncd.domain.decision import ABSENT, CreateRemote, Decision, DeleteLocal, DeleteRemote, Sighting
from syncd.domain.history import differences
from syncd.domain.ledger import HintSource, Images, Known
from syncd.domain.reconcile import reconcile
from syncd.domain.record import Broken
from syncd.domain.run import Tally
from syncd.engine.binding import bound
from syncd.engine.replaced import loaded
from syncd.engine.sighting import Form, Scope, Seen
from syncd.ports import MirrorTx


@dataclass(frozen=True, slots=True)
class Taken:
    """What a transaction did, and what it learned about the feed."""

    tally: Tally
    moved_under_stamp: tuple[str, ...] = ()  # changed although the stamp stood still
    changed: tuple[tuple[str, datetime | None], ...] = ()  # keys that changed, with their new stamps
    images: Mapping[int, Images] = field(default_factory=dict)  # by row: those that were loaded and left as they are

    def with_(self, others: "Sequence[Taken]") -> "Taken":
        """All of it together."""
        tally, moved, changed = Tally(), self.moved_under_stamp, self.changed
        for each in (self, *others):
            tally.add(each.tally)
        for each in others:
            moved, changed = moved + each.moved_under_stamp, changed + each.changed
        return Taken(tally, moved, changed)


def take(tx: MirrorTx, scope: Scope, seen: Sequence[Seen], broken: Sequence[Broken] = ()) -> Taken:
    """Reconcile observations with base and mirror, and write what follows; park what is broken.

    Rows that moved, are locked by somebody else, or about which something newer is known, become hints."""
    name = scope.resource.name
    tally = Tally(seen=len(seen) + len(broken), parked=len(broken))
    latest = {each.item.key: each for each in seen}
    lines = tx.ledger.find(scope.shop_id, name, list(latest))
    unknown = [key for key in latest if key not in lines]
    if unknown and tx.ledger.alone(scope.shop_id, name):
        lines |= tx.ledger.find(scope.shop_id, name, unknown)
    lines |= bound(tx, scope, [each for key, each in latest.items() if key not in lines])
    fresh = [each for key, each in latest.items() if key not in lines]
    later = [(each, lines[key]) for key, each in latest.items() if key in lines]
    stale = [each.item.key for each, line in later if line.as_of > each.ticket]
    due = [(each, line) for each, line in later if line.as_of <= each.ticket]

    put = _insert(tx, scope, fresh, tally)
    updated, skipped, facts = _update(tx, scope, due, tally)
    tx.ledger.put(scope.shop_id, name, [*put, *updated])
    tally.stale += len(stale)
    _leave(tx, scope, [*stale, *skipped], HintSource.STALE, tally)
    _leave(tx, scope, [e.item.key for e in latest.values() if e.lacks_detail], HintSource.LISTING, tally)
    if broken:
        tx.books.park(scope.shop_id, name, broken, scope.at)
    if latest:
        tx.books.unpark(scope.shop_id, name, list(latest))
    return replace(facts, tally=tally)


def _insert(tx: MirrorTx, scope: Scope, fresh: Sequence[Seen], tally: Tally) -> list[Known]:
    if not fresh:
        return []
    rows = tx.mirror.insert(scope.shop_id, scope.resource, [each.record for each in fresh], scope.at)
    tally.inserted += len(fresh)
    blanks = (Known(each.item.key, row, each.ticket) for each, row in zip(fresh, rows, strict=True))
    return [_noted(blank, each, scope.at) for blank, each in zip(blanks, fresh, strict=True)]


def _update(
    tx: MirrorTx, scope: Scope, due: Sequence[tuple[Seen, Known]], tally: Tally
) -> tuple[list[Known], list[str], Taken]:
    if not due:
        return [], [], Taken(tally)
    tx.mirror.revive(
        scope.shop_id, scope.resource, [line.row_id for _, line in due if line.gone_at is not None], scope.at
    )
    lines, images = loaded(tx, scope, [line for _, line in due])
    put: list[Known] = []
    skipped: list[str] = []
    moved: list[str] = []
    changed: list[tuple[str, datetime | None]] = []
    left: dict[int, Images] = {}
    for (each, _), line in zip(due, lines, strict=True):
        image = images.get(line.row_id)
        if image is None:
            skipped.append(line.key)
            continue
        decision = _decided(tx, scope, image, each.item.key, each.record)
        differs = decision.base_after != image.base
        if differs or decision.local_after != image.local:
            tx.mirror.write(scope.shop_id, scope.resource, image, decision.local_after, decision.base_after, scope.at)
        else:
            left[line.row_id] = image
        tally.conflicts += len(decision.conflicts)
        if differs:
            tally.updated += 1
            changed.append((line.key, each.item.stamp))
            if each.item.stamp is not None and each.item.stamp == line.stamp and line.gone_at is None:
                moved.append(line.key)
        else:
            tally.same += 1
        put.append(_noted(replace(line, gone_at=None, missed=0), each, scope.at))
    return put, skipped, Taken(tally, tuple(moved), tuple(changed), left)


def _decided(tx: MirrorTx, scope: Scope, image: Images, key: str, seen: Sighting) -> Decision:
    """Reconcile one record, with what people chose for its conflicts; keep its conflicts, refusals and history."""
    name, shop_id = scope.resource.name, scope.shop_id
    parked = tx.conflicts.paths(shop_id, name, image.row_id)
    picks = tx.conflicts.picks(shop_id, name, image.row_id) if parked else {}
    policy = scope.policy.resolved(picks) if picks else scope.policy
    decision = reconcile(scope.resource, image.base, image.local, seen, policy, image.unreadable)
    if parked or decision.conflicts:
        tx.conflicts.derive(shop_id, name, key, image.row_id, decision.conflicts, scope.at)
    if decision.refused:
        tx.outbox.turn_down(shop_id, name, key, image.row_id, decision.refused, scope.at)
    moved = image.base is not decision.base_after
    changes = differences(scope.resource, image.base, decision.base_after) if moved and seen is not ABSENT else {}
    if changes and image.base is not None:
        origin = Origin.RESOLUTION if picks else Origin.MERGE if decision.to_remote else Origin.SHOP
        tx.history.write(shop_id, [HistoryLine(name, key, image.row_id, scope.at, origin, changes)])
    if (decision.to_remote or isinstance(decision, DeleteRemote)) and (moved or picks):
        # The edit stands against something new: what was refused or parked before may be tried again.
        tx.hints.leave(shop_id, name, [key], HintSource.LOCAL, scope.at)
    return decision


def _noted(line: Known, each: Seen, at: datetime) -> Known:
    """The ledger line after this observation."""
    stamp = each.item.stamp if each.item.stamp is not None else line.stamp
    line = replace(line, as_of=each.ticket, stamp=stamp, compared_at=line.compared_at if each.lacks_detail else at)
    if each.form is Form.LISTED:
        return replace(line, list_print=each.item.fingerprint)
    return replace(line, detail_print=each.item.fingerprint)


def _leave(tx: MirrorTx, scope: Scope, keys: Iterable[str], source: HintSource, tally: Tally) -> None:
    wanted = list(dict.fromkeys(keys))
    if wanted:
        tx.hints.leave(scope.shop_id, scope.resource.name, wanted, source, scope.at)
        tally.hints += len(wanted)


def bury(tx: MirrorTx, scope: Scope, absent: Sequence[tuple[str, int]]) -> int:
    """Turn records that a direct look (its ticket given) did not find into tombstones; returns how many.

    An edited row stays as it is: an edit never vanishes because the other side deleted (design section 4). Where the
    edit is to win, the row waits to be created anew."""
    name = scope.resource.name
    tickets = dict(absent)
    lines = tx.ledger.find(scope.shop_id, name, list(tickets))
    living = [line for line in lines.values() if line.gone_at is None and line.as_of <= tickets[line.key]]
    going, images = loaded(tx, scope, living)
    gone: list[Known] = []
    asked: list[Known] = []
    buried: list[int] = []
    for line in going:
        image = images.get(line.row_id)
        if image is None:
            continue
        decision = _decided(tx, scope, image, line.key, ABSENT)
        if isinstance(decision, CreateRemote):
            tx.mirror.write(scope.shop_id, scope.resource, image, decision.local_after, decision.base_after, scope.at)
        elif isinstance(decision, DeleteLocal) or image.local is None:
            buried.append(line.row_id)
        else:
            asked.append(replace(line, compared_at=scope.at))
            continue
        gone.append(replace(line, gone_at=scope.at, as_of=tickets[line.key], missed=0))
    if gone:
        tx.history.write(
            scope.shop_id,
            [HistoryLine(name, g.key, g.row_id, scope.at, Origin.SHOP, {"": ("present", "deleted")}) for g in gone],
        )
        tx.mirror.bury(scope.shop_id, scope.resource, buried, scope.at)
    tx.ledger.put(scope.shop_id, name, [*gone, *asked])
    return len(gone)
