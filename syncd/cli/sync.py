"""`syncd sync`: until shop and mirror agree."""

from collections.abc import Sequence

import typer

from syncd.cli.options import ShopNameMaybe, examples


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("sync", epilog=examples("syncd sync", "syncd sync demo"))(sync)


def sync(ctx: typer.Context, name: ShopNameMaybe = None) -> None:
    """Pull and push until both sides agree, and say on which look that rests.

    Waits for new rows that must lie untouched first, and says so. Exit code 3 when something is parked, held or
    refused.
    """
    from syncd.cli import look, screen
    from syncd.service import jobs
    from syncd.service.asking import Order

    def announce(plans: Sequence[jobs.Plan]) -> None:
        look.costs(plans, complete=True)

    done = look.watched(ctx, Order("sync", jobs.Wish(name), look.tell, announce)).result
    if done.exit_code == 0:
        screen.say(done.agreement)
    look.result(done)
