"""`syncd plan`: what a push would send, written down."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli import screen
from syncd.cli.options import ShopNameMaybe, common, examples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncd.service.plans import PushPlan
    from syncd.service.wire import House


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("plan", epilog=examples("syncd plan", "syncd plan demo --out push.json"))(plan)


def plan(
    ctx: typer.Context,
    name: ShopNameMaybe = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the plan there, for syncd apply.")] = None,
) -> None:
    """Show every pending push, field by field, with its calls and its time under the call budget.

    Makes no call and changes nothing. `remote` is shown where it is known: in conflicts.
    """
    from syncd.cli import planned
    from syncd.errors import UsageProblem
    from syncd.service import plans
    from syncd.service.session import perform

    async def make(house: "House") -> "tuple[Sequence[PushPlan], dict[str, Any]]":
        made = await plans.make(house, name)
        return made, plans.as_json(house, made)

    made, plain = perform(common(ctx).config, make)
    planned.show(made)
    if out is None:
        screen.next_step("syncd push    (or syncd plan --out FILE, then syncd apply FILE)")
        return
    try:
        out.write_text(json.dumps(plain, indent=2, ensure_ascii=False) + "\n", "utf-8")
    except OSError as error:
        raise UsageProblem(f"{out} cannot be written: {error.strerror}", hint="syncd plan --out FILE") from error
    screen.next_step(f"syncd apply {out}")
