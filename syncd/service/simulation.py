"""The simulated shop for people: built from plain words, served over HTTP on this machine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from syncd.errors import UsageProblem
from syncd.host.clock import SystemClock
from syncd.simulator.courier import Mishaps
from syncd.simulator.server import serve
from syncd.simulator.shop import SimShop
from syncd.simulator.switches import Switches
from syncd.simulator.world import SimWorld


@dataclass(frozen=True, slots=True)
class SimulatedShop:
    """What a simulated shop should be like. `bucket` is its call limit in calls, `leak_per_s` what it gives back."""

    products: int = 60
    orders: int = 300
    customers: int = 80
    seed: int = 1
    bucket: float = 40.0
    leak_per_s: float = 2.0
    character: str = "plain"
    switches: Sequence[str] = ()
    client_id: str = "syncd.sim"
    mishaps: Sequence[str] = ()


def build(wanted: SimulatedShop, name: str = "shop-1") -> SimShop:
    """The shop. Raises UsageProblem for switches that do not exist."""
    try:
        switches = Switches.named(wanted.character).flipped(wanted.switches)
        return SimShop(
            name,
            now=SystemClock().wall,
            seed=wanted.seed,
            switches=switches,
            products=wanted.products,
            orders=wanted.orders,
            customers=wanted.customers,
            bucket_size=wanted.bucket,
            leak=wanted.leak_per_s,
            client_ids=(wanted.client_id,),
        )
    except ValueError as problem:
        raise UsageProblem(str(problem), hint="syncd simulate --help") from problem


def mishaps(settings: Sequence[str]) -> Mishaps:
    """What goes wrong with webhooks, from words like `lost=0.2`. Raises UsageProblem, naming what exists."""
    kinds: dict[str, Any] = {field.name: type(field.default) for field in fields(Mishaps)}
    chosen: dict[str, Any] = {}
    for setting in settings:
        name, _, text = setting.partition("=")
        try:
            chosen[name] = kinds[name](text)
        except (KeyError, ValueError) as problem:
            raise UsageProblem(
                f"{setting!r} is no mishap; write one as in lost=0.2; there are {', '.join(kinds)}",
                hint="syncd simulate --help",
            ) from problem
    return Mishaps(**chosen)


def simulate(wanted: SimulatedShop, host: str, port: int, started: Callable[[str], None]) -> None:
    """Serve it until a signal comes; `started` is told its address. Raises UsageProblem where the port is taken."""
    world, troubles = SimWorld([build(wanted)]), mishaps(wanted.mishaps)
    try:
        serve(world, host, port, started, troubles)
    except OSError as problem:
        raise UsageProblem(
            f"nothing can listen on {host}:{port}: {problem.strerror}",
            hint="syncd simulate --port 0    (takes a free one)",
        ) from problem
