"""The one table that turns httpx exceptions and HTTP statuses into syncd's errors, each with the next command as hint.

Exceptions of httpx carry the request, and with it tokens: callers raise what comes from here `from None`.
"""

import json
import re
import ssl
from collections.abc import Iterable
from typing import Final

import httpx

from syncd.domain.resource import Resource
from syncd.domain.secret import MASK, Secret
from syncd.domain.shop import Shop
from syncd.errors import (
    LostAnswer,
    NotUnderstood,
    Rejected,
    RemoteDown,
    ScopeMissing,
    SettingsProblem,
    SyncdError,
    Throttled,
)
from syncd.remote.values import shown

#: What httpx raises, the most special first; `{what}` is what was being done, `{why}` what the exception says.
_EXCEPTIONS: Final[tuple[tuple[tuple[type[Exception], ...], type[SyncdError], str], ...]] = (
    ((httpx.ConnectTimeout,), RemoteDown, "{what}: no connection in time"),
    ((httpx.PoolTimeout,), RemoteDown, "{what}: all connections are busy"),
    ((httpx.ConnectError,), RemoteDown, "{what}: no connection ({why})"),
    ((httpx.ProxyError,), RemoteDown, "{what}: the proxy refused ({why})"),
    ((httpx.UnsupportedProtocol, httpx.LocalProtocolError), SettingsProblem, "{what}: the address is wrong ({why})"),
    ((httpx.TimeoutException, TimeoutError), LostAnswer, "{what}: no whole answer in time"),
    ((httpx.RemoteProtocolError,), LostAnswer, "{what}: the connection ended before the answer did ({why})"),
    ((httpx.DecodingError,), LostAnswer, "{what}: the answer was damaged ({why})"),
    ((httpx.TransportError, OSError), LostAnswer, "{what}: the connection broke ({why})"),
)  # fmt: skip

#: Every exception that sending a call may raise.
SENDING_FAILS: Final = (httpx.TransportError, httpx.DecodingError, TimeoutError, OSError)

OK, MOVED, REFUSED, ABSENT, GONE, UNSERVED = 200, 300, 403, 404, 410, 503
FAILED = 500
#: Here a write was turned away unread: out of service, or the address has moved.
_UNREAD: Final = (301, 307, 308, UNSERVED)
_LATE: Final = 408  # the shop gave up waiting for the rest of a request that it may have begun to carry out
_SAID: Final = ("error", "error_text", "error_description", "message", "Message", "errors", "ModelState")
_SAID_CHARS: Final = 200
_READ_BYTES: Final = 20_000
_BEARER: Final = re.compile(r"(?i)(bearer\s+)\S+")


def from_exception(problem: Exception, shop: Shop, what: str) -> SyncdError:
    """The error that a failed call means. RemoteDown: nothing was sent; LostAnswer: it may have been carried out."""
    why = f"{type(problem).__name__}: {shown(str(problem))}" if str(problem) else type(problem).__name__
    for kinds, error, form in _EXCEPTIONS:
        if isinstance(problem, kinds):
            return error(form.format(what=what, why=why) + ".", hint=_hint(problem, shop))
    raise problem


def from_status(status: int, after_s: float | None, shop: Shop, what: str) -> SyncdError:
    """The error that a status without a usable answer means. For 401 and 403 see `scope_missing`."""
    if status >= FAILED:
        said = "is out of service" if status == UNSERVED else "failed"
        return RemoteDown(f"{what}: the shop {said} ({status}).", hint=_status(shop), after_s=after_s)
    if MOVED <= status < 400:
        return NotUnderstood(
            f"{what}: the shop points to another address ({status}).",
            hint=f"The base address of {shop.name} looks wrong; see: syncd shop show {shop.name}",
            status=status,
        )
    return NotUnderstood(f"{what}: status {status}.", hint=_doctor(shop), status=status)


def from_write(status: int, after_s: float | None, shop: Shop, what: str) -> SyncdError | None:
    """The error that a status means for a write, other than a refusal or success: RemoteDown where the shop surely did
    not take it, else LostAnswer: it may have carried it out before it failed."""
    if status in _UNREAD:
        return from_status(status, after_s, shop, what) if status >= FAILED else _moved(status, shop, what)
    if status >= FAILED or status == _LATE or MOVED <= status < 400:
        return LostAnswer(
            f"{what}: status {status}; whether the shop took it is not known.", hint=_status(shop), after_s=after_s
        )
    return None


def rejected(shop: Shop, what: str, status: int, said: str) -> Rejected:
    """The error that a refusal for good means; `said` is the shop's own text."""
    why = f": {said}" if said else ""
    return Rejected(
        f"{what}: the shop refused it ({status}){why}.",
        hint=f"It waits in: syncd outbox list {shop.name}",
        status=status,
    )


def said(body: bytes, secrets: Iterable[Secret] = ()) -> str:
    """The shop's own text in a refusal, short and without the secrets that were sent; empty where it says nothing."""
    text = body[:_READ_BYTES].decode("utf-8", "replace").strip()
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        told = "" if text.startswith(("<", "{", "[")) else text
    else:
        found = next((parsed[name] for name in _SAID if parsed.get(name)), "") if isinstance(parsed, dict) else parsed
        told = found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
    for secret in secrets:
        for form in (secret.reveal(), json.dumps(secret.reveal())[1:-1]):
            told = told.replace(form, MASK) if form else told
    return shown(_BEARER.sub(rf"\1{MASK}", told).rstrip(". "), _SAID_CHARS)


def throttled(shop: Shop, what: str, status: int, after_s: float | None) -> Throttled:
    """The error that a refusal because of the call limit means."""
    return Throttled(f"{what}: over the call limit ({status}).", hint=_status(shop), after_s=after_s)


def scope_missing(shop: Shop, resource: Resource | None, what: str, status: int) -> ScopeMissing:
    """The error that 403, or 401 to a token issued just now, means."""
    scope = resource.scope if resource else ""
    name = f" (scope `{scope}`)" if scope else ""
    return ScopeMissing(
        f"{what}: the grant does not cover this{name} ({status}).",
        hint=f"If its account may give that, authorise again: syncd auth login {shop.name}",
    )


def not_understood(shop: Shop, what: str, why: str, status: int) -> NotUnderstood:
    """The error that an answer of another form means."""
    return NotUnderstood(f"{what}: {why}", hint=_doctor(shop), status=status)


def _hint(problem: Exception, shop: Shop) -> str:
    if isinstance(problem, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return f"See the address: syncd shop show {shop.name}"
    if isinstance(problem.__cause__, ssl.SSLError) or "CERTIFICATE_VERIFY" in str(problem):
        return f"The certificate is not trusted; is `remote.ca_file` needed here? Then: syncd doctor {shop.name}"
    return f"It is tried again by itself; to look at it now: syncd doctor {shop.name}"


def _moved(status: int, shop: Shop, what: str) -> RemoteDown:
    return RemoteDown(
        f"{what}: the shop points to another address ({status}).",
        hint=f"The base address of {shop.name} looks wrong; see: syncd shop show {shop.name}",
    )


def _status(shop: Shop) -> str:
    return f"It is tried again by itself; to see how it stands: syncd status {shop.name}"


def _doctor(shop: Shop) -> str:
    return f"To see what the shop answers: syncd doctor {shop.name}"
