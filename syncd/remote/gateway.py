"""One shop's API as the engine sees it: pages, single records, counts.

Says which address is called and what its answer means. Must not know how a call is made, or what the engine does with a
record.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final, TypeVar
from urllib.parse import quote

import httpx

from syncd.domain.record import Broken, Element, Item, Page, Record
from syncd.domain.resource import Child, Resource
from syncd.domain.shop import Shop
from syncd.errors import NotUnderstood
from syncd.ports import Admission, Clock, Dice, Listing, Look, Purpose, Tokens
from syncd.remote import faults
from syncd.remote.caller import Caller, Errand, Garbled, Heard
from syncd.remote.client import Call, check_address, open_client
from syncd.remote.codec_in import codec_for
from syncd.remote.envelope import text_of, unwrap
from syncd.remote.paging import digest, picked, total_of
from syncd.remote.settings import RemoteSettings
from syncd.remote.webhooks import ShopHooks
from syncd.remote.writes import ShopWriter

T = TypeVar("T")

_UNPROCESSED: Final = (400, 422)
_NO_CONTENT: Final = 204


class ShopGateway:
    """The wire of one shop (`ports.Remote`), of its `writer` (`ports.RemoteWriter`) and its `hooks`
    (`ports.RemoteHooks`). `wire` None is the real network.

    Raises SettingsProblem where the shop's address must not be used, or a setting cannot be."""

    def __init__(
        self,
        shop: Shop,
        wire: httpx.AsyncBaseTransport | None,
        tokens: Tokens,
        admission: Admission,
        clock: Clock,
        dice: Dice,
        settings: RemoteSettings | None = None,
    ) -> None:
        self._shop = shop
        self._settings = settings or RemoteSettings()
        self._codec = codec_for(self._settings)
        self._base = shop.base_url.rstrip("/")
        if wire is None:
            check_address(shop.base_url, self._settings, "The base address")
        self._client = open_client(self._settings, wire)
        self._caller = Caller(shop, self._client, tokens, admission, clock, dice, self._settings)
        self.writer = ShopWriter(shop, self._caller, self._codec, self._settings)
        self.hooks = ShopHooks(shop, self._caller, self._settings)

    async def aclose(self) -> None:
        """Close the connections. A wire that was passed in stays open."""
        await self._client.aclose()

    async def page(self, ask: Listing, purpose: Purpose) -> Page:
        """One answer of a listing. NotUnderstood carries the status: 404 may mean "past the end"."""
        resource = ask.resource
        query = [*resource.list_query, *ask.filters]
        if ask.fields:
            query.append(("fields", ",".join(ask.fields)))
        if ask.page is not None:
            query.append((self._settings.page_param, str(ask.page)))

        def take(heard: Heard) -> Page:
            self._expect_fine(read, heard)
            envelope, items = self._garbled_or(read, heard, lambda body: self._codec.split(resource, body))
            total = total_of(envelope.facts) if not envelope.bare else None
            if envelope.error:
                raise self._odd(read, heard, f"the shop says: {envelope.error}.")
            if items is None and not envelope.is_empty and total != 0:
                raise self._odd(read, heard, f"the answer holds no {resource.plural}.")
            found = items or ()
            return Page(found, heard.ticket, heard.served_at, total, digest(found))

        path = f"{ask.base or resource.path}.json"
        read = self._ask(resource, path, query, purpose, "list", f"page {ask.page}" if ask.page else "list")
        return await self._caller.read(read, take)

    async def one(self, resource: Resource, key: str, purpose: Purpose, base: str = "") -> Look:
        """One record, or that there is none: status 404 or 410, an empty object, or an error object."""

        def take(heard: Heard) -> Look:
            status = heard.answer.status
            if status in {faults.ABSENT, faults.GONE}:
                return self._nothing(heard, str(status))
            if status == _NO_CONTENT:
                return self._nothing(heard, "empty")
            if status not in _UNPROCESSED:
                self._expect_fine(read, heard)
            envelope, items = self._garbled_or(read, heard, lambda body: self._codec.split(resource, body))
            if envelope.error:
                return self._nothing(heard, "error")
            self._expect_fine(read, heard)
            if envelope.is_empty or items == ():
                return self._nothing(heard, "empty")
            item = picked(items or (), key)
            if item is None:
                raise self._odd(read, heard, "the answer holds another record, or none.")
            return Look(item, heard.ticket, heard.served_at)

        path = f"{base or resource.path}/{quote(key, safe='')}.json"
        read = self._ask(resource, path, (), purpose, "one", key)
        return await self._caller.read(read, take)

    async def count(self, resource: Resource, purpose: Purpose) -> int | None:
        """How many records the shop counts; None where it does not count them."""

        def take(heard: Heard) -> int | None:
            if not heard.answer.is_fine:
                return None
            envelope = self._garbled_or(read, heard, lambda body: unwrap(text_of(body), ()))
            return None if envelope.error else total_of(envelope.facts)

        read = self._ask(resource, f"{resource.path}/count.json", (), purpose, "count", "count")
        try:
            return await self._caller.read(read, take)
        except NotUnderstood:
            return None

    async def elements(self, resource: Resource, child: Child, key: str, purpose: Purpose) -> tuple[Element, ...]:
        """A record's child list from the list's own address. Raises NotUnderstood (404: the record is not there)."""

        def take(heard: Heard) -> tuple[Element, ...]:
            self._expect_fine(read, heard)
            found = self._garbled_or(read, heard, lambda body: self._codec.elements(child, body))
            if isinstance(found, Broken):
                raise self._odd(read, heard, f"{found.path}: {found.reason}.")
            return found

        path = child.endpoint.format(key=quote(key, safe="")) + ".json"
        read = self._ask(resource, path, (), purpose, child.name, f"{key} {child.name}")
        return await self._caller.read(read, take)

    def decode(self, resource: Resource, item: Item) -> Record | Broken:
        """The record of an item. Never raises."""
        return self._codec.decode(resource, item)

    def decode_time(self, moment: datetime) -> str:
        """A moment as this shop's filters want it."""
        return moment.astimezone(self._settings.tz).strftime(self._settings.filter_time_form)

    def _ask(
        self,
        resource: Resource,
        path: str,
        query: list[tuple[str, str]] | tuple[()],
        purpose: Purpose,
        word: str,
        what: str,
    ) -> Errand:
        purpose = purpose if purpose.word else replace(purpose, word=word)
        call = Call(self._base + path, tuple(query), purpose.job)
        return Errand(call, purpose, resource, f"{self._shop.name}/{resource.name}, {what}")

    def _expect_fine(self, read: Errand, heard: Heard) -> None:
        if not heard.answer.is_fine:
            raise faults.from_status(heard.answer.status, None, self._shop, read.what)

    def _garbled_or(self, read: Errand, heard: Heard, parse: Callable[[bytes], T]) -> T:
        """Parse the body; what cannot be parsed, an empty body among it, is garbled."""
        try:
            return parse(heard.answer.body)
        except NotUnderstood as problem:
            odd = self._odd(read, heard, problem.message)
        raise Garbled(odd.message, hint=odd.hint, status=odd.status)

    def _odd(self, read: Errand, heard: Heard, why: str) -> NotUnderstood:
        return faults.not_understood(self._shop, read.what, why, heard.answer.status)

    def _nothing(self, heard: Heard, form: str) -> Look:
        return Look(None, heard.ticket, heard.served_at, form)
