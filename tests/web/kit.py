"""A house with a face, for tests that ask it without a port: real databases, real pages, no network."""

import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from syncd.service.doors import Doors
from syncd.service.installation import install
from syncd.service.settings import Loaded, Settings
from syncd.service.web.app import build
from syncd.service.wire import House, open_house

HOME = "http://127.0.0.1:8765"


@cache
def _template() -> Path:
    """An installation as `syncd init` makes it; made once per process, copied for each test."""
    folder = Path(tempfile.mkdtemp(prefix="syncd-web-template-"))
    install(folder)
    return folder


def settle(folder: Path, **web: Any) -> Loaded:
    """An installation in `folder`, with these settings of [web]."""
    folder.mkdir(parents=True, exist_ok=True)
    for each in sorted(_template().iterdir()):
        shutil.copy2(each, folder / each.name)
    return Loaded(Settings(web=web), None, folder)


@asynccontextmanager
async def face(
    loaded: Loaded, beat_age_s: Callable[[], float] | None = None, doors: Doors | None = None
) -> AsyncIterator[tuple[House, httpx.AsyncClient]]:
    """The house, and a browser that remembers its cookies and follows nothing by itself."""
    async with open_house(loaded, doors) as house:
        transport = httpx.ASGITransport(build(house, beat_age_s))
        async with httpx.AsyncClient(transport=transport, base_url=HOME) as browser:
            yield house, browser


async def sign_in(browser: httpx.AsyncClient, loaded: Loaded) -> None:
    """As an operator does it."""
    token = loaded.operator_token_file.read_text()
    answer = await browser.post("/login", data={"token": token, "next": "/"})
    assert answer.status_code == 303, answer.text


def forms(page: str) -> list[tuple[str, dict[str, str]]]:
    """Every form of a page that changes something: where it goes, and its hidden fields."""
    found = re.findall(r'<form method="post" action="([^"]+)"[^>]*>(.*?)</form>', page, re.DOTALL)
    hidden = r'<input type="hidden" name="([^"]+)" value="([^"]*)">'
    return [(action, dict(re.findall(hidden, inner))) for action, inner in found]


def seal_of(page: str) -> str:
    """The seal that the forms of a page carry."""
    return next(fields["seal"] for _, fields in forms(page) if "seal" in fields)
