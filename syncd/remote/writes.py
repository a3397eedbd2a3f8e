"""Writes to one shop's API: which address takes what, and what the answer to a write means.

A write leaves once. Whoever pushes reads from the error whether the shop has it: surely not, surely refused, or in
doubt. Must not know why something is written, nor what follows from the answer.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote

from syncd.domain.patch import Patch
from syncd.domain.record import Broken, Element, Item, Record, Value
from syncd.domain.resource import Child, Resource
from syncd.domain.secret import Secret
from syncd.domain.shop import Shop
from syncd.errors import NotUnderstood
from syncd.ports import Purpose, Written
from syncd.remote import faults
from syncd.remote.caller import Caller, Errand, Heard
from syncd.remote.client import Call
from syncd.remote.codec_in import Codec
from syncd.remote.codec_out import Encoder, as_resource, sealed
from syncd.remote.paging import picked
from syncd.remote.settings import RemoteSettings
from syncd.remote.values import Unfit

#: Answers of an address that does not take this verb: nothing was taken, and the other generation may take it.
_NOT_HERE: Final = (404, 405)
_METHODS: Final = {
    "create": "POST", "add": "POST", "update": "PUT", "edit": "PUT", "delete": "DELETE", "remove": "DELETE",
}  # fmt: skip
_BUYER: Final = "customer_token"
_CUSTOMER: Final = "customer"
_PERSON: Final = ("first_name", "last_name", "company")


@dataclass(frozen=True, slots=True)
class _Deed:
    """One write: what it does to what, as messages say it, and what it may spend. `secrets` stay out of messages."""

    resource: Resource
    verb: str
    key: str
    purpose: Purpose
    ticket: int | None = None
    query: tuple[tuple[str, str], ...] = ()
    secrets: tuple[Secret, ...] = ()

    @property
    def method(self) -> str:
        """The HTTP verb: the first word says what is done."""
        return _METHODS[self.verb.split()[0]]


class ShopWriter:
    """The writing side of one shop (`ports.RemoteWriter`)."""

    def __init__(self, shop: Shop, caller: Caller, codec: Codec, settings: RemoteSettings) -> None:
        self._shop = shop
        self._caller = caller
        self._codec = codec
        self._encoder = Encoder(settings, codec)
        self._base = shop.base_url.rstrip("/")
        self._served: dict[tuple[str, str], str] = {}  # which generation took this verb of this resource

    async def create(
        self,
        resource: Resource,
        body: Record,
        secrets: Mapping[str, Secret],
        purpose: Purpose,
        ticket: int | None,
        *,
        base: str = "",
    ) -> Written:
        """Create a record. An order names its buyer by `customer_token`, by the email of a customer who exists, or,
        with a password among the secrets, brings a new customer along (API reference, 4.2)."""
        content = self._encoder.created(resource, body)
        deed = _Deed(resource, "create", "", purpose, ticket, secrets=tuple(secrets.values()))
        inside = ""
        if _BUYER in resource.by_name and not body.fields.get(_BUYER):
            email = str(body.fields.get("email") or "")
            if secrets:
                inside = _CUSTOMER
                person = {name: body.fields.get(f"{_CUSTOMER}_{name}") for name in _PERSON}
                content[inside] = {"email": email} | {name: value for name, value in person.items() if value}
            elif email:
                deed = replace(deed, query=(("email", email),))

        def text(address: str) -> Secret:
            return sealed(_envelope(resource, address), content, secrets, inside)

        errand, heard = await self._record(deed, base, resource.create_path, text)
        return await self._written(deed, errand, heard)

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
    ) -> Written:
        """Change a record. Raises NotUnderstood where `whole` cannot be read."""
        deed = _Deed(resource, "update", key, purpose, ticket)
        try:
            content = self._encoder.updated(resource, patch, whole, partial=partial)
        except Unfit as problem:
            unfit = faults.not_understood(self._shop, self._what(deed), f"{problem.path}: {problem.reason}.", 0)
            raise unfit from None
        errand, heard = await self._record(
            deed, base, resource.update_path, lambda address: sealed(_envelope(resource, address), content, {})
        )
        return await self._written(deed, errand, heard)

    async def delete(
        self, resource: Resource, key: str, purpose: Purpose, ticket: int | None, *, base: str = ""
    ) -> Written:
        """Delete a record. One that is not there is Rejected, with 404."""
        deed = _Deed(resource, "delete", key, purpose, ticket)
        errand, heard = await self._record(deed, base, "", lambda _: None)
        return replace(await self._written(deed, errand, heard), item=None)

    async def add_element(
        self, resource: Resource, child: Child, key: str, fields: Mapping[str, Value], purpose: Purpose
    ) -> Written:
        """Add an element to a list with an address of its own."""
        deed = _Deed(resource, f"add {child.name} to", key, purpose)
        body = sealed(as_resource(child).singular, self._encoder.element(child, fields, None, new=True), {})
        errand, heard = await self._sent(deed, [self._errand(deed, _below(child, key), body)])
        return await self._written(replace(deed, resource=as_resource(child), key=""), errand, heard)

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
    ) -> Written:
        """Change an element. A flag that is turned on at an address of its own (reference 4.4: `default.json`) takes
        one call more, and only that call where nothing else changes."""
        deed = _Deed(resource, f"edit {child.name} of", key, purpose)
        path = _below(child, key, element_key)
        turned_on = [name for name in child.switches if fields.get(name) is True]
        rest = {name: value for name, value in fields.items() if name not in turned_on}
        errands = [self._errand(deed, f"{path}/{name}") for name in turned_on]
        if rest or not errands:
            body = self._encoder.element(child, rest, whole, new=False)
            errands.insert(0, self._errand(deed, path, sealed(as_resource(child).singular, body, {})))
        for errand in errands[:-1]:
            await self._sent(deed, [errand])
        errand, heard = await self._sent(deed, errands[-1:])
        return await self._written(replace(deed, resource=as_resource(child), key=element_key), errand, heard)

    async def remove_element(
        self, resource: Resource, child: Child, key: str, element_key: str, purpose: Purpose
    ) -> Written:
        """Remove an element."""
        deed = _Deed(resource, f"remove {child.name} of", key, purpose)
        errand, heard = await self._sent(deed, [self._errand(deed, _below(child, key, element_key))])
        return replace(await self._written(deed, errand, heard), item=None)

    def decode_element(self, child: Child, item: Item) -> Element | Broken:
        """The element of an item that a write of an element answered. Never raises."""
        found = self._codec.decode(as_resource(child), item)
        return found if isinstance(found, Broken) else Element(found.fields, found.extra)

    async def _record(
        self, deed: _Deed, base: str, preferred: str, text: Callable[[str], Secret | None]
    ) -> tuple[Errand, Heard]:
        """Write a record at `base`, or where its resource is written; if nobody is there, in the other generation, and
        from then on where somebody was."""
        resource, known = deed.resource, (deed.resource.name, deed.method)
        sure = base or self._served.get(known, "")
        bases = [sure] if sure else [preferred, resource.path, resource.path2]
        addresses = [each for each in dict.fromkeys(bases) if each]
        tail = f"/{quote(deed.key, safe='')}" if deed.key else ""
        errands = [self._errand(deed, address + tail, text(address)) for address in addresses]
        errand, heard = await self._sent(deed, errands)
        self._served[known] = addresses[errands.index(errand)]
        return errand, heard

    def _errand(self, deed: _Deed, path: str, body: Secret | None = None) -> Errand:
        purpose = deed.purpose if deed.purpose.word else replace(deed.purpose, word=deed.verb.split()[0])
        call = Call(f"{self._base}{path}.json", deed.query, purpose.job, deed.method, body)
        return Errand(call, purpose, deed.resource, self._what(deed))

    def _what(self, deed: _Deed) -> str:
        return f"{self._shop.name}/{deed.resource.name}, {deed.verb} {deed.key}".rstrip()

    async def _sent(self, deed: _Deed, errands: Sequence[Errand]) -> tuple[Errand, Heard]:
        """Send the first; where nobody takes it at its address, the next. Raises Rejected, and what calls raise."""
        for errand in errands:
            heard = await self._caller.write(errand, deed.ticket if errand is errands[0] else None)
            if heard.answer.status not in _NOT_HERE or errand is errands[-1]:
                break
        else:
            raise ValueError("a write needs an address")
        if not heard.answer.is_fine:
            said = faults.said(heard.answer.body, deed.secrets)
            raise faults.rejected(self._shop, errand.what, heard.answer.status, said)
        return errand, heard

    async def _written(self, deed: _Deed, errand: Errand, heard: Heard) -> Written:
        """What the answer to a write that was taken says. Raises Rejected for an error object."""
        item, is_error = self._answered(deed, heard)
        if is_error:
            said = faults.said(heard.answer.body, deed.secrets)
            raise faults.rejected(self._shop, errand.what, heard.answer.status, said)
        return Written(item, await self._caller.mark(errand), heard.served_at)

    def _answered(self, deed: _Deed, heard: Heard) -> tuple[Item | Broken | None, bool]:
        """The record in an answer, None where it makes no sense; whether it is an error object instead."""
        try:
            envelope, items = self._codec.split(deed.resource, heard.answer.body)
        except NotUnderstood:
            return None, False
        if not items:
            return None, bool(envelope.error)
        return picked(items, deed.key) if deed.key else _only(items), False


def _only(items: tuple[Item | Broken, ...]) -> Item | Broken | None:
    """The new record: the only one in the answer."""
    return items[0] if len(items) == 1 else None


def _envelope(resource: Resource, base: str) -> str:
    below2 = bool(resource.path2) and base == resource.path2
    return resource.singular2 if below2 and resource.singular2 else resource.singular


def _below(child: Child, key: str, *steps: str) -> str:
    """The address of a child list, or of one of its elements."""
    own = child.endpoint.format(key=quote(key, safe=""))
    return "/".join((own, *(quote(step, safe="") for step in steps)))
