"""`syncd sync`: until shop and mirror agree."""

import typer

from syncd.cli.options import ShopNameMaybe, examples


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("sync", epilog=examples("syncd sync", "syncd sync demo"))(sync)


def sync(ctx: typer.Context, name: ShopNameMaybe = None) -> None:
    """Pull until nothing new is found, and say on which look that rests. Exit code 3 when something is parked."""
    from syncd.cli import look, screen
    from syncd.service import jobs

    done = look.watched(
        ctx, lambda house: jobs.sync(house, jobs.Wish(name), lambda plans: look.costs(plans, complete=True))
    )
    if done.exit_code == 0:
        screen.say(done.agreement)
    look.result(done)
