"""`syncd webhooks`: looking again at what webhooks told."""

from typing import Annotated

import typer

from syncd.cli import screen
from syncd.cli.options import ShopName, common, examples


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="What webhooks told: replay. (What is registered: syncd shop webhooks)")
    epilog = examples("syncd webhooks replay demo --since 2h", "syncd webhooks replay demo --since 2026-11-23T10:00")
    group.command("replay", epilog=epilog, no_args_is_help=True)(replay)
    group.callback()(_group)
    app.add_typer(group, name="webhooks", no_args_is_help=True)


def _group() -> None:
    """A group stays one when it has a single command."""


def replay(
    ctx: typer.Context,
    name: ShopName,
    since: Annotated[str, typer.Option(metavar="WHEN", help="A moment (UTC), or so long ago: 30min, 2h, 3d.")],
    until: Annotated[str, typer.Option(metavar="WHEN", help="The end of the span; without it now.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be looked at.")] = False,
) -> None:
    """Look again at every record that webhooks told of in a span of time, a call each.

    What the shop said that it does not have is left out. `[webhooks] keep_days` says how far back this can go.
    """
    from syncd.service import webhooks as service
    from syncd.service.session import perform
    from syncd.service.words import amount

    done = perform(common(ctx).config, lambda house: service.replay(house, name, since, until, dry=dry_run))
    span = f"{done.since:%Y-%m-%d %H:%M} to {done.until:%Y-%m-%d %H:%M} UTC"
    if not done.looks:
        screen.say(f"No webhook told of a record from {span}.")
    for resource, count in done.looks.items():
        screen.say(f"{resource:<14} {amount(count, 'look')}{' would be left' if dry_run else ' left'}")
    if done.absent:
        screen.note(f"{amount(done.absent, 'record')} that the shop does not have left out")
    if done.looks and not dry_run:
        screen.next_step(f"syncd pull {name} --quick    (a daemon that runs does it by itself)")
