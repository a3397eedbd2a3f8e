"""Copies of the databases: whole ones to restore from, and a clean one of the mirror for those who only ask questions.

Everything is read in one transaction, while others go on writing. A copy is readable by its owner only, and appears
under its name when it is whole. Must not know where copies are kept.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Table, create_engine, insert, select, text

from syncd.errors import DiskProblem, UsageProblem
from syncd.store import migrate
from syncd.store.database import Address, House, Use, open_engine, sqlite_module
from syncd.store.faults import border
from syncd.store.schema import MIRROR

_AT_ONCE: Final = 500
_OURS: Final = ("sync_", "alembic_")
#: Rests on tables of ours, so it becomes a table: how fresh the mirror was when the copy was made.
_FROZEN: Final = "freshness"


def copy_whole(where: URL, target: Path) -> int:
    """A consistent copy of a SQLite file, made while others write; returns its size in bytes.

    Raises UsageProblem: the target exists. DiskProblem: it cannot be read or written."""
    with _appearing(target) as fresh, closing(_plain(Path(where.database or ""))) as source:
        try:
            source.execute("VACUUM INTO ?", (str(fresh),))
        except sqlite_module().Error as error:
            raise DiskProblem(f"{target} cannot be written: {error}", hint=f"Look: df -h {target.parent}") from error
    return target.stat().st_size


def copy_mirror(where: Address, target: Path) -> dict[str, int]:
    """A SQLite file with the mirror's tables and views and nothing of syncd's own; returns the rows of each table.

    Raises UsageProblem, DiskProblem, DatabaseBusy."""
    source = open_engine(where.mirror, House.MIRROR, Use.READ, 1)
    try:
        with _appearing(target) as fresh, border():
            if source.dialect.name == "postgresql":
                source = source.execution_options(isolation_level="REPEATABLE READ")
            _make_ready(fresh)
            made = create_engine(f"sqlite:///{fresh}", module=sqlite_module())
            try:
                with source.connect() as reading, made.begin() as writing:
                    rows = {table.name: _copied(reading, writing, table) for table in mirror_tables()}
                    _freeze(reading, writing)
            finally:
                made.dispose()
            with closing(_plain(fresh)) as raw:
                raw.execute("VACUUM")
        return rows
    finally:
        source.dispose()


def mirror_tables() -> list[Table]:
    """The tables that people read: without twins and tables of ours."""
    return [table for table in MIRROR.sorted_tables if not table.name.startswith(_OURS)]


def _make_ready(fresh: Path) -> None:
    """The tables and views of the newest revision, with nothing of ours: no triggers, no twins, no books."""
    with tempfile.TemporaryDirectory(dir=fresh.parent) as folder:
        made = Path(folder) / "mirror.db"
        migrate.upgrade(f"sqlite:///{made}")
        with closing(_plain(made)) as raw:
            raw.execute("PRAGMA journal_mode=DELETE")
            ours = raw.execute("SELECT type, name FROM sqlite_master WHERE type IN ('trigger', 'table')").fetchall()
            raw.execute(f"DROP VIEW {_FROZEN}")
            for kind, name in ours:
                if kind == "trigger" or (kind == "table" and name.startswith(_OURS)):
                    raw.execute(f'DROP {kind} IF EXISTS "{name}"')
        made.replace(fresh)
    fresh.chmod(0o600)


def _copied(reading: Connection, writing: Connection, table: Table) -> int:
    count = 0
    with reading.execution_options(stream_results=True, yield_per=_AT_ONCE).execute(select(table)) as found:
        for part in found.mappings().partitions(_AT_ONCE):
            writing.execute(insert(table), [dict(row) for row in part])
            count += len(part)
    return count


def _freeze(reading: Connection, writing: Connection) -> None:
    found = reading.execute(text(f"SELECT * FROM {_FROZEN}"))  # noqa: S608  our own name
    names = list(found.keys())
    writing.execute(text(f"CREATE TABLE {_FROZEN} ({', '.join(names)})"))
    rows = [{name: _plain_value(value) for name, value in row.items()} for row in found.mappings()]
    if rows:
        values = ", ".join(f":{name}" for name in names)
        writing.execute(text(f"INSERT INTO {_FROZEN} VALUES ({values})"), rows)  # noqa: S608


def _plain_value(value: Any) -> Any:
    return value if value is None or isinstance(value, int | float | str) else str(value)


def _plain(file: Path) -> Any:
    """A connection of the library itself, outside any transaction."""
    connection = sqlite_module().connect(str(file), timeout=30.0)
    connection.isolation_level = None
    return connection


@contextmanager
def _appearing(target: Path) -> Iterator[Path]:
    """A file that nobody else can read, which gets its name when the block is done."""
    if target.exists():
        raise UsageProblem(f"{target} is there already", hint="Name another place; copies are never overwritten")
    fresh = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh.unlink(missing_ok=True)
        os.close(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        yield fresh
        _synced(fresh)
        fresh.rename(target)
        _synced(target.parent)
    except OSError as error:
        hint = f"Look: df -h {target.parent}"
        raise DiskProblem(f"{target} cannot be written: {error.strerror}", hint=hint) from error
    finally:
        fresh.unlink(missing_ok=True)


def _synced(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
