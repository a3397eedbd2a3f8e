"""`syncd auth`: the grant of a shop's owner."""

from collections.abc import Mapping
from typing import Annotated

import typer

from syncd.cli import screen
from syncd.cli.options import ShopName, common, examples


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Authorisation: url, login, show, refresh.", no_args_is_help=True)
    group.command("url", epilog=examples("syncd auth url demo"))(url)
    group.command("login", epilog=examples("syncd auth login demo"))(login)
    group.command("show", epilog=examples("syncd auth show demo"))(show)
    group.command("refresh", epilog=examples("syncd auth refresh demo"))(refresh)
    group.command("rekey", epilog=examples("syncd auth rekey", "syncd auth rekey --drop-old"))(rekey)
    app.add_typer(group, name="auth")


def url(ctx: typer.Context, name: ShopName) -> None:
    """Print the address where the shop's owner agrees."""
    from syncd.service import grants
    from syncd.service.session import perform

    screen.say(perform(common(ctx).config, lambda house: grants.address(house, name)))


def login(
    ctx: typer.Context,
    name: ShopName,
    code: Annotated[str, typer.Option(metavar="CODE", help="The code= of the redirect; then --company too.")] = "",
    company: Annotated[int | None, typer.Option(metavar="ID", help="The companyid= of the redirect.")] = None,
    redirected: Annotated[
        str, typer.Option(metavar="URL", help="The whole address to which the browser was sent back; - reads it.")
    ] = "",
    wait_s: Annotated[float, typer.Option(help="How long to listen for the browser, in seconds.")] = 600.0,
) -> None:
    """Authorise the shop: the first exchange of tokens.

    Without options it listens on the loopback redirect URI until the browser comes back. An address or code on the
    command line stays in your shell's history; `--redirected -` asks for it instead.
    """
    from syncd.service import grants
    from syncd.service.session import perform

    if redirected == "-":
        redirected = typer.prompt("The address to which the browser was sent", hide_input=True)
    answer = grants.Answer(code, company, redirected)
    shop = perform(common(ctx).config, lambda house: grants.login(house, name, answer, _ask, wait_s))
    screen.say(f"shop {shop.name} is authorised for company {shop.company_id}, scopes {','.join(shop.granted)}")
    screen.next_step(f"syncd pull {shop.name}")


def _ask(address: str) -> None:
    screen.say("Open this address, and agree:")
    screen.say(f"  {address}")
    screen.note("Waiting for the browser to come back. If it cannot reach this machine, stop here and pass the address")
    screen.note("that it was sent to with: syncd auth login NAME --redirected -")


def show(ctx: typer.Context, name: ShopName) -> None:
    """Show age, scopes and state of the stored tokens; never the tokens."""
    from syncd.service import grants
    from syncd.service.session import perform

    _print(perform(common(ctx).config, lambda house: grants.facts(house, name)))


def refresh(ctx: typer.Context, name: ShopName) -> None:
    """Exchange the tokens now."""
    from syncd.service import grants
    from syncd.service.session import perform

    _print(perform(common(ctx).config, lambda house: grants.refresh(house, name)))


def rekey(
    ctx: typer.Context,
    reseal: Annotated[
        bool, typer.Option("--reseal", help="Make no key; seal everything with the first of those that are there.")
    ] = False,
    drop_old: Annotated[
        bool, typer.Option("--drop-old", help="Remove the older keys from the key file, once nothing needs them.")
    ] = False,
) -> None:
    """Change the sealing key: a new one seals from now on, and everything is sealed anew. The daemon may run meanwhile.

    The older key stays in the key file, so that backups made with it can be opened, until --drop-old removes it.
    """
    from syncd.service.rekey import rekey as change
    from syncd.service.session import perform

    done = perform(common(ctx).config, lambda house: change(house, fresh=not reseal, drop=drop_old))
    screen.say(f"key {done.kid} seals{' from now on' if done.is_new else ''}; {_counted(done.anew)} sealed anew")
    for place in done.unopened:
        screen.note(f"no key opens the {place}")
    if done.dropped:
        screen.say(f"the older keys are gone from the key file: {done.dropped}")
    elif done.older:
        screen.note("Keep a copy of the key file, apart from the database. Backups made until now need the older key.")
        screen.next_step("syncd auth rekey --drop-old    (when no such backup is needed any more)")


def _counted(anew: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {place}" for place, count in sorted(anew.items())) or "nothing"


def _print(facts: list[tuple[str, str]]) -> None:
    for word, value in facts:
        screen.say(f"{word + ':':<18} {value}")
