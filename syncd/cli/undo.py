"""`syncd undo`: a record as it was."""

from typing import Annotated

import typer
from rich.text import Text

from syncd.cli import screen
from syncd.cli.history import Key
from syncd.cli.options import common, examples


def register(app: typer.Typer) -> None:
    """Add the command."""
    epilog = examples("syncd undo demo/products/12 --to 2026-11-23T10:00", "syncd undo demo/products/12 --to 2h")
    app.command("undo", epilog=epilog)(undo)


def undo(
    ctx: typer.Context,
    key: Key,
    to: Annotated[str, typer.Option(metavar="WHEN", help="A moment (UTC), or so long ago: 30min, 2h, 3d.")],
) -> None:
    """Set a record to what it was at a moment, as a new edit in the mirror that is then pushed.

    What only the shop sets stays as it is, and is named.
    """
    from syncd.cli.planned import clip
    from syncd.service import history as service
    from syncd.service.session import perform

    done = perform(common(ctx).config, lambda house: service.undo(house, key, to))
    if done.restored:
        rows = [(path, clip(now), clip(then)) for path, (now, then) in done.restored.items()]
        screen.say(screen.table(("field", "was", "is again"), rows))
    else:
        screen.say("There is nothing to set back.")
    for path, why in done.left:
        screen.say(Text.assemble(("stays ", "yellow"), f"{path}: {why}"))
    if done.restored:
        screen.next_step(f"syncd push {key.partition('/')[0]}    (a daemon that runs does it by itself)")
