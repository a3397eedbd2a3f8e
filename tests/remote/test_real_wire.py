"""Real HTTP on loopback: sizes, half answers, silence, reuse of connections. The server says exactly these bytes."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from syncd.domain.record import Page
from syncd.domain.resources import PRODUCTS
from syncd.errors import LostAnswer, NotUnderstood, RemoteDown, SyncdError
from syncd.ports import Listing
from syncd.remote.settings import RemoteSettings
from tests.remote.doubles import PURPOSE, Rig, rig, shop_of

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
BODY = b'{"products": [{"id": 1}]}'


def said(body: bytes, *, length: int | None = None, more: str = "") -> bytes:
    size = len(body) if length is None else length
    return f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n{more}\r\n".encode() + body


class Server:
    """Answers each request on a connection with the next of `replies` (the last again and again). None is silence."""

    def __init__(self, *replies: bytes | None, hang_up: bool = False) -> None:
        self.replies = list(replies)
        self.hang_up = hang_up
        self.connections = 0
        self.requests: list[bytes] = []
        self.port = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                self.requests.append(await reader.readuntil(b"\r\n\r\n"))
                reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
                if reply is None:
                    await reader.read()
                    return
                writer.write(reply)
                await writer.drain()
                if self.hang_up:
                    return
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(server: Server) -> AsyncIterator[Server]:
    listener = await asyncio.start_server(server.talk, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        await listener.wait_closed()


def look(server: Server, settings: RemoteSettings | None = None) -> tuple[Page | SyncdError, Rig]:
    """One listing over a real socket: the page, or the error."""

    async def scenario() -> tuple[Page | SyncdError, Rig]:
        async with serving(server), rig(None, shop=shop_of(f"http://127.0.0.1:{server.port}"), settings=settings) as it:
            try:
                return await it.gateway.page(Listing(PRODUCTS), PURPOSE), it
            except SyncdError as problem:
                return problem, it

    return asyncio.run(scenario())


def test_a_page_and_what_was_sent() -> None:
    server = Server(said(BODY))
    page, _ = look(server)
    assert isinstance(page, Page)
    assert [item.key for item in page.items] == ["1"]
    head = server.requests[0].decode().lower()
    assert head.startswith("get /api/products.json http/1.1\r\n")
    assert "authorization: bearer first\r\n" in head
    assert "user-agent: syncd/" in head
    assert "accept: application/json\r\n" in head
    assert "cookie:" not in head


def test_a_packed_page() -> None:
    page, _ = look(Server(said(gzip.compress(BODY), more="Content-Encoding: gzip\r\n")))
    assert isinstance(page, Page)
    assert len(page.items) == 1


@pytest.mark.parametrize("packed", [False, True])
def test_an_answer_that_is_too_large_is_not_taken_and_not_asked_again(packed: bool) -> None:
    body = json.dumps({"products": [{"id": 1, "title": "x" * 3_000_000}]}).encode()
    reply = said(gzip.compress(body), more="Content-Encoding: gzip\r\n") if packed else said(body)
    server = Server(reply)
    problem, it = look(server, RemoteSettings(response_bytes_max=1_000_000))
    assert isinstance(problem, NotUnderstood)
    assert "remote.response_bytes_max" in problem.hint
    assert len(it.budget.tickets) == len(server.requests) == 1


def test_half_a_body_is_read_again_then_given_up() -> None:
    half = said(BODY[:10], length=len(BODY))
    server = Server(half, half, said(BODY), hang_up=True)
    page, it = look(server)
    assert isinstance(page, Page)
    assert len(server.requests) == len(it.budget.tickets) == 3
    problem, it = look(Server(half, hang_up=True), RemoteSettings(tries=2))
    assert isinstance(problem, LostAnswer)
    assert len(it.budget.tickets) == 2


def test_a_damaged_packed_body_is_read_again() -> None:
    damaged = said(b"not gzip at all", more="Content-Encoding: gzip\r\n")
    page, it = look(Server(damaged, said(BODY)))
    assert isinstance(page, Page)
    assert len(it.budget.tickets) == 2


def test_a_body_cut_without_a_length_is_read_again() -> None:
    """Without Content-Length nobody notices the cut but the parser."""
    cut = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + BODY[:10]
    page, it = look(Server(cut, said(BODY), hang_up=True))
    assert isinstance(page, Page)
    assert len(it.budget.tickets) == 2


def test_silence_is_a_lost_answer() -> None:
    problem, it = look(Server(None), RemoteSettings(read_s=0.05, tries=2))
    assert isinstance(problem, LostAnswer)
    assert len(it.budget.tickets) == 2
    assert len(it.clock.slept) == 1


def test_an_answer_that_trickles_for_ever_ends_all_the_same() -> None:
    class Trickle(Server):
        async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
            try:
                while not writer.is_closing():
                    writer.write(b" " * 10)
                    await writer.drain()
                    await asyncio.wait({asyncio.ensure_future(reader.read(1))}, timeout=0.01)
            except OSError:
                pass
            finally:
                writer.close()

    problem, _ = look(Trickle(), RemoteSettings(read_s=5, answer_s=0.2, tries=1))
    assert isinstance(problem, LostAnswer)


def test_hanging_up_without_a_word_is_a_lost_answer() -> None:
    problem, _ = look(Server(b"", hang_up=True), RemoteSettings(tries=1))
    assert isinstance(problem, LostAnswer)
    problem, _ = look(Server(b"SSH-2.0-OpenSSH\r\n", hang_up=True), RemoteSettings(tries=1))
    assert isinstance(problem, LostAnswer)


def test_nobody_there() -> None:
    async def scenario() -> None:
        async with serving(Server(said(BODY))) as server:
            port = server.port
        async with rig(None, shop=shop_of(f"http://127.0.0.1:{port}"), settings=RemoteSettings(tries=2)) as it:
            with pytest.raises(RemoteDown) as caught:
                await it.gateway.page(Listing(PRODUCTS), PURPOSE)
        assert "no connection" in caught.value.message
        assert caught.value.hint.endswith("syncd doctor demo")

    asyncio.run(scenario())


def test_connections_are_used_again() -> None:
    async def scenario() -> None:
        server = Server(said(BODY))
        async with serving(server), rig(None, shop=shop_of(f"http://127.0.0.1:{server.port}")) as it:
            for _ in range(5):
                await it.gateway.page(Listing(PRODUCTS), PURPOSE)
            assert (server.connections, len(server.requests)) == (1, 5)

    asyncio.run(scenario())


def test_a_connection_that_the_server_dropped_costs_one_more_try() -> None:
    async def scenario() -> None:
        server = Server(said(BODY), hang_up=True)
        async with serving(server), rig(None, shop=shop_of(f"http://127.0.0.1:{server.port}")) as it:
            for _ in range(3):
                assert (await it.gateway.page(Listing(PRODUCTS), PURPOSE)).items
            assert len(server.requests) == 3

    asyncio.run(scenario())
