"""The webhooks of our app at one shop (API reference, section 5): listed, registered, removed.

A list of one may come under the singular key, and how many a page holds is not documented. Must not know which
webhooks are wanted.
"""

import json
from collections.abc import Iterator
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from syncd.domain.budget import CallClass
from syncd.domain.resource import Resource
from syncd.domain.secret import Secret
from syncd.domain.shop import Shop
from syncd.domain.webhook import Registered
from syncd.errors import NotUnderstood, Rejected
from syncd.ports import Purpose
from syncd.remote import faults
from syncd.remote.caller import Caller, Errand, Garbled, Heard
from syncd.remote.client import Call
from syncd.remote.envelope import Envelope, text_of, unwrap
from syncd.remote.settings import RemoteSettings

_WEBHOOKS: Final = Resource("webhooks", "/api/webhooks", "webhooks", "webhook", "webhooks", ())
_NAMES: Final = ("webhooks", "webhook")
_PAGES_MAX: Final = 20
_FEW: Final = 10
"""An answer with fewer holds all of them: no page is that small."""


class ShopHooks:
    """`ports.RemoteHooks` of one shop."""

    def __init__(self, shop: Shop, caller: Caller, settings: RemoteSettings) -> None:
        self._shop = shop
        self._caller = caller
        self._settings = settings
        self._base = f"{shop.base_url.rstrip('/')}{_WEBHOOKS.path}"

    async def listed(self) -> list[Registered]:
        """All webhooks that our app has here. Pages end at one that brings nothing new."""
        found: dict[str, Registered] = {}
        for page in range(1, _PAGES_MAX + 1):
            query = ((self._settings.page_param, str(page)),) if page > 1 else ()
            errand = self._errand(Call(f"{self._base}.json", query, "hooks"), "list")
            hooks = await self._caller.read(errand, partial(self._hooks, errand, page))
            fresh = {hook.hook_id: hook for hook in hooks if hook.hook_id not in found}
            found |= fresh
            if len(hooks) < _FEW or not fresh:
                break
        return list(found.values())

    async def add(self, topic: str, destination: Secret) -> str:
        """Register one; its id, empty where the answer does not say it."""
        wanted = {"scope": topic, "destination": destination.reveal(), "is_valid": True}
        call = Call(f"{self._base}.json", (), "hooks", "POST", Secret(json.dumps({"webhook": wanted})))
        errand = self._errand(call, f"register {topic}")
        heard = await self._caller.write(errand, None)
        self._expect_fine(errand, heard, destination)
        envelope = self._envelope(errand, heard)
        if envelope.error:
            raise self._rejected(errand, heard, destination)
        return next((hook.hook_id for hook in _registered(envelope)), "")

    async def remove(self, hook_id: str) -> None:
        """Remove one. One that is gone already is no error."""
        call = Call(f"{self._base}/{quote(hook_id, safe='')}.json", (), "hooks", "DELETE")
        errand = self._errand(call, f"remove {hook_id}")
        heard = await self._caller.write(errand, None)
        if heard.answer.status not in (faults.ABSENT, faults.GONE):
            self._expect_fine(errand, heard)

    def _errand(self, call: Call, what: str) -> Errand:
        purpose = Purpose(CallClass.INCREMENTAL, "hooks", what.partition(" ")[0])
        return Errand(call, purpose, _WEBHOOKS, f"{self._shop.name}/webhooks, {what}")

    def _expect_fine(self, errand: Errand, heard: Heard, hidden: Secret | None = None) -> None:
        if not heard.answer.is_fine:
            raise self._rejected(errand, heard, hidden)

    def _rejected(self, errand: Errand, heard: Heard, hidden: Secret | None) -> Rejected:
        """The shop's refusal in its words, without the address of the door, whole or its last part."""
        token = Secret(hidden.reveal().rpartition("/")[2]) if hidden else Secret("")
        said = faults.said(heard.answer.body, [hidden, token] if hidden else [])
        why, status = f": {said}" if said else "", heard.answer.status
        hint = f"To see what is registered: syncd shop webhooks {self._shop.name}"
        return Rejected(f"{errand.what}: the shop refused it ({status}){why}.", hint=hint, status=status)

    def _hooks(self, errand: Errand, page: int, heard: Heard) -> list[Registered]:
        if page > 1 and heard.answer.status == faults.ABSENT:
            return []  # past the end
        if not heard.answer.is_fine:
            raise faults.from_status(heard.answer.status, None, self._shop, errand.what)
        envelope = self._envelope(errand, heard)
        if envelope.error or (envelope.rows is None and not envelope.is_empty):
            why = f"the shop says: {envelope.error}." if envelope.error else "the answer holds no webhooks."
            raise faults.not_understood(self._shop, errand.what, why, heard.answer.status)
        return list(_registered(envelope))

    def _envelope(self, errand: Errand, heard: Heard) -> Envelope:
        """The answer taken apart. Raises Garbled, which a read tries once more."""
        body = text_of(heard.answer.body)
        if errand.call.method != "GET" and not body.strip():
            return Envelope("")
        try:
            return unwrap(body, _NAMES, "id")
        except NotUnderstood as problem:
            odd = faults.not_understood(self._shop, errand.what, problem.message, heard.answer.status)
        raise Garbled(odd.message, hint=odd.hint, status=odd.status)


def _registered(envelope: Envelope) -> Iterator[Registered]:
    """The webhooks in an answer; one without an id could not be removed, and is passed over."""
    for row in envelope.rows or ():
        hook: Any = row.value
        if isinstance(hook, dict) and hook.get("id") not in (None, ""):
            valid = hook.get("is_valid", True)
            yield Registered(
                str(hook["id"]),
                str(hook.get("scope") or ""),
                str(hook.get("destination") or ""),
                valid not in (False, 0, "false", "0"),
            )
