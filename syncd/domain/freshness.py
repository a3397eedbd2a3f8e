"""How often to look so that an edit in a shop is in the mirror within a wanted time, as far as the call budget allows.

Looks of one shop share the leak of its bucket, and looks of one lane wait for each other. What a target costs is
known from the feed that is used; where all targets together cost more than there is, each gets at most an even
share, and what a cheap one leaves over goes to the dear ones. Pure. Must not know how a look is made.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

SHARE: Final = 0.6
"""The part of the leak that looks may use in the long run: pushes, hints and walks need the rest."""
LEAST_SHARE: Final = 0.1
"""What targets get at least, however much the fixed looks take."""
JITTER: Final = 0.1
EVERY_LEAST_S: Final = 1.0
LATENCY_S: Final = 0.5
"""A look that need not wait for the budget takes about this long."""
_BURST: Final = 0.6


class Limit(StrEnum):
    """What keeps a target from being met."""

    NONE = ""
    BUDGET = "budget"  # the calls that are left for it
    LOOK = "look"  # the look itself takes too long
    LANE = "lane"  # another look goes before it
    UNKNOWN = "unknown"  # what a look costs is known after the first complete walk


@dataclass(frozen=True, slots=True)
class Look:
    """One job that looks at a resource. `calls` is None where it is not known yet; a job has a target, or an interval
    of its own (None: so seldom that it does not count)."""

    resource: str
    by_walk: bool
    calls: int | None
    every_s: float | None = None
    target_s: float | None = None


@dataclass(frozen=True, slots=True)
class Reach:
    """What becomes of a target: the interval of its looks, and within which time an edit is really found (`bound_s`,
    None while unknown). `calls_per_s` is what the budget grants; `wait_s` what the look and those before it take."""

    resource: str
    by_walk: bool
    target_s: float
    every_s: float
    bound_s: float | None
    calls: int | None
    calls_per_s: float
    wait_s: float
    limit: Limit
    behind: str = ""

    @property
    def is_met(self) -> bool:
        """Whether the target is kept."""
        return self.limit is Limit.NONE


def reach(looks: Sequence[Look], *, leak: float, size: float) -> dict[str, Reach]:
    """How each target of one shop is met, by resource; `leak` in calls a second, `size` in calls."""
    fixed = sum((look.calls or 0) / look.every_s for look in looks if look.target_s is None and look.every_s)
    wanted = [look for look in looks if look.target_s is not None]
    wishes = {look.resource: _wished(look, looks, leak, size) for look in wanted}
    demand = {look.resource: (look.calls or 0) / wishes[look.resource] for look in wanted}
    granted = shared(demand, max(SHARE * leak - fixed, LEAST_SHARE * leak))
    return {
        look.resource: _reach(look, looks, wishes[look.resource], granted[look.resource], leak, size) for look in wanted
    }


def shared(demand: Mapping[str, float], supply: float) -> dict[str, float]:
    """Give each at most what it demands, and nobody more than another whose demand is not met."""
    given: dict[str, float] = {}
    left = supply
    for place, name in enumerate(sorted(demand, key=lambda each: (demand[each], each))):
        given[name] = min(demand[name], left / (len(demand) - place))
        left -= given[name]
    return given


def took_s(calls: int, *, leak: float, size: float) -> float:
    """How long a look of so many calls takes: what the bucket holds goes at once, the rest by the leak."""
    return LATENCY_S + max(0.0, calls - _BURST * size) / leak


def _wished(look: Look, looks: Sequence[Look], leak: float, size: float) -> float:
    """The interval that keeps the target; where none does, not less than a quarter of it: looking more often still
    costs more than it brings."""
    target_s = look.target_s or 0.0
    wait_s = _own_s(look, leak, size) + _before(look, looks, leak, size)[0]
    return max((target_s - wait_s) / (1 + JITTER), target_s / 4, EVERY_LEAST_S)


def _own_s(look: Look, leak: float, size: float) -> float:
    return took_s(look.calls or 0, leak=leak, size=size)


def _before(look: Look, looks: Sequence[Look], leak: float, size: float) -> tuple[float, str]:
    """The longest look that may be under way in the same lane when this one is due, and whose it is."""
    others = [each for each in looks if each.by_walk == look.by_walk and each.resource != look.resource and each.calls]
    return max(((_own_s(each, leak, size), each.resource) for each in others), default=(0.0, ""))


def _reach(look: Look, looks: Sequence[Look], wished_s: float, granted: float, leak: float, size: float) -> Reach:
    target_s = look.target_s or 0.0
    if look.calls is None:
        return Reach(look.resource, look.by_walk, target_s, wished_s, None, None, 0.0, 0.0, Limit.UNKNOWN)
    own_s, (before_s, behind) = _own_s(look, leak, size), _before(look, looks, leak, size)
    every_s = max(wished_s, look.calls / granted) if look.calls else wished_s
    bound_s = every_s * (1 + JITTER) + own_s + before_s
    limit = Limit.NONE
    if bound_s > target_s * (1 + 1e-9):
        if every_s > wished_s * (1 + 1e-9):
            limit = Limit.BUDGET
        else:
            limit = Limit.LANE if before_s > own_s else Limit.LOOK
    return Reach(
        look.resource,
        look.by_walk,
        target_s,
        every_s,
        bound_s,
        look.calls,
        granted,
        own_s + before_s,
        limit,
        behind if limit is Limit.LANE else "",
    )
