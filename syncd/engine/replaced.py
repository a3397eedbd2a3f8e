"""Rows that people replaced: deleted, and inserted again with the same remote id. The record lives on in another row.

Who is about to write such a record finds it there before he takes the missing row for a deletion: a hint of it may
still wait to be noticed, and the row would be restored beside the new one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from syncd.domain.change import Change, ChangeState
from syncd.domain.ledger import Images, Known
from syncd.engine.sighting import Scope
from syncd.ports import MirrorTx


def loaded(tx: MirrorTx, scope: Scope, lines: Sequence[Known]) -> tuple[list[Known], dict[int, Images]]:
    """Both images of these records by row, and their ledger lines as they are then.

    A row that somebody holds has no image, and neither has one that was replaced while a change of it is under way."""
    shop_id, resource = scope.shop_id, scope.resource
    images = tx.mirror.load(shop_id, resource, [line.row_id for line in lines])
    missing = {row_id for row_id, image in images.items() if image.local is None and image.base is not None}
    if not missing:
        return list(lines), images
    same = tx.local.rekeyed(shop_id, resource, sorted(missing), scope.at)
    asked = [line.key for line in lines if line.row_id in missing]
    now = tx.ledger.find(shop_id, resource.name, asked)
    followed = [now.get(line.key, line) for line in lines]
    moved = [line.row_id for line in followed if line.row_id not in images]
    if moved:
        images |= tx.mirror.load(shop_id, resource, moved)
    return followed, {row_id: image for row_id, image in images.items() if row_id not in same.later}


def followed(tx: MirrorTx, scope: Scope, change: Change, images: Mapping[int, Images] | None = None) -> Change:
    """A change with the row in which its record is now. One that is under way is about to be settled, so it is no
    hindrance any more. `images` are rows that were loaded in this transaction and are as they were."""
    if not change.key:
        return change
    line = tx.ledger.find(scope.shop_id, scope.resource.name, [change.key]).get(change.key)
    if line is None or line.row_id != change.row_id:
        return change if line is None else replace(change, row_id=line.row_id)
    image = (images or {}).get(change.row_id)
    if image is None:
        image = tx.mirror.load(scope.shop_id, scope.resource, [change.row_id]).get(change.row_id)
    if image is None or image.local is not None or image.base is None:
        return change
    tx.outbox.save(scope.shop_id, replace(change, state=ChangeState.READY))
    tx.local.rekeyed(scope.shop_id, scope.resource, [change.row_id], scope.at)
    line = tx.ledger.find(scope.shop_id, scope.resource.name, [change.key])[change.key]
    return replace(change, row_id=line.row_id)
