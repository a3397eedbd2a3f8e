"""The call budget against a server that keeps its own bucket, on a virtual clock.

The server's bucket is written here anew, from the outside view: it leaks, it counts, it refuses. What
matters is how many calls get through and how many are refused.
"""

from collections.abc import Generator
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from math import ceil
from random import Random

import pytest

from syncd.domain.budget import Bucket, CallClass, Wait, admit, heard, refused

T0 = 1_700_000_000.0


@dataclass
class Server:
    """A leaky bucket as the remote keeps it; `other_per_s` calls come from another app on the same bucket."""

    size: float = 40
    leak: float = 2.0
    header: bool = True
    other_per_s: float = 0.0
    level: float = 0.0
    at: float = T0
    served: int = 0
    refusals: int = 0
    other_refusals: int = 0
    other_served: int = 0

    def _leak_until(self, t: float) -> None:
        self.level = max(0.0, self.level - self.leak * (t - self.at))
        self.at = t

    def other(self, t: float) -> None:
        self._leak_until(t)
        if self.level + 1 > self.size:
            self.other_refusals += 1
        else:
            self.level += 1
            self.other_served += 1

    def call(self, t: float) -> tuple[bool, float | None]:
        self._leak_until(t)
        ok = self.level + 1 <= self.size
        self.level += ok
        self.served += ok
        self.refusals += not ok
        return ok, (float(ceil(self.level)) if self.header else None)


@dataclass
class World:
    """One shared row, workers as generators that yield how long they sleep, one seeded source of luck."""

    server: Server
    row: Bucket
    luck: Random
    latency_s: tuple[float, float] = (0.05, 0.3)
    t: float = T0
    open: dict[str, list[int]] = field(default_factory=dict)
    waits: dict[CallClass, list[float]] = field(default_factory=dict)

    def worker(self, process: str, klass: CallClass, *, think_s: float = 0.0) -> Generator[float]:
        in_flight = self.open.setdefault(process, [])
        while True:
            if think_s:
                yield self.luck.expovariate(1 / think_s)
            asked_at = self.t
            while isinstance(answer := admit(self.row, klass, 1, self.t - asked_at, self.t), Wait):
                self.row = answer.bucket
                yield answer.delay_s * self.luck.uniform(1, 1.25)
            self.waits.setdefault(klass, []).append(self.t - asked_at)
            self.row = answer.bucket
            in_flight.append(answer.ticket)
            yield self.luck.uniform(*self.latency_s)
            ok, used = self.server.call(self.t)
            yield self.luck.uniform(*self.latency_s)
            oldest = min(in_flight)
            in_flight.remove(answer.ticket)
            if used is not None:
                self.row = heard(self.row, used, self.server.size, oldest, self.t)
            if not ok:
                self.row = refused(self.row, None, used is not None, self.t)

    def other_app(self) -> Generator[float]:
        while True:
            yield self.luck.expovariate(self.server.other_per_s)
            self.server.other(self.t)

    def run(self, workers: list[Generator[float]], hours: float) -> None:
        queue: list[tuple[float, int, Generator[float]]] = [(T0, i, w) for i, w in enumerate(workers)]
        while queue[0][0] < T0 + hours * 3600:
            self.t, i, worker = heappop(queue)
            heappush(queue, (self.t + next(worker), i, worker))


def world(server: Server, *, leak: float | None = None, seed: int = 1) -> World:
    return World(server, Bucket.first(size=40, leak=leak or server.leak, t=T0), Random(seed))


@pytest.mark.parametrize("workers", [1, 4, 12])
@pytest.mark.parametrize("header", [True, False])
def test_a_long_backfill_uses_the_whole_leak_and_is_never_refused(workers: int, header: bool) -> None:
    w = world(Server(header=header))
    w.run([w.worker("p", CallClass.BACKFILL) for _ in range(workers)], hours=1)
    assert w.server.refusals == 0
    assert w.server.served >= 0.98 * 2 * 3600


def test_three_processes_share_a_faster_bucket_without_a_refusal() -> None:
    w = world(Server(leak=10))
    w.run([w.worker(f"p{i % 3}", CallClass.BACKFILL) for i in range(12)], hours=0.5)
    assert w.server.refusals == 0
    assert w.server.served >= 0.98 * 10 * 1800


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_another_app_on_the_same_bucket_is_left_its_share(seed: int) -> None:
    w = world(Server(other_per_s=0.6), seed=seed)
    w.run([w.other_app(), *(w.worker("p", CallClass.BACKFILL) for _ in range(4))], hours=1)
    assert w.server.refusals == 0
    assert w.server.other_refusals == 0
    assert w.server.served + w.server.other_served >= 0.98 * 2 * 3600


def test_a_leak_set_a_quarter_too_high_is_corrected_by_the_header() -> None:
    w = world(Server(), leak=2.5)
    w.run([w.worker("p", CallClass.BACKFILL) for _ in range(4)], hours=1)
    assert w.server.refusals == 0
    assert w.server.served >= 0.98 * 2 * 3600


def test_a_leak_set_a_quarter_too_high_recovers_without_any_header() -> None:
    w = world(Server(header=False), leak=2.5)
    w.run([w.worker("p", CallClass.BACKFILL) for _ in range(4)], hours=2)
    assert w.server.refusals <= 0.005 * w.server.served
    assert w.server.served >= 0.93 * 2 * 7200


def test_calls_that_never_arrived_are_forgotten_after_the_next_answer() -> None:
    """Without the upper bound the model would believe in them until they leaked, again and again."""
    server = Server()
    row = replace(Bucket.first(size=40, leak=2, t=T0), level=36.0, granted=36)
    ok, used = server.call(T0)
    assert ok
    assert used is not None
    assert heard(row, used, 40, 36, T0).level == 1


def test_urgent_calls_hardly_wait_while_a_backfill_takes_all() -> None:
    w = world(Server())
    w.run(
        [
            *(w.worker("p", CallClass.BACKFILL) for _ in range(6)),
            *(w.worker("p", CallClass.INCREMENTAL, think_s=3) for _ in range(2)),
            w.worker("p", CallClass.PUSH, think_s=5),
        ],
        hours=1,
    )
    assert w.server.refusals == 0
    pushes = sorted(w.waits[CallClass.PUSH])
    assert pushes[int(len(pushes) * 0.95)] <= 0.01
    assert max(w.waits[CallClass.BACKFILL]) <= 60, "and nothing starves"
