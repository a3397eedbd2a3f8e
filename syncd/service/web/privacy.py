"""Which values the page may show where personal fields are to stay hidden: those that are named here, and no others.

A field that nobody thought of is hidden, not shown. Must not know where the values come from.
"""

import json
from typing import Final

HIDDEN: Final = "hidden"
_CHARS_MAX: Final = 300
_ALL: Final = frozenset({"products", "categories", "prices", "licenses", "currency_rates", "theme_settings"})
_ORDERS: Final = (
    *("id", "status", "confirmed", "currency", "total_price", "exchange", "is_subscription", "theme_setting_id"),
    *("created_at", "updated_at", "line_items"),
)
_CUSTOMERS: Final = (
    *("id", "language", "country", "country_name", "country_code", "default", "created_at", "updated_at"),
    *("orders_count", "total_spent"),
)
_FULFILLMENTS: Final = ("id", "created_at", "company_id", "shipping_status", "shipping_model", "line_items")
_SHOWN: Final = {
    "orders": frozenset(_ORDERS),
    "customers": frozenset(_CUSTOMERS),
    "fulfillments": frozenset(_FULFILLMENTS),
}


def may_show(resource: str, path: str) -> bool:
    """Whether a value at this path of a record is nobody's personal one."""
    if resource in _ALL:
        return True
    head = path.partition("[")[0].partition(".")[0]
    return head in _SHOWN.get(resource, frozenset())


def said(text: str) -> str:
    """A value, kept as canonical JSON text, as people read it; empty text is a value that is not there."""
    if not text:
        return "(not there)"
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    if value is None or value == "":
        return "(empty)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    plain = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return plain if len(plain) <= _CHARS_MAX else plain[:_CHARS_MAX] + "…"


def shown(resource: str, path: str, text: str, *, personal: bool) -> str:
    """The value for the page."""
    return said(text) if personal or may_show(resource, path) else HIDDEN
