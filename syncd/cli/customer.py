"""`syncd customer`: what the mirror has no column for."""

from pathlib import Path
from typing import Annotated

import typer

from syncd.cli import screen
from syncd.cli.options import common, examples


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Customers: password.", no_args_is_help=True)
    epilog = examples("syncd customer password 4711", "syncd customer password demo/customers/ada@example.org")
    group.command("password", epilog=epilog)(password)
    app.add_typer(group, name="customer")


def password(
    ctx: typer.Context,
    which: Annotated[str, typer.Argument(metavar="KEY", help="The new row's row_id, or shop/customers/EMAIL.")],
    password_file: Annotated[
        Path | None, typer.Option(metavar="F", help="Read it from this file, and not from the keyboard.")
    ] = None,
) -> None:
    """Give a customer that is not created yet a password of your choice; without one it gets a random one.

    It is sealed, kept apart from the mirror, and forgotten when the shop has it.
    """
    from syncd.errors import UsageProblem
    from syncd.service import passwords
    from syncd.service.session import perform

    if password_file is None:
        text = screen.secret("Password", again=True)
    else:
        try:
            text = password_file.read_text("utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageProblem(
                f"--password-file {password_file} cannot be read", hint=f"look at: ls -l {password_file}"
            ) from error
    secret = passwords.wrapped(text)
    shop, row_id = perform(common(ctx).config, lambda house: passwords.seal(house, which, secret))
    screen.say(f"kept for row {row_id} of {shop.name}")
    screen.next_step(f"syncd push {shop.name}    (a daemon that runs does it by itself)")
