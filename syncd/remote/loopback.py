"""Waits once for the OAuth callback on the app's loopback redirect URI, answers the browser a plain page, and ends.

Must not know what is done with the code.
"""

import asyncio
import errno
from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from syncd.errors import NeedsPerson, UsageProblem
from syncd.remote.client import is_loopback
from syncd.remote.oauth import Redirect, parse_redirect

_HEAD_MAX: Final = 16 * 1024
_READ_S: Final = 10.0
_PAGE: Final = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    '<meta name="color-scheme" content="light dark"><title>syncd</title>'
    '<body style="font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem">'
    "<h1>{title}</h1><p>{text}</p></body></html>"
)


class TakenByDaemon(Exception):
    """The port is a running syncd daemon's: it takes the callback itself."""


async def wait_for_callback(
    redirect_uri: str, state: str, timeout_s: float, *, ready: Callable[[], None] | None = None
) -> Redirect:
    """The first callback with our `state`, or without any where the shop does not send it back.

    `ready` is called once the port is open: then the browser may go. A callback with another state is answered and
    ignored.

    Raises:
        TakenByDaemon: a syncd daemon listens there.
        UsageProblem: the redirect URI is not on this machine, its port is taken, or the shop answered an error.
        NeedsPerson: nobody came in time.
    """
    host, port, path = _address(redirect_uri)
    loop = asyncio.get_running_loop()
    arrived: asyncio.Future[Redirect] = loop.create_future()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            status, title, text = await _heard(reader, path, state, arrived)
            page = _PAGE.format(title=title, text=text).encode()
            head = f"HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(page)}\r\n"
            safe = "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nConnection: close\r\n\r\n"
            writer.write((head + safe).encode() + page)
            await writer.drain()
        except (OSError, TimeoutError):
            pass  # The browser went away; it may come back.
        finally:
            writer.close()

    try:
        server = await asyncio.start_server(answer, host, port, limit=_HEAD_MAX)
    except OSError as problem:
        if problem.errno == errno.EADDRINUSE and await _is_syncd(host, port):
            raise TakenByDaemon from None
        raise UsageProblem(
            f"nothing can listen at {redirect_uri}: {problem.strerror or problem}",
            hint="Open the address in any browser, then: syncd auth login NAME --redirected URL",
        ) from None
    try:
        if ready:
            ready()
        async with asyncio.timeout(timeout_s):
            return await arrived
    except TimeoutError:
        raise NeedsPerson(
            f"nobody came back to {redirect_uri} within {timeout_s:.0f} s",
            hint="Try again: syncd auth login NAME; or paste the address: syncd auth login NAME --redirected URL",
        ) from None
    finally:
        server.close()
        await server.wait_closed()


async def _is_syncd(host: str, port: int) -> bool:
    """Whether the page of a syncd daemon answers there."""
    try:
        async with asyncio.timeout(_READ_S):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                await writer.drain()
                answer = await reader.read(_HEAD_MAX)
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
    return b'"ok":' in answer and b'"problems":' in answer


async def _heard(
    reader: asyncio.StreamReader, path: str, state: str, arrived: asyncio.Future[Redirect]
) -> tuple[str, str, str]:
    """Read one request and settle `arrived` where it is the callback. Returns status, title and text of the page."""
    try:
        async with asyncio.timeout(_READ_S):
            head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return "400 Bad Request", "Not understood", "This is not a request of a browser."
    method, _, rest = head.split(b"\r\n", 1)[0].decode("latin-1").partition(" ")
    target = rest.partition(" ")[0]
    if method != "GET" or urlsplit(target).path != path:
        return "404 Not Found", "Nothing here", "syncd waits here for the answer of a shop."
    try:
        redirect = parse_redirect(target)
    except UsageProblem as problem:
        said = dict(parse_qsl(urlsplit(target).query))
        if "error" in said and said.get("state", "") in {"", state} and not arrived.done():
            arrived.set_exception(problem)
        return "400 Bad Request", "Not authorised", "The shop did not authorise syncd. You can close this page."
    if redirect.state not in {"", state}:
        return "400 Bad Request", "Not ours", "This answer belongs to another login. Start the login again."
    if not arrived.done():
        arrived.set_result(redirect)
    return "200 OK", "Thank you", "syncd has the authorisation. You can close this page and go back to the terminal."


def _address(redirect_uri: str) -> tuple[str, int, str]:
    try:
        parts = urlsplit(redirect_uri)
        host, port = parts.hostname or "", parts.port or 80
    except ValueError:
        parts, host, port = urlsplit(""), "", 0
    if parts.scheme != "http" or not is_loopback(host):
        raise UsageProblem(
            f"the redirect URI {redirect_uri!r} is not on this machine",
            hint="Open the address (syncd auth url NAME), then: syncd auth login NAME --redirected URL",
        )
    return host, port, parts.path or "/"
