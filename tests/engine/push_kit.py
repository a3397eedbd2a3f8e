"""A desk that also pushes: people's SQL on one side, the simulated shop on the other."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Engine, create_engine, make_url, text

from syncd.domain.policy import Policy
from syncd.domain.resources import RESOURCES
from syncd.domain.run import Run
from syncd.domain.secret import Secret
from syncd.engine.hands import Hands
from syncd.engine.looks import Looker
from syncd.engine.push_worker import PushWorker
from syncd.engine.rules import PullRules, PushRules
from syncd.host.cipher import KeyRing, new_key
from syncd.store.database import sqlite_module
from tests.engine.kit import Desk, DeskDice, desk


@dataclass
class PushDesk:
    """Everything that a test of pushing touches. `sql` runs as a user's own client would: another connection."""

    at: Desk
    pusher: PushWorker
    engine: Engine
    hands: Hands

    def afresh(self) -> PushWorker:
        """A pusher as a new process would have it."""
        return PushWorker(replace(self.hands, learned={}), self.at.worker)

    def sql(self, *statements: str, **values: Any) -> list[Any]:
        """Run statements in one transaction of a user's client; the rows of the last one that has any."""
        rows: list[Any] = []
        with self.engine.begin() as connection:
            for statement in statements:
                result = connection.execute(text(statement), values)
                rows = list(result.mappings()) if result.returns_rows else rows
        return rows

    def one(self, statement: str, **values: Any) -> Mapping[str, Any]:
        """The one row of a query."""
        (row,) = self.sql(statement, **values)
        return dict(row)

    async def push(self) -> Run:
        return await self.pusher.push()

    async def quiet(self, seconds: float = 60.0) -> None:
        """Let new rows lie untouched for a while."""
        await self.pusher.notice()
        self.at.clock.passed_s += seconds

    async def pull(self, *names: str, quick: bool = False) -> Sequence[Run]:
        return await self.at.pull(*names, quick=quick)


@asynccontextmanager
async def push_desk(
    url: str,
    *,
    policies: Mapping[str, Policy] | None = None,
    push_rules: PushRules | None = None,
    rules: PullRules | None = None,
    **shop: Any,
) -> AsyncIterator[PushDesk]:
    """A filled mirror of a simulated shop, with a pusher beside the puller."""
    async with desk(url, rules=rules, policies=policies, **shop) as at:
        hands = Hands(
            at.shop,
            at.gateway,
            at.gateway.writer,
            at.disk,
            at.clock,
            DeskDice(3),
            at.log,
            push_rules or PushRules(),
            {resource.name: resource for resource in RESOURCES if resource.writable},
            policies or {},
            Looker(at.shop, remote=at.gateway, disk=at.disk, clock=at.clock, rules=rules or PullRules()),
            KeyRing.of([Secret(new_key())], source="a test"),
            asyncio.Event(),
        )
        address = make_url(url)
        sqlite = {"module": sqlite_module()} if address.get_backend_name() == "sqlite" else {}
        engine = create_engine(address, **sqlite)
        try:
            await at.pull()
            yield PushDesk(at, PushWorker(hands, at.worker), engine, hands)
        finally:
            engine.dispose()
