"""What was put off until a moment: after the clock was set back, that moment is drawn nearer.

Must not know why anything was put off.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from syncd.ports import MirrorTx

PUT_OFF: Final = timedelta(seconds=60)
"""After the clock was set back before our eyes, what was put off waits no longer than this: as long as two looks for a
create in doubt must lie apart."""
FAR: Final = timedelta(hours=1)
"""What a life finds put off for longer when it begins was put off by another clock."""


def hasten(tx: MirrorTx, shop_ids: Sequence[int], by: datetime) -> None:
    """What was put off for longer is due by then."""
    for shop_id in shop_ids:
        tx.outbox.hasten(shop_id, by)
        tx.hints.hasten(shop_id, by)
