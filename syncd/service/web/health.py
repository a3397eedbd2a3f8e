"""`/healthz`: the process lives and its writers move. `/readyz`: it does its work, or says in JSON why not.

Both are for machines, and answer within seconds whatever is wrong. A database that is away is no reason to kill the
daemon, which waits for it: that is not being ready. Must not tell anything else.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from syncd.errors import SyncdError
from syncd.ports import Clock
from syncd.service.web.recent import Recent
from syncd.service.wire import House
from syncd.store import migrate

PROBE_S: Final = 2.0
STUCK_S: Final = 30.0
"""A writer that did not end a transaction that does nothing for so long will not: no lock is waited for longer."""
BEAT_AGE_MAX_S: Final = 60.0
"""The supervisor goes round every few seconds; where a round took so long, nobody watches the shops."""
_KEEP_S: Final = 1.0


def routes(house: House, beat_age_s: Callable[[], float] | None) -> list[Route]:
    """The two addresses."""
    probes = [Probe(house.clock, "mirror", house.disk.mirror.run), Probe(house.clock, "state", house.disk.state.run)]
    ready = Recent(house.clock, _KEEP_S, lambda: _not_ready(house, probes, beat_age_s))

    async def healthz(_: Request) -> Response:
        for probe in probes:
            await probe.problem()
        stuck = [f"the {probe.name} database's writer is stuck" for probe in probes if probe.pending_s() > STUCK_S]
        return JSONResponse({"ok": not stuck, "problems": stuck}, 503 if stuck else 200)

    async def readyz(_: Request) -> Response:
        problems = await ready.get()
        return JSONResponse({"ready": not problems, "problems": problems}, 503 if problems else 200)

    return [Route("/healthz", healthz), Route("/readyz", readyz)]


async def _not_ready(house: House, probes: Sequence["Probe"], beat_age_s: Callable[[], float] | None) -> list[str]:
    problems = [problem for probe in probes if (problem := await probe.problem())]
    if not problems:
        problems += await _of_revision(house)
    problems += _of_key(house)
    age_s = beat_age_s() if beat_age_s else 0.0
    if age_s > BEAT_AGE_MAX_S:
        problems.append(f"the shops were last looked over {age_s:.0f} s ago")
    if house.draining.is_set():
        problems.append("it is stopping")
    return problems


class Probe:
    """Whether a writer answers. At most one probe is under way: a writer that hangs is not asked again and again."""

    def __init__(self, clock: Clock, name: str, run: Callable[[Callable[[Any], None]], Awaitable[None]]) -> None:
        self.name = name
        self._clock = clock
        self._run = run
        self._since = 0.0
        self._task: asyncio.Task[str] | None = None

    async def problem(self) -> str:
        """What is wrong, empty where nothing is; after PROBE_S at the latest."""
        task = self._task
        if task is None or task.done():
            self._since = self._clock.monotonic()
            task = self._task = asyncio.ensure_future(self._asked())
        # A cancelled transaction still ends whole, so it is left alone instead of cut off.
        await asyncio.wait([task], timeout=PROBE_S)
        return task.result() if task.done() else f"the {self.name} database does not answer within {PROBE_S:.0f} s"

    def pending_s(self) -> float:
        """How long the writer has owed an answer."""
        return 0.0 if self._task is None or self._task.done() else self._clock.monotonic() - self._since

    async def _asked(self) -> str:
        try:
            await self._run(_nothing)
        except SyncdError as problem:
            return f"the {self.name} database: {problem.message}"
        return ""


def _nothing(_: object) -> None:
    """A transaction that does nothing still has to begin and to end."""


async def _of_revision(house: House) -> list[str]:
    try:
        await asyncio.to_thread(migrate.check, house.loaded.mirror_url, house.loaded.state_url)
    except SyncdError as problem:
        return [problem.message]
    return []


def _of_key(house: House) -> list[str]:
    try:
        house.sealer.seal(b"", shop=0, field="probe", generation=0)
    except SyncdError as problem:
        return [problem.message]
    return []
