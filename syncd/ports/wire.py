"""The door to the shop: its API, its token endpoint, and what every call needs, a token and a ticket."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from syncd.domain.budget import CallClass
from syncd.domain.patch import Patch
from syncd.domain.record import Broken, Element, Item, Page, Record, Value
from syncd.domain.resource import Child, Resource
from syncd.domain.secret import Secret
from syncd.domain.shop import Shop


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
    `refused` a 429 (`after_s` from Retry-After, None where not said). `mark` is the highest ticket granted so far, by
    whomever: what was read under a ticket up to it may be older than this moment. Raises DatabaseBusy."""

    async def ticket(self, purpose: Purpose, calls: int = 1) -> int: ...
    async def heard(self, ticket: int, used: float, size: float) -> None: ...
    async def refused(self, after_s: float | None, *, had_header: bool) -> None: ...
    async def unserved(self, after_s: float | None) -> None: ...
    async def mark(self) -> int: ...


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


@dataclass(frozen=True, slots=True)
class Written:
    """The answer to a write that the shop took. `item` is the record or element that the answer carries, None where it
    carries none. `ticket` is the budget counter when the answer came: the `as_of` of what it says."""

    item: Item | Broken | None
    ticket: int
    served_at: datetime | None = None


class RemoteWriter(Protocol):
    """Writes to one shop's API. Never tried again by the implementation: the push decides.

    Raises Rejected (the shop understood and refused: 4xx, or an error object), Throttled (surely not taken), RemoteDown
    (surely not sent, or turned away unread), DatabaseBusy (no ticket, so not sent), LostAnswer (sent, outcome unknown),
    ScopeMissing, GrantRevoked. `ticket` is one that the caller already has (from a request of 2 for read and write);
    None asks for one. `base` overrides the path (another generation).

    `whole` is the record as just read: all of it goes back with the patch in it, or, if `partial`, the patch's fields
    and its changed lists, completed. Without `whole` only fields can be sent: a list must be complete (ValueError).
    Changes of lists with an address of their own never go with their record. `edit_element` sends `fields`, and with
    them what may be set of `whole`, the element as just read: a shop that takes whole records empties what is left
    out."""

    async def create(
        self,
        resource: Resource,
        body: Record,
        secrets: Mapping[str, Secret],
        purpose: Purpose,
        ticket: int | None,
        *,
        base: str = "",
    ) -> Written: ...
    async def update(
        self,
        resource: Resource,
        key: str,
        patch: Patch,
        whole: Item | None,
        purpose: Purpose,
        ticket: int | None,
        *,
        partial: bool = False,
        base: str = "",
    ) -> Written: ...
    async def delete(
        self, resource: Resource, key: str, purpose: Purpose, ticket: int | None, *, base: str = ""
    ) -> Written: ...
    async def add_element(
        self, resource: Resource, child: Child, key: str, fields: Mapping[str, Value], purpose: Purpose
    ) -> Written: ...
    async def edit_element(
        self,
        resource: Resource,
        child: Child,
        key: str,
        element_key: str,
        fields: Mapping[str, Value],
        purpose: Purpose,
        *,
        whole: Element | None = None,
    ) -> Written: ...
    async def remove_element(
        self, resource: Resource, child: Child, key: str, element_key: str, purpose: Purpose
    ) -> Written: ...
    def decode_element(self, child: Child, item: Item) -> Element | Broken: ...
