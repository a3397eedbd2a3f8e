"""The simulated machine's disk: real SQLite files made by the real migrations, opened by the real store.

Transactions run inline and pause at the process's doors. Kills take the process only, never the machine, so nothing is
synced to a device.
"""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final, TypeVar

from sqlalchemy import event

from syncd.errors import DatabaseBusy
from syncd.service.installation import install
from syncd.service.settings import Loaded, Settings
from syncd.store.database import sqlite_module
from syncd.store.disk import StoreDisk, open_disk
from tests.sim.doors import Process

T = TypeVar("T")
Alter = Callable[[StoreDisk], StoreDisk]
SEALED: Final = {
    "sync_tokens": ("access", "refresh", "home"),
    "sync_webhook_doors": ("sealed",),
    "sync_replicas": ("host", "pid"),
    "sync_requests": ("asked_by",),
}
"""Sealed anew each time, with a nonce that no seed decides; and which folder, machine and process it was."""


@cache
def _template() -> Path:
    """An installation as `syncd init` makes it; made once per process, copied for each run."""
    folder = Path(tempfile.mkdtemp(prefix="syncd-sim-template-"))
    install(folder)
    return folder


def install_at(folder: Path, sections: dict[str, dict[str, Any]]) -> Loaded:
    """A fresh installation in `folder` with these settings."""
    for each in sorted(_template().iterdir()):
        shutil.copy2(each, folder / each.name)
    return Loaded(Settings(**{"web": {"listen": ""}, **sections}), None, folder)  # no port knows simulated time


@dataclass(frozen=True, slots=True)
class _BusyWriter:
    """A writer whose database is locked by somebody now and then."""

    inner: Any
    luck: Random
    chance: Callable[[], float]

    async def run(self, f: Callable[[Any], T]) -> T:
        if self.luck.random() < self.chance():
            raise DatabaseBusy("the database is locked")
        return await self.inner.run(f)

    def close(self) -> None:
        self.inner.close()


def open_files(
    loaded: Loaded, process: Process, luck: Random, chance: Callable[[], float], alter: Alter | None
) -> StoreDisk:
    """The databases as this process sees them. `alter` plants a bug."""
    disk = open_disk(loaded.mirror_url, loaded.state_url, clock=process.clock, inline_pause=process.pause)
    for writer in (disk.mirror, disk.state):
        event.listen(writer._engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous=OFF"))
    if alter is not None:
        disk = alter(disk)
    busy = {name: _BusyWriter(getattr(disk, name), luck, chance) for name in ("mirror", "state", "reader")}
    return replace(disk, **busy)


class Files:
    """The database files as anybody may read them, by plain SQL. Connections stay open until `close`.

    The library is the one that syncd uses: two on one file, in one process, would undo each other's locks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[str, Any] = {}

    def rows(self, house: str, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """What a query of `mirror` or `state` says now."""
        if house not in self._open:
            self._open[house] = sqlite_module().connect(self._folder / f"{house}.db")
        return self._open[house].execute(statement, values).fetchall()  # type: ignore[no-any-return]

    def content(self) -> list[str]:
        """Every row of both files as text, in an order that does not depend on the run."""
        lines = []
        for house in ("mirror", "state"):
            tables = self.rows(house, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
            for (table,) in tables:
                if table.startswith("sqlite_") or table == "alembic_version":
                    continue
                columns = [row[1] for row in self.rows(house, f'PRAGMA table_info("{table}")')]
                shown = ", ".join(f'"{name}"' for name in columns if name not in SEALED.get(table, ()))
                lines.append(f"{table}: {shown}")
                lines += sorted(repr(row) for row in self.rows(house, f'SELECT {shown} FROM "{table}"'))
        return lines

    def close(self) -> None:
        """Let go of the files; the next query opens them again."""
        for connection in self._open.values():
            connection.close()
        self._open.clear()
