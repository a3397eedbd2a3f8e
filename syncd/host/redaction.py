"""No secret in a log line: found by type, by the name that it stands under, by its known text, or by its
form.

A processor for structlog, the last one before the line is rendered, so that tracebacks pass through it too.
"""

import re
from collections import OrderedDict
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

from syncd.domain.secret import MASK, Secret, is_secret_name

KNOWN_MAX: Final = 8192
"""So many texts are remembered, the newest: enough for the pairs of a thousand shops, old and new."""

# What log lines call by such names without it being secret: a record's key, the ids of sealing keys, counts.
_PLAIN_NAMES: Final = frozenset({"key", "keys", "kid", "key_id", "row_key", "token_age_s", "tokens", "generation"})
_END_LENGTH: Final = 8
_DEPTH_MAX: Final = 6
_FORMS: Final = (
    re.compile(r"(?i)\b((?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{6,}"),
    re.compile(
        # As in a query (name=value), a JSON text ("name": "value") or a repr of one ('name': 'value').
        r"(?i)((?:access_token|refresh_token|client_secret|password|passwd|api_?key|token|secret|code)"
        r"(?:(?:=|%3D)[\"']?|\\?[\"']\s*:\s*\\?[\"']))[^\s&\"',;)}\]\\]{4,}"
    ),
    re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s/@]+(?=@)"),
)


class Redactor:
    """Removes secrets from log events. `know` each secret as soon as it is met."""

    def __init__(self) -> None:
        # Found by their ends: tokens of one kind begin alike, but end at random.
        self._known: OrderedDict[str, None] = OrderedDict()
        self._ends: dict[str, list[str]] = {}

    def know(self, secret: Secret) -> None:
        """Remember the text, to find it wherever it turns up. Texts below 8 characters would tear words: left out."""
        text = secret.reveal()
        if len(text) < _END_LENGTH:
            return
        if text in self._known:
            self._known.move_to_end(text)
            return
        self._known[text] = None
        self._ends.setdefault(text[-_END_LENGTH:], []).append(text)
        if len(self._known) > KNOWN_MAX:
            oldest, _ = self._known.popitem(last=False)
            same_end = self._ends[oldest[-_END_LENGTH:]]
            same_end.remove(oldest)
            if not same_end:
                del self._ends[oldest[-_END_LENGTH:]]

    def __call__(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Return the event without secrets (a structlog processor)."""
        for name, value in list(event.items()):
            event[name] = self._clean(name, value, _DEPTH_MAX)
        return event

    def text(self, text: str) -> str:
        """Return the text without known secrets and without what has the form of one."""
        if self._ends:
            for known in self._found(text):
                text = text.replace(known, MASK)
        for form in _FORMS:
            text = form.sub(rf"\g<1>{MASK}", text)
        return text

    def _found(self, text: str) -> list[str]:
        """Return the known texts that occur in `text`, longest first: a short one may be part of a longer."""
        found = [
            known
            for stop in range(_END_LENGTH, len(text) + 1)
            for known in self._ends.get(text[stop - _END_LENGTH : stop], ())
            if text.endswith(known, 0, stop)
        ]
        return sorted(found, key=len, reverse=True)

    def _clean(self, name: str, value: Any, depth: int) -> Any:
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, Secret):
            return MASK
        if name and is_secret_name(name, _PLAIN_NAMES):
            return MASK
        if isinstance(value, str):
            return self.text(value)
        if depth == 0:
            return "..."
        if isinstance(value, Mapping):
            return {str(k): self._clean(str(k), v, depth - 1) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [self._clean("", part, depth - 1) for part in value]
        # Anything else is shown by its repr sooner or later: better here, where it is looked through.
        return self.text(str(value) if isinstance(value, Exception) else repr(value))
