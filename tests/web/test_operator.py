"""Who may look, who may change things: the token, sessions, forged forms, wrong tries, headers."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from syncd.errors import KeyProblem
from syncd.host.tokenfile import TokenSources, find_token, write_token_file
from syncd.service.settings import Loaded
from syncd.service.web.login import inside
from syncd.service.web.operator import COOKIE, TRIES_MAX
from syncd.service.wire import House
from tests.web.kit import face, seal_of, settle, sign_in


def ask(loaded: Loaded, job: Callable[[House, httpx.AsyncClient], Awaitable[Any]]) -> Any:
    """Do the job at the face of an installation."""

    async def work() -> Any:
        async with face(loaded) as (house, browser):
            return await job(house, browser)

    return asyncio.run(work())


def test_reading_is_open_on_this_machine_and_asks_for_the_token_elsewhere(tmp_path: Path) -> None:
    async def statuses(_: House, browser: httpx.AsyncClient) -> list[int]:
        return [(await browser.get(path)).status_code for path in ("/", "/metrics", "/healthz", "/readyz", "/login")]

    async def passed_on(_: House, browser: httpx.AsyncClient) -> int:
        return (await browser.get("/", headers={"X-Forwarded-For": "203.0.113.9"})).status_code

    assert ask(settle(tmp_path / "a"), statuses) == [200] * 5
    assert ask(settle(tmp_path / "c"), passed_on) == 303  # a proxy that nobody told us of
    closed: list[dict[str, Any]] = [
        {"listen": "0.0.0.0:8765"},
        {"open_reading": "never"},
        {"public_url": "https://sync.example.org"},  # a proxy makes the loopback address public
    ]
    for number, web in enumerate(closed):
        assert ask(settle(tmp_path / str(number), **web), statuses) == [303, 401, 200, 200, 200]
    assert ask(settle(tmp_path / "b", listen="0.0.0.0:8765", open_reading="always"), statuses) == [200] * 5


def test_the_token_opens_reading_as_a_session_and_as_a_header(tmp_path: Path) -> None:
    loaded = settle(tmp_path, open_reading="never")
    token = loaded.operator_token_file.read_text().strip()

    async def look(house: House, browser: httpx.AsyncClient) -> None:
        refused = await browser.get("/metrics", headers={"Authorization": "Bearer " + "x" * 32})
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        assert (await browser.get("/metrics", headers={"Authorization": f"Bearer {token}"})).status_code == 200
        turned = await browser.get("/shops/any")
        assert turned.headers["location"] == "/login?next=/shops/any"
        await sign_in(browser, loaded)
        assert (await browser.get("/")).status_code == 200
        cookie = browser.cookies[COOKIE]
        assert token not in cookie
        browser.cookies.clear()
        until, nonce, signature = cookie.split(".")
        changed = (f"{int(until) + 60}.{nonce}.{signature}", f"{until}.{nonce}.{'0' * 64}")
        odd = ("", "1.2.3", "..", "é", f"{until}.{nonce}.é", f"{until}.é.{signature}", "9" * 5000 + ".1.2")
        for forged in (*changed, *odd):
            answer = await browser.get("/", headers={"Cookie": f"{COOKIE}={forged}".encode()})
            assert answer.status_code == 303, forged
        answer = await browser.get("/", headers={"Cookie": f"{COOKIE}={cookie}"})
        assert answer.status_code == 200
        loaded.operator_token_file.write_text("another-token-of-24-letters\n")
        answer = await browser.get("/", headers={"Cookie": f"{COOKIE}={cookie}"})
        assert answer.status_code == 303  # a new token ends every session

    ask(loaded, look)


def test_a_session_ends_by_signing_out_and_only_from_our_page(tmp_path: Path) -> None:
    loaded = settle(tmp_path, open_reading="never")

    async def look(_: House, browser: httpx.AsyncClient) -> None:
        await sign_in(browser, loaded)
        page = (await browser.get("/")).text
        await browser.post("/logout", data={"seal": "0" * 64})
        assert (await browser.get("/")).status_code == 200
        await browser.post("/logout", data={"seal": seal_of(page)})
        assert (await browser.get("/")).status_code == 303

    ask(loaded, look)


def test_the_cookie_is_for_this_site_alone(tmp_path: Path) -> None:
    async def cookie(_: House, browser: httpx.AsyncClient) -> str:
        token = (tmp_path / "operator.token").read_text()
        return str((await browser.post("/login", data={"token": token})).headers["set-cookie"])

    plain = ask(settle(tmp_path), cookie)
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(plain.split("; "))
    assert "Secure" not in plain
    assert "Secure" in ask(settle(tmp_path, public_url="https://sync.example.org"), cookie)


def test_wrong_tries_are_counted_and_told(tmp_path: Path) -> None:
    async def look(_: House, browser: httpx.AsyncClient) -> None:
        for _try in range(TRIES_MAX):
            answer = await browser.post("/login", data={"token": "guess"})
            assert answer.status_code == 403
            assert "not the operator" in answer.text
        token = (tmp_path / "operator.token").read_text()
        answer = await browser.post("/login", data={"token": token})
        assert answer.status_code == 429
        assert re.search(r"Try again in \d+ seconds", answer.text)

    ask(settle(tmp_path), look)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_a_form_of_another_site_signs_nobody_in(tmp_path: Path, headers: dict[str, str]) -> None:
    async def look(_: House, browser: httpx.AsyncClient) -> int:
        token = (tmp_path / "operator.token").read_text()
        return (await browser.post("/login", data={"token": token}, headers=headers)).status_code

    assert ask(settle(tmp_path), look) == 403


@pytest.mark.parametrize(
    ("path", "kept"),
    [("/shops/a", True), ("//evil.example", False), ("https://evil.example", False), ("/\\evil", False), ("", False)],
)
def test_after_signing_in_one_stays_on_this_site(path: str, kept: bool) -> None:
    assert inside(path) == (path if kept else "/")


def test_every_answer_keeps_the_browser_safe(tmp_path: Path) -> None:
    async def look(_: House, browser: httpx.AsyncClient) -> None:
        for path in ("/", "/login", "/nothing", "/shops/none", "/metrics", "/healthz"):
            headers = (await browser.get(path)).headers
            assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
            assert "script" not in headers["content-security-policy"]
            assert headers["cache-control"] == "no-store"
            assert headers["x-frame-options"] == "DENY"
            assert headers["x-content-type-options"] == "nosniff"
        style = await browser.get("/style.css?x")
        assert "immutable" in style.headers["cache-control"]
        for page in ((await browser.get("/")).text, (await browser.get("/login")).text):
            assert not re.search(r'\sstyle="|<script|\son\w+="|https?://(?!www\.w3\.org)', page)

    ask(settle(tmp_path), look)


def test_what_is_too_long_or_odd_is_refused(tmp_path: Path) -> None:
    async def look(_: House, browser: httpx.AsyncClient) -> None:
        assert (await browser.post("/login", content=b"x" * 300_000)).status_code == 413
        assert (await browser.post("/login", content=b"\xff\xfe=%%%&&&=")).status_code == 403
        assert (await browser.put("/login")).status_code == 405

        async def endless() -> Any:
            for _part in range(40):
                yield b"token=" + b"x" * 10_000

        assert (await browser.post("/login", content=endless())).status_code == 403

    ask(settle(tmp_path), look)


def test_where_the_token_comes_from(tmp_path: Path) -> None:
    file, folder = tmp_path / "operator.token", tmp_path / "credentials"
    folder.mkdir()
    with pytest.raises(KeyProblem, match="no operator's token"):
        find_token(TokenSources(secrets_folder=None))
    write_token_file(file)
    assert file.stat().st_mode & 0o777 == 0o600
    token = find_token(TokenSources(token_file=file))
    assert len(token.reveal()) == 32
    file.chmod(0o644)
    with pytest.raises(KeyProblem, match="open to other users"):
        find_token(TokenSources(token_file=file))
    (folder / "operator.token").write_text("from-the-credentials\n")
    assert find_token(TokenSources(credentials_folder=folder)).reveal() == "from-the-credentials"
    file.chmod(0o600)
    for odd in ("short", "with some blanks in it", "", "ünïcödé-is-not-for-headers"):
        file.write_text(odd)
        with pytest.raises(KeyProblem, match="holds no operator's token"):
            find_token(TokenSources(token_file=file))
