"""Words that several commands share: --config and --debug wherever they stand, NAME, --resource, examples."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

_WITH_VALUE = "--config"
_ALONE = "--debug"


@dataclass(frozen=True, slots=True)
class Common:
    """What was said before or after the command, for all commands."""

    config: Path | None
    debug: bool


def common(ctx: typer.Context) -> Common:
    """What `main` stored for this call."""
    found = ctx.find_object(Common)
    return found or Common(None, debug=False)


def hoisted(args: list[str]) -> list[str]:
    """The words with --config FILE and --debug moved to the front, so that they may stand anywhere."""
    front: list[str] = []
    rest: list[str] = []
    words = iter(args)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word == _WITH_VALUE:
            front += [word, *([value] if (value := next(words, None)) is not None else [])]
        elif word == _ALONE or word.startswith(f"{_WITH_VALUE}="):
            front.append(word)
        else:
            rest.append(word)
    return front + rest


def examples(*commands: str) -> str:
    """The epilog of a command's help."""
    return "\n\n".join(f"Example: {command}" for command in commands)


ShopName = Annotated[str, typer.Argument(metavar="NAME", help="The shop.")]
ShopNameMaybe = Annotated[
    str | None, typer.Argument(metavar="NAME", help="The shop; without it all shops.", show_default=False)
]
ResourceNames = Annotated[
    list[str] | None,
    typer.Option("--resource", "-r", metavar="R", help="Only this resource; may be given several times."),
]
