"""`syncd apply`: exactly that plan."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from syncd.cli import screen
from syncd.cli.options import examples


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("apply", epilog=examples("syncd apply push.json"))(apply)


def apply(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What syncd plan --out wrote.")],
) -> None:
    """Send exactly what a plan says, and nothing else.

    Each record is read once more first, for one call; what is another change by now is left out and named, with exit
    code 3. The brake still holds: approve what it holds first.
    """
    from syncd.cli import look
    from syncd.service import jobs, plans
    from syncd.service.asking import Order

    done = look.watched(ctx, Order("apply", jobs.Wish(), look.tell, changes=plans.read(file)))
    for name, why in done.left:
        screen.say(Text.assemble(("left out ", "yellow"), f"{name}: {why}"))
    if done.left:
        screen.next_step(f"syncd plan --out {file}    (a new plan)")
    look.result(done.result, code=done.exit_code)
