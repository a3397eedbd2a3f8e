"""What must hold whatever happens, and what must hold when it is quiet. Every breach is a sentence.

Looks at the files by plain SQL, at the shops' own books and dumps, and at what the wire saw: never through the code
that is judged.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Final

from syncd.domain.resources import BY_NAME
from syncd.host.keyfile import read_key_file
from syncd.host.spill import SpillFolder
from syncd.service.premises import SPILL
from syncd.service.settings import Loaded
from syncd.simulator.shop import SimShop
from tests.sim.chronicle import Chronicle
from tests.sim.clocks import WallClock
from tests.sim.doors import EPOCH
from tests.sim.machine import Files
from tests.sim.traces import Traces
from tests.sim.wire import Serving, Traffic
from tests.support.equality import differences

#: Errors that a fault of the day explains. Those of the vault need a doubt about an exchange too.
EXPLAINED: Final = {"shops.unread", "shop.waits", "vault.unstored"}
NEEDS_DOUBT: Final = {"shop.quarantined", "vault.dead"}
#: Where people edit both sides, these go on saying that a person is asked.
ASKS: Final = {"push.held", "push.parked", "push.partial", "pull.partial", "look.partial"}
CALM_S: Final = 1200.0
"""How long after the last fault a warning may still come of it."""
GLANCES: Final = 0.01
"""At this share of the moments before and after a transaction the judge looks at what is committed."""
LOST_PER_LIFE: Final = 12
"""Tickets that a process may take with it when it ends."""


@dataclass(slots=True)
class Judge:
    """Judges one run. `breaches` is empty as long as everything is well."""

    loaded: Loaded
    shops: Mapping[str, SimShop]
    traffic: Traffic
    chronicle: Chronicle
    luck: Random
    wall: WallClock
    breaches: list[str] = field(default_factory=list)
    lives: int = 0
    traces: Traces | None = None  # where people edit the mirror
    files: Files = field(init=False)

    def __post_init__(self) -> None:
        """Open nothing yet."""
        self.files = Files(self.loaded.folder)

    def breach(self, what: str) -> None:
        """Note what is wrong."""
        self.chronicle.write("judge", what)
        self.breaches.append(what)

    # --- safety, at any moment, and whenever a process has ended -----------------------------------------------------

    def after_life(self) -> None:
        """Nothing runs now: look at the files."""
        self.lives += 1
        for name, number in self._shop_ids().items():
            for what in (*self._overtaken(name, number), *self._tokens(name, number), *self._calls(name, number)):
                self.breach(what)

    def glance(self) -> None:
        """Now and then: what is committed is consistent at every moment, not only where somebody dies."""
        if self.luck.random() < GLANCES and not self.breaches:
            for name, number in self._shop_ids().items():
                for what in self._overtaken(name, number):
                    self.breach(what)

    def _shop_ids(self) -> dict[str, int]:
        return dict(self.files.rows("mirror", "SELECT name, id FROM shops ORDER BY id"))

    def _overtaken(self, shop: str, shop_id: int) -> Iterator[str]:
        """The cursor never overtakes: of a page that it has passed, every record is in the ledger, as new as it was."""
        skew_s = self.shops[shop].switches.clock_skew_s
        walks = self.files.rows(
            "mirror",
            "SELECT resource, feed, page, started_at FROM sync_cursors"
            " WHERE shop_id = ? AND page > 1 AND feed != 'tail'",
            shop_id,
        )
        for resource, feed, page, started_at in walks:
            since = self._true_s(started_at) - abs(skew_s) - 2
            known = self._known(shop_id, resource)
            for number in range(1, page):
                shown = self.traffic.shown(shop, resource, number, window=feed == "window")
                late = [serving for serving in shown if serving.at >= since]
                missing = [_missing(serving, known) for serving in late]
                if missing and all(missing):
                    yield f"{shop}: the cursor of {resource} stands at page {page} ({feed}), and {missing[-1][0]}"

    def _true_s(self, stored: str) -> float:
        """When a moment was that the machine stored, in unix seconds of the true time."""
        epoch_s = EPOCH.timestamp()
        return epoch_s + self.wall.true_s(datetime.fromisoformat(stored).replace(tzinfo=UTC).timestamp() - epoch_s)

    def _known(self, shop_id: int, resource: str) -> dict[str, str]:
        """The stamps that the ledger knows, by key; what is parked counts as known."""
        ledger = "SELECT key, coalesce(stamp, '') FROM sync_ledger WHERE shop_id = ? AND resource = ?"
        parked = "SELECT key, '~' FROM sync_parked WHERE shop_id = ? AND resource = ?"
        return dict(self.files.rows("mirror", f"{parked} UNION ALL {ledger}", shop_id, resource, shop_id, resource))

    def _tokens(self, shop: str, shop_id: int) -> Iterator[str]:
        """A refresh token is used once, but for the one more try after a doubt; the newest is stored, or spilled."""
        books, doubts = self.shops[shop].books, self.traffic.doubts[shop]
        if len(books.refresh_reused) > doubts:
            again = len(books.refresh_reused)
            yield f"{shop}: {again} refresh tokens were used twice, after {doubts} doubtful exchanges"
        newest = next((token for token in reversed(books.tokens) if token.startswith("r")), "")
        if not doubts and newest and newest not in self._kept(shop_id):
            yield f"{shop}: the newest refresh token is neither stored nor spilled"

    def _kept(self, shop_id: int) -> list[str]:
        ring = read_key_file(self.loaded.key_file)
        sealed = self.files.rows("state", "SELECT generation, refresh FROM sync_tokens WHERE shop_id = ?", shop_id)
        spilled = SpillFolder(self.loaded.home / SPILL).rows()
        sealed += [(row.generation, row.refresh) for row in spilled if row.shop_id == shop_id]
        return [
            ring.open(text, shop=shop_id, field="refresh", generation=generation).decode()
            for generation, text in sealed
        ]

    def _calls(self, shop: str, shop_id: int) -> Iterator[str]:
        """No refusal by our fault; every call is in the accounts."""
        books, sent = self.shops[shop].books, len(self.traffic.times[shop])
        if books.refused:
            yield f"{shop}: {books.refused} calls found the bucket full"
        accounted = self.files.rows(
            "state", "SELECT coalesce(sum(calls), 0) FROM sync_calls WHERE shop_id = ?", shop_id
        )
        granted = int(accounted[0][0])
        if not sent <= granted <= sent + LOST_PER_LIFE * self.lives:
            yield f"{shop}: {sent} calls left, and the accounts show {granted}"

    # --- the log -----------------------------------------------------------------------------------------------------

    def read_log(self, calm_at: float) -> None:
        """Every warning and error has an explanation; none is left when the faults are over."""
        doubts = sum(self.traffic.doubts.values())
        for at, level, event, facts in self.chronicle.logged:
            explained = event in EXPLAINED or (event in NEEDS_DOUBT and doubts > 0)
            if level == "error" and not (explained and at < calm_at + CALM_S):
                self.breach(f"at {at:.0f} s an error line that nothing explains: {event} {facts}")
            elif level == "warning" and at > calm_at + CALM_S and not (self.traces is not None and event in ASKS):
                self.breach(f"at {at:.0f} s, {at - calm_at:.0f} s after the last fault, a warning: {event} {facts}")

    # --- liveness ----------------------------------------------------------------------------------------------------

    def unequal(self) -> list[str]:
        """What differs between the mirror and the shops' own dumps, in words; none: all is equal."""
        found = self._shop_ids()
        self.files.close()  # what compares brings a library of its own
        return [f"{shop}: {what}" for shop, number in found.items() for what in self._unequal(shop, number)]

    def _unequal(self, shop: str, shop_id: int) -> Iterable[str]:
        sim = self.shops[shop]
        if self.traces is not None:
            yield from self.traces.unequal(sim, shop_id)
            return
        for resource in BY_NAME.values():
            alike = sim.switches.of(resource.name).omit_empties
            dump = sim.dump((resource.name,))[resource.name]
            url = self.loaded.mirror_url
            yield from differences(url, shop_id, resource, dump, empties_alike=alike, at_most=3)

    def untraced(self) -> list[str]:
        """Edits made in the mirror of which nobody can say where they are."""
        return self.traces.breaches() if self.traces is not None else []

    def untombed(self) -> list[str]:
        """What was deleted in a shop and has been in the mirror has a tombstone."""
        found = []
        for shop, number in self._shop_ids().items():
            gone = {(w.resource, w.key) for w in self.shops[shop].books.writes if w.verb == "delete"}
            ledger = "SELECT resource, key FROM sync_ledger WHERE shop_id = ? AND gone_at IS NULL"
            living = set(self.files.rows("mirror", ledger, number))
            asked = "SELECT resource, key FROM sync_conflicts WHERE shop_id = ? AND path = ''"
            living -= set(self.files.rows("mirror", asked, number))  # a person says whether it goes here too
            found += [f"{shop}: {resource}/{key} has no tombstone" for resource, key in sorted(gone & living)]
        return found


def _missing(serving: Serving, known: Mapping[str, str]) -> list[str]:
    """What a page showed and the ledger does not know, in words."""
    found = []
    for key, stamp in serving.shown:
        if key not in known:
            found.append(f"{key}, which it has passed, is not in the ledger")
        elif stamp and known[key] != "~" and known[key][:19] < _utc(stamp):
            found.append(f"{key}, which it has passed, is known as of {known[key]}, and was shown as of {_utc(stamp)}")
    return found


def _utc(stamp: str) -> str:
    """A stamp of either form as the ledger writes it, to the second."""
    moment = datetime.fromisoformat(stamp)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.isoformat(" ")[:19]
