"""The calls of the last day as stacked bars: pure figures in, places and sizes out; the template draws them.

Must not know colours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from syncd.store.figures import CallLine

HOURS: Final = 24
HEIGHT: Final = 100.0
_HOUR_S: Final = 3600
_GAP: Final = 0.2
GROUPS: Final = (
    ("push", "Sending your edits", ("push",)),
    ("changes", "Looking for changes", ("incremental", "hint")),
    ("fill", "First load", ("backfill",)),
    ("checks", "Checking everything", ("sweep", "audit")),
    ("people", "Asked for by people", ("user",)),
)
"""Name, words, classes of calls; from the bottom of a bar to its top."""


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a bar. `x`, `width` in hours, `y`, `height` in hundredths of the plot."""

    group: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Hour:
    """One bar; `groups` are calls by the words of the groups, those with none left out."""

    begins: datetime
    calls: int
    groups: tuple[tuple[str, int], ...]
    x: float
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Plot:
    """The whole. `limit` is what the shop allows in an hour, `limit_y` where its line is; None where it is far above
    the bars. `share` is how much of the day's limit was used."""

    hours: tuple[Hour, ...]
    top: int
    limit: int
    limit_y: float | None
    calls: int
    share: float
    groups: tuple[tuple[str, str, int], ...]


def plot(lines: Sequence[CallLine], now_s: float, leak_per_s: float) -> Plot:
    """Lay out the calls of one shop of the last 24 hours, this one included."""
    newest = int(now_s // _HOUR_S)
    oldest = newest - HOURS + 1
    sums = [[0] * len(GROUPS) for _ in range(HOURS)]
    group_of = {klass: place for place, (_, _, classes) in enumerate(GROUPS) for klass in classes}
    for line in lines:
        if oldest <= line.hour <= newest and line.klass in group_of:
            sums[line.hour - oldest][group_of[line.klass]] += line.calls
    limit = max(1, round(leak_per_s * _HOUR_S))
    highest = max(sum(hour) for hour in sums)
    top = _round_up(max(highest, 10))
    if highest > limit / 3:  # then the limit is worth to be seen
        top = _round_up(max(highest, limit))
    total = sum(map(sum, sums))
    return Plot(
        hours=tuple(_hour(hour, place, oldest, top) for place, hour in enumerate(sums)),
        top=top,
        limit=limit,
        limit_y=HEIGHT * (1 - limit / top) if limit <= top else None,
        calls=total,
        share=total / (limit * HOURS),
        groups=tuple((name, words, sum(hour[place] for hour in sums)) for place, (name, words, _) in enumerate(GROUPS)),
    )


def _hour(sums: Sequence[int], place: int, oldest: int, top: int) -> Hour:
    blocks, floor = [], HEIGHT
    for (name, _, _), count in zip(GROUPS, sums, strict=True):
        height = HEIGHT * count / top
        floor -= height
        if count:
            blocks.append(Block(name, place + _GAP / 2, round(floor, 3), 1 - _GAP, round(height, 3)))
    return Hour(
        begins=datetime.fromtimestamp((oldest + place) * _HOUR_S, UTC),
        calls=sum(sums),
        groups=tuple((words, count) for (_, words, _), count in zip(GROUPS, sums, strict=True) if count),
        x=place,
        blocks=tuple(blocks),
    )


def _round_up(figure: float) -> int:
    """The next figure that people like on an axis: 1, 2 or 5 with noughts."""
    size = 1
    while True:
        for step in (1, 2, 5):
            if step * size >= figure:
                return step * size
        size *= 10
