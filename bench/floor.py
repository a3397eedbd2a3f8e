"""What a person would write for one load and no more: the same pages, the same rows, by hand; the floor to measure
syncd against. No resuming, no budget, no second look: rows of orders and line items twice (mirror and base), a hash.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Any

import httpx
import psycopg

Row = tuple[Any, ...]


def load(address: str, access: str, url: str) -> int:
    """Load all orders at `address` into the empty database at `url`; how many there were."""
    sink = _Postgres(url) if url.startswith("postgresql") else _Sqlite(url)
    columns: tuple[list[str], list[str]] | None = None
    orders = 0
    for page in _pages(address, access):
        flat = [dict(_flat(order)) for order in page]
        lines = [
            {"order_id": order["id"]} | dict(_flat(line)) for order in page for line in order.get("line_items") or ()
        ]
        if columns is None:
            columns = sorted({name for row in flat for name in row}), sorted({name for row in lines for name in row})
            sink.create(*columns)
        prints = [(order["id"], blake2b(json.dumps(order).encode(), digest_size=16).digest()) for order in page]
        sink.write([_row(row, columns[0]) for row in flat], [_row(row, columns[1]) for row in lines], prints)
        orders += len(page)
    sink.close()
    return orders


def _pages(address: str, access: str) -> Iterator[list[dict[str, Any]]]:
    headers = {"Authorization": f"Bearer {access}"}
    with httpx.Client(headers=headers, timeout=60, trust_env=False) as client:
        number = 1
        while page := client.get(f"{address}/api/orders.json", params={"Page": number}).json()["orders"]:
            yield page
            number += 1


def _flat(record: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in record.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}_")
        elif not isinstance(value, list):
            yield prefix + name, value


def _row(record: dict[str, Any], columns: Sequence[str]) -> Row:
    return tuple(record.get(name) for name in columns)


def _statements(columns: Sequence[str], lines: Sequence[str], mark: str) -> dict[str, str]:
    sizes = {"orders": len(columns), "orders_base": len(columns), "lines": len(lines), "lines_base": len(lines)}
    return {table: f"INSERT INTO {table} VALUES ({', '.join([mark] * size)})" for table, size in sizes.items()}


class _Sqlite:
    """One transaction a page."""

    def __init__(self, url: str) -> None:
        self._connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._inserts: dict[str, str] = {}

    def create(self, columns: Sequence[str], lines: Sequence[str]) -> None:
        for suffix in ("", "_base"):
            self._connection.execute(f"CREATE TABLE orders{suffix} ({', '.join(columns)}, PRIMARY KEY (id))")
            self._connection.execute(f"CREATE TABLE lines{suffix} ({', '.join(lines)})")
            self._connection.execute(f"CREATE INDEX lines{suffix}_order ON lines{suffix} (order_id)")
        self._connection.execute("CREATE TABLE prints (id PRIMARY KEY, print)")
        self._inserts = _statements(columns, lines, "?")

    def write(self, orders: Sequence[Row], lines: Sequence[Row], prints: Sequence[Row]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        for table, insert in self._inserts.items():
            self._connection.executemany(insert, orders if table.startswith("orders") else lines)
        self._connection.executemany("INSERT INTO prints VALUES (?, ?)", prints)
        self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.close()


class _Postgres:
    """The same with psycopg's own batches."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url.replace("+psycopg", ""))
        self._inserts: dict[str, str] = {}

    def create(self, columns: Sequence[str], lines: Sequence[str]) -> None:
        with self._connection.transaction(), self._connection.cursor() as cursor:
            for suffix in ("", "_base"):
                cursor.execute(f"CREATE TABLE orders{suffix} ({_typed(columns)}, PRIMARY KEY (id))")
                cursor.execute(f"CREATE TABLE lines{suffix} ({_typed(lines)})")
                cursor.execute(f"CREATE INDEX ON lines{suffix} (order_id)")
            cursor.execute("CREATE TABLE prints (id text PRIMARY KEY, print bytea)")
        self._inserts = _statements(columns, lines, "%s")

    def write(self, orders: Sequence[Row], lines: Sequence[Row], prints: Sequence[Row]) -> None:
        with self._connection.transaction(), self._connection.cursor() as cursor:
            for table, insert in self._inserts.items():
                rows = orders if table.startswith("orders") else lines
                cursor.executemany(insert, [tuple(None if v is None else str(v) for v in row) for row in rows])
            cursor.executemany("INSERT INTO prints VALUES (%s, %s)", [(str(key), mark) for key, mark in prints])

    def close(self) -> None:
        self._connection.close()


def _typed(columns: Sequence[str]) -> str:
    return ", ".join(f'"{name}" text' for name in columns)
