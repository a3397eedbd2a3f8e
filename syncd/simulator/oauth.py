"""Consent, one-use rotating refresh tokens, access tokens of 30 minutes, and their three addresses.

The authorization code of this API is the first refresh token. Must not know resources.
"""

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlencode

from syncd.simulator.books import Books
from syncd.simulator.resources import SCOPES
from syncd.simulator.times import http_date
from syncd.simulator.wire import Reply, Request

if TYPE_CHECKING:
    from syncd.simulator.shop import SimShop

ACCESS_S = 1800


@dataclass(slots=True)
class Grant:
    """One refresh token. `successor` is what it was exchanged for."""

    client_id: str
    scopes: tuple[str, ...]
    successor: str = ""


@dataclass(frozen=True, slots=True)
class Access:
    """One access token. `expires_at` is in unix seconds."""

    client_id: str
    scopes: tuple[str, ...]
    expires_at: float


class Grants:
    """All tokens of one shop. A token that is gone from here was revoked."""

    def __init__(self, rng: Random, books: Books) -> None:
        self._rng = rng
        self._books = books
        self._refresh: dict[str, Grant] = {}
        self._access: dict[str, Access] = {}

    def consent(self, client_id: str, scopes: tuple[str, ...]) -> str:
        """The owner says yes: a refresh token that works once."""
        return self._issue_refresh(Grant(client_id, scopes))

    def exchange(self, token: str, client_id: str, now: float, *, grace: bool) -> tuple[str, str] | None:
        """A new (access, refresh) pair, or None where the token is unknown, another client's, or was used before.

        With `grace` a used token works again as long as nobody used its successor: the answer may have been lost.
        """
        grant = self._refresh.get(token)
        if grant is None or grant.client_id != client_id:
            return None
        if grant.successor:
            heir = self._refresh.get(grant.successor)
            if not grace or heir is None or heir.successor:
                self._books.refresh_reused.append(token)
                return None
            self._books.refresh_graced.append(token)
            del self._refresh[grant.successor]
        access = self._token("a")
        self._access[access] = Access(client_id, grant.scopes, now + ACCESS_S)
        grant.successor = self._issue_refresh(Grant(client_id, grant.scopes))
        return access, grant.successor

    def access(self, token: str) -> Access | None:
        """What an access token stands for; it may have expired."""
        return self._access.get(token)

    def knows(self, token: str) -> bool:
        """Whether this shop issued the token, and did not revoke it."""
        return token in self._refresh or token in self._access

    def revoke(self, client_id: str = "") -> None:
        """The owner removes the app's permission (every app's where none is named): its tokens are worth nothing."""
        self._refresh = {
            key: entry for key, entry in self._refresh.items() if client_id and entry.client_id != client_id
        }
        self._access = {key: entry for key, entry in self._access.items() if client_id and entry.client_id != client_id}

    def _issue_refresh(self, grant: Grant) -> str:
        token = self._token("r")
        self._refresh[token] = grant
        return token

    def _token(self, letter: str) -> str:
        token = f"{letter}{self._rng.getrandbits(256):064x}"
        self._books.tokens.append(token)
        return token


def answer_consent(shop: "SimShop", request: Request) -> Reply:
    """`GET /oauth2/auth`: the owner always agrees, so the browser goes back at once with code and company."""
    client_id, target = request.asked("client_id") or "", request.asked("redirect_uri") or ""
    if not shop.knows_client(client_id):
        return Reply.error(400, "invalid_client")
    if not target or (shop.redirect_uris and target not in shop.redirect_uris):
        return Reply.error(400, "redirect_uri is not registered")
    asked = [scope for scope in (request.asked("scope") or "").replace(" ", ",").split(",") if scope]
    if wrong := [scope for scope in asked if scope not in SCOPES]:
        return Reply.error(400, "invalid_scope", scopes=wrong)
    code = shop.authorise(client_id, tuple(asked))
    back = {"code": code, "companyid": str(shop.company_id)}
    if (state := request.asked("state")) is not None:
        back["state"] = state
    joint = "&" if "?" in target else "?"
    return Reply(302, b"", {"Location": f"{target}{joint}{urlencode(back, quote_via=quote)}"})


def form(request: Request) -> dict[str, str]:
    """The fields of a token request: a form body, or a query as the documentation prints it."""
    return dict(request.query) | dict(parse_qsl(request.body.decode("utf-8", "replace")))


def answer_token(shop: "SimShop", request: Request) -> Reply:
    """`POST /token`: one refresh token for a pair, under the names that ASP.NET OWIN gives."""
    fields = form(request)
    if fields.get("grant_type") != "refresh_token":
        return Reply.of({"error": "unsupported_grant_type"}, 400)
    now = shop.clock()
    client_id = fields.get("client_id", "")
    grace = shop.switches.token_grace
    pair = shop.grants.exchange(fields.get("refresh_token", ""), client_id, now, grace=grace)
    if pair is None:
        return Reply.of({"error": "invalid_grant"}, 400)
    return Reply.of(
        {
            "access_token": pair[0],
            "token_type": "bearer",
            "expires_in": ACCESS_S - 1,
            "refresh_token": pair[1],
            "userName": shop.owner,
            ".issued": http_date(now),
            ".expires": http_date(now + ACCESS_S),
        }
    )


def bearer(request: Request) -> str:
    """The access token of a request, from the header or the query."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else request.asked("access_token") or ""


def answer_token_facts(shop: "SimShop", request: Request) -> Reply:
    """`GET /api/tokeninfo`: whose token it is and what it allows; seconds left as a string."""
    token = bearer(request)
    if not token:
        return Reply.of({"error": "access_token required"}, 400)
    access = shop.grants.access(token)
    if access is None:
        return Reply.of({"error": "invalid access_token"}, 400)
    left = int(access.expires_at - shop.clock())
    if left <= 0:
        return Reply.of({"error": "expired"}, 400)
    return Reply.of(
        {
            "issued_to": access.client_id,
            "user_id": shop.owner,
            "scope": ",".join(access.scopes),
            "expires_in": str(left),
            "access_type": "offline",
        }
    )
