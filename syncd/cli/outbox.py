"""`syncd outbox`: edits on their way to the shop."""

from typing import TYPE_CHECKING, Annotated

import typer

from syncd.cli import screen
from syncd.cli.options import ShopNameMaybe, common, examples

if TYPE_CHECKING:
    from syncd.service.outbox import Selection

_ROWS = 200
Number = Annotated[int | None, typer.Argument(metavar="ID", help="The change's number.", show_default=False)]
OfResource = Annotated[str, typer.Option("--resource", "-r", metavar="R", help="All of this resource that are held.")]
All = Annotated[bool, typer.Option("--all", help="All that are held.")]
OfShop = Annotated[str | None, typer.Option("--shop", metavar="NAME", help="Only of this shop.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Edits on their way to the shop: list, approve, drop.", no_args_is_help=True)
    group.command("list", epilog=examples("syncd outbox list", "syncd outbox list demo"))(list_)
    group.command("approve", epilog=examples("syncd outbox approve 12", "syncd outbox approve --all"))(approve)
    group.command("drop", epilog=examples("syncd outbox drop 12", "syncd outbox drop --resource products"))(drop)
    app.add_typer(group, name="outbox")


def list_(ctx: typer.Context, name: ShopNameMaybe = None) -> None:
    """Show what waits to be sent; exit code 3 where something is held by the brake, or parked."""
    from syncd.service import outbox
    from syncd.service.edits import name_of
    from syncd.service.session import perform

    lines = perform(common(ctx).config, lambda house: outbox.listed(house, name))
    if not lines:
        screen.say("The outbox is empty.")
        return
    rows = [
        (
            c.id,
            line.shop.name,
            name_of(c),
            c.verb.value,
            c.state.value,
            f"{c.claimed_at:%Y-%m-%d %H:%M}",
            c.reason or "-",
        )
        for line in lines[:_ROWS]
        for c in [line.change]
    ]
    screen.say(screen.table(("id", "shop", "record", "verb", "state", "since (UTC)", "reason"), rows))
    if len(lines) > _ROWS:
        screen.say(f"and {len(lines) - _ROWS:,} more: see the table sync_outbox")
    held = [line.change for line in lines if line.change.state.value == "held"]
    parked = [line.change for line in lines if line.change.state.value == "parked"]
    if held:
        screen.next_step("syncd outbox approve --all    (or ID; syncd outbox drop takes the edits back)")
    elif parked:
        screen.next_step(f"syncd outbox approve {parked[0].id}    (or syncd outbox drop {parked[0].id})")
    if held or parked:
        raise typer.Exit(3)


def approve(
    ctx: typer.Context,
    change: Number = None,
    resource: OfResource = "",
    everything: All = False,
    shop: OfShop = None,
) -> None:
    """Let go what the brake holds, or try again what is parked."""
    from syncd.service import outbox
    from syncd.service.session import perform
    from syncd.service.words import amount

    selection = _selection(change, resource, shop, everything=everything)
    done = perform(common(ctx).config, lambda house: outbox.approve(house, selection))
    screen.say(f"{amount(done, 'change')} may leave")
    screen.next_step("syncd push    (a daemon that runs does it by itself)")


def drop(
    ctx: typer.Context,
    change: Number = None,
    resource: OfResource = "",
    everything: All = False,
    shop: OfShop = None,
) -> None:
    """Take edits back: the mirror shows again what both sides agreed on, and nothing is sent."""
    from syncd.service import outbox
    from syncd.service.session import perform
    from syncd.service.words import amount

    selection = _selection(change, resource, shop, everything=everything)
    done = perform(common(ctx).config, lambda house: outbox.drop(house, selection))
    screen.say(f"{amount(done, 'edit')} taken back")


def _selection(change: int | None, resource: str, shop: str | None, *, everything: bool) -> "Selection":
    from syncd.service.outbox import Selection

    return Selection(change, resource, everything, shop)
