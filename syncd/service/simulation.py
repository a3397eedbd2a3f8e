"""The simulated shop for people: built from plain words, served over HTTP on this machine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from syncd.errors import UsageProblem
from syncd.host.clock import SystemClock
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


def simulate(wanted: SimulatedShop, host: str, port: int, started: Callable[[str], None]) -> None:
    """Serve it until a signal comes; `started` is told its address. Raises UsageProblem where the port is taken."""
    world = SimWorld([build(wanted)])
    try:
        serve(world, host, port, started)
    except OSError as problem:
        raise UsageProblem(
            f"nothing can listen on {host}:{port}: {problem.strerror}",
            hint="syncd simulate --port 0    (takes a free one)",
        ) from problem
