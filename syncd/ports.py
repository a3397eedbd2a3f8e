"""The doors of the house: what the engine asks of the world, as protocols over domain values.

Five doors lead out (design section 2): clock, dice, wire (behind `Remote` and `Exchange`), disk (`Writer.run`), alarm.
Whoever builds a syncd passes them in, so that a whole daemon runs in a test on simulated time. The transaction
protocols (`MirrorTx`, `StateTx`) are synchronous on purpose: what runs inside a transaction cannot wait for the
network.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from syncd.domain.budget import Bucket, CallClass
from syncd.domain.capability import Capabilities
from syncd.domain.cursor import Cursor
from syncd.domain.ledger import Brake, Hint, HintSource, Images, Known, Parked
from syncd.domain.record import Broken, Item, Page, Record
from syncd.domain.resource import Child, Resource
from syncd.domain.run import Run
from syncd.domain.secret import Secret
from syncd.domain.shop import Shop
from syncd.domain.token import SealedTokens

T = TypeVar("T")
Tx_co = TypeVar("Tx_co", covariant=True)


# --- clock, dice, alarm, log -----------------------------------------------------------------------------------------


class Clock(Protocol):
    """Time. `now` is aware UTC; `wall` the same instant as unix seconds; `monotonic` never goes back."""

    def now(self) -> datetime: ...
    def wall(self) -> float: ...
    def monotonic(self) -> float: ...
    async def sleep(self, seconds: float) -> None: ...


class Dice(Protocol):
    """Luck: floats in [0, 1), uniform floats, url-safe secret tokens of n random bytes, new ids."""

    def random(self) -> float: ...
    def uniform(self, low: float, high: float) -> float: ...
    def token(self, nbytes: int) -> str: ...
    def new_id(self) -> str: ...


class Alarm(Protocol):
    """Rings once at a moment. `call` takes microseconds (it sets an event); ringing again under a key replaces it."""

    def start(self) -> None: ...
    def ring_at(self, key: str, when: datetime, call: Callable[[], None]) -> None: ...
    def cancel(self, key: str) -> None: ...
    async def stop(self) -> None: ...


class Log(Protocol):
    """A structured logger: an event name and facts."""

    def debug(self, event: str, /, **facts: Any) -> Any: ...
    def info(self, event: str, /, **facts: Any) -> Any: ...
    def warning(self, event: str, /, **facts: Any) -> Any: ...
    def error(self, event: str, /, **facts: Any) -> Any: ...


class Sealer(Protocol):
    """Seals bytes at rest; shop, field, generation and key id are bound in (design section 7). `open` raises
    KeyProblem."""

    def seal(self, plain: bytes, *, shop: int, field: str, generation: int) -> str: ...
    def open(self, sealed: str, *, shop: int, field: str, generation: int) -> bytes: ...


class Spill(Protocol):
    """The fsynced file that holds a new pair of tokens while the database cannot (design section 7)."""

    def append(self, row: SealedTokens) -> None: ...
    def rows(self) -> Sequence[SealedTokens]: ...
    def forget(self, shop_id: int, generation: int) -> None: ...


class ExchangeLock(Protocol):
    """One token exchange at a time per shop, across processes; dies with its holder and never times out under it."""

    def hold(self, shop_id: int) -> "AsyncGuard": ...


class AsyncGuard(Protocol):
    """An `async with` block."""

    async def __aenter__(self) -> None: ...
    async def __aexit__(self, *exc: object) -> None: ...


# --- the wire --------------------------------------------------------------------------------------------------------


class Tokens(Protocol):
    """Where access tokens come from. `stale` is the token that the shop just refused. Raises GrantRevoked."""

    async def access(self, stale: Secret | None = None) -> Secret: ...


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a call is for: its budget class, the job that makes it, and a word for the accounts (`list`, `one`,
    `count`)."""

    klass: CallClass
    job: str
    word: str = ""


class Admission(Protocol):
    """The call budget of one shop, as the wire needs it. Every single HTTP call to the shop has a ticket.

    `ticket` waits until `calls` calls are admitted and returns the ticket counter; `heard` takes in a used/size header;
    `refused` a 429 (`after_s` from Retry-After, None where not said)."""

    async def ticket(self, purpose: Purpose, calls: int = 1) -> int: ...
    async def heard(self, ticket: int, used: float, size: float) -> None: ...
    async def refused(self, after_s: float | None, *, had_header: bool) -> None: ...
    async def unserved(self, after_s: float | None) -> None: ...


@dataclass(frozen=True, slots=True)
class Look:
    """The answer to "give me this record": `item` is None where the shop says that there is none."""

    item: Item | Broken | None
    ticket: int
    served_at: datetime | None = None
    absent_form: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """What to ask of a listing. `page` None sends no page number; `fields` trims, `filters` narrow; `base` overrides
    the path (another generation, or a child list's own address)."""

    resource: Resource
    page: int | None = None
    fields: tuple[str, ...] = ()
    filters: tuple[tuple[str, str], ...] = ()
    base: str = ""


class Remote(Protocol):
    """One shop's API. Raises Retry (RemoteDown, Throttled, LostAnswer), NotUnderstood, ScopeMissing, GrantRevoked.

    Reads are tried again a few times by the implementation, each try with a ticket of its own; writes never are."""

    async def page(self, ask: Listing, purpose: Purpose) -> Page: ...
    async def one(self, resource: Resource, key: str, purpose: Purpose, base: str = "") -> Look: ...
    async def count(self, resource: Resource, purpose: Purpose) -> int | None: ...
    async def elements(self, resource: Resource, child: Child, key: str, purpose: Purpose) -> tuple[Any, ...]: ...
    def decode(self, resource: Resource, item: Item) -> Record | Broken: ...
    def decode_time(self, moment: datetime) -> str: ...


class Exchange(Protocol):
    """The token endpoint. `redeem` spends a refresh token (once!) and returns the raw answer's pair; raises
    GrantRevoked for `invalid_grant`, LostAnswer when the outcome is unknown, RemoteDown when nothing was sent or the
    shop is down."""

    async def redeem(self, shop: Shop, refresh: Secret) -> "Granted": ...
    async def inspect(self, shop: Shop, access: Secret) -> "Inspected": ...


@dataclass(frozen=True, slots=True)
class Granted:
    """A new pair, with its life in seconds as the shop told it."""

    access: Secret
    refresh: Secret
    lifetime_s: float
    user: str = ""


@dataclass(frozen=True, slots=True)
class Inspected:
    """What tokeninfo says: scopes and seconds left."""

    scopes: tuple[str, ...]
    expires_in_s: float
    issued_to: str = ""


# --- the disk --------------------------------------------------------------------------------------------------------


class Writer(Protocol[Tx_co]):
    """Runs a plain function inside exactly one database transaction: committed when it returns, rolled back when it
    raises.

    Shielded: a cancelled caller's transaction still ends whole. Raises DatabaseBusy, DiskProblem, SchemaProblem."""

    async def run(self, f: Callable[[Tx_co], T]) -> T: ...


class LedgerTable(Protocol):
    """The ledger's lines (`sync_ledger`)."""

    def find(self, shop_id: int, resource: str, keys: Sequence[str]) -> dict[str, Known]: ...
    def put(self, shop_id: int, resource: str, lines: Iterable[Known]) -> None: ...
    def keys(self, shop_id: int, resource: str) -> list[Known]: ...
    def walked(self, shop_id: int, resource: str, missed: Sequence[str], seen: Sequence[str]) -> None: ...
    def sightings(self, shop_id: int, resource: str, keys: Sequence[str], ticket: int) -> None: ...
    def highest_ticket(self, shop_id: int) -> int: ...


class MirrorTable(Protocol):
    """The mirror tables and their base twins. Records go in and out whole: parents with their children.

    `insert` writes mirror and base alike and returns the row ids, in order. `load` reads both images and, where the
    database can, holds the rows until the end of the transaction; a row that somebody else has locked is left out.
    `write` changes only the columns and elements that differ between `before` and the new images."""

    def insert(self, shop_id: int, resource: Resource, records: Sequence[Record], at: datetime) -> list[int]: ...
    def load(self, shop_id: int, resource: Resource, row_ids: Sequence[int]) -> dict[int, Images]: ...
    def write(
        self,
        shop_id: int,
        resource: Resource,
        before: Images,
        local: Record | None,
        base: Record | None,
        at: datetime,
    ) -> None: ...
    def bury(self, shop_id: int, resource: Resource, row_ids: Sequence[int], at: datetime) -> None: ...
    def revive(self, shop_id: int, resource: Resource, row_ids: Sequence[int], at: datetime) -> None: ...
    def count(self, shop_id: int, resource: Resource) -> int: ...
    def changed(self, shop_id: int, resource: Resource, low_row_id: int, high_row_id: int) -> list[int]: ...


class HintQueue(Protocol):
    """`sync_hints`. `leave` coalesces per (resource, key, source); `take` returns due hints, oldest first, per source
    order."""

    def leave(self, shop_id: int, resource: str, keys: Iterable[str], source: HintSource, at: datetime) -> None: ...
    def take(
        self, shop_id: int, resource: str | None, sources: Sequence[HintSource], limit: int, at: datetime
    ) -> list[Hint]: ...
    def settle(self, shop_id: int, seqs: Sequence[int]) -> None: ...
    def put_off(self, shop_id: int, seq: int, until: datetime) -> None: ...
    def depth(self, shop_id: int) -> dict[tuple[str, str], int]: ...


class Books(Protocol):
    """Cursors, capabilities, parked records, brakes, conflicts and shops: one row each, small and typed."""

    def shops(self) -> list[Shop]: ...
    def add_shop(self, shop: Shop) -> Shop: ...
    def save_shop(self, shop: Shop) -> None: ...
    def remove_shop(self, shop_id: int) -> None: ...
    def cursor(self, shop_id: int, resource: str) -> Cursor: ...
    def save_cursor(self, shop_id: int, resource: str, cursor: Cursor) -> None: ...
    def capabilities(self, shop_id: int, resource: str) -> Capabilities | None: ...
    def save_capabilities(self, shop_id: int, resource: str, caps: Capabilities) -> None: ...
    def park(self, shop_id: int, resource: str, broken: Iterable[Broken], at: datetime) -> None: ...
    def unpark(self, shop_id: int, resource: str, keys: Sequence[str]) -> None: ...
    def parked(self, shop_id: int) -> list[Parked]: ...
    def brakes(self, shop_id: int) -> list[Brake]: ...
    def set_brake(self, shop_id: int, brake: Brake) -> None: ...
    def lift_brake(self, shop_id: int, resource: str) -> None: ...


class MirrorTx(Protocol):
    """One transaction on the mirror database."""

    @property
    def ledger(self) -> LedgerTable: ...
    @property
    def mirror(self) -> MirrorTable: ...
    @property
    def hints(self) -> HintQueue: ...
    @property
    def books(self) -> Books: ...


class BudgetTable(Protocol):
    """Buckets and the accounts of calls. `load` holds the row until the end of the transaction; a missing row is None.

    A bucket is keyed by client id and company (design section 6)."""

    def load(self, bucket: str) -> Bucket | None: ...
    def save(self, bucket: str, state: Bucket) -> None: ...
    def account(
        self, shop_id: int, job: str, klass: str, word: str, calls: int, waited_s: float, hour: int
    ) -> None: ...
    def spent(self, shop_id: int, since_hour: int) -> list[tuple[int, str, str, str, int, float]]: ...


class VaultTable(Protocol):
    """Token rows. `swap` writes only where the stored generation and phase are still `before`'s, and says whether it
    did."""

    def load(self, shop_id: int) -> SealedTokens | None: ...
    def swap(self, before: SealedTokens | None, after: SealedTokens) -> bool: ...
    def forget(self, shop_id: int) -> None: ...
    def all(self) -> list[SealedTokens]: ...


class Journal(Protocol):
    """Runs and due times."""

    def write(self, shop_id: int, run: Run) -> None: ...
    def last(self, shop_id: int, limit: int) -> list[Run]: ...
    def due(self, shop_id: int) -> dict[str, datetime]: ...
    def save_due(self, shop_id: int, job: str, due_at: datetime) -> None: ...


class StateTx(Protocol):
    """One transaction on the state database. `now` is the database's clock, unix seconds, read after the lock is
    held."""

    def now(self) -> float: ...
    @property
    def budget(self) -> BudgetTable: ...
    @property
    def vault(self) -> VaultTable: ...
    @property
    def journal(self) -> Journal: ...


class Disk(Protocol):
    """The two databases. `reader` runs read-only functions and never waits for the writer."""

    @property
    def mirror(self) -> Writer[MirrorTx]: ...
    @property
    def state(self) -> Writer[StateTx]: ...
    @property
    def reader(self) -> Writer[MirrorTx]: ...


# --- people ----------------------------------------------------------------------------------------------------------


class Watcher(Protocol):
    """Somebody who watches a run: a progress bar on a terminal, log lines elsewhere. `total` pages is None while
    unknown."""

    def began(self, shop: str, resource: str, feed: str, total: int | None) -> None: ...
    def page(self, shop: str, resource: str, pages: int, rows: int, waited_s: float) -> None: ...
    def ended(self, shop: str, resource: str, run: Run) -> None: ...
