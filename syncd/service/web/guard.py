"""What holds for every request and answer: names that may be asked for, sizes, and headers that keep a browser safe.

A page that is open to this machine is open to every web page that its browser shows, unless the name that it was asked
under is checked (DNS rebinding). Must not know what is served.
"""

import ipaddress
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from syncd.service.sections import WebSection, listen_address

BODY_BYTES_MAX: Final = 256 * 1024
POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_PROBES: Final = ("/healthz", "/readyz")
_HOOKS: Final = "/webhooks/"
"""Here a secret in the address decides, whatever name a reverse proxy asks under."""


class Guard:
    """ASGI middleware around everything that is served."""

    def __init__(self, app: ASGIApp, web: WebSection) -> None:
        self._app = app
        self._names = frozenset(_names(web))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse a name that is not ours."""
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        path = scope["path"]
        if path not in _PROBES and not path.startswith(_HOOKS) and not self._is_ours(headers.get("host", "")):
            refusal = PlainTextResponse(
                "syncd answers only to its own names. To add one: [web] hosts or public_url in syncd.toml\n", 421
            )
            await refusal(scope, receive, send)
            return
        if int(headers.get("content-length", "0") or 0) > BODY_BYTES_MAX:
            await PlainTextResponse("too long\n", 413)(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    answer.setdefault(name, value)
                answer.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_safely)

    def _is_ours(self, host: str) -> bool:
        """A name of ours, or a bare IP address: only names can be made to point elsewhere."""
        try:
            name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
            if name == "localhost" or name.endswith(".localhost") or name in self._names:
                return True
            return bool(ipaddress.ip_address(name))
        except ValueError:
            return False


def _names(web: WebSection) -> Iterator[str]:
    yield from (name.lower().partition(":")[0] for name in web.hosts)
    if web.public_url:
        yield urlsplit(web.public_url).hostname or ""
    if (host := listen_address(web.listen)[0]) and host.replace(".", "").isalnum():
        yield host.lower()
