"""One error line instead of a thousand: a structlog processor that lets the first through, then one with a count every
few minutes, until a `recovered` line says that it is over.

Errors are the same when event, shop and resource are. What is over is decided elsewhere (`engine/outages.py`).
"""

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

REPEAT_EVERY_S: Final = 600.0
RECOVERED: Final = "recovered"
_KINDS_MAX: Final = 4096
_ANSWERS: Final = frozenset({"settings.refused", "settings.not_now"})
"""What somebody asked for just now is said each time."""
_LEVELS: Final = frozenset({"warning", "error", "critical", "exception"})

_Kind = tuple[str, str, str]


@dataclass(slots=True)
class _Trouble:
    shown: float
    held_back: int = 0


class Repeats:
    """The processor. `monotonic` gives seconds that never go back."""

    def __init__(self, monotonic: Callable[[], float], every_s: float = REPEAT_EVERY_S) -> None:
        self._monotonic = monotonic
        self._every_s = every_s
        self._troubles: dict[_Kind, _Trouble] = {}

    def __call__(self, _logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Let the event through, with `repeated` where it stands for several, or drop it.

        Raises:
            DropEvent: it was shown a short while ago.
        """
        if event.get("event") == RECOVERED:
            self._over(str(event.get("shop", "")))
            return event
        if method not in _LEVELS or event.get("event") in _ANSWERS:
            return event
        return self._again(event)

    def _again(self, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        now, kind = self._monotonic(), _kind(event)
        trouble = self._troubles.get(kind)
        if trouble is None:
            if len(self._troubles) >= _KINDS_MAX:
                del self._troubles[next(iter(self._troubles))]
            self._troubles[kind] = _Trouble(shown=now)
            return event
        if now - trouble.shown < self._every_s:
            trouble.held_back += 1
            raise structlog.DropEvent
        event["repeated"] = trouble.held_back + 1
        trouble.shown, trouble.held_back = now, 0
        return event

    def _over(self, shop: str) -> None:
        """The next line of that shop (without a name: of any) is news again."""
        self._troubles = {kind: trouble for kind, trouble in self._troubles.items() if shop and kind[1] != shop}


def _kind(event: MutableMapping[str, Any]) -> _Kind:
    return str(event.get("event", "")), str(event.get("shop", "")), str(event.get("resource", ""))
