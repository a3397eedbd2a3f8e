"""`syncd history`: what happened to a record."""

from typing import Annotated

import typer

from syncd.cli import screen
from syncd.cli.options import common, examples

Key = Annotated[str, typer.Argument(metavar="KEY", help="shop/resource/id, as in demo/products/12.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("history", epilog=examples("syncd history demo/products/12"))(history)


def history(ctx: typer.Context, key: Key) -> None:
    """Show every change of a record: when, by whom (shop, local, merge, resolution), from what to what."""
    from syncd.cli.planned import clip
    from syncd.service import history as service
    from syncd.service.session import perform

    lines = perform(common(ctx).config, lambda house: service.history(house, key))
    if not lines:
        screen.say(f"Nothing has changed in {key} since it came, as far as it is kept.")
        return
    rows = [
        (f"{line.at:%Y-%m-%d %H:%M:%S}", line.origin.value, path or "(the record)", clip(before), clip(after))
        for line in lines
        for path, (before, after) in line.changes.items()
    ]
    screen.say(screen.table(("when (UTC)", "who", "field", "before", "after"), rows))
    screen.next_step(f"syncd undo {key} --to {lines[-1].at:%Y-%m-%dT%H:%M:%S}    (any moment; or 2h, 3d ago)")
