"""`syncd init`: an installation in a folder."""

from pathlib import Path
from typing import Annotated

import typer

from syncd.cli import screen
from syncd.cli.options import common, examples


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("init", epilog=examples("syncd init", "syncd init /srv/syncd"))(init)


def init(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder; it is made if needed.")] = Path(),
    database_url: Annotated[
        str, typer.Option(metavar="URL", help="The mirror's address, as in postgresql://user@host/db.")
    ] = "",
) -> None:
    """Make settings, sealing key and databases.

    Writes syncd.toml with every key explained, a key that only you can read, and databases at their newest
    revision. What is there already stays as it is.
    """
    from syncd.service.installation import install

    loaded, parts = install(folder, common(ctx).config, database_url)
    for part in parts:
        screen.say(f"{'made' if part.made else 'kept'}  {part.what}: {part.where}")
    if any(part.made and part.what == "sealing key" for part in parts):
        screen.note("Keep a copy of the key apart from the databases: without it the tokens cannot be opened.")
    here = loaded.file is not None and loaded.file.parent == Path.cwd()
    config = "" if here else f" --config {loaded.file}"
    screen.next_step(f"syncd shop add NAME --base-url URL --client-id ID{config}")
