"""The talk about the access token of one call, without I/O: attach it; on 401 ask once for a fresh one, replay.

A generator (as httpx's `auth_flow` is): it yields what it needs, the caller does it and sends the outcome back. Must
not know where tokens come from or how a call is sent.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from syncd.domain.secret import Secret

UNAUTHORIZED = 401


@dataclass(frozen=True, slots=True)
class NeedToken:
    """Send back a token; `stale` is one that the shop has just refused."""

    stale: Secret | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """Send the call with this token, and send back the status of the answer."""

    token: Secret


def auth_flow() -> Generator[NeedToken | Send, Any, None]:
    """Ends after the call whose answer counts: the first that is not refused, or the replay."""
    token: Secret = yield NeedToken()
    status: int = yield Send(token)
    if status == UNAUTHORIZED:
        fresh: Secret = yield NeedToken(stale=token)
        yield Send(fresh)
