"""What local capture costs people: one statement over many rows, with and without the triggers.

On SQLite, and on PostgreSQL too where SYNCD_BENCH_POSTGRES names a database that may be written to (an empty one). The
statements take turns with and without triggers, and the least of several runs counts. SQLite works inside this process,
so that its CPU seconds can be told: they are the solid part on a machine that others use too.
"""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from time import perf_counter, process_time

from sqlalchemy import Connection, Engine, create_engine, make_url, text

from syncd.domain.record import Element, Record, Value
from syncd.domain.resource import Field, Kind, Resource
from syncd.domain.resources import ORDERS, PRODUCTS
from syncd.host.clock import SystemClock
from syncd.store import triggers
from syncd.store.database import House, Use, address, open_engine, sqlite_module
from syncd.store.disk import MirrorTransaction
from syncd.store.guard import watch
from syncd.store.migrate import upgrade

ROWS = 10_000
RUNS = 10
AT = datetime(2026, 11, 2, tzinfo=UTC)
STATEMENTS = {
    "UPDATE of every order": "UPDATE orders SET notes = 'run {run}'",
    "UPDATE of every product (37 columns)": "UPDATE products SET comment = 'run {run}'",
    "UPDATE that changes nothing": "UPDATE orders SET notes = notes",
    "UPDATE of every line item": "UPDATE order_line_items SET title = 'run {run}'",
}


def measure() -> Iterator[tuple[str, str]]:
    """Figures, line by line."""
    with tempfile.TemporaryDirectory(prefix="syncd-bench-") as folder:
        yield from _measured("SQLite", f"sqlite:///{Path(folder) / 'mirror.db'}")
    if url := os.environ.get("SYNCD_BENCH_POSTGRES"):
        yield from _measured("PostgreSQL", url)


def _measured(name: str, url: str) -> Iterator[tuple[str, str]]:
    upgrade(url)
    _fill(url)
    engine = _people(url)
    yield f"{name}: comparing {2 * ROWS:,} records with base", f"{_scan(url) / (2 * ROWS) * 1e6:.1f} us each"
    for what, statement in STATEMENTS.items():
        with_them, without = _turns(engine, statement)
        if engine.dialect.name == "sqlite":
            each = (with_them.cpu - without.cpu) / ROWS * 1e6
            yield f"{name}, {ROWS:,} rows: {what}, CPU", f"{with_them.cpu / without.cpu:.2f}x"
            yield "    added to each row", f"{each:.1f} us"
        yield f"{name}, {ROWS:,} rows: {what}, wall", f"{with_them.wall / without.wall:.2f}x"
        yield "    without, with them", f"{without.wall * 1e3:.0f}, {with_them.wall * 1e3:.0f} ms"
    engine.dispose()


def _fill(url: str) -> None:
    engine = open_engine(address(url).mirror, House.MIRROR, Use.WRITE, 1)
    watch(engine)
    orders = [_full(ORDERS, n) for n in range(1, ROWS + 1)]
    products = [replace(_full(PRODUCTS, n), children={}) for n in range(1, ROWS + 1)]
    with engine.begin() as connection:
        tx = MirrorTransaction(connection, SystemClock(), hold=True, simulated=False)
        tx.mirror.insert(1, ORDERS, orders, AT)
        tx.mirror.insert(1, PRODUCTS, products, AT)
    engine.dispose()


def _full(resource: Resource, number: int) -> Record:
    """A record with a value in every field, and one element in every list."""
    fields = {field.name: _value(field, number) for field in resource.fields}
    children = {
        child.name: (Element({field.name: _value(field, number) for field in child.fields}),)
        for child in resource.children
    }
    return Record(fields, children)


def _value(field: Field, number: int) -> Value:
    match field.kind:
        case Kind.INT:
            return number
        case Kind.DECIMAL:
            return Decimal(number) / 100
        case Kind.TEXT:
            return f"{field.name} of number {number}"
        case Kind.FLAG:
            return number % 2 == 0
        case Kind.TIME:
            return AT
        case Kind.JSON:
            return [number]


def _people(url: str) -> Engine:
    where = make_url(url)
    if where.get_backend_name() == "sqlite":
        return create_engine(where, module=sqlite_module())
    return create_engine(where.set(drivername="postgresql+psycopg"))


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds."""

    wall: float = float("inf")
    cpu: float = float("inf")


def _turns(engine: Engine, statement: str) -> tuple[Spent, Spent]:
    """The least time with and without triggers, commits included."""
    least = {True: Spent(), False: Spent()}
    for run in range(2 * RUNS):
        captured = run % 2 == 0
        with engine.begin() as connection:
            (triggers.ensure if captured else triggers.remove)(connection)
            connection.execute(text("DELETE FROM sync_hints"))
        wall, cpu = perf_counter(), process_time()
        with engine.begin() as connection:
            connection.execute(text(statement.format(run=run)))
        now = Spent(perf_counter() - wall, process_time() - cpu)
        least[captured] = Spent(min(least[captured].wall, now.wall), min(least[captured].cpu, now.cpu))
        with engine.begin() as connection:
            _check(connection, captured=captured, edits="{run}" in statement)
    with engine.begin() as connection:
        triggers.ensure(connection)
    return least[True], least[False]


def _check(connection: Connection, *, captured: bool, edits: bool) -> None:
    found = connection.execute(text("SELECT count(*) FROM sync_hints WHERE source = 'local'")).scalar_one()
    expected = ROWS if captured and edits else 0
    if found != expected:
        raise SystemExit(f"{found} hints where {expected} were expected: this measures nothing")


def _scan(url: str) -> float:
    """Seconds of a full comparison of orders (with their line items) and products, in ranges as the daemon makes it."""
    engine = open_engine(address(url).mirror, House.MIRROR, Use.WRITE, 1)
    began = perf_counter()
    for resource in (ORDERS, PRODUCTS):
        low: int | None = 0
        while low is not None:
            with engine.begin() as connection:
                low = MirrorTransaction(connection, SystemClock(), hold=True, simulated=False).local.scan(
                    1, resource, low, 2000, AT
                )
    spent = perf_counter() - began
    engine.dispose()
    return spent
