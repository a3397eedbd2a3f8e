"""`syncd top`: who spends the calls."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from syncd.cli import screen
from syncd.cli.options import ShopNameMaybe, common, examples

if TYPE_CHECKING:
    from syncd.service.spending import Line, Reading

_LINES = 40


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("top", epilog=examples("syncd top", "syncd top demo --once", "syncd top --json"))(top)


def top(
    ctx: typer.Context,
    name: ShopNameMaybe = None,
    once: Annotated[bool, typer.Option("--once", help="Show this hour once, and end.")] = False,
    json: Annotated[bool, typer.Option("--json", help="This hour, for scripts.")] = False,
    every_s: Annotated[float, typer.Option(min=0.5, max=3600, help="Seconds between two looks.")] = 2.0,
) -> None:
    """Show who spends the calls, live: shop, job, class and purpose, in this hour and in the last minutes.

    Reads the database alone and makes no call. Ctrl-C ends it.
    """
    from syncd.service import spending
    from syncd.service.session import perform

    async def shown_once(house: Any) -> None:
        reading = await spending.read(house, name)
        lines = spending.Meter().take(reading)
        if json:
            screen.as_json(spending.as_json(reading, lines))
        else:
            screen.say(_screen(reading, lines, 0.0))

    async def shown_live(house: Any) -> None:
        meter, first = spending.Meter(), None
        with Live(console=screen.out(), screen=False, auto_refresh=False) as live:
            while True:
                reading = await spending.read(house, name, first)
                first = first or reading.at
                lines = meter.take(reading)
                live.update(_screen(reading, lines, meter.span_s, live.console.height), refresh=True)
                await house.clock.sleep(every_s)

    if once or json or not sys.stdout.isatty():
        perform(common(ctx).config, shown_once)
        return
    try:
        perform(common(ctx).config, shown_live)
    except KeyboardInterrupt:
        screen.say()


def _screen(reading: "Reading", lines: "list[Line]", span_s: float, height: int | None = None) -> RenderableType:
    from syncd.service.words import amount, duration

    parts: list[RenderableType] = []
    for shop, bucket in reading.buckets.items():
        spent = sum(line.this_hour.calls for line in lines if line.account[0] == shop)
        level = f"{screen.bar(bucket.level / bucket.size, 10)} {bucket.level:.0f} of {bucket.size:.0f} calls used"
        said = f"  {level}, {bucket.leak:g} back a second; {amount(spent, 'call')} in this hour"
        parts.append(Text.assemble((shop, "bold"), said))
    if not lines:
        return Group(*parts, Text("No call was made in this hour."))
    room = max(3, height - len(parts) - 5) if height else _LINES
    columns = ["shop", "job", "class", "purpose", "this hour", "waited"]
    if span_s:
        columns[4:4] = [f"last {duration(span_s, units=1)}", "waited"]
    table = screen.table(columns, [_row(line, span_s) for line in lines[:room]])
    rest = len(lines) - room
    more = [Text(f"and {rest} more; syncd top --json has them all", style="dim")] if rest > 0 else []
    return Group(*parts, table, *more)


def _row(line: "Line", span_s: float) -> tuple[object, ...]:
    from syncd.service.words import duration

    sums = (line.lately, line.this_hour) if span_s else (line.this_hour,)
    cells = [cell for each in sums for cell in (f"{each.calls:,}" if each.calls else "-", duration(each.waited_s))]
    return (*line.account, *cells)
