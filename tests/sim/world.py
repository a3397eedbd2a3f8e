"""What is drawn for one seed: the shops with their switches and sizes, the troubles of the day, the moments of death.

Everything follows from the seed; nothing here runs anything.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Final, get_args

from syncd.simulator.courier import Mishaps
from syncd.simulator.shop import SimShop
from syncd.simulator.switches import CHARACTERS, FILTERS, KINDS, Switches
from syncd.simulator.transport import AFTER, BEFORE, Faults
from tests.sim.doors import Bells
from tests.sim.post import SECTION

DAY_S: Final = 86_400.0
DELETED: Final = ("products", "categories", "customers")
"""What people delete in the mirror, where deletes are switched on."""
CHANGEFUL: Final = ("products", "customers", "orders", "categories", "prices", "fulfillments", "theme_settings")
#: Set in the settings on both sides, or nothing that a shop shows: there is nothing to draw.
FIXED: Final = frozenset({"page_param", "clock_skew_s", "limit_header", "filters", "page_size"})


@dataclass(frozen=True, slots=True)
class ShopPlan:
    """One shop. `sizes` are products, orders, customers, categories."""

    name: str
    seed: int
    switches: Switches
    sizes: tuple[int, int, int, int]

    def build(self, now: Callable[[], float], bucket: tuple[float, float]) -> SimShop:
        """The shop, opened at this moment."""
        products, orders, customers, categories = self.sizes
        number = int(self.name.rpartition("-")[2])
        return SimShop(
            self.name,
            now=now,
            seed=self.seed,
            switches=self.switches,
            products=products,
            orders=orders,
            customers=customers,
            categories=categories,
            company_id=1200 + number,
            client_ids=(f"syncd.{self.name}",),
            bucket_size=bucket[0],
            leak=bucket[1],
        )


@dataclass(frozen=True, slots=True)
class Typing:
    """People at an SQL client beside the daemon, and at the same records in the shop: one deed about `every_s` seconds.
    A program that writes dies with this chance within the `steps` after a write left."""

    every_s: float
    deletes: bool
    dying: float
    steps: int
    more: bool = True  # also whole rows replaced, and open questions answered in SQL


@dataclass(frozen=True, slots=True)
class Plan:
    """One day. Times in seconds; `deaths` are the steps at which the lives of the daemon end, one after another."""

    seed: int
    shops: tuple[ShopPlan, ...]
    bucket: tuple[float, float]
    believed: float  # the size of the bucket as the settings have it; the shops' own headers may know better
    faults: Faults
    busy: float  # the chance that a transaction finds its database locked
    quick_s: float
    walk_s: float
    edit_every_s: float
    deaths: tuple[int, ...]
    outages: tuple[tuple[float, float, str], ...]  # from, to, name of the shop that nobody reaches
    revoked: tuple[tuple[float, str], ...]  # when an owner takes the permission away, and gives it again later
    day_s: float = DAY_S
    typing: Typing | None = None  # None: nobody edits the mirror
    webhooks: Mishaps | None = None  # None: the shops have none
    beside: tuple[int, ...] | None = None  # the deaths of a second daemon; None: there is none
    bells: Bells = field(default_factory=Bells)
    jumps: tuple[tuple[float, float], ...] = ()  # when somebody sets the clock of the machine, and by how much
    stops: tuple["Stop", ...] = ()
    commands_every_s: float | None = None  # how often somebody runs a command; None: nobody does


@dataclass(frozen=True, slots=True)
class Stop:
    """A program is stopped, as by SIGSTOP, and continued: `who` is its kind (daemon, beside), `steps` how many doors it
    goes through between the moment `at` and that, `writing`: and
    then it is right before it writes into the mirror."""

    at: float
    for_s: float
    who: str
    steps: int
    writing: bool = False


def draw(seed: int) -> Plan:
    """The day of this seed."""
    luck = Random(f"day/{seed}")
    shops = tuple(_shop(luck, number) for number in range(1, luck.choice((1, 1, 1, 2, 2, 3)) + 1))
    bucket = luck.choice(((40.0, 2.0), (40.0, 2.0), (20.0, 1.0), (80.0, 4.0)))
    told = all(shop.switches.limit_header for shop in shops)
    return Plan(
        seed=seed,
        shops=shops,
        bucket=bucket,
        believed=bucket[0] * luck.choice((1.0, 1.0, 0.5, 2.0 if told else 1.0)),
        faults=_faults(luck),
        busy=luck.choice((0.0, 0.0, 0.001, 0.005)),
        quick_s=luck.choice((1800.0, 3600.0, 7200.0)),
        walk_s=luck.choice((2.0, 3.0)) * 3600,
        edit_every_s=luck.choice((300.0, 900.0, 2400.0)),
        deaths=tuple(int(10 ** luck.uniform(1.3, 4.3)) for _ in range(luck.randrange(7))),
        outages=tuple(_outage(luck, shops) for _ in range(luck.randrange(3))),
        revoked=tuple(
            (luck.uniform(0, DAY_S * 0.9), luck.choice(shops).name) for _ in range(luck.choice((0, 0, 0, 1)))
        ),
        webhooks=_mishaps(Random(f"webhooks/{seed}")),
        beside=_beside(Random(f"beside/{seed}")),
        bells=_bells(Random(f"bells/{seed}")),
    )


def _beside(luck: Random) -> tuple[int, ...] | None:
    """In one of three days a second daemon works beside the first."""
    if luck.randrange(3):
        return None
    return tuple(int(10 ** luck.uniform(1.3, 4.0)) for _ in range(luck.randrange(5)))


def short(seed: int) -> Plan:
    """The first hours of the day of this seed, with the same troubles and deaths: for tests that shall be quick."""
    plan = draw(seed)
    outages = tuple((begins / 6, ends / 6, name) for begins, ends, name in plan.outages)
    revoked = tuple((at / 6, name) for at, name in plan.revoked)
    return replace(plan, day_s=4 * 3600.0, walk_s=1.5 * 3600.0, outages=outages, revoked=revoked)


def draw_push(seed: int) -> Plan:
    """Hours in which people edit both sides, with the troubles and the shops of this seed: small ones, and more of the
    faults that leave a write in doubt."""
    plan, luck = short(seed), Random(f"typing/{seed}")
    shops = tuple(replace(each, sizes=tuple(max(3, size // 3) for size in each.sizes)) for each in plan.shops[:2])  # type: ignore[arg-type]
    lost = {name: luck.choice((0.0, 0.01, 0.05)) for name in ("answer_lost", "timed_out", "half_body", "garbled")}
    outages = tuple((begins / 8, ends / 8, shops[0].name) for begins, ends, _ in plan.outages[:1])
    every_s = luck.choice((10.0, 30.0, 90.0))
    typing = Typing(every_s, luck.random() < 0.5, luck.choice((0.0, 0.02, 0.1)), luck.choice((4, 12, 40)))
    plan = replace(
        plan,
        shops=shops,
        faults=replace(plan.faults, **lost),
        quick_s=luck.choice((300.0, 900.0)),
        walk_s=2400.0,
        edit_every_s=luck.choice((120.0, 600.0)),
        deaths=plan.deaths[:3],
        outages=outages,
        revoked=(),
        day_s=luck.choice((0.5, 1.0)) * 3600.0,
        typing=typing,
    )
    jumps = _jumps(Random(f"clock/{seed}"), plan.day_s)
    commands = Random(f"commands/{seed}").choice((None, 90.0, 300.0))
    return replace(plan, jumps=jumps, commands_every_s=commands, stops=_stops(Random(f"stops/{seed}"), plan))


def _stops(luck: Random, plan: Plan) -> tuple[Stop, ...]:
    """In half of the plans with two daemons, and in a few others, programs are stopped a few times, often for longer
    than a lease lasts."""
    if luck.random() < (0.85 if plan.beside is None else 0.5):
        return ()
    kinds = ("daemon", "beside") if plan.beside is not None else ("daemon",)
    moments = sorted(luck.uniform(0, plan.day_s * 0.9) for _ in range(luck.randint(1, 6)))
    return tuple(
        Stop(at, luck.uniform(20, 180), luck.choice(kinds), luck.randrange(1, 200), luck.random() < 0.5)
        for at in moments
    )


def _jumps(luck: Random, day_s: float) -> tuple[tuple[float, float], ...]:
    """In one of three plans the clock is set, a few times, by minutes or hours, ahead or back."""
    if luck.randrange(3):
        return ()
    moments = sorted(luck.uniform(0, day_s) for _ in range(luck.randint(1, 3)))
    return tuple((at, luck.choice((-1, 1)) * 60 * 10 ** luck.uniform(0.3, 2.5)) for at in moments)


def _outage(luck: Random, shops: tuple[ShopPlan, ...]) -> tuple[float, float, str]:
    begins = luck.uniform(0, DAY_S * 0.9)
    return begins, begins + luck.uniform(30, 7200), luck.choice(shops).name


def _bells(luck: Random) -> Bells:
    """What befalls the alarms of a day; in half of them nothing does."""
    share = luck.choice((0.0, 1.0))
    lost, late, doubled = (share * luck.choice((0.0, 0.05, 0.3)) for _ in range(3))
    return Bells(lost=lost, late=late, doubled=doubled)


def _mishaps(luck: Random) -> Mishaps | None:
    """What befalls the webhooks of a day; in some the shops have none."""
    if luck.random() < 0.3:
        return None
    chances = {name: luck.choice((0.0, 0.1, 0.6)) for name in ("lost", "late", "doubled", "reordered")}
    return Mishaps(**chances, late_s=1800.0, retry_s=20.0, fails_max=luck.choice((2, 19)))


def _faults(luck: Random) -> Faults:
    """Each trouble is absent, rare or common; a day without any is drawn now and then."""
    share = luck.choice((0.0, 1.0, 1.0, 1.0))
    chances = {name: share * luck.choice((0.0, 0.003, 0.02)) for name in (*BEFORE, *AFTER)}
    return Faults(latency=(0.01, luck.choice((0.05, 0.4, 2.0))), slow_s=luck.choice((8.0, 40.0)), **chances)  # type: ignore[arg-type]


def _shop(luck: Random, number: int) -> ShopPlan:
    sizes = (luck.randrange(3, 60), luck.randrange(3, 160), luck.randrange(3, 60), luck.randrange(1, 12))
    return ShopPlan(f"shop-{number}", luck.getrandbits(32), switches(luck), sizes)


def switches(luck: Random) -> Switches:
    """A character of its own: a ready-made one with a few switches turned, for the whole shop or one resource."""
    drawn = Switches.named(luck.choice(tuple(CHARACTERS)))
    settings = [_setting(luck) for _ in range(luck.randrange(6))]
    settings += [f"{luck.choice(CHANGEFUL)}.{_setting(luck)}" for _ in range(luck.randrange(4))]
    settings.append(f"page_size={luck.choice((10, 25, 50))}")
    settings.append(f"clock_skew_s={luck.choice((0, 0, -30, 45))}")
    if luck.random() < 0.3:
        settings.append(f"filters={FILTERS}")
    if luck.random() < 0.3:
        settings.append("limit_header=")
    return drawn.flipped(settings)


def _setting(luck: Random) -> str:
    name = luck.choice(sorted(set(KINDS) - FIXED))
    kind: Any = KINDS[name]
    if kind == frozenset[str]:
        return f"{name}={luck.choice(('', 'notes', 'comment,last_name'))}"
    return f"{name}={luck.choice(get_args(kind) or (True, False))}"


def sections(plan: Plan) -> dict[str, dict[str, Any]]:
    """The settings of this day."""
    typing = plan.typing
    push: dict[str, Any] = {"every_s": 900.0, "scan_s": 3600.0}
    own: dict[str, Any] = {}
    lease_s = 300.0
    if typing is not None:
        push = {"every_s": 60.0, "scan_s": 600.0, "brake_least": 1000 if plan.commands_every_s is None else 3}
        own = {name: {"deletes": typing.deletes} for name in DELETED}
        lease_s = 60.0
    return {
        "budget": {"size": plan.believed, "leak_per_s": plan.bucket[1]},
        "pull": {
            "quick_s": plan.quick_s,
            "walk_s": plan.walk_s,
            "looks_s": 300.0,
            "audit_period_s": plan.walk_s * 1.5,
        },
        # Nobody edits the mirror in these days: looking whether somebody did is most of what an idle daemon does.
        "push": push,
        "replicas": {"lease_s": lease_s},
        "webhooks": SECTION if plan.webhooks is not None else {},
        "resources": own,
        "log": {"progress_every_s": 3600.0},
    }
