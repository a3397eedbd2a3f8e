"""Which feed to use: the cheapest that is correct for what the shop was seen to do (design section 5).

Pure. A window needs an honoured filter and a watermark; the tail needs a count and a stable order, and finds new
records only; a trimmed walk finds what moved its stamp; the whole walk finds everything.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from syncd.domain.capability import Capabilities, Order
from syncd.domain.cursor import Cursor, Feed
from syncd.domain.resource import Child, Resource


@dataclass(frozen=True, slots=True)
class Choice:
    """A feed, the filter that it uses, and why, in words for people."""

    feed: Feed
    why: str
    filter: str = ""


def pages_of(count: int | None, size: int | None) -> int | None:
    """How many pages `count` records take; None where either is unknown."""
    if count is None or not size:
        return None
    return max(1, ceil(count / size))


def best_filter(resource: Resource, caps: Capabilities) -> str:
    """The honoured filter to use: one on the changed-at stamp before one on the creation time; "" for none."""
    changed = [name for name in caps.filters if name.removesuffix("_min") == resource.stamp]
    return (changed or list(caps.filters) or [""])[0]


def finds_changes(resource: Resource, name: str) -> bool:
    """Whether a window over this filter shows changed records, and not new ones only."""
    return bool(name) and name.removesuffix("_min") == resource.stamp


def choose(
    resource: Resource,
    caps: Capabilities,
    cursor: Cursor,
    *,
    quick: bool,
    audit_period: timedelta,
    now: datetime,
) -> Choice:
    """The feed for the next look. A first fill is a whole walk; a plain look is a complete one."""
    if cursor.filled_at is None:
        return Choice(Feed.WHOLE, "first fill")
    if quick:
        return _quick(resource, caps, cursor)
    due = cursor.audited_at is None or now - cursor.audited_at >= audit_period
    if due:
        return Choice(Feed.WHOLE, "every record is compared once per audit period")
    if _can_trim(resource, caps):
        return Choice(Feed.TRIMMED, "the shop trims listings and its stamps move")
    return Choice(Feed.WHOLE, "nothing cheaper shows every change")


def _can_trim(resource: Resource, caps: Capabilities) -> bool:
    return bool(caps.trims and caps.stamps_move and resource.stamp and resource.stamp in caps.list_shape.fields)


def _quick(resource: Resource, caps: Capabilities, cursor: Cursor) -> Choice:
    name = best_filter(resource, caps)
    if name and cursor.watermark is not None:
        shows = "new and changed" if finds_changes(resource, name) else "new"
        return Choice(Feed.WINDOW, f"{name} is honoured: shows {shows} records", name)
    pages = pages_of(cursor.remote_count, caps.page_size)
    if caps.counts and caps.pages and caps.order in (Order.ID_UP, Order.ID_DOWN) and (pages or 2) > 1:
        return Choice(Feed.TAIL, "count and the newest page: shows new records")
    if _can_trim(resource, caps):
        return Choice(Feed.TRIMMED, "no filter is honoured; keys and stamps of every page")
    return Choice(Feed.WHOLE, "no filter is honoured and nothing cheaper is known")


def taken_up(resource: Resource, caps: Capabilities, cursor: Cursor, choice: Choice) -> tuple[Cursor, Choice]:
    """A walk that was interrupted is taken up before anything else. A tail is cheaper to begin anew, and a window must
    not stand in for the complete walk that is due."""
    walk = cursor.walk
    if walk is None:
        return cursor, choice
    if walk.feed is Feed.TAIL or (walk.feed is Feed.WINDOW and choice.feed is not Feed.WINDOW):
        return cursor.dropped(), choice
    return cursor, Choice(walk.feed, "an interrupted walk goes on", best_filter(resource, caps))


def shows_edits(resource: Resource, choice: Choice, caps: Capabilities) -> bool:
    """Whether a look by this feed finds a record that was edited in the shop, and not new ones only."""
    if choice.feed is Feed.WINDOW:
        return caps.stamps_move and finds_changes(resource, choice.filter)
    return choice.feed is not Feed.TAIL


def calls_of(resource: Resource, choice: Choice, caps: Capabilities, cursor: Cursor, count: int | None) -> int | None:
    """How many calls the look costs when nothing changed; None where the length of the listing is not known.

    A first fill looks at every record by itself too where listings show a part only."""
    match choice.feed:
        case Feed.WINDOW:
            return 1
        case Feed.TAIL:
            return 2
        case Feed.WHOLE | Feed.TRIMMED:
            pages = 1 if caps.pages is False else pages_of(count, caps.page_size) or cursor.pages_last
            if pages is None:
                return None
            counting = bool(caps.counts) and caps.pages is not None
            past_end = not (counting and caps.pages is False)  # else the count says that one answer was all
            looks = count or 0 if cursor.filled_at is None and needs_look(resource, caps) else 0
            return pages + counting + past_end + looks


def missing_children(resource: Resource, caps: Capabilities) -> tuple[Child, ...]:
    """Child lists with an address of their own that no shape of the record carries."""
    carried = caps.list_shape.children | caps.detail_shape.children
    return tuple(child for child in resource.children if child.endpoint and child.name not in carried)


def needs_look(resource: Resource, caps: Capabilities) -> bool:
    """Whether the list form of a changed record is not all of it, so that it must be looked at by itself too."""
    return bool(caps.detail_path) and (not caps.list_is_whole or bool(missing_children(resource, caps)))
