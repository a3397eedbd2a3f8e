"""Secrets: a value that cannot be shown by accident, and the names under which secrets arrive as data.

Knows nothing of where secrets are kept or how they are sealed.
"""

import hmac
import re
from collections.abc import Collection
from typing import Any, Final, NoReturn, Self

MASK: Final = "***"

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_TELLING: Final = (
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "credential",
    "apikey",
    "privatekey",
)
_TELLING_WORDS: Final = frozenset({"key", "keys", "pwd", "authorization", "bearer"})


class Secret:
    """Text that shows as `***`; only `reveal` gives it out.

    It cannot be pickled and no JSON encoder takes it. Equality takes the same time wherever two secrets
    differ.
    """

    __slots__ = ("_text",)
    _text: str

    def __init__(self, text: str) -> None:
        object.__setattr__(self, "_text", text)

    def reveal(self) -> str:
        """Give out the text: for the wire and for sealing, nothing else."""
        return self._text

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a secret does not change")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a secret does not change")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is not pickled: seal it")


def is_secret_name(field: str, allowed: Collection[str] = ()) -> bool:
    """Say whether a field of this name must be taken for a secret (design section 7).

    `allowed` names the fields that only look so, such as a customer's `token`, which is the record's id.
    """
    if field in allowed:
        return False
    words = [word.lower() for word in _WORD.findall(field)]
    joined = "".join(words)
    return any(part in joined for part in _TELLING) or any(word in _TELLING_WORDS for word in words)
