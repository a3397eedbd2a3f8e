"""The call budget of one (client_id, company_id): a pure leaky bucket.

The remote refuses calls that overflow its bucket. This is our model of that bucket; it is kept in one row
that every job, process and replica shares, and each answer of the remote corrects it. Pure: no clock, no
luck, no rows. Times are unix seconds on one clock (the database's); a step of that clock back does no harm, one ahead
is taken back by whoever saw it (`unstepped`).
The caller spreads waits with its own dice (U(1, 1.25)) and stores the bucket that comes back.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from math import isfinite
from typing import Final, Self

AGEING_S: Final = 20.0
"""Waiting this long lifts a call by a whole bucket, so nothing starves."""
PUSH_ROOM: Final = 2.0
"""Calls that always find room above the lower classes: the read and the write of one push."""
BLOCK_MAX_S: Final = 3600.0
"""A Retry-After beyond this is taken as this: asking once an hour is cheap, trusting a wrong date is not."""
STEP_LEAST_S: Final = 2.0
"""Less than this is what clocks differ by, and no step."""
LEAK_CUT: Final = 0.8
LEAK_LEAST: Final = 0.1
LEAK_BACK_PER_S: Final = 0.02 / 60
_TOP_CAP: Final = 0.95
_LOW_CAP: Final = 0.90
# Unix time as a float resolves 2e-7 s; without slack a caller would wait for nothing again and again.
_SLACK: Final = 1e-6
_WAIT_LEAST_S: Final = 0.001


class CallClass(StrEnum):
    """Who asks. Higher classes may fill the bucket further, so priorities need no queue."""

    PUSH = "push"
    USER = "user"
    HINT = "hint"
    INCREMENTAL = "incremental"
    SWEEP = "sweep"
    BACKFILL = "backfill"
    AUDIT = "audit"


_SHARES: Final[dict[CallClass, tuple[float, float]]] = {
    # class: (share of the bucket that it may fill at once, share after long waiting)
    CallClass.PUSH: (_TOP_CAP, _TOP_CAP),
    CallClass.USER: (_TOP_CAP, _TOP_CAP),
    CallClass.HINT: (0.80, _LOW_CAP),
    CallClass.INCREMENTAL: (0.60, _LOW_CAP),
    CallClass.SWEEP: (0.40, _LOW_CAP),
    CallClass.BACKFILL: (0.40, _LOW_CAP),
    CallClass.AUDIT: (0.30, _LOW_CAP),
}


@dataclass(frozen=True, slots=True)
class Bucket:
    """The stored state. `level` (calls) was true at `at`; `leak` is calls a second.

    `leak` is what we believe now, `leak_full` what the settings say: a refusal that no header explains
    lowers the first, time brings it back to the second. `granted` counts calls and only grows: it is the
    ticket counter.
    """

    level: float
    at: float
    leak: float
    size: float
    leak_full: float
    blocked_until: float = 0.0
    granted: int = 0

    def __post_init__(self) -> None:
        """Refuse a bucket that could never admit a call.

        Raises:
            ValueError: a size below one call, or a leak that is not positive.
        """
        if not (isfinite(self.size) and self.size >= 1):
            raise ValueError(f"a bucket holds at least one call, not {self.size}")
        if not (isfinite(self.leak) and 0 < self.leak <= self.leak_full and isfinite(self.leak_full)):
            raise ValueError(f"a leak is positive and at most the full one, not {self.leak} of {self.leak_full}")

    @classmethod
    def first(cls, *, size: float, leak: float, t: float) -> Self:
        """Make the bucket of a shop never seen before: full, so that starting anew never bursts."""
        return cls(level=size, at=t, leak=leak, size=size, leak_full=leak)


@dataclass(frozen=True, slots=True)
class Granted:
    """Go ahead with `calls` calls; store `bucket` first.

    The calls carry the tickets `ticket`, `ticket + 1`, ... `calls` is less than asked only where the
    bucket is too small ever to hold them together: then ask again for the rest, just before it is sent.
    """

    bucket: Bucket
    ticket: int
    calls: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Not now: ask again in `delay_s` seconds (bare: spread it).

    `bucket` is the very object that was given, nothing to store, unless the clock was set back: then
    store it.
    """

    bucket: Bucket
    delay_s: float


def admit(bucket: Bucket, klass: CallClass, calls: int, age_s: float, t: float) -> Granted | Wait:
    """Decide whether `calls` calls that have waited `age_s` may leave at `t`.

    They may when `level + calls <= max(1, share * room)`: `share` grows with age up to the cap of the
    class, `room` is the size of the bucket, for lower classes so much smaller that a push (two calls)
    still fits above them when they are at their cap (below a size of 40 that is less than everything).

    Raises:
        ValueError: fewer than one call was asked for.
    """
    if calls < 1:
        raise ValueError(f"ask for at least one call, not {calls}")
    start, cap = _SHARES[klass]
    room = bucket.size if cap == _TOP_CAP else _room_below_push(bucket.size)
    calls = min(calls, max(1, int(cap * room)))
    now = _aged(bucket, t)
    level = now.level
    share = min(cap, start + max(0.0, age_s) / AGEING_S)
    blocked_s = now.blocked_until - t
    if blocked_s <= 0 and level + calls <= max(1.0, share * room) + _SLACK:
        granted = now.granted + calls
        return Granted(replace(now, level=level + calls, granted=granted), now.granted + 1, calls)
    # The level sinks by the leak while the allowance grows by ageing: the first moment when they meet.
    # Where ageing has ended only the leak helps, and where more is asked than a fresh call may take, only
    # ageing does.
    wait_s = max(
        (level + calls - share * room) / (now.leak + room / AGEING_S),
        (level + calls - cap * room) / now.leak,
        (calls / room - share) * AGEING_S,
    )
    if calls == 1:
        wait_s = min(wait_s, level / now.leak)
    return Wait(now if t < bucket.at else bucket, max(wait_s, blocked_s, _WAIT_LEAST_S))


def heard(bucket: Bucket, used: float, size: float, ticket: int, t: float) -> Bucket:
    """Take over what the remote said: `used` of `size`, in the answer to the call with `ticket`.

    The truth lies between `used` and `used` plus the calls granted since. A caller with several calls in
    flight passes the lowest ticket among them (this call included): an older call may have arrived after
    this one was counted. Figures that cannot be true are ignored.
    """
    if not (isfinite(used) and isfinite(size) and used >= 0 and size >= 1):
        return bucket
    now = _aged(bucket, t)
    since = max(0, now.granted - ticket)
    # Never above the size: a bucket that were fuller than full could take years to empty after one absurd
    # header.
    level = min(max(now.level, used), used + since, size)
    return replace(now, level=level, size=size)


def refused(bucket: Bucket, retry_after_s: float | None, had_header: bool, t: float) -> Bucket:
    """Take over a 429: the bucket is full, nobody asks before Retry-After (at least one leak).

    Where no header tells the level, the leak we believe in was too high and is cut by a fifth; once per
    overflow, for several calls in flight may be refused together.
    """
    now = _aged(bucket, t)
    pause_s = min(max(retry_after_s or 0.0, 1 / now.leak), BLOCK_MAX_S)
    leak = now.leak
    nobody_granted_since_last = now.level > _TOP_CAP * now.size
    if not had_header and not nobody_granted_since_last:
        leak = max(leak * LEAK_CUT, now.leak_full * LEAK_LEAST)
    return replace(now, level=now.size, leak=leak, blocked_until=max(now.blocked_until, t + pause_s))


def paused(bucket: Bucket, delay_s: float, t: float) -> Bucket:
    """Take over a 503: nobody asks for `delay_s` seconds, but nothing was learned about the bucket."""
    now = _aged(bucket, t)
    return replace(now, blocked_until=max(now.blocked_until, t + min(max(delay_s, 0.0), BLOCK_MAX_S)))


def recover(bucket: Bucket, t: float) -> Bucket:
    """Bring the bucket to the moment `t` without a call: leaked, and a lowered leak 2 % a minute nearer
    to the full one.
    """
    return _aged(bucket, t)


def unstepped(bucket: Bucket, past_s: float, t: float) -> Bucket:
    """Take back a step of the clock: since `bucket.at` no more than `past_s` seconds have passed by a clock that nobody
    sets, whatever `t` says. A step within what two clocks may differ by is left: it is worth a few calls.
    """
    by_s = t - bucket.at - past_s
    if by_s <= STEP_LEAST_S:
        return bucket
    return replace(bucket, at=bucket.at + by_s, blocked_until=bucket.blocked_until + by_s)


def _room_below_push(size: float) -> float:
    return max(1.0, min(size, (_TOP_CAP * size - PUSH_ROOM) / _LOW_CAP))


def _aged(bucket: Bucket, t: float) -> Bucket:
    """Return the bucket as it is at `t`.

    A clock set back leaks nothing and leaves a block as long as it was; one set forward can at most empty
    the bucket.
    """
    past_s = max(0.0, t - bucket.at)
    back_s = max(0.0, bucket.at - t)
    return replace(
        bucket,
        level=max(0.0, bucket.level - bucket.leak * past_s),
        at=t,
        leak=min(bucket.leak_full, bucket.leak + bucket.leak_full * LEAK_BACK_PER_S * past_s),
        blocked_until=bucket.blocked_until - back_s,
    )
