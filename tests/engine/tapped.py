"""A desk whose wire can be tapped: a test acts at the very moment at which a request leaves or its answer comes.

What happens there is a user's own SQL, an edit in the shop, or the loss of the answer. Knows nothing of pushing but
that its calls pass here.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from syncd.domain.policy import Policy
from syncd.domain.resources import RESOURCES
from syncd.domain.secret import Secret
from syncd.engine.budget_transactions import BudgetRules
from syncd.engine.budgeter import Budgeter
from syncd.engine.hands import Hands
from syncd.engine.looks import Looker
from syncd.engine.push_worker import PushWorker
from syncd.engine.rules import PullRules, PushRules
from syncd.engine.worker import ShopWorker
from syncd.host.cipher import KeyRing, new_key
from syncd.remote.gateway import ShopGateway
from syncd.remote.settings import RemoteSettings
from tests.engine.kit import CLIENT, Desk, DeskDice, GivenTokens, Silent
from tests.engine.push_kit import PushDesk, push_desk

Act = Callable[[int, httpx.Request], None]


def _nothing(_number: int, _request: httpx.Request) -> None:
    return


@dataclass
class Tap(httpx.AsyncBaseTransport):
    """A wire that tells of each request, numbered from 1 since `rewind`: `before` it reaches the shop, and `after` the
    shop has acted. Whatever these raise is what the caller gets."""

    wire: httpx.AsyncBaseTransport
    before: Act = _nothing
    after: Act = _nothing
    passed: list[str] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.passed.append(f"{request.method} {request.url.path}")
        number = len(self.passed)
        self.before(number, request)
        response = await self.wire.handle_async_request(request)
        self.after(number, request)
        return response

    def rewind(self, *, before: Act = _nothing, after: Act = _nothing) -> None:
        """Count from 1 again, and do this from now on."""
        self.passed.clear()
        self.before, self.after = before, after

    @property
    def writes(self) -> list[str]:
        """The requests that were no reads."""
        return [each for each in self.passed if not each.startswith("GET ")]


def lost(request: httpx.Request) -> httpx.ReadError:
    """What the caller sees of an answer that never came."""
    return httpx.ReadError("Connection reset by peer", request=request)


@asynccontextmanager
async def tapped_desk(
    url: str,
    *,
    policies: Mapping[str, Policy] | None = None,
    push_rules: PushRules | None = None,
    **shop: Any,
) -> AsyncIterator[tuple[PushDesk, Tap]]:
    """A filled mirror of a simulated shop; from now on both puller and pusher talk through the tap."""
    async with push_desk(url, policies=policies, push_rules=push_rules, **shop) as made:
        at = made.at
        tap = Tap(at.wire)
        gateway, worker, pusher = _behind(tap, at, policies or {}, push_rules or PushRules())
        try:
            at.worker, at.gateway, made.pusher = worker, gateway, pusher
            yield made, tap
        finally:
            await gateway.aclose()


def _behind(
    tap: Tap, at: Desk, policies: Mapping[str, Policy], push_rules: PushRules
) -> tuple[ShopGateway, ShopWorker, PushWorker]:
    dice, rules = DeskDice(5), PullRules()
    figures = BudgetRules(size=at.sim.bucket_size, leak=at.sim.leak)
    budget = Budgeter(at.shop.id, f"{CLIENT}/1202", state=at.disk.state, clock=at.clock, dice=dice, rules=figures)
    gateway = ShopGateway(at.shop, tap, GivenTokens(at.sim), budget, at.clock, dice, RemoteSettings())
    worker = ShopWorker(
        at.shop,
        remote=gateway,
        disk=at.disk,
        clock=at.clock,
        log=at.log,
        rules=rules,
        watcher=Silent(),
        policies=policies,
    )
    hands = Hands(
        at.shop,
        gateway,
        gateway.writer,
        at.disk,
        at.clock,
        dice,
        at.log,
        push_rules,
        {resource.name: resource for resource in RESOURCES if resource.writable},
        policies,
        Looker(at.shop, remote=gateway, disk=at.disk, clock=at.clock, rules=rules),
        KeyRing.of([Secret(new_key())], source="a test"),
        asyncio.Event(),
    )
    return gateway, worker, PushWorker(hands, worker)
