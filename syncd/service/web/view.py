"""What the page of a shop shows, as plain values: read from the databases, put into words, personal fields hidden.

Must not know HTML.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from syncd.domain.change import Change, ChangeState, OpenConflict, Turned
from syncd.domain.ledger import Brake, Parked
from syncd.domain.run import Outcome, Run
from syncd.domain.shop import Shop
from syncd.ports import MirrorTx, StateTx
from syncd.service.edits import name_of
from syncd.service.web.headline import Headline, headline, is_late
from syncd.service.web.plot import Plot, plot
from syncd.service.web.privacy import HIDDEN, shown
from syncd.service.web.snapshot import ResourceFigures, Snapshot
from syncd.service.wire import House
from syncd.service.words import amount

CONFLICTS_MAX: Final = 50
CHANGES_MAX: Final = 20
RUNS_MAX: Final = 10
_JOBS: Final = {
    "pull": "Looked for changes",
    "sweep": "Checked for deletions",
    "look": "Read single records",
    "discover": "Learned what the shop can do",
    "refresh": "Renewed the authorisation",
    "push": "Sent edits",
}
_OUTCOMES: Final = {
    Outcome.DONE: ("well", "done"),
    Outcome.PARTIAL: ("needs", "done in part"),
    Outcome.LATER: ("late", "tried again later"),
    Outcome.PERSON: ("needs", "waits for you"),
    Outcome.DRAINED: ("paused", "stopped on the way"),
}
_COUNTS: Final = {
    "inserted": "new",
    "updated": "changed",
    "gone": "gone",
    "parked": "set aside",
    "conflicts": "in conflict",
}
_STATES: Final = {
    ChangeState.READY: "ready to be sent",
    ChangeState.SENDING: "being sent",
    ChangeState.IN_DOUBT: "sent, being checked",
}


@dataclass(frozen=True, slots=True)
class Dispute:
    """A field that both sides changed. Values are as the page shows them; `choice` what a person chose already."""

    id: int
    record: str
    path: str
    before: str
    local: str
    remote: str
    since: datetime
    choice: str

    @property
    def is_hidden(self) -> bool:
        """Whether the values are not shown."""
        return HIDDEN in {self.local, self.remote}


@dataclass(frozen=True, slots=True)
class Line:
    """A run, in words."""

    at: datetime
    what: str
    resource: str
    tone: str
    outcome: str
    counts: str
    message: str


@dataclass(frozen=True, slots=True)
class ShopView:
    """One shop."""

    shop: Shop
    headline: Headline
    figures: tuple[ResourceFigures, ...]
    late: frozenset[str]
    plot: Plot
    level: float | None
    size: float
    leak: float
    brakes: tuple[Brake, ...]
    disputes: tuple[Dispute, ...]
    disputes_all: int
    held: tuple[Change, ...]
    held_all: int
    held_resources: Mapping[str, int]
    stuck: tuple[Change, ...]
    moving: tuple[tuple[str, int], ...]
    touched: int
    broken: tuple[Parked, ...]
    refused: tuple[Turned, ...]
    runs: tuple[Line, ...]
    token_phase: str
    token_until: datetime | None


async def view(house: House, shot: Snapshot, shop: Shop) -> ShopView:
    """Read what the snapshot does not have: single conflicts, changes, records, runs. Raises Retry."""
    personal = house.loaded.settings.web.personal
    disputes, outbox, parked, brakes, refused, touched = await house.disk.reader.run(
        partial(_mirror_side, shop=shop, personal=personal)
    )
    runs = await house.disk.state_reader.run(partial(_runs, shop=shop))
    bucket, rules = shot.bucket(shop), house.budget_rules
    leak = bucket.leak if bucket else rules.leak
    tokens = shot.state.tokens.get(shop.id)
    resources = shot.resources[shop.id]
    return ShopView(
        shop=shop,
        headline=headline(shot, shop),
        figures=resources,
        late=frozenset(each.name for each in resources if is_late(each)),
        plot=plot([line for line in shot.state.calls if line.shop_id == shop.id], shot.state.now, leak),
        level=bucket.level if bucket else None,
        size=bucket.size if bucket else rules.size,
        leak=leak,
        brakes=tuple(brake for brake in brakes if not brake.approved),
        disputes=tuple(disputes[:CONFLICTS_MAX]),
        disputes_all=len(disputes),
        held=outbox.held,
        held_all=sum(outbox.of(ChangeState.HELD).values()),
        held_resources=outbox.of(ChangeState.HELD),
        stuck=outbox.stuck,
        moving=tuple(_moving(outbox)),
        touched=touched,
        broken=tuple(parked[:CHANGES_MAX]),
        refused=tuple(refused),
        runs=tuple(_line(run) for run in runs),
        token_phase=tokens.phase.value if tokens else "",
        token_until=tokens.expires_at if tokens else None,
    )


@dataclass(frozen=True, slots=True)
class _Outbox:
    """The outbox as far as the page shows it: how many changes in each state, by resource, and the first that wait for
    a person."""

    counts: Mapping[tuple[ChangeState, str], int]
    held: tuple[Change, ...]
    stuck: tuple[Change, ...]

    def of(self, state: ChangeState) -> Mapping[str, int]:
        """How many changes are in a state, by resource."""
        return {resource: count for (each, resource), count in self.counts.items() if each is state}


def _mirror_side(
    tx: MirrorTx, shop: Shop, personal: bool
) -> tuple[list[Dispute], _Outbox, list[Parked], list[Brake], list[Turned], int]:
    return (
        [_dispute(each, personal=personal) for each in tx.conflicts.open(shop.id)],
        _Outbox(
            tx.outbox.count(shop.id),
            tuple(tx.outbox.inside(shop.id, ChangeState.HELD, CHANGES_MAX)),
            tuple(tx.outbox.inside(shop.id, ChangeState.PARKED, CHANGES_MAX)),
        ),
        tx.books.parked(shop.id),
        tx.books.brakes(shop.id),
        tx.outbox.turned(shop.id, CHANGES_MAX),
        sum(tx.local.count_touched(shop.id).values()),
    )


def _runs(tx: StateTx, shop: Shop) -> list[Run]:
    return tx.journal.last(shop.id, RUNS_MAX)


def _dispute(each: OpenConflict, *, personal: bool) -> Dispute:
    show = partial(shown, each.resource, each.path, personal=personal)
    return Dispute(
        each.id,
        name_of(each),
        each.path,
        before=show(each.base),
        local=show(each.local),
        remote=show(each.remote),
        since=each.since,
        choice=each.choice,
    )


def _moving(outbox: _Outbox) -> Iterator[tuple[str, int]]:
    for state, words in _STATES.items():
        if count := sum(outbox.of(state).values()):
            yield words, count


def _line(run: Run) -> Line:
    tone, outcome = _OUTCOMES[run.outcome]
    counts = ", ".join(f"{run.counts[name]:,.0f} {word}" for name, word in _COUNTS.items() if run.counts.get(name))
    calls = amount(run.counts.get("calls", 0), "call")
    what = _JOBS.get(run.job, run.job)
    said = _sent(run) if run.job == "push" else counts or "nothing new"
    message = run.message.partition(". ")[0]
    return Line(run.ended_at, what, run.resource, tone, outcome, f"{said} · {calls}", message)


def _sent(run: Run) -> str:
    seen, held = run.counts.get("seen", 0), run.counts.get("parked", 0)
    parts = [amount(seen, "edit") if seen else "", f"{held:,.0f} held back" if held else ""]
    return ", ".join(filter(None, parts)) or "nothing to send"
