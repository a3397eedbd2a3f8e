"""A request and its reply, as plain values: what transport and server exchange with the shop."""

import json
from dataclasses import dataclass, field
from typing import Any

Query = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent. Header names are in lower case; the query is decoded. `peer` is the client's port, where the
    request came over a real connection."""

    method: str
    path: str
    query: Query = ()
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    host: str = ""
    peer: int = 0

    def asked(self, name: str) -> str | None:
        """A query parameter's value, None where it was not sent. Names are told apart by case."""
        return next((value for key, value in self.query if key == name), None)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the shop answers."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, value: Any, status: int = 200) -> "Reply":
        """A reply with a JSON body."""
        return cls(status, encode(value), {"Content-Type": "application/json; charset=utf-8"})

    @classmethod
    def error(cls, status: int, text: str, **more: Any) -> "Reply":
        """An error in the shop's envelope."""
        return cls.of({"error": text, "error_code": status, **more}, status)


def encode(value: Any) -> bytes:
    """JSON as the shop writes it. A lone surrogate becomes the byte that it stands for: that is how poison gets out."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogateescape")
