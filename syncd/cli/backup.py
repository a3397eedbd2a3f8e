"""`syncd backup` and `syncd export`: copies to restore from, and a clean one for an analyst."""

from pathlib import Path
from typing import Annotated

import typer

from syncd.cli import screen
from syncd.cli.options import common, examples
from syncd.errors import UsageProblem


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("backup", epilog=examples("syncd backup backups/monday"))(backup)
    app.command("export", epilog=examples("syncd export --mirror shop.db"))(export)


def backup(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write to; made if need be.")],
) -> None:
    """Copy mirror.db and state.db while everything goes on (SQLite; for PostgreSQL use pg_dump).

    The sealing key is not among them: keep a copy of it elsewhere. How to restore: docs/operations.md.
    """
    from syncd.service import copies
    from syncd.service.settings import load

    for line in copies.backup(load(common(ctx).config), folder):
        screen.say(line)


def export(
    ctx: typer.Context,
    mirror: Annotated[
        Path | None,
        typer.Option("--mirror", metavar="FILE", help="The SQLite file to write."),
    ] = None,
) -> None:
    """Write a copy of the mirror for somebody who only asks questions: tables and views, nothing of syncd's own.

    It is always a SQLite file, also of a mirror on PostgreSQL.
    """
    from syncd.service import copies
    from syncd.service.settings import load

    if mirror is None:
        raise UsageProblem("what shall be exported is missing", hint="syncd export --mirror FILE")
    rows = copies.export(load(common(ctx).config), mirror)
    screen.say(screen.table(("table", "rows"), [(name, count) for name, count in rows.items() if count]))
    screen.say(f"{mirror}    {sum(rows.values()):,} rows")
