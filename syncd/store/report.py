"""Answers from the reporting views, as plain values for the command line and the demo.

Reads only; the questions themselves are views in the database, for everybody's SQL.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text

from syncd.store.disk import MirrorTransaction, StoreDisk
from syncd.store.kinds import moment_of


@dataclass(frozen=True, slots=True)
class SalesDay:
    """One day (UTC, `YYYY-MM-DD`) of one shop in one currency; money in cents."""

    shop: str
    day: str
    orders: int
    items: int
    revenue_cents: int
    currency: str


@dataclass(frozen=True, slots=True)
class ProductSales:
    """A product's sales in one currency; money in cents."""

    shop: str
    product_id: str
    title: str
    orders: int
    items: int
    revenue_cents: int
    currency: str


@dataclass(frozen=True, slots=True)
class Freshness:
    """How fresh one resource of one shop is. `looked_at` is None before the first look has ended."""

    shop: str
    resource: str
    looked_at: datetime | None
    local_rows: int
    remote_count: int | None

    def lag_s(self, now: datetime) -> float | None:
        """Seconds since the last look ended."""
        return None if self.looked_at is None else (now - self.looked_at).total_seconds()


async def sales_per_day(disk: StoreDisk, limit: int, shop: str | None = None) -> list[SalesDay]:
    """The last `limit` lines of sales per day, the newest day first."""
    rows = await _rows(disk, "SELECT * FROM sales_per_day{} ORDER BY day DESC, shop, currency", limit, shop)
    return [
        SalesDay(r["shop"] or "", str(r["day"] or ""), r["orders"], r["items"], r["revenue_cents"], r["currency"] or "")
        for r in rows
    ]


async def top_products(disk: StoreDisk, limit: int, shop: str | None = None) -> list[ProductSales]:
    """The products with the highest revenue, by currency the one that sold most first."""
    rows = await _rows(disk, "SELECT * FROM product_sales{} ORDER BY revenue_cents DESC, product_id", limit, shop)
    return [
        ProductSales(
            r["shop"] or "",
            r["product_id"] or "",
            r["title"] or "",
            r["orders"],
            r["items"],
            r["revenue_cents"],
            r["currency"] or "",
        )
        for r in rows
    ]


async def freshness(disk: StoreDisk, shop: str | None = None) -> list[Freshness]:
    """Every resource that was ever looked at."""
    rows = await _rows(disk, "SELECT * FROM freshness{} ORDER BY shop, resource", None, shop)
    return [
        Freshness(
            r["shop"],
            r["resource"],
            None if r["last_look"] is None else moment_of(r["last_look"]),
            r["local_rows"],
            r["remote_count"],
        )
        for r in rows
    ]


async def _rows(disk: StoreDisk, statement: str, limit: int | None, shop: str | None) -> list[Any]:
    where = "" if shop is None else " WHERE shop = :shop"
    end = "" if limit is None else " LIMIT :limit"
    given = {name: value for name, value in (("shop", shop), ("limit", limit)) if value is not None}

    def read(tx: MirrorTransaction) -> list[Any]:
        return list(tx.connection.execute(text(statement.format(where) + end), given).mappings())

    return await disk.reader.run(read)
