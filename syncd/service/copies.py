"""`syncd backup` and `syncd export`: copies of the databases, made while the daemon works."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from syncd.errors import UsageProblem
from syncd.service.settings import Loaded
from syncd.store import copies, migrate
from syncd.store.database import address

_DUMP: Final = "pg_dump --format=custom --file=syncd.dump NAME"


def backup(loaded: Loaded, folder: Path) -> Iterator[str]:
    """Copy both files of an installation on SQLite into a folder; a line for each.

    The mirror first: a state that is newer than its mirror repeats no create (its push journal knows better), one that
    is older could. Raises UsageProblem (also on PostgreSQL, whose own program does it), DiskProblem."""
    where = address(loaded.mirror_url, loaded.state_url)
    migrate.check(loaded.mirror_url, loaded.state_url)
    if "sqlite" not in {where.mirror.get_backend_name(), where.state.get_backend_name()}:
        raise UsageProblem("on PostgreSQL the server's own program makes backups", hint=_DUMP)
    for name, url in (("mirror.db", where.mirror), ("state.db", where.state)):
        if url.get_backend_name() == "sqlite":
            size = copies.copy_whole(url, folder / name)
            yield f"{folder / name}    {size / 2**20:,.1f} MiB"


def export(loaded: Loaded, file: Path) -> dict[str, int]:
    """Copy what people read of the mirror into a SQLite file; the rows of each table. Raises as `backup` does."""
    migrate.check(loaded.mirror_url, loaded.state_url)
    return copies.copy_mirror(address(loaded.mirror_url, loaded.state_url), file)
