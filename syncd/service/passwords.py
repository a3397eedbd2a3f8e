"""A password for a customer that is to be created: sealed, in the daemon's own database, until the shop has it.

Must not know how it is asked for.
"""

from typing import Final

from syncd.domain.ids import RecordKey
from syncd.domain.resources import CUSTOMERS
from syncd.domain.secret import Secret
from syncd.domain.shop import Shop
from syncd.errors import UsageProblem
from syncd.ports import MirrorTx
from syncd.service import shops
from syncd.service.wire import House

_FIELD: Final = "password"
"""The seal is bound to this word and to the row: see `engine/creating.py`."""
_HIGHEST: Final = 2**63 - 1
_HINT: Final = "SELECT row_id, email FROM customers WHERE token IS NULL"


async def seal(house: House, which: str, password: Secret) -> tuple[Shop, int]:
    """Keep a password for a new customer: `which` is the row's number, or shop/customers/EMAIL.

    Raises UsageProblem where there is no such new row, or the shop has the customer already; KeyProblem."""
    if not password.reveal():
        raise UsageProblem("the password is empty", hint=f"syncd customer password {which}")
    known = await shops.listed(house.disk)
    shop, row_id = await house.disk.reader.run(lambda tx: _found(tx, known, which))
    sealed = house.sealer.seal(password.reveal().encode(), shop=shop.id, field=_FIELD, generation=row_id)
    await house.disk.state.run(lambda tx: tx.pushes.seal_password(shop.id, row_id, sealed))
    return shop, row_id


def wrapped(text: str) -> Secret:
    """A password that no log and no traceback shows."""
    return Secret(text)


def _found(tx: MirrorTx, known: list[Shop], which: str) -> tuple[Shop, int]:
    if which.isdecimal():
        for shop in known:
            image = tx.mirror.load(shop.id, CUSTOMERS, [int(which)]).get(int(which))
            if image is not None and image.local is not None and image.base is None:
                return shop, int(which)
            if image is not None and image.base is not None:
                raise _settled(which)
        raise UsageProblem(f"there is no new customer in row {which}", hint=_HINT)
    key = RecordKey.parse(which)
    if key.resource != CUSTOMERS.name:
        raise UsageProblem(f"{which} is no customer", hint="syncd customer password SHOP/customers/EMAIL")
    shop = shops.pick(known, key.shop)
    if tx.ledger.find(shop.id, CUSTOMERS.name, [key.key]):
        raise _settled(which)
    rows = tx.mirror.changed(shop.id, CUSTOMERS, -_HIGHEST, _HIGHEST)
    for row_id, image in tx.mirror.load(shop.id, CUSTOMERS, rows).items():
        if image.base is None and image.local is not None and image.local.fields.get("email") == key.key:
            return shop, row_id
    raise UsageProblem(f"no new customer of {shop.name} has the address {key.key}", hint=_HINT)


def _settled(which: str) -> UsageProblem:
    return UsageProblem(
        f"the shop has customer {which} already, and takes a password only with a new one", hint="syncd history KEY"
    )
