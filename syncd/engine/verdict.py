"""The end of a walk: the watermark is promoted, and what the walk did not show is judged under the brake."""

from syncd.domain.cursor import Cursor
from syncd.domain.ledger import Brake, HintSource
from syncd.domain.sweep import Absence, brake_holds, judged
from syncd.engine.rules import PullRules
from syncd.engine.sighting import Scope
from syncd.engine.take import bury
from syncd.engine.trip import Trip
from syncd.ports import MirrorTx


def close(tx: MirrorTx, scope: Scope, trip: Trip, cursor: Cursor, rules: PullRules, *, complete: bool) -> int:
    """Save the finished `cursor` and the capabilities; judge absence where the walk was `complete` and not resumed.

    Returns how many records became tombstones at once: those of a resource that cannot be looked at directly."""
    name = trip.resource.name
    gone = 0
    if complete:
        absence = judged(tx.ledger.keys(scope.shop_id, name), trip.keys, trip.walk.ticket + 1)
        tx.ledger.walked(scope.shop_id, name, absence.missed, absence.back)
        gone = _suspect(tx, scope, trip, absence, rules)
        _unpark_keyless(tx, scope, trip)
    tx.books.save_cursor(scope.shop_id, name, cursor)
    tx.books.save_capabilities(scope.shop_id, name, trip.caps)
    return gone


def _unpark_keyless(tx: MirrorTx, scope: Scope, trip: Trip) -> None:
    """Records without a key are known by their place on a page: of those, only what this walk met stays parked."""
    parked = [each for each in tx.books.parked(scope.shop_id) if each.resource == trip.resource.name and not each.key]
    if {each.path for each in parked} - {each.path for each in trip.keyless}:
        tx.books.unpark(scope.shop_id, trip.resource.name, [""])
        tx.books.park(scope.shop_id, trip.resource.name, trip.keyless, scope.at)


def _suspect(tx: MirrorTx, scope: Scope, trip: Trip, absence: Absence, rules: PullRules) -> int:
    """Ask for a direct look at what two walks missed, unless so much would go that a person must say so."""
    name = trip.resource.name
    brake = next((brake for brake in tx.books.brakes(scope.shop_id) if brake.resource == name), None)
    live = tx.mirror.count(scope.shop_id, trip.resource)
    holds = brake_holds(absence.suspects, live, least=rules.brake_least, share=rules.brake_share)
    if holds and not (brake and brake.approved):
        reason = f"{len(absence.suspects)} of {live} records are no longer listed"
        tx.books.set_brake(scope.shop_id, Brake(name, reason, len(absence.suspects), scope.at))
        return 0
    if brake:
        tx.books.lift_brake(scope.shop_id, name)
    if not absence.suspects:
        return 0
    if trip.caps.detail_path:
        tx.hints.leave(scope.shop_id, name, absence.suspects, HintSource.MISSED, scope.at)
        return 0
    return bury(tx, scope, [(key, trip.walk.ticket) for key in absence.suspects])
