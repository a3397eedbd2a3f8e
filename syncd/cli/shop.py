"""`syncd shop`: which shops are mirrored."""

from pathlib import Path
from typing import Annotated

import typer

from syncd.cli import screen
from syncd.cli.options import ShopName, common, examples

_ADD = "syncd shop add demo --base-url https://admin.flickrocket.com --client-id MyApp"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Shops: add, list, show, pause, resume, webhooks, remove.", no_args_is_help=True)
    group.command("add", epilog=examples(_ADD))(add)
    group.command("list", epilog=examples("syncd shop list"))(list_)
    group.command("show", epilog=examples("syncd shop show demo"))(show)
    group.command("pause", epilog=examples("syncd shop pause demo"))(pause)
    group.command("resume", epilog=examples("syncd shop resume demo"))(resume)
    epilog = examples("syncd shop webhooks demo", "syncd shop webhooks demo --rotate")
    group.command("webhooks", epilog=epilog)(webhooks)
    group.command("remove", epilog=examples("syncd shop remove demo --yes"))(remove)
    app.add_typer(group, name="shop")


def add(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What you call it: small letters, digits, - _ .")],
    base_url: Annotated[str, typer.Option(metavar="URL", help="Where the shop's API is.")],
    client_id: Annotated[str, typer.Option(metavar="ID", help="The app's client id.")],
    oauth_url: Annotated[str, typer.Option(metavar="URL", help="Where it is authorised, if elsewhere.")] = "",
    secret_file: Annotated[
        Path | None, typer.Option(metavar="F", help="A file with the app's shared secret. Nothing uses it yet.")
    ] = None,
    redirect_uri: Annotated[str, typer.Option(metavar="URI", help="As registered for the app.")] = "",
    scopes: Annotated[str, typer.Option(metavar="A,B", help="What to ask for; by default all that is mirrored.")] = "",
) -> None:
    """Make a shop known. It still has to be authorised."""
    from syncd.service import shops
    from syncd.service.session import perform

    wanted = shops.Wanted(name, base_url, client_id, oauth_url, redirect_uri, scopes, secret_file)
    shop = perform(common(ctx).config, lambda house: shops.add(house, wanted))
    screen.say(f"shop {shop.name} is added: {shop.base_url}, app {shop.client_id}, scopes {','.join(shop.scopes)}")
    screen.next_step(f"syncd auth login {shop.name}    (the app must know the redirect URI {shop.redirect_uri})")


def list_(ctx: typer.Context) -> None:
    """Show all shops with their state."""
    from syncd.service import shops
    from syncd.service.session import perform

    known = perform(common(ctx).config, lambda house: shops.listed(house.disk))
    if not known:
        screen.say("There is no shop yet.")
        screen.next_step("syncd shop add NAME --base-url URL --client-id ID")
        return
    rows = [(s.name, s.state.value, s.company_id or "-", s.client_id, s.base_url) for s in known]
    screen.say(screen.table(("shop", "state", "company", "app", "address"), rows))


def show(ctx: typer.Context, name: ShopName) -> None:
    """Show one shop: addresses, company, scopes, state."""
    from syncd.service import shops
    from syncd.service.session import perform

    shop = perform(common(ctx).config, lambda house: shops.find(house.disk, name))
    facts = {
        "shop": shop.name,
        "state": f"{shop.state.value}{f' ({shop.reason})' if shop.reason else ''}",
        "company": shop.company_id or "not authorised yet",
        "API": shop.base_url,
        "authorised at": shop.oauth_url,
        "app": shop.client_id,
        "redirect URI": shop.redirect_uri,
        "scopes asked for": ", ".join(shop.scopes),
        "scopes granted": ", ".join(shop.granted) or "-",
        "added": shop.created_at.strftime("%Y-%m-%d %H:%M UTC") if shop.created_at else "-",
    }
    for word, value in facts.items():
        screen.say(f"{word + ':':<18} {value}")


def pause(ctx: typer.Context, name: ShopName) -> None:
    """Leave the shop alone from now on; nothing is forgotten."""
    from syncd.service import shops
    from syncd.service.session import perform

    shop = perform(common(ctx).config, lambda house: shops.pause(house.disk, name))
    screen.say(f"shop {shop.name} is paused")
    screen.next_step(f"syncd shop resume {shop.name}")


def resume(ctx: typer.Context, name: ShopName) -> None:
    """End a pause, or set free a shop that waited for a person, once nothing keeps it from working."""
    from syncd.service import shops
    from syncd.service.session import perform

    shop = perform(common(ctx).config, lambda house: shops.resume(house.disk, name))
    screen.say(f"shop {shop.name} is {shop.state.value}")
    if shop.company_id is None:
        screen.next_step(f"syncd auth login {shop.name}")


def remove(
    ctx: typer.Context,
    name: ShopName,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Forget a shop, its tokens and its mirrored records. In the shop only our webhooks are taken away."""
    from syncd.service import shops
    from syncd.service import webhooks as service
    from syncd.service.session import perform

    shop = perform(common(ctx).config, lambda house: shops.find(house.disk, name))
    if not yes:
        typer.confirm(f"Forget {shop.name}, its tokens and its mirrored records?", abort=True)
    _, said = perform(common(ctx).config, lambda house: service.remove_shop(house, name))
    screen.say(f"shop {shop.name} is removed")
    if said:
        screen.note(f"In the shop {said} They fail there, and the shop gives them up by itself.")


def webhooks(
    ctx: typer.Context,
    name: ShopName,
    check: Annotated[bool, typer.Option("--check", help="Look at the shop now, and put right what is not.")] = False,
    rotate: Annotated[
        bool, typer.Option("--rotate", help="A new address: the old one is refused from now on, the shop is told.")
    ] = False,
    url: Annotated[bool, typer.Option("--url", help="Show the address. Whoever has it can make syncd look.")] = False,
) -> None:
    """Show which webhooks the shop has for us, and what came by them."""
    from syncd.service import webhooks as service
    from syncd.service.session import perform

    config = common(ctx).config
    said = ""
    if check or rotate:
        run = perform(config, lambda house: service.check(house, name, rotate=rotate))
        said = run.message
    if url:
        screen.say(perform(config, lambda house: service.address(house, name)).reveal())
        return
    stands, now = perform(config, lambda house: service.shown(house, name))
    for word, value in service.lines(stands, now):
        screen.say(f"{word + ':':<18} {value}")
    if rotate and said:
        screen.note(f"The new address holds; the shop is not told yet: {said} A running daemon goes on trying.")
    if not stands.wanted:
        screen.next_step('[webhooks] public_url = "https://..." in syncd.toml    (docs/webhooks.md)')
