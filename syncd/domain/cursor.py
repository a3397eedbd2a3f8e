"""Our place in a feed, and what earlier walks established. Pure; stored in the same transaction as the page it stands for.

The watermark is the server's own time at the start of the finished walk, less the overlap, and is promoted only when the
walk ends (design section 5; Singer's progress markers). A resumed walk proves nothing about absence.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum


class Feed(StrEnum):
    """The four ways to look, cheapest first."""

    WINDOW = "window"  # an honoured changed-at filter
    TAIL = "tail"  # count and the page with the newest records
    TRIMMED = "trimmed"  # every page, only keys and stamps
    WHOLE = "whole"  # every page


@dataclass(frozen=True, slots=True)
class Walk:
    """A pass over a feed that is under way. `page` is the next page to ask for (1-based)."""

    feed: Feed
    page: int
    started_at: datetime  # the server's time, ours where it does not say
    ticket: int  # budget ticket when it began: what was sighted before has a smaller one
    resumed: bool = False
    low_stamp: datetime | None = None  # for a window: the value of the filter


@dataclass(frozen=True, slots=True)
class Cursor:
    """One resource of one shop. `filled_at` is when the backfill ended; until then every walk is the backfill."""

    walk: Walk | None = None
    watermark: datetime | None = None
    filled_at: datetime | None = None
    walked_at: datetime | None = None  # end of the last complete walk
    looked_at: datetime | None = None  # end of the last look of any feed
    audited_at: datetime | None = None  # end of the last walk that compared every record's content
    remote_count: int | None = None
    pages_last: int | None = None  # pages of the last complete walk

    def begun(self, feed: Feed, at: datetime, ticket: int, low_stamp: datetime | None = None) -> "Cursor":
        """A new walk from page 1."""
        return replace(self, walk=Walk(feed, 1, at, ticket, low_stamp=low_stamp))

    def resumed(self) -> "Cursor":
        """The walk under way, taken up again by another process: it no longer proves absence."""
        return replace(self, walk=replace(self.walk, resumed=True)) if self.walk else self

    def advanced(self) -> "Cursor":
        """One page is stored."""
        assert self.walk is not None
        return replace(self, walk=replace(self.walk, page=self.walk.page + 1))

    def finished(self, at: datetime, overlap: timedelta, count: int | None) -> "Cursor":
        """The walk has ended: its start becomes the watermark; a whole or trimmed one counts as a complete walk."""
        assert self.walk is not None
        walk = self.walk
        mark = walk.started_at - overlap
        moved = self.watermark is None or mark > self.watermark
        cursor = replace(self, walk=None, watermark=mark if moved else self.watermark, looked_at=at)
        if walk.feed is Feed.TAIL:
            # The tail finds new records only; promoting the watermark would hide changes from a later window.
            cursor = replace(cursor, watermark=self.watermark)
        if walk.feed in (Feed.WHOLE, Feed.TRIMMED):
            pages = walk.page
            cursor = replace(cursor, walked_at=at, pages_last=pages, filled_at=self.filled_at or at)
        if walk.feed is Feed.WHOLE:
            cursor = replace(cursor, audited_at=at)
        return replace(cursor, remote_count=count if count is not None else cursor.remote_count)

    def dropped(self) -> "Cursor":
        """The walk is given up (its feed turned out wrong); what earlier walks established stays."""
        return replace(self, walk=None)
