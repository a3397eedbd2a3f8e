"""How a shop stands, in a sentence that anybody understands: the worst that is true comes first.

Pure: figures in, words out. Must not know how they are shown.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from syncd.domain.change import ChangeState
from syncd.domain.shop import Shop, ShopState
from syncd.domain.token import TokenPhase
from syncd.service.web.snapshot import ResourceFigures, Snapshot
from syncd.service.words import amount, duration
from syncd.store.figures import Counts

_LATE_LEAST_S = 120.0


class Tone(IntEnum):
    """How bad it is, the worst first."""

    STOPPED = 0
    NEEDS = 1
    LATE = 2
    BUSY = 3
    PAUSED = 4
    WELL = 5


@dataclass(frozen=True, slots=True)
class Headline:
    """`as_of` is the moment up to which everything was looked at, where there is one. `needs` are what a person must
    do, in a few words each."""

    tone: Tone
    words: str
    detail: str = ""
    as_of: datetime | None = None
    needs: tuple[str, ...] = ()


def headline(shot: Snapshot, shop: Shop) -> Headline:
    """The sentence of a shop."""
    resources = [each for each in shot.resources[shop.id] if each.available]
    as_of = min((each.cursor.looked_at for each in resources if each.cursor.looked_at), default=None)
    needs = tuple(_needs(shot, shop))
    if shop.state is ShopState.NEW:
        return Headline(Tone.STOPPED, "Not connected yet", "The owner of the shop has to agree once.", None, needs)
    tokens = shot.state.tokens.get(shop.id)
    if shop.state is ShopState.QUARANTINED or (tokens is not None and tokens.phase is TokenPhase.DEAD):
        dead = tokens is not None and tokens.phase is TokenPhase.DEAD
        why = "The shop no longer accepts the authorisation that it gave." if dead else _sentence(shop.reason)
        return Headline(Tone.STOPPED, "Stopped: it needs you", why, as_of, needs)
    if shop.state is ShopState.PAUSED:
        return Headline(Tone.PAUSED, "Paused", "Nothing is read or sent until somebody resumes it.", as_of, needs)
    if needs:
        return Headline(Tone.NEEDS, f"Needs you: {_listed(needs)}", _rest(resources), as_of, needs)
    if filling := [each for each in resources if each.cursor.filled_at is None]:
        return Headline(Tone.BUSY, "First load under way", _progress(filling, len(resources)), None)
    if late := [each for each in resources if is_late(each)]:
        worst = max(late, key=lambda each: each.late_s)
        words = f"Behind: {worst.name.replace('_', ' ')} last looked at {duration(worst.lag_s, units=1)} ago"
        return Headline(Tone.LATE, words, "It catches up by itself as soon as the shop answers.", as_of)
    return Headline(Tone.WELL, "Everything is up to date", "", as_of)


def is_late(each: ResourceFigures) -> bool:
    """Whether a look is overdue by more than what waiting for a turn explains."""
    return each.available and each.late_s > max(_LATE_LEAST_S, each.bound_s / 2)


def _needs(shot: Snapshot, shop: Shop) -> Iterator[str]:
    mirror = shot.mirror
    if brakes := _sum(mirror.brakes, shop):
        names = [key[1].replace("_", " ") for key in mirror.brakes if key[0] == shop.id]
        yield f"a brake on {names[0]}" if brakes == 1 else f"{brakes} brakes"
    if conflicts := _sum(mirror.conflicts, shop):
        yield amount(conflicts, "conflict")
    if held := _sum(mirror.outbox, shop, ChangeState.HELD.value):
        yield f"{amount(held, 'edit')} held back"
    if parked := _sum(mirror.outbox, shop, ChangeState.PARKED.value):
        yield f"{amount(parked, 'edit')} stuck"
    if broken := _sum(mirror.parked, shop):
        yield f"{amount(broken, 'record')} unreadable"


def _sum(counts: Counts, shop: Shop, last: str = "") -> int:
    return sum(count for key, count in counts.items() if key[0] == shop.id and last in {"", key[-1]})


def _rest(resources: list[ResourceFigures]) -> str:
    if any(each.cursor.filled_at is None for each in resources):
        return "The first load goes on meanwhile."
    late = any(is_late(each) for each in resources)
    return "Some of the rest is behind." if late else "The rest goes on."


def _progress(filling: list[ResourceFigures], all_: int) -> str:
    current = next((each for each in filling if each.cursor.walk), filling[0])
    count = current.cursor.remote_count
    of = f" of {count:,}" if count else ""
    return (
        f"{all_ - len(filling)} of {all_} done; {current.name.replace('_', ' ')}: {current.rows:,}{of} records so far."
    )


def _listed(parts: tuple[str, ...]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _sentence(reason: str) -> str:
    """The first sentence of a reason."""
    first = reason.partition(". ")[0].rstrip(".")
    return f"{first[:1].upper()}{first[1:]}." if first else "It waits for somebody."
