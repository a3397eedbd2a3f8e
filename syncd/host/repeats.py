"""One error line instead of a thousand: a structlog processor that lets the first through, then one with a
count every few minutes, and one `recovered` line when it is over.

Errors are the same when event, shop and resource are. Whoever succeeds logs `recovered` with `of=` the
event that may have been failing (and the same shop and resource); where nothing failed, the line is
dropped. So the engine needs to know nothing of this.
"""

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

REPEAT_EVERY_S: Final = 600.0
RECOVERED: Final = "recovered"
_KINDS_MAX: Final = 4096
_LEVELS: Final = frozenset({"warning", "error", "critical", "exception"})

_Kind = tuple[str, str, str]


@dataclass(slots=True)
class _Trouble:
    since: float
    shown: float
    held_back: int = 0
    count: int = 1


class Repeats:
    """The processor. `monotonic` gives seconds that never go back."""

    def __init__(self, monotonic: Callable[[], float], every_s: float = REPEAT_EVERY_S) -> None:
        self._monotonic = monotonic
        self._every_s = every_s
        self._troubles: dict[_Kind, _Trouble] = {}

    def __call__(self, _logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Let the event through, with `repeated` where it stands for several, or drop it.

        Raises:
            DropEvent: it was shown a short while ago, or nothing had failed that could have recovered.
        """
        if event.get("event") == RECOVERED and "of" in event:
            return self._recovered(event)
        if method not in _LEVELS:
            return event
        return self._again(event)

    def _again(self, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        now, kind = self._monotonic(), _kind(event, "event")
        trouble = self._troubles.get(kind)
        if trouble is None:
            if len(self._troubles) >= _KINDS_MAX:
                del self._troubles[next(iter(self._troubles))]
            self._troubles[kind] = _Trouble(since=now, shown=now)
            return event
        trouble.count += 1
        if now - trouble.shown < self._every_s:
            trouble.held_back += 1
            raise structlog.DropEvent
        event["repeated"] = trouble.held_back + 1
        trouble.shown, trouble.held_back = now, 0
        return event

    def _recovered(self, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        trouble = self._troubles.pop(_kind(event, "of"), None)
        if trouble is None:
            raise structlog.DropEvent
        event["failures"] = trouble.count
        event["lasted_s"] = round(self._monotonic() - trouble.since, 1)
        return event


def _kind(event: MutableMapping[str, Any], name: str) -> _Kind:
    return str(event.get(name, "")), str(event.get("shop", "")), str(event.get("resource", ""))
