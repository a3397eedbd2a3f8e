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
    from syncd.service import plans
    from syncd.service.jobs import Result
    from syncd.service.wire import House

    left: list[tuple[str, str]] = []

    async def work(house: House) -> Result:
        applied = await plans.apply(house, file)
        left.extend(applied.left)
        return applied.result

    done = look.watched(ctx, work)
    for name, why in left:
        screen.say(Text.assemble(("left out ", "yellow"), f"{name}: {why}"))
    if left:
        screen.next_step(f"syncd plan --out {file}    (a new plan)")
    look.result(done, code=3 if left else 0)
