"""The command line: finds the command, and is the only place that turns errors into text and exit codes."""

import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from syncd import __version__
from syncd.cli import screen
from syncd.cli.options import Common, examples, hoisted
from syncd.errors import SyncdError

INTERRUPTED = 130

app = typer.Typer(
    name="syncd",
    help="Keeps a relational mirror of FlickRocket shops, on SQLite or PostgreSQL, in step with the shops.",
    epilog=examples("syncd demo", "syncd init", "syncd pull demo --quick"),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        screen.say(f"syncd {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    ctx: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(help="The settings file; else SYNCD_CONFIG, ./syncd.toml, /etc/syncd/syncd.toml."),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show where an unexpected error came from.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", help="Say the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    ctx.obj = Common(config, debug)


def main() -> None:
    """Run the command of this process's arguments, and end with its exit code."""
    sys.exit(run(sys.argv[1:]))


def run(args: list[str]) -> int:
    """Run a command; returns the exit code (errors.py says which)."""
    words = hoisted(args)
    try:
        app(args=words, prog_name="syncd")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001  the last stop of every error: none may end as a traceback
        return _told(error, debug="--debug" in words)
    return 0


def _told(error: Exception, *, debug: bool) -> int:
    expected = [leaf for leaf in _leaves(error) if isinstance(leaf, SyncdError)]
    surprises = [leaf for leaf in _leaves(error) if not isinstance(leaf, SyncdError)]
    if debug:
        _trace(error)
    for surprise in surprises[:1]:
        screen.problem(_bug(surprise), hint="the same command with --debug; report what it shows")
        return 1
    for problem in expected:
        screen.problem(problem.message, problem.hint)
    return expected[0].exit_code if expected else 1


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for part in error.exceptions for leaf in _leaves(part)]
    return [error]


def _bug(error: BaseException) -> str:
    """What may be told of an error that nobody foresaw: its kind and place. Its text may hold a secret."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "syncd" in Path(frame.filename).parts] or list(frames)
    place = f" in {Path(ours[-1].filename).name}, line {ours[-1].lineno}, {ours[-1].name}" if ours else ""
    return f"this is a bug in syncd: {type(error).__name__}{place}"


def _trace(error: BaseException) -> None:
    """The way that an error took, without the values and texts on it."""
    for leaf in _leaves(error):
        console = screen.err()
        console.print(f"{type(leaf).__name__}, raised here:", markup=False)
        for line in traceback.format_tb(leaf.__traceback__):
            console.print(line.rstrip(), markup=False, soft_wrap=True)


def _add_commands() -> None:
    from syncd.cli import (
        apply,
        auth,
        backup,
        conflict,
        customer,
        db,
        demo,
        doctor,
        history,
        init,
        outbox,
        plan,
        pull,
        push,
        run,
        shop,
        simulate,
        status,
        sweep,
        sync,
        top,
        undo,
        webhooks,
    )

    looking = (pull, push, sync, plan, apply, sweep, run)
    people = (conflict, outbox, history, undo, customer, webhooks)
    for command in (demo, init, shop, auth, *looking, *people, status, top, doctor, db, backup, simulate):
        command.register(app)


_add_commands()

if __name__ == "__main__":
    main()
