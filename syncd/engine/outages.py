"""What is out of order just now: told once when it begins, and once, as `recovered`, when it is over.

Whoever works reports how it went: `failed` with the fault, `fine` when the work succeeded. An outage is over when
everybody who failed because of it has succeeded since; it lasted until the first of them did. So a thousand failures of
one cause are two lines, whatever else is in the log. Must not know what the work is.
"""

from dataclasses import dataclass, field
from typing import Final

from syncd.errors import (
    DatabaseBusy,
    DiskProblem,
    KeyProblem,
    LostAnswer,
    RemoteDown,
    Retry,
    SettingsProblem,
    SyncdError,
)
from syncd.ports import Clock, Log

BEGAN: Final = "outage.began"
RECOVERED: Final = "recovered"

#: What something that runs on waits out, and a command that begins ends with.
WAITS: Final = (Retry, SettingsProblem, KeyProblem)

#: What a fault says is out of order; a shop is named by its own name. Others (a refusal because of the call limit, an
#: answer that was not understood) are no outage.
_WHAT: Final[tuple[tuple[type[SyncdError], str], ...]] = (
    (DatabaseBusy, "database"),
    (DiskProblem, "disk"),
    (SettingsProblem, "settings"),
    (KeyProblem, "key"),
    (RemoteDown, "shop"),
    (LostAnswer, "shop"),
)


@dataclass(slots=True)
class _Outage:
    since_s: float
    failures: int = 0
    back_s: float | None = None  # when the first work since the last failure succeeded
    waiting: set[tuple[str, str]] = field(default_factory=set)


class Outages:
    """The outages of one process. A worker is named by its shop ("" for none) and what it does."""

    def __init__(self, clock: Clock, log: Log) -> None:
        self._clock = clock
        self._log = log
        self._open: dict[tuple[str, str], _Outage] = {}

    @property
    def now(self) -> list[str]:
        """What is out of order at the moment, in words."""
        return sorted(f"{what} {shop}".rstrip() for what, shop in self._open)

    def failed(self, shop: str, work: str, problem: SyncdError) -> None:
        """Some work met a fault."""
        what = next((what for kind, what in _WHAT if isinstance(problem, kind)), "")
        if not what:
            return
        key = (what, shop if what == "shop" else "")
        outage = self._open.get(key)
        if outage is None:
            outage = self._open[key] = _Outage(self._clock.monotonic())
            self._log.warning(BEGAN, **_named(key), message=problem.message, hint=problem.hint)
        outage.failures += 1
        outage.back_s = None
        outage.waiting.add((shop, work))

    def fine(self, shop: str, work: str) -> None:
        """Some work succeeded."""
        for key, outage in list(self._open.items()):
            if (shop, work) in outage.waiting:
                outage.back_s = self._clock.monotonic() if outage.back_s is None else outage.back_s
                outage.waiting.discard((shop, work))
                self._perhaps_over(key, outage)

    def forget(self, shop: str) -> None:
        """The work on a shop has ended: nothing of it will ever succeed."""
        for key, outage in list(self._open.items()):
            outage.waiting = {each for each in outage.waiting if each[0] != shop}
            self._perhaps_over(key, outage)

    def _perhaps_over(self, key: tuple[str, str], outage: _Outage) -> None:
        if outage.waiting:
            return
        del self._open[key]
        if outage.back_s is not None:  # else nobody knows whether it is over: those who met it have gone
            lasted_s = round(outage.back_s - outage.since_s, 1)
            self._log.info(RECOVERED, **_named(key), lasted_s=lasted_s, failures=outage.failures)


def _named(key: tuple[str, str]) -> dict[str, str]:
    what, shop = key
    return {"what": what, "shop": shop} if shop else {"what": what}
