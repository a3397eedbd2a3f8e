"""Who may look and who may change things: the operator's token, the session of a browser that knew it, forged forms.

A session is a signed cookie that ends by itself; its key follows from the token, so that a new token ends them all. A
form carries a seal that only its own session's page could show. Must not know what is changed.
"""

import hashlib
import hmac
import re
from collections import deque
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from syncd.domain.secret import Secret
from syncd.errors import KeyProblem
from syncd.host.tokenfile import find_token
from syncd.ports import Clock
from syncd.service.sections import listen_address
from syncd.service.wire import House

COOKIE: Final = "syncd_session"
SESSION_S: Final = 12 * 3600
TRIES_MAX: Final = 5
TRIES_S: Final = 60.0
_NONCE_BYTES: Final = 12
_MOMENT: Final = re.compile(r"[0-9]{1,12}", re.ASCII)
_PASSED_ON: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
_LOOPBACK: Final = ("127.", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that is signed in. `seal` stands in every form of its pages."""

    seal: str

    def fits(self, given: str) -> bool:
        """Whether a form carries this session's seal."""
        return hmac.compare_digest(self.seal.encode(), given.encode())


class Tries:
    """Wrong tries within a minute, of everybody together: a token of so many bits is not guessed one by one, and an
    address is easily changed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wrong: deque[float] = deque(maxlen=TRIES_MAX)

    def wait_s(self) -> float:
        """How long nobody may try; zero where somebody may."""
        if len(self._wrong) < TRIES_MAX:
            return 0.0
        return max(0.0, self._wrong[0] + TRIES_S - self._clock.monotonic())

    def failed(self) -> None:
        """Count a wrong one."""
        self._wrong.append(self._clock.monotonic())


class Gate:
    """Asks everybody who comes in."""

    def __init__(self, house: House) -> None:
        web = house.loaded.settings.web
        self._house = house
        self._public_url = web.public_url
        self._secure = web.public_url.startswith("https://")
        private = web.open_reading == "loopback" and _is_private(web.listen, web.public_url)
        self._open = "always" if web.open_reading == "always" else "here" if private else ""
        self.tries = Tries(house.clock)

    def token(self) -> Secret:
        """The operator's token, read anew: one that was changed counts at once. Raises KeyProblem."""
        return find_token(self._house.loaded.token_sources)

    def may_read(self, request: HTTPConnection) -> bool:
        """Whether the pages are shown to this one: open to all, signed in, or with the token in the header."""
        is_open = self._open == "always" or (self._open == "here" and not _was_passed_on(request))
        return is_open or self.session(request) is not None or self._bears(request)

    def session(self, request: HTTPConnection) -> Session | None:
        """The session of a browser that is signed in."""
        cookie = request.cookies.get(COOKIE, "")
        until, _, rest = cookie.partition(".")
        nonce, _, signature = rest.partition(".")
        if not (_MOMENT.fullmatch(until) and nonce and int(until) > self._house.clock.wall()):
            return None
        key = self._key()
        if key is None or not hmac.compare_digest(_sign(key, f"session.{until}.{nonce}").encode(), signature.encode()):
            return None
        return Session(_sign(key, f"form.{cookie}"))

    def fits(self, given: str) -> bool:
        """Whether somebody knows the token. A wrong one is counted. Raises KeyProblem."""
        expected = self.token().reveal()
        if hmac.compare_digest(expected.encode(), given.strip().encode()):
            return True
        self.tries.failed()
        return False

    def sign_in(self, answer: Response) -> None:
        """Make the browser of this answer a session's. Raises KeyProblem."""
        until = int(self._house.clock.wall()) + SESSION_S
        nonce = self._house.dice.token(_NONCE_BYTES)
        key = _key_of(self.token())
        value = f"{until}.{nonce}.{_sign(key, f'session.{until}.{nonce}')}"
        answer.set_cookie(
            COOKIE, value, max_age=SESSION_S, httponly=True, secure=self._secure, samesite="strict", path="/"
        )

    def sign_out(self, answer: Response) -> None:
        """End the browser's session."""
        answer.delete_cookie(COOKIE, path="/", httponly=True, secure=self._secure, samesite="strict")

    def is_from_here(self, request: Request) -> bool:
        """Whether a page of ours sent this form, as far as the browser says: it names the site that a form is from."""
        if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            return False
        origin = request.headers.get("origin")
        ours = {request.headers.get("host", ""), urlsplit(self._public_url).netloc}
        return origin is None or urlsplit(origin).netloc in ours - {""}

    @property
    def is_secure(self) -> bool:
        """Whether people come over https."""
        return self._secure

    def _key(self) -> bytes | None:
        try:
            return _key_of(self.token())
        except KeyProblem:
            return None

    def _bears(self, request: HTTPConnection) -> bool:
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer":
            return False
        try:
            return self.tries.wait_s() == 0 and self.fits(given)
        except KeyProblem:
            return False


def _was_passed_on(request: HTTPConnection) -> bool:
    """Whether a proxy says that it asks for somebody else, who need not be on this machine."""
    return any(name in request.headers for name in _PASSED_ON)


def _is_private(listen: str, public_url: str) -> bool:
    """Whether only this machine's own people reach it: a proxy that makes it public says so in `public_url`."""
    host = listen_address(listen)[0]
    shown = urlsplit(public_url).hostname or ""
    here = listen.startswith("unix:") or host.startswith(_LOOPBACK)
    return here and (not shown or shown.startswith(_LOOPBACK))


def _key_of(token: Secret) -> bytes:
    return hmac.digest(token.reveal().encode(), b"syncd session", hashlib.sha256)


def _sign(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
