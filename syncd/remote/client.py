"""One HTTP client per shop, and one call: the whole answer, bounded in size and time.

One client shared by many tasks spends several times the CPU per request, so every shop has its own; the TLS context is
shared. Proxies, netrc and certificates of the environment are ignored on purpose: what is trusted is a setting.
Must not know tokens or resources.
"""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address
from typing import Final

import httpx

from syncd.domain.secret import Secret
from syncd.errors import NotUnderstood, SettingsProblem
from syncd.remote.settings import RemoteSettings

_CONNECTIONS_MAX: Final = 10
_JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. `headers` finds names in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def is_fine(self) -> bool:
        """Whether the status is one of success."""
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Call:
    """Where a call goes, and with what. `agent` is what the User-Agent says of its purpose; `body` is JSON, which may
    hold a password, so it is kept from sight as a whole."""

    url: str
    query: Sequence[tuple[str, str]] = ()
    agent: str = ""
    method: str = "GET"
    body: Secret | None = None


def open_client(
    settings: RemoteSettings, wire: httpx.AsyncBaseTransport | None, *, connections: int = _CONNECTIONS_MAX
) -> httpx.AsyncClient:
    """A client on `wire`, or on the real network where `wire` is None. Raises SettingsProblem for a bad `ca_file`."""
    transport = (
        _Borrowed(wire)
        if wire
        else httpx.AsyncHTTPTransport(
            verify=tls_context(settings.ca_file),
            trust_env=False,
            limits=httpx.Limits(
                max_connections=connections,
                max_keepalive_connections=connections,
                keepalive_expiry=settings.keepalive_s,
            ),
        )
    )
    return httpx.AsyncClient(
        transport=transport,
        timeout=httpx.Timeout(settings.read_s, connect=settings.connect_s),
        headers={"User-Agent": settings.agent, "Accept": _JSON, "Accept-Encoding": "gzip"},
        follow_redirects=False,
        trust_env=False,
    )


class _Borrowed(httpx.AsyncBaseTransport):
    """A wire that belongs to somebody else: it is used, and stays open when the client closes."""

    def __init__(self, wire: httpx.AsyncBaseTransport) -> None:
        self._wire = wire

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._wire.handle_async_request(request)


@cache
def tls_context(ca_file: str) -> ssl.SSLContext:
    """The context that verifies every shop's certificate. Raises SettingsProblem."""
    try:
        if ca_file:
            return ssl.create_default_context(cafile=ca_file)
        return httpx.create_ssl_context(trust_env=False)
    except OSError as problem:  # ssl.SSLError is one of these
        raise SettingsProblem(
            f"remote.ca_file: {ca_file} cannot be used: {problem.strerror or problem}",
            hint="Name a readable PEM file there, then run: syncd doctor",
        ) from None


def check_address(url: str, settings: RemoteSettings, what: str) -> str:
    """The address without a slash at its end, if tokens may be sent there. Raises SettingsProblem."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL("")
    if parsed.scheme not in {"https", "http"} or not parsed.host or parsed.userinfo or parsed.query:
        raise SettingsProblem(
            f"{what} {url!r} is not a web address",
            hint="Write it as in: syncd shop add NAME --base-url https://admin.flickrocket.com",
        )
    if parsed.scheme == "http" and not settings.allow_clear_text and not is_loopback(parsed.host):
        raise SettingsProblem(
            f"{what} {url!r} would send tokens in clear text",
            hint="Plain http is for this machine only; write https://... in: syncd shop add NAME --base-url URL",
        )
    return url.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether the host is this machine."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


async def fetch(
    client: httpx.AsyncClient,
    settings: RemoteSettings,
    call: Call,
    *,
    token: Secret | None = None,
    form: Mapping[str, str | Secret] | None = None,
) -> Answer:
    """Make one call, or the POST of a form. Raises what httpx raises, TimeoutError, and NotUnderstood where the
    answer is too large.

    Secrets go into the header (`token`) or the body (`form`), never into the address, and into no local variable."""
    request = client.build_request(
        call.method if form is None else "POST",
        call.url,
        params=list(call.query) or None,
        headers={"User-Agent": f"{settings.agent} (+{call.agent})"} if call.agent else None,
        data={name: _plain(value) for name, value in form.items()} if form is not None else None,
        content=call.body.reveal() if call.body else None,
    )
    if call.body:
        request.headers["Content-Type"] = _JSON
    if token:
        request.headers["Authorization"] = f"Bearer {token.reveal()}"
    async with asyncio.timeout(settings.answer_s):
        response = await client.send(request, stream=True)
        try:
            body = await _body(response, settings.response_bytes_max)
        finally:
            await response.aclose()
    return Answer(response.status_code, response.headers, body)


def _plain(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value


async def _body(response: httpx.Response, bytes_max: int) -> bytes:
    """The unpacked body, piece by piece: a small packed one may be a very large one unpacked."""
    chunks, size = [], 0
    async for chunk in response.aiter_bytes():
        chunks.append(chunk)
        size += len(chunk)
        if size > bytes_max:
            raise NotUnderstood(
                f"The answer is larger than {bytes_max} bytes.",
                hint="If the shop's pages are that large, raise remote.response_bytes_max.",
                status=response.status_code,
            )
    return b"".join(chunks)
