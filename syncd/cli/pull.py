"""`syncd pull`: from the shop to the mirror."""

from typing import Annotated

import typer

from syncd.cli.options import ResourceNames, ShopNameMaybe, common, examples


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("pull", epilog=examples("syncd pull", "syncd pull demo --quick --resource orders"))(pull)


def pull(
    ctx: typer.Context,
    name: ShopNameMaybe = None,
    resource: ResourceNames = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="The cheapest feed, as the daemon's timetable takes it.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would cost.")] = False,
) -> None:
    """Bring what changed in the shop into the mirror.

    Looks at every record, and says first what that costs; --quick takes the cheapest feed. A pull that was
    interrupted goes on where it stopped. Where a daemon works the shop, it is asked to look.
    """
    from syncd.cli import look
    from syncd.service import jobs
    from syncd.service.asking import Order
    from syncd.service.session import perform

    wish = jobs.Wish(name, tuple(resource or ()), quick=quick)
    if dry_run:
        look.costs(perform(common(ctx).config, lambda house: jobs.plans(house, wish)), complete=not quick)
        return
    announce = None if quick else lambda plans: look.costs(plans, complete=True)
    look.result(look.watched(ctx, Order("pull", wish, look.tell, announce)).result)
