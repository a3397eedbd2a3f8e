"""A shop as syncd knows it: one authorised account, its addresses and its state."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ShopState(StrEnum):
    """What the daemon does with a shop. The picture: new -> active <-> paused; active -> quarantined -> active."""

    NEW = "new"  # not authorised yet
    ACTIVE = "active"
    PAUSED = "paused"  # a person said so
    QUARANTINED = "quarantined"  # waits for a person; `reason` says what to do


@dataclass(frozen=True, slots=True)
class Shop:
    """One row of `shops`. (client_id, company_id) is unique; company_id is None until the first callback."""

    id: int
    name: str
    base_url: str
    oauth_url: str
    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    company_id: int | None = None
    granted: tuple[str, ...] = ()
    state: ShopState = ShopState.NEW
    reason: str = ""
    created_at: datetime | None = None
