"""A client at the simulated shop's counter, on a clock that the test moves."""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from syncd.simulator.app import answer
from syncd.simulator.shop import SimShop
from syncd.simulator.switches import Switches
from syncd.simulator.wire import Reply, Request

START = 1_700_000_000.0
CLIENT = "syncd.sim"
ROOMY = 1_000_000


@dataclass
class Desk:
    """A shop, the time, and an access token for it."""

    shop: SimShop
    clock: list[float]
    token: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def pass_time(self, seconds: float) -> None:
        """Let time go by."""
        self.clock[0] += seconds

    def send(self, method: str, target: str, body: Any = None, *, token: str | None = None) -> Reply:
        """One request; a dict body goes out as JSON, bytes as they are."""
        parts = urlsplit(target)
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        bearer = self.token if token is None else token
        headers = {"authorization": f"Bearer {bearer}"} if bearer else {}
        query = tuple(parse_qsl(parts.query, keep_blank_values=True))
        return answer(self.shop, Request(method, parts.path, query, headers, raw))

    def get(self, target: str) -> Any:
        """The parsed body of a GET that works."""
        reply = self.send("GET", target)
        assert reply.status == 200, (target, reply)
        return json.loads(reply.body)

    def put(self, target: str, body: Any) -> Any:
        """The parsed answer of a PUT that works."""
        reply = self.send("PUT", target, body)
        assert reply.status == 200, (target, reply)
        return json.loads(reply.body)

    def post(self, target: str, body: Any) -> Any:
        """The parsed answer of a POST that works."""
        reply = self.send("POST", target, body)
        assert reply.status == 200, (target, reply)
        return json.loads(reply.body)

    def exchange(self, refresh_token: str, client_id: str = CLIENT) -> Reply:
        """One try at `/token`."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token, "client_id": client_id}
        return self.send("POST", "/token", urlencode(form).encode(), token="")


def open_desk(*settings: str, character: str = "plain", **facts: Any) -> Desk:
    """A shop with a character and some switches flipped, and a client that is let in."""
    clock = [START]
    switches = Switches.named(character).flipped(settings)
    facts.setdefault("bucket_size", ROOMY)
    desk = Desk(SimShop(now=lambda: clock[0], switches=switches, **facts), clock)
    pair = json.loads(desk.exchange(desk.shop.authorise(CLIENT)).body)
    desk.token = pair["access_token"]
    return desk
