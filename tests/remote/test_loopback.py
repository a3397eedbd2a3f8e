"""The callback on loopback: the right one ends the wait, everything else is answered and ignored."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import httpx
import pytest

from syncd.domain.secret import Secret
from syncd.errors import NeedsPerson, UsageProblem
from syncd.remote.loopback import wait_for_callback
from syncd.remote.oauth import Redirect

Visit = Callable[[httpx.AsyncClient, str], Awaitable[None]]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def waited(visit: Visit, *, timeout_s: float = 20) -> Redirect:
    """Wait for the callback while `visit` plays the browser."""

    async def scenario() -> Redirect:
        uri = f"http://127.0.0.1:{free_port()}/callback"
        is_open = asyncio.Event()

        async def browse() -> None:
            await is_open.wait()
            async with httpx.AsyncClient(trust_env=False) as browser:
                await visit(browser, uri)

        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(wait_for_callback(uri, "st4te", timeout_s, ready=is_open.set))
            group.create_task(browse())
        with pytest.raises(OSError):  # it ended by itself
            await asyncio.open_connection("127.0.0.1", httpx.URL(uri).port)
        return waiting.result()

    return asyncio.run(scenario())


def test_the_callback_ends_the_wait() -> None:
    async def visit(browser: httpx.AsyncClient, uri: str) -> None:
        page = await browser.get(f"{uri}?code=abc&companyid=1202&state=st4te")
        assert page.status_code == 200
        assert "Thank you" in page.text
        assert "abc" not in page.text
        assert page.headers["Cache-Control"] == "no-store"

    assert waited(visit) == (Secret("abc"), 1202, "st4te")


def test_everything_else_is_answered_and_ignored() -> None:
    async def visit(browser: httpx.AsyncClient, uri: str) -> None:
        assert (await browser.get(uri.replace("/callback", "/favicon.ico"))).status_code == 404
        assert (await browser.post(f"{uri}?code=evil&companyid=1&state=st4te")).status_code == 404
        assert (await browser.get(f"{uri}?code=evil&companyid=1&state=wrong")).status_code == 400
        assert (await browser.get(f"{uri}?code=evil")).status_code == 400
        assert (await browser.get(f"{uri}?error=access_denied&state=wrong")).status_code == 400
        assert (await browser.get(uri)).status_code == 400
        reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(uri).port)
        writer.write(b"x" * 100_000)
        assert b"400" in await reader.readline()
        writer.close()
        assert (await browser.get(f"{uri}?code=good&companyid=1202&state=st4te")).status_code == 200

    assert waited(visit).code == Secret("good")


def test_a_shop_that_sends_no_state_back_is_believed() -> None:
    async def visit(browser: httpx.AsyncClient, uri: str) -> None:
        await browser.get(f"{uri}?code=good&companyid=1202")

    assert waited(visit) == (Secret("good"), 1202, "")


def test_a_refusal_of_the_owner_ends_the_wait() -> None:
    async def visit(browser: httpx.AsyncClient, uri: str) -> None:
        assert (await browser.get(f"{uri}?error=access_denied&state=st4te")).status_code == 400

    with pytest.raises(ExceptionGroup) as caught:
        waited(visit)
    assert caught.group_contains(UsageProblem, match="access_denied")


def test_nobody_comes() -> None:
    with pytest.raises(NeedsPerson) as caught:
        asyncio.run(wait_for_callback(f"http://127.0.0.1:{free_port()}/", "st4te", 0.05))
    assert "--redirected" in caught.value.hint


@pytest.mark.parametrize(
    "uri", ["https://127.0.0.1/x", "http://example.org/x", "api_tester.html", "http://127.0.0.1:x/"]
)
def test_a_redirect_uri_elsewhere_cannot_be_waited_for(uri: str) -> None:
    with pytest.raises(UsageProblem, match="not on this machine"):
        asyncio.run(wait_for_callback(uri, "st4te", 1))


def test_a_port_that_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UsageProblem, match="nothing can listen"):
            asyncio.run(wait_for_callback(f"http://127.0.0.1:{taken.getsockname()[1]}/", "st4te", 1))
