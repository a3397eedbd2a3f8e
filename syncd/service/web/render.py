"""Templates into answers: one environment, the words that templates may use, and what stands on every page.

Everything is escaped; a name that a template does not find is an error. Must not know what a page is about.
"""

import hashlib
from importlib.resources import files
from typing import Any, Final
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from syncd.domain.change import Change, Turned
from syncd.errors import SyncdError
from syncd.service.edits import name_of
from syncd.service.web.operator import Gate
from syncd.service.web.privacy import HIDDEN, may_show, shown
from syncd.service.web.times import Times
from syncd.service.wire import House
from syncd.service.words import amount, duration

_STYLE: Final = files("syncd.service.web").joinpath("templates/style.css").read_bytes()
_STYLE_PRINT: Final = hashlib.sha256(_STYLE).hexdigest()[:12]
_PERSONAL: Final = "The shop did not take it. Its reason may name personal fields: syncd outbox list shows it."


class Pages:
    """Makes pages of one house."""

    def __init__(self, house: House, gate: Gate) -> None:
        web = house.loaded.settings.web
        self._house = house
        self._gate = gate
        self._zone = ZoneInfo(web.zone)
        self._personal = web.personal
        self._templates = Environment(
            loader=PackageLoader("syncd.service.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
        )
        self._templates.filters |= {
            "figure": lambda number: f"{number:,}",
            "many": amount,
            "percent": _percent,
            "span": lambda seconds: duration(seconds, units=1),
            "words": lambda name: str(name).replace("_", " "),
            "record": name_of,
            "why": self._why,
            "value": self._value,
        }

    def page(self, request: Request, template: str, status: int = 200, **facts: Any) -> Response:
        """An answer. `refresh` is the address that the page asks for anew after a minute."""
        known = {
            "session": self._gate.session(request),
            "here": request.url.path,
            "style": _STYLE_PRINT,
            "refresh": "",
            "refresh_s": 60,
            "still": False,
            "flash": "",
            "several": False,
            "at_login": False,
            "times": None,
        }
        return HTMLResponse(self._templates.get_template(template).render(known | facts), status)

    def message(self, request: Request, title: str, *lines: str, status: int = 200, **facts: Any) -> Response:
        """A page that says one thing. `commands` are shown as such; `back`, `onward` lead on; `act` is a form."""
        plain = {
            "commands": (),
            "act": None,
            "onward": "",
            "onward_words": "Go on",
            "outside": False,
            "back": "",
            "back_words": "",
        }
        return self.page(request, "message.html", status, title=title, lines=lines, **{**plain, **facts})

    def trouble(
        self, request: Request, title: str, problem: SyncdError, *lines: str, status: int, **facts: Any
    ) -> Response:
        """A page that says what went wrong, and what can be done: a hint that is a command is shown as one."""
        said = f"{problem.message[:1].upper()}{problem.message[1:]}".rstrip(".")
        is_command = problem.hint.startswith("syncd ")
        onward = [f"Next: {problem.hint}"] if problem.hint and not is_command else []
        commands = [problem.hint] if is_command else []
        return self.message(request, title, f"{said}.", *lines, *onward, status=status, commands=commands, **facts)

    def times(self) -> Times:
        """Times of a page that is made now."""
        return Times(self._house.clock.now(), self._zone)

    def _why(self, change: Change) -> str:
        if self._personal or may_show(change.resource, ""):
            return f"{change.reason[:1].upper()}{change.reason[1:]}."
        return _PERSONAL

    def _value(self, turned: Turned) -> str:
        value = shown(turned.resource, turned.path, turned.value, personal=self._personal)
        return "(personal, hidden)" if value == HIDDEN else value


def style_route() -> Route:
    """`/style.css`: asked for by its print, so it may be kept for good."""

    async def style(_: Request) -> Response:
        headers = {"Cache-Control": "public, max-age=31536000, immutable"}
        return Response(_STYLE, media_type="text/css", headers=headers)

    return Route("/style.css", style)


def _percent(share: float) -> str:
    return "less than 1 %" if 0 < share < 0.01 else f"{share:.0%}".replace("%", " %")
