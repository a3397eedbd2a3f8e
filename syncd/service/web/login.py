"""Signing in with the operator's token, and out again."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from syncd.errors import KeyProblem
from syncd.service.web.guard import BODY_BYTES_MAX
from syncd.service.web.operator import Gate
from syncd.service.web.render import Pages
from syncd.service.wire import House

_FORGED: Final = "This form did not come from a page of ours. Open the page again and repeat it."


def routes(house: House, gate: Gate, pages: Pages) -> list[Route]:
    """`/login` and `/logout`."""
    file = house.loaded.token_sources.token_file

    def asked(request: Request, onward: str, trouble: str = "", status: int = 200) -> Response:
        return pages.page(
            request,
            "login.html",
            status,
            next=onward,
            trouble=trouble,
            reading=not gate.may_read(request),
            file=file.name if file else "",
            at_login=True,
        )

    async def show(request: Request) -> Response:
        onward = inside(request.query_params.get("next", "/"))
        try:
            gate.token()
        except KeyProblem as problem:
            return asked(request, onward, f"{problem.message}. {problem.hint}", 503)
        return asked(request, onward)

    async def sign_in(request: Request) -> Response:
        form = await form_of(request)
        onward = inside(form.get("next", "/"))
        if not gate.is_from_here(request):
            return asked(request, onward, _FORGED, 403)
        if wait_s := gate.tries.wait_s():
            return asked(request, onward, f"Too many wrong tries. Try again in {wait_s:.0f} seconds.", 429)
        try:
            if not gate.fits(form.get("token", "")):
                house.log.warning("web.wrong_token")
                return asked(request, onward, "That is not the operator's token.", 403)
            answer = RedirectResponse(onward, 303)
            gate.sign_in(answer)
        except KeyProblem as problem:
            return asked(request, onward, f"{problem.message}. {problem.hint}", 503)
        house.log.info("web.signed_in")
        return answer

    async def sign_out(request: Request) -> Response:
        answer = RedirectResponse("/", 303)
        if await permitted(request, gate):
            gate.sign_out(answer)
        return answer

    return [
        Route("/login", show, methods=["GET"]),
        Route("/login", sign_in, methods=["POST"]),
        Route("/logout", sign_out, methods=["POST"]),
    ]


async def form_of(request: Request) -> Mapping[str, str]:
    """The fields of a form, the first of each name; nothing where it is too long or no form."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > BODY_BYTES_MAX:
            return {}
    fields: dict[str, str] = {}
    for name, value in parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=100):
        fields.setdefault(name, value)
    return fields


async def permitted(request: Request, gate: Gate) -> Mapping[str, str] | None:
    """The fields of a form that an operator sent from a page of ours; None where it is not that."""
    session = gate.session(request)
    form = await form_of(request)
    if session is None or not gate.is_from_here(request) or not session.fits(form.get("seal", "")):
        return None
    return form


def inside(path: str) -> str:
    """A path of our own to go on to; the first page where it is anything else."""
    is_ours = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and "\\" not in path
    return path if is_ours else "/"
