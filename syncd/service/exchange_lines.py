"""The lines between the daemon and the process that exchanges tokens: an order one way, TAKEN and an answer the other.

Whoever reads them holds the sealing key and a token that works once: they go through a socket and nowhere else.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from syncd import errors
from syncd.domain.secret import Secret
from syncd.domain.shop import Shop, ShopState
from syncd.domain.token import SealedTokens, TokenPhase
from syncd.errors import LostAnswer, NotUnderstood, Retry, SyncdError
from syncd.ports.teller import Fetched, Order
from syncd.remote.settings import RemoteSettings

TAKEN: Final = b"taken\n"
"""What the child says when it has the whole order: before it, surely nothing was spent."""
_SETTINGS: Final = ("connect_s", "read_s", "exchange_s", "over_limit_statuses", "ca_file", "allow_clear_text", "agent")
_TIMES: Final = ("issued_at", "expires_at", "started_at")


@dataclass(frozen=True, slots=True)
class Told:
    """An order as the child reads it. `until_s` is on the monotonic clock, which parent and child share."""

    order: Order
    key: Secret
    spill: Path
    until_s: float
    wire: Mapping[str, Any]

    def settings(self, left_s: float) -> RemoteSettings:
        """What is set about the wire; the exchange takes no longer than what is left."""
        wire = {**self.wire, "over_limit_statuses": tuple(self.wire["over_limit_statuses"])}
        settings = RemoteSettings(**wire)
        return replace(settings, exchange_s=min(settings.exchange_s, left_s))


def order_line(order: Order, key: Secret, spill: Path, until_s: float, settings: RemoteSettings) -> bytes:
    """An order as a line."""
    shop = order.shop
    return _line(
        {
            "shop": {name: getattr(shop, name) for name in ("id", "name", "base_url", "oauth_url", "client_id")},
            "refresh": order.refresh.reveal(),
            "generation": order.generation,
            "home": order.home,
            "begun_at": order.begun_at.isoformat(),
            "key": key.reveal(),
            "spill": str(spill),
            "until_s": until_s,
            "wire": {name: getattr(settings, name) for name in _SETTINGS},
        }
    )


def told(line: bytes) -> Told:
    """Read an order."""
    said = json.loads(line)
    shop = Shop(**said["shop"], redirect_uri="", scopes=(), state=ShopState.ACTIVE)
    begun_at = datetime.fromisoformat(said["begun_at"])
    order = Order(shop, Secret(said["refresh"]), said["generation"], begun_at, said["home"])
    return Told(order, Secret(said["key"]), Path(said["spill"]), said["until_s"], said["wire"])


def answer_of(fetched: Fetched) -> bytes:
    """A new pair as a line: sealed."""
    row = asdict(fetched.row)
    row |= {name: None if row[name] is None else row[name].isoformat() for name in _TIMES}
    return _line({"row": row, "is_spilled": fetched.is_spilled})


def refusal_of(error: SyncdError) -> bytes:
    """An error as a line."""
    kept = {name: getattr(error, name, None) for name in ("message", "hint", "after_s", "status")}
    return _line({"error": type(error).__name__, **kept})


def read_answer(line: bytes) -> Fetched:
    """Read an answer. Raises the error that it tells."""
    said = json.loads(line)
    if "error" in said:
        raise _error(said)
    row = said["row"] | {
        name: None if said["row"][name] is None else datetime.fromisoformat(said["row"][name]) for name in _TIMES
    }
    known = {field.name for field in fields(SealedTokens)}
    row = {name: value for name, value in row.items() if name in known}
    return Fetched(SealedTokens(**row | {"phase": TokenPhase(row["phase"])}), said["is_spilled"])


def _error(said: Mapping[str, Any]) -> SyncdError:
    kind = getattr(errors, str(said["error"]), LostAnswer)
    more: dict[str, Any] = {}
    if issubclass(kind, NotUnderstood):
        more = {"status": said["status"] or 0}
    elif issubclass(kind, Retry):
        more = {"after_s": said["after_s"]}
    error: SyncdError = kind(said["message"], hint=said["hint"], **more)
    return error


def _line(said: Mapping[str, Any]) -> bytes:
    return json.dumps(said).encode("utf-8", "surrogatepass") + b"\n"
