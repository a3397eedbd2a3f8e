"""`syncd run`: the daemon."""

import sys

import typer

from syncd.cli import screen
from syncd.cli.options import common, examples


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run", epilog=examples("syncd run", "syncd --config /etc/syncd/syncd.toml run"))(run)


def run(ctx: typer.Context) -> None:
    """Keep all shops current, in the foreground, until told to stop.

    The first SIGTERM or Ctrl-C drains: the page in hand is stored, then it ends. The second stops at once. SIGHUP reads
    the settings anew.
    """
    from syncd.service import daemon
    from syncd.service.session import perform

    perform(common(ctx).config, daemon.run, told=_remark, quiet=False, reloads=True)


def _remark(text: str) -> None:
    """For somebody at a terminal; elsewhere the log says so, and every line of it has one form."""
    if sys.stderr.isatty():
        screen.note(text)
