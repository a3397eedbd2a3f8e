"""`syncd db`: the revisions of the two databases."""

import typer

from syncd.cli import screen
from syncd.cli.options import common, examples


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="The databases: upgrade, check, current.", no_args_is_help=True)
    group.command("upgrade", epilog=examples("syncd db upgrade"))(upgrade)
    group.command("check", epilog=examples("syncd db check"))(check)
    group.command("current", epilog=examples("syncd db current"))(current)
    app.add_typer(group, name="db")


def upgrade(ctx: typer.Context) -> None:
    """Bring both databases to the newest revision."""
    from syncd.service import databases
    from syncd.service.settings import load

    for line in databases.upgrade(load(common(ctx).config)):
        screen.say(line)


def check(ctx: typer.Context) -> None:
    """Say whether the databases fit this syncd; exit code 1 where they do not."""
    from syncd.service import databases
    from syncd.service.settings import load

    screen.say(databases.check(load(common(ctx).config)))


def current(ctx: typer.Context) -> None:
    """Show the revisions that the databases are at."""
    from syncd.service import databases
    from syncd.service.settings import load

    for line in databases.current(load(common(ctx).config)):
        screen.say(line)
