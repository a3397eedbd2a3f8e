"""`syncd push`: from the mirror to the shop."""

from typing import Annotated

import typer

from syncd.cli.options import ResourceNames, ShopNameMaybe, common, examples


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("push", epilog=examples("syncd push", "syncd push demo --resource products --dry-run"))(push)


def push(
    ctx: typer.Context,
    name: ShopNameMaybe = None,
    resource: ResourceNames = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be sent, and why.")] = False,
) -> None:
    """Send what was edited in the mirror to the shop.

    Each record is read first: what the shop changed meanwhile is merged, what both changed waits for you. New rows
    leave when they were not touched for a while. The daemon does all this by itself.
    """
    from syncd.cli import look, planned
    from syncd.service import jobs, plans
    from syncd.service.asking import Order
    from syncd.service.session import perform

    names = tuple(resource or ())
    if dry_run:
        planned.show(perform(common(ctx).config, lambda house: plans.make(house, name, names)))
        return
    look.result(look.watched(ctx, Order("push", jobs.Wish(name, names), look.tell)).result)
