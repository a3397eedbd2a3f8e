"""`POST /webhooks/TOKEN`: where shops deliver webhooks. Stored, then acknowledged; nothing is believed but "look".

The only part of the face that has to be reachable from outside. It never says more than a status. Must not know what
becomes of a delivery.
"""

import asyncio
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from syncd.engine.inbox import Received, Word
from syncd.service.wire import House

BODY_BYTES_MAX: Final = 16 * 1024
"""A delivery carries ids only: a few hundred bytes."""
_PATIENCE_S: Final = 10.0
_STATUS: Final = {
    Word.STORED: 200,
    Word.UNKNOWN: 404,
    Word.MALFORMED: 400,
    Word.TOO_MANY: 429,
    Word.AWAY: 503,
}
_AFTER_MAX_S: Final = 3600.0


def routes(house: House) -> list[Route]:
    """The one address."""

    async def deliver(request: Request) -> Response:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                body = await _body(request)
        except TimeoutError:
            return _said(408)
        except ClientDisconnect:
            return _said(400)
        if body is None:
            return _said(413)
        received = await house.inbox.receive(request.path_params["token"], body)
        return answer(received)

    return [Route("/webhooks/{token}", deliver, methods=["POST"])]


def answer(received: Received) -> Response:
    """The answer to a delivery; shops take anything but 200 for a reason to deliver it again."""
    wait_s = min(received.after_s, _AFTER_MAX_S)
    return _said(_STATUS[received.word], {"Retry-After": str(int(wait_s) + 1)} if wait_s else {})


def _said(status: int, headers: dict[str, str] | None = None) -> Response:
    return PlainTextResponse("ok\n" if status == _STATUS[Word.STORED] else "not taken\n", status, headers)


async def _body(request: Request) -> bytes | None:
    """The whole body; None where it is too large."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > BODY_BYTES_MAX:
            return None
        parts.append(part)
    return b"".join(parts)
