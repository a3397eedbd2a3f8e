"""The shop's OAuth side: the address to open, what comes back from it, the token endpoint, tokeninfo.

The "code" of the callback is the first refresh token, and every refresh token works once: nothing here tries anything
twice, and what is unknown is called unknown (LostAnswer). Secrets travel in bodies and headers only. Must not know
where tokens are kept.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import httpx

from syncd.domain.secret import Secret
from syncd.domain.shop import Shop
from syncd.errors import GrantRevoked, LostAnswer, NotUnderstood, RemoteDown, SettingsProblem, SyncdError, UsageProblem
from syncd.ports import Clock, Granted, Inspected
from syncd.remote import faults
from syncd.remote.client import Answer, Call, check_address, fetch, open_client
from syncd.remote.limits import http_date, retry_after_s, served_at
from syncd.remote.settings import RemoteSettings
from syncd.remote.values import shown

LIFETIME_S: Final = 1800.0
"""How long an access token lives where the shop does not say (the reference, section 2: 30 minutes)."""
_LIFETIME_MAX_S: Final = 7 * 86_400.0
_BODY_MAX: Final = 256 * 1024
_REVOKED: Final = "invalid_grant"
_EXPIRED: Final = "expired"


class Redirect(NamedTuple):
    """What a callback brought. `state` is empty where the shop does not send it back: the reference knows no state."""

    code: Secret
    company_id: int
    state: str


def authorize_url(shop: Shop, state: str) -> str:
    """The address at which the owner of the shop says yes. The redirect URI must be registered with the app."""
    query = {
        "client_id": shop.client_id,
        "scope": ",".join(shop.scopes),
        "access_type": "offline",
        "redirect_uri": shop.redirect_uri,
        "state": state,
    }
    return f"{shop.oauth_url.rstrip('/')}/oauth2/auth?{urlencode(query, quote_via=quote, safe=',')}"


def parse_redirect(url: str) -> Redirect:
    """Read the address to which the shop sent the browser back. Raises UsageProblem; its message holds no secret."""
    try:
        query = {name.lower(): text for name, text in parse_qsl(urlsplit(url.strip()).query)}
    except ValueError:
        query = {}
    if said := query.get("error"):
        raise UsageProblem(
            f"the shop answered {shown(said)!r} instead of an authorisation",
            hint="Open the address again and agree: syncd auth url NAME",
        )
    # A token has no blanks: one stands for a plus that nobody encoded.
    code, company = query.get("code", "").replace(" ", "+"), query.get("companyid", "").strip()
    if not code or not (company.isascii() and company.isdigit() and int(company) < 2**63):
        missing = "companyid" if code else "code"
        raise UsageProblem(
            f"the address holds no {missing}",
            hint="Paste the whole address that the shop sent you to: syncd auth login NAME --redirected URL",
        )
    return Redirect(Secret(code), int(company), query.get("state", ""))


class TokenEndpoint:
    """The exchange of tokens (`ports.Exchange`). `wire` None is the real network."""

    def __init__(
        self, wire: httpx.AsyncBaseTransport | None, clock: Clock, settings: RemoteSettings | None = None
    ) -> None:
        settings = settings or RemoteSettings()
        self._wire = wire
        self._clock = clock
        self._settings = replace(settings, answer_s=settings.exchange_s, response_bytes_max=_BODY_MAX)

    async def redeem(self, shop: Shop, refresh: Secret) -> Granted:
        """Spend a refresh token, once.

        Raises:
            GrantRevoked: the shop says `invalid_grant`.
            RemoteDown, Throttled: nothing was sent, or a whole answer says that it came to nothing.
            LostAnswer: it may be spent, and no whole answer came.
            NotUnderstood: the shop turned the call away for another reason (4xx).
        """
        what = f"{shop.name}, exchange of tokens"
        form: dict[str, str | Secret] = {
            "grant_type": "refresh_token",
            "refresh_token": refresh,
            "client_id": shop.client_id,
        }
        try:
            call = Call(f"{self._address(shop.oauth_url)}/token", agent="auth")
            answer = await self._fetch(shop, call, what, form=form)
        except SettingsProblem as problem:
            # Found out before anything left: the token is as good as before.
            raise RemoteDown(f"{what}: {problem.message}", hint=problem.hint) from None
        except NotUnderstood as problem:
            raise _lost(shop, what, problem.message) from None
        said = _members(answer.body)
        error = _word(said.get("error"))
        if error == _REVOKED or (not answer.is_fine and _REVOKED.encode() in answer.body):
            raise GrantRevoked(
                f"{shop.name}: the shop refuses the refresh token ({_REVOKED}).",
                hint=f"Authorise the shop again: syncd auth login {shop.name}",
            )
        if not answer.is_fine or answer.body.lstrip()[:1] == b"<":
            raise self._turned_away(shop, what, answer, error)
        granted = self._granted(said, answer)
        if granted is None:
            raise _lost(shop, what, "the answer holds no new pair of tokens")
        return granted

    def _turned_away(self, shop: Shop, what: str, answer: Answer, error: str) -> SyncdError:
        """The error that a whole answer other than a pair means. A server that fails is asked again: should it have
        spent the token all the same, it will say `invalid_grant` then."""
        after_s = retry_after_s(answer.headers, self._clock.now())
        if answer.status in self._settings.over_limit_statuses:
            return faults.throttled(shop, what, answer.status, after_s)
        problem = faults.from_status(answer.status, after_s, shop, what)
        if 400 <= answer.status < faults.FAILED:
            message = f"{problem.message} {error}".strip()
            return NotUnderstood(message, hint=problem.hint, status=answer.status)
        return RemoteDown(problem.message, hint=problem.hint, after_s=after_s)

    async def inspect(self, shop: Shop, access: Secret) -> Inspected:
        """Ask what an access token allows; an expired one allows nothing. Raises Retry, NotUnderstood."""
        what = f"{shop.name}, tokeninfo"
        call = Call(f"{self._address(shop.base_url)}/api/tokeninfo", agent="auth")
        answer = await self._fetch(shop, call, what, token=access)
        said = _members(answer.body)
        if said.get("error") == _EXPIRED:
            return Inspected((), 0.0)
        if said.get("error"):
            error = shown(str(said["error"]))
            raise faults.not_understood(shop, what, f"the shop says: {error}.", answer.status)
        if not answer.is_fine:
            after_s = retry_after_s(answer.headers, self._clock.now())
            raise faults.from_status(answer.status, after_s, shop, what)
        scopes = said.get("scope")
        if not isinstance(scopes, str):
            raise faults.not_understood(shop, what, "the answer names no scope.", answer.status)
        left_s = _seconds(said.get("expires_in"))
        return Inspected(tuple(scopes.replace(",", " ").split()), left_s or 0.0, _word(said.get("issued_to")))

    async def _fetch(
        self,
        shop: Shop,
        call: Call,
        what: str,
        *,
        token: Secret | None = None,
        form: Mapping[str, str | Secret] | None = None,
    ) -> Answer:
        """One call on a connection of its own: exchanges are rare, and a stale connection must not cost a token."""
        client = open_client(self._settings, self._wire, connections=1)
        try:
            return await fetch(client, self._settings, call, token=token, form=form)
        except faults.SENDING_FAILS as problem:
            raise faults.from_exception(problem, shop, what) from None
        finally:
            await client.aclose()

    def _address(self, url: str) -> str:
        return check_address(url, self._settings, "The address") if self._wire is None else url.rstrip("/")

    def _granted(self, said: Mapping[str, Any], answer: Answer) -> Granted | None:
        access, refresh = said.get("access_token"), said.get("refresh_token")
        if not (access and refresh and isinstance(access, str) and isinstance(refresh, str)):
            return None
        user = said.get("userName")
        return Granted(
            Secret(access), Secret(refresh), self._lifetime_s(said, answer), user if isinstance(user, str) else ""
        )

    def _lifetime_s(self, said: Mapping[str, Any], answer: Answer) -> float:
        """Seconds that the access token lives: as told, or the span between two dates of the shop's own clock."""
        told_s = _seconds(said.get("expires_in"))
        if told_s is None:
            ends = _date(said, "expires")
            starts = _date(said, "issued") or served_at(answer.headers) or self._clock.now()
            told_s = (ends - starts).total_seconds() if ends else None
        return min(told_s, _LIFETIME_MAX_S) if told_s is not None and told_s > 0 else LIFETIME_S


def _lost(shop: Shop, what: str, why: str) -> LostAnswer:
    return LostAnswer(
        f"{what}: it is not known whether the token was spent ({why}).",
        hint=f"It is tried exactly once more by itself; to see how it stands: syncd auth show {shop.name}",
    )


def _members(body: bytes) -> Mapping[str, Any]:
    """The members of a JSON object, none where it is no such thing."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _word(said: Any) -> str:
    """A short plain word out of an answer, fit for a message; anything else is nothing."""
    short = isinstance(said, str) and len(said) <= 60 and said.replace("_", "").replace(".", "").isalnum()
    return said if short else ""


def _seconds(said: Any) -> float | None:
    try:
        seconds = float(said) if isinstance(said, str | int | float) and not isinstance(said, bool) else None
    except (ValueError, OverflowError):
        return None
    return seconds if seconds is not None and 0 <= seconds < float("inf") else None


def _date(said: Mapping[str, Any], name: str) -> Any:
    """A date under its name, with the leading dot of ASP.NET or without."""
    for key in (f".{name}", name):
        if isinstance(said.get(key), str) and (moment := http_date(said[key])):
            return moment
    return None
