"""What is put on the screen, and how: results on standard output, everything else on standard error.

Knows rich; commands build their output with these few functions, so that all look alike.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Final

import typer
from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from syncd.errors import UsageProblem

#: A pipe has no width of its own; this one keeps tables whole.
_PIPE_COLUMNS: Final = 140
#: Cells up to this length are not broken over two lines.
_SHORT: Final = 16
_NUMBERS: Final = frozenset("0123456789,.-+ %/?")


def out() -> Console:
    """Where results go. Made anew each time, because a progress bar may have put itself before the stream."""
    return Console(highlight=False, soft_wrap=False, width=None if sys.stdout.isatty() else _PIPE_COLUMNS)


def err() -> Console:
    """Where progress, remarks and errors go."""
    return Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else _PIPE_COLUMNS)


def say(text: RenderableType = "") -> None:
    """A line of the result."""
    out().print(text, markup=False, soft_wrap=isinstance(text, str))


def note(text: str) -> None:
    """A remark beside the result."""
    err().print(text, markup=False, style="dim", soft_wrap=True)


def next_step(command: str) -> None:
    """What to do next, at the end of the result."""
    say(Text.assemble(("Next: ", "bold"), command))


def problem(message: str, hint: str = "") -> None:
    """An error: what is wrong, then the next command."""
    console = err()
    console.print(Text.assemble(("error: ", "bold red"), message), soft_wrap=True)
    if hint:
        console.print(Text.assemble(("Next: ", "bold"), hint), soft_wrap=True)


def secret(question: str, *, again: bool = False) -> str:
    """What nobody may read over the shoulder: typed unseen, `again` to be sure; through a pipe its first line.

    Raises UsageProblem where the pipe is empty."""
    if sys.stdin.isatty():
        return str(typer.prompt(question, hide_input=True, confirmation_prompt=again))
    if line := sys.stdin.readline().rstrip("\r\n"):
        return line
    raise UsageProblem(
        f"the input is empty: {question[:1].lower()}{question[1:]} is missing", hint="give it as one line"
    )


def as_json(value: Any) -> None:
    """A result for scripts."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False, sort_keys=False)
    sys.stdout.write("\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> Table:
    """A table; a column whose cells are all figures stands to the right."""
    lines = [[cell if isinstance(cell, Text) else str(cell) for cell in row] for row in rows]
    grid = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", title_style="bold", pad_edge=False)
    for index, name in enumerate(columns):
        cells = [str(line[index]) for line in lines if str(line[index])]
        figures = bool(cells) and all(set(cell) <= _NUMBERS for cell in cells)
        short = index == 0 or all(len(cell) <= _SHORT for cell in cells)
        grid.add_column(name, justify="right" if figures else "left", overflow="fold", no_wrap=short)
    for line in lines:
        grid.add_row(*[cell if isinstance(cell, Text) else Text(cell) for cell in line])
    return grid


def heading(text: str) -> None:
    """A line above a part of the result."""
    say(Text(text, style="bold"))


def bar(share: float, width: int = 24) -> str:
    """A bar of that share of `width`, in eighths of a character."""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    whole, rest = divmod(eighths, 8)
    return "█" * whole + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[rest]
