"""`syncd conflict`: what both sides changed."""

from typing import TYPE_CHECKING, Annotated

import typer

from syncd.cli import screen
from syncd.cli.options import ShopNameMaybe, common, examples

if TYPE_CHECKING:
    from syncd.service.conflicts import Dispute

Which = Annotated[str, typer.Argument(metavar="ID", help="The conflict's number, or its record's KEY for all of it.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Conflicts: list, show, resolve.", no_args_is_help=True)
    group.command("list", epilog=examples("syncd conflict list"))(list_)
    group.command("show", epilog=examples("syncd conflict show 7", "syncd conflict show demo/products/12"))(show)
    group.command(
        "resolve",
        epilog=examples(
            "syncd conflict resolve 7 --take local", "syncd conflict resolve 7 --take title=local,price=remote"
        ),
    )(resolve)
    app.add_typer(group, name="conflict")


def list_(ctx: typer.Context, name: ShopNameMaybe = None) -> None:
    """Show all open conflicts, the oldest first. Exit code 3 when there are any."""
    from syncd.cli.planned import clip
    from syncd.service import conflicts
    from syncd.service.session import perform

    found = perform(common(ctx).config, lambda house: conflicts.listed(house, name))
    if not found:
        screen.say("There is no open conflict.")
        return
    rows = [
        (c.id, each.key, c.path or "(the record)", clip(c.local), clip(c.remote), c.choice or "open")
        for each in found
        for c in [each.conflict]
    ]
    screen.say(screen.table(("id", "record", "field", "local", "remote", "choice"), rows))
    screen.next_step(f"syncd conflict show {found[0].conflict.id}")
    raise typer.Exit(3)


def show(ctx: typer.Context, which: Which) -> None:
    """Show both values side by side, and who changed what when."""
    from syncd.service import conflicts
    from syncd.service.session import perform

    found = perform(common(ctx).config, lambda house: conflicts.show(house, which))
    for each in found:
        _show(each)
    screen.next_step(f"syncd conflict resolve {found[0].conflict.id} --take local    (or remote)")


def _show(dispute: "Dispute") -> None:
    from syncd.cli.planned import clip

    conflict = dispute.conflict
    chosen = f", chosen: {conflict.choice}" if conflict.choice else ""
    since = f"{conflict.since:%Y-%m-%d %H:%M:%S} UTC"
    screen.heading(f"conflict {conflict.id}: {dispute.key} {conflict.path or '(the record)'}, since {since}{chosen}")
    values = [text or "(not there)" for text in (conflict.base, conflict.local, conflict.remote)]
    screen.say(screen.table(("base", "local: in the mirror", "remote: in the shop"), [values]))
    rows = [
        (f"{line.at:%Y-%m-%d %H:%M:%S}", line.origin.value, path, clip(before), clip(after))
        for line in dispute.history
        for path, (before, after) in line.changes.items()
        if path == conflict.path.partition("[")[0] or not conflict.path
    ]
    if rows:
        screen.say(screen.table(("when (UTC)", "who", "field", "before", "after"), rows))


def resolve(
    ctx: typer.Context,
    which: Which,
    take: Annotated[
        str, typer.Option(metavar="SIDE", help="local, remote, or FIELD=local,FIELD=remote of its record.")
    ],
) -> None:
    """Decide. What is not decided stays open and holds nothing up.

    In SQL: UPDATE sync_conflicts SET resolution = 'local' WHERE id = 7.
    """
    from syncd.service import conflicts
    from syncd.service.session import perform

    done = perform(common(ctx).config, lambda house: conflicts.resolve(house, which, take))
    for each in done:
        screen.say(f"conflict {each.conflict.id}: {each.key} {each.conflict.path or '(the record)'} is decided")
    screen.next_step(f"syncd push {done[0].shop.name}    (a daemon that runs does it by itself)")
