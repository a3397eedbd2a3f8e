"""Who spends the calls: readings of the accounts, and what was spent between two of them.

The accounts are per hour, so a reading tells what this hour cost; differences tell of the last minutes. Must not know
how it is shown.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from syncd.domain.budget import Bucket
from syncd.engine.budget_transactions import bucket_now
from syncd.ports import StateTx
from syncd.service import shops
from syncd.service.wire import House, bucket_key

VERSION: Final = 1
WINDOW_S: Final = 300.0
_HOUR_S: Final = 3600
Account = tuple[str, str, str, str]
"""Shop, job, class and purpose."""


@dataclass(frozen=True, slots=True)
class Sum:
    """Calls, and the seconds that they waited for the call budget in all."""

    calls: int = 0
    waited_s: float = 0.0

    def less(self, other: "Sum") -> "Sum":
        """What came since."""
        return Sum(self.calls - other.calls, max(0.0, self.waited_s - other.waited_s))

    def plus(self, other: "Sum") -> "Sum":
        """Both together."""
        return Sum(self.calls + other.calls, self.waited_s + other.waited_s)


@dataclass(frozen=True, slots=True)
class Reading:
    """The accounts at a moment: what every hour since the first one read cost, and how each shop's budget stands."""

    at: datetime
    hours: Mapping[tuple[int, Account], Sum]
    buckets: Mapping[str, Bucket]

    @property
    def hour(self) -> int:
        """The hour that is under way."""
        return int(self.at.timestamp() // _HOUR_S)

    def this_hour(self) -> dict[Account, Sum]:
        """What this hour cost so far."""
        return {account: spent for (hour, account), spent in self.hours.items() if hour == self.hour}

    def total(self) -> dict[Account, Sum]:
        """What all hours that were read cost."""
        sums: dict[Account, Sum] = {}
        for (_, account), spent in self.hours.items():
            sums[account] = sums.get(account, Sum()).plus(spent)
        return sums


@dataclass(frozen=True, slots=True)
class Line:
    """One account: what it spent lately, and in this hour."""

    account: Account
    lately: Sum
    this_hour: Sum


class Meter:
    """Compares each reading with the oldest one of the last minutes."""

    def __init__(self, window_s: float = WINDOW_S) -> None:
        self._window_s = window_s
        self._readings: deque[Reading] = deque()

    @property
    def span_s(self) -> float:
        """The time to which `lately` refers: 0 after the first reading."""
        return (self._readings[-1].at - self._readings[0].at).total_seconds() if self._readings else 0.0

    def take(self, reading: Reading) -> list[Line]:
        """The accounts that spent something lately or in this hour: the dearest of the last minutes first."""
        self._readings.append(reading)
        while self.span_s > self._window_s:
            self._readings.popleft()
        before, now, hour = self._readings[0].total(), reading.total(), reading.this_hour()
        lines = [
            Line(account, spent.less(before.get(account, Sum())), hour.get(account, Sum()))
            for account, spent in now.items()
        ]
        seen = [line for line in lines if line.lately.calls or line.this_hour.calls]
        return sorted(seen, key=lambda line: (-line.lately.calls, -line.this_hour.calls, line.account))


async def read(house: House, name: str | None = None, since: datetime | None = None) -> Reading:
    """Read the accounts from the hour of `since` on. Raises UsageProblem for a name that is not there."""
    known = [await shops.find(house.disk, name)] if name else await shops.listed(house.disk)
    names = {shop.id: shop.name for shop in known}

    def state(tx: StateTx) -> Reading:
        at = datetime.fromtimestamp(tx.now(), UTC)
        hour = int((since or at).timestamp() // _HOUR_S)
        hours = {
            (hour, (names[shop_id], job, klass, word)): Sum(calls, waited_s)
            for shop_id, hour, job, klass, word, calls, waited_s in tx.budget.spent_by_all(hour)
            if shop_id in names
        }
        found = {shop.name: bucket_now(tx, bucket_key(shop)) for shop in known}
        return Reading(at, hours, {name: bucket for name, bucket in found.items() if bucket is not None})

    return await house.disk.state.run(state)


def as_json(reading: Reading, lines: Sequence[Line]) -> dict[str, Any]:
    """This hour as plain values."""
    return {
        "version": VERSION,
        "at": reading.at.isoformat(timespec="seconds"),
        "hour_s": round(reading.at.timestamp() % _HOUR_S),
        "budgets": [
            {
                "shop": name,
                "level": round(bucket.level, 2),
                "size": bucket.size,
                "leak_per_s": round(bucket.leak, 4),
            }
            for name, bucket in reading.buckets.items()
        ],
        "calls": [
            {
                **dict(zip(("shop", "job", "class", "purpose"), line.account, strict=True)),
                "calls": line.this_hour.calls,
                "waited_s": round(line.this_hour.waited_s, 1),
            }
            for line in lines
        ],
    }
