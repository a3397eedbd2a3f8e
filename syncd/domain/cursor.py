"""Our place in a feed, and what earlier walks established; stored in the same transaction as the page it stands for.

The watermark is the server's own time at the start of the finished walk, less the overlap, and is promoted only when
the walk ends (design section 5; Singer's progress markers). A resumed walk proves nothing about absence.
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
    surplus: int = 0  # records that the shop counts but its listing does not show

    def begun(self, walk: Walk, count: int | None) -> "Cursor":
        """A new walk; `count` is what the shop counted just before it."""
        return replace(self, walk=walk, remote_count=self.remote_count if count is None else count)

    def resumed(self) -> "Cursor":
        """The walk under way, taken up again by another process: it no longer proves absence."""
        return replace(self, walk=replace(self.walk, resumed=True)) if self.walk else self

    def advanced(self) -> "Cursor":
        """One page is stored. Without a walk under way there is nothing to advance."""
        return replace(self, walk=replace(self.walk, page=self.walk.page + 1)) if self.walk else self

    def again(self) -> "Cursor":
        """Another round of the same walk, from page 1."""
        return replace(self, walk=replace(self.walk, page=1)) if self.walk else self

    def finished(self, at: datetime, overlap: timedelta, surplus: int | None = None) -> "Cursor":
        """The walk has ended: its start becomes the watermark, and a whole or trimmed one counts as a complete walk."""
        walk = self.walk
        if walk is None:
            return self
        done = replace(self, walk=None, looked_at=at, surplus=self.surplus if surplus is None else surplus)
        if walk.feed is not Feed.TAIL:
            # The tail shows new records only; promoting the watermark would hide changes from a later window.
            mark = walk.started_at - overlap
            done = replace(done, watermark=mark if self.watermark is None else max(self.watermark, mark))
        if walk.feed in (Feed.WHOLE, Feed.TRIMMED):
            done = replace(done, walked_at=at, pages_last=max(1, walk.page - 1), filled_at=self.filled_at or at)
        if walk.feed is Feed.WHOLE:
            done = replace(done, audited_at=at)
        return done

    def dropped(self) -> "Cursor":
        """The walk is given up (its feed turned out wrong); what earlier walks established stays."""
        return replace(self, walk=None)
