"""`syncd sweep`: what is gone from the shop."""

from typing import Annotated

import typer

from syncd.cli.options import ResourceNames, ShopNameMaybe, examples


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("sweep", epilog=examples("syncd sweep demo", "syncd sweep demo --resource orders --approve"))(sweep)


def sweep(
    ctx: typer.Context,
    name: ShopNameMaybe = None,
    resource: ResourceNames = None,
    approve: Annotated[bool, typer.Option("--approve", help="Let go what the brake holds.")] = False,
) -> None:
    """Judge which records are gone from the shop: two complete walks, and a direct look at each that both missed."""
    from syncd.cli import look
    from syncd.service import jobs
    from syncd.service.asking import Order

    wish = jobs.Wish(name, tuple(resource or ()), approve=approve)
    look.result(look.watched(ctx, Order("sweep", wish, look.tell)).result)
