"""`syncd auth`: the grant of a shop's owner."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from syncd.cli import screen
from syncd.cli.options import ShopName, ShopNameMaybe, common, examples

if TYPE_CHECKING:
    from syncd.service.health import Grant

_COLOURS = {"fine": "green", "over": "red", "copy": "red"}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        help="Authorisation: url, login, show, refresh, rekey. Alone it shows how all grants stand.",
        invoke_without_command=True,
        callback=_all,
    )
    group.command("url", epilog=examples("syncd auth url demo"))(url)
    group.command("login", epilog=examples("syncd auth login demo"))(login)
    group.command("show", epilog=examples("syncd auth show", "syncd auth show demo"))(show)
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

    Without options it listens on the loopback redirect URI until the browser comes back; where a running daemon listens
    there already, the daemon takes the browser's answer in, and this waits for it. An address or code on the
    command line stays in your shell's history; `--redirected -` asks for it instead.
    """
    from syncd.service import grants, logins
    from syncd.service.session import perform

    if redirected == "-":
        redirected = screen.secret("The address to which the browser was sent")
    answer = grants.Answer(code, company, redirected)
    shop = perform(common(ctx).config, lambda house: logins.login(house, name, answer, partial(_ask, name), wait_s))
    screen.say(f"shop {shop.name} is authorised for company {shop.company_id}, scopes {','.join(shop.granted)}")
    screen.next_step(f"syncd pull {shop.name}")


def _ask(name: str, address: str) -> None:
    screen.say("Open this address, and agree:")
    screen.say(f"  {address}")
    screen.note("Waiting for the browser to come back. If it cannot reach this machine, stop here and pass the address")
    screen.note(f"that it was sent to with: syncd auth login {name} --redirected -")


def _all(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        show(ctx)


def show(ctx: typer.Context, name: ShopNameMaybe = None) -> None:
    """Show how grants stand: phase, ages, health, what to do; never the tokens. Exit code 3 if one needs a person."""
    from syncd.service import grants
    from syncd.service.health import grants as all_grants
    from syncd.service.session import perform

    if name is not None:
        _print(perform(common(ctx).config, lambda house: grants.facts(house, name)))
        return
    found = perform(common(ctx).config, all_grants)
    if not found:
        screen.say("There is no shop yet.")
        screen.next_step("syncd shop add NAME --base-url URL --client-id ID")
        return
    columns = ("shop", "state", "tokens", "generation", "exchanged", "access lasts", "health")
    screen.say(screen.table(columns, [_row(grant) for grant in found]))
    for grant in found:
        if grant.command:
            screen.say(Text.assemble(("  ! ", "bold red"), f"{grant.shop.name}: {grant.said}"))
            screen.say(Text.assemble("    ", ("Next: ", "bold"), grant.command))
    if any(grant.needs_person for grant in found):
        raise typer.Exit(3)


def _row(grant: "Grant") -> tuple[object, ...]:
    from syncd.service.health import exchanged, lasts

    tokens, state = grant.tokens, grant.shop.state.value
    health = Text(grant.word, style=_COLOURS.get(grant.word, "yellow"))
    if tokens is None:
        return (grant.shop.name, state, "-", "-", "-", "-", health)
    ages = exchanged(tokens), lasts(tokens.expires_in_s)
    return (grant.shop.name, state, tokens.phase.value, str(tokens.generation), *ages, health)


def refresh(
    ctx: typer.Context,
    name: ShopName,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="This copy takes the grant over: the other installation is gone for good.")
    ] = False,
) -> None:
    """Exchange the tokens now. A shop that was set aside for its tokens goes on if that succeeds."""
    from syncd.service import grants
    from syncd.service.session import perform

    _print(perform(common(ctx).config, lambda house: grants.refresh(house, name, adopt=adopt)))


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
