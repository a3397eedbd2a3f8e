"""Places at which a process stops exactly there, says so, and waits to be killed or let go.

A pipe with a name is what it waits at: it goes on when somebody opens the other end.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from syncd.domain.secret import Secret
from syncd.domain.shop import Shop
from syncd.domain.token import SealedTokens
from syncd.ports import Granted, Inspected
from syncd.ports.teller import Fetched, Order


@dataclass(frozen=True, slots=True)
class Halt:
    """Stops a process at `step`; `folder` is where it says so."""

    folder: Path
    step: str

    def at(self, step: str) -> None:
        """Stop here if this is the step."""
        if step == self.step:
            (self.folder / "halted").touch()
            with (self.folder / "gate").open("rb"):
                pass

    def set_up(self) -> "Halt":
        """Make the gate."""
        os.mkfifo(self.folder / "gate")
        return self

    @property
    def reached(self) -> bool:
        return (self.folder / "halted").exists()

    def let_go(self) -> None:
        """Open the gate for whoever still waits at it."""
        with suppress(OSError):  # nobody waits any more
            os.close(os.open(self.folder / "gate", os.O_WRONLY | os.O_NONBLOCK))


@dataclass(frozen=True, slots=True)
class HaltingWriter:
    """A Writer that stops around the transactions of a rotation, told apart by the name of their function."""

    inner: Any
    halt: Halt

    async def run(self, f: Any) -> Any:
        name = getattr(getattr(f, "func", f), "__name__", "")
        self.halt.at(f"before {name}")
        result = await self.inner.run(f)
        self.halt.at(f"after {name}")
        return result


@dataclass(frozen=True, slots=True)
class HaltingTeller:
    """An Teller that stops when the answer is there."""

    inner: Any
    halt: Halt
    outlives: bool = True

    async def ready(self) -> None:
        await self.inner.ready()

    async def run(self, order: Order, held: int | None) -> Fetched:
        fetched: Fetched = await self.inner.run(order, held)
        self.halt.at("answered")
        return fetched


class HaltingWire(httpx.AsyncHTTPTransport):
    """The real network, stopping before a request leaves and when its answer has arrived unread."""

    def __init__(self, halt: Halt) -> None:
        super().__init__(trust_env=False)
        self._halt = halt

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._halt.at("child: before the request")
        response = await super().handle_async_request(request)
        self._halt.at("child: the shop has rotated")
        return response


@dataclass(frozen=True, slots=True)
class HaltingExchange:
    """A token endpoint that stops when the pair is read."""

    inner: Any
    halt: Halt

    async def redeem(self, shop: Shop, refresh: Secret) -> Granted:
        granted: Granted = await self.inner.redeem(shop, refresh)
        self.halt.at("child: before the spill")
        return granted

    async def inspect(self, shop: Shop, access: Secret) -> Inspected:
        found: Inspected = await self.inner.inspect(shop, access)
        return found


@dataclass(frozen=True, slots=True)
class HaltingSpill:
    """A spill that stops when the pair is in it."""

    inner: Any
    halt: Halt

    def append(self, row: SealedTokens) -> None:
        self.inner.append(row)
        self.halt.at("child: after the spill")

    def rows(self) -> Sequence[SealedTokens]:
        found: Sequence[SealedTokens] = self.inner.rows()
        return found

    def forget(self, shop_id: int, generation: int) -> None:
        self.inner.forget(shop_id, generation)
