"""`syncd doctor`: what is wrong, what the shops can do."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from syncd.cli import screen
from syncd.cli.options import ShopNameMaybe, common, examples

if TYPE_CHECKING:
    from syncd.service.doctor import Check, ShopReport, Taking
    from syncd.service.wire import House

_SIGNS = {"fine": ("ok  ", "green"), "odd": ("odd ", "yellow"), "bad": ("BAD ", "bold red")}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor", epilog=examples("syncd doctor", "syncd doctor demo"))(doctor)


def doctor(
    ctx: typer.Context,
    name: ShopNameMaybe = None,
    again: Annotated[
        bool, typer.Option("--again", help="Learn anew what the shop can do: about 10 calls a resource.")
    ] = False,
) -> None:
    """Look at settings, key, databases and disk, then at each shop: its answer, grant, clock, and what it can do."""
    from syncd.service import doctor as service
    from syncd.service.session import perform
    from syncd.service.settings import load

    loaded = load(common(ctx).config)
    checks = service.here(loaded)
    _checks(checks)
    if any(check.what == "databases" and check.verdict == "bad" for check in checks):
        _end(checks)
    opened = perform(loaded, service.databases)
    _checks(opened)

    async def look(house: "House") -> "tuple[Sequence[ShopReport], Sequence[Taking]]":
        return await service.visit(house, name, again=again), service.takings(house)

    reports, takings = perform(loaded, look)
    for report in reports:
        _shop(report)
    if reports:
        _edits(takings)
    _end([*checks, *opened, *[check for report in reports for check in report.checks]], alone=not reports)


def _checks(checks: "Sequence[Check]") -> None:
    for check in checks:
        sign, colour = _SIGNS[check.verdict.value]
        screen.say(Text.assemble((sign, colour), f"{check.what}: {check.said}"))


def _shop(report: "ShopReport") -> None:
    screen.say()
    screen.heading(report.shop.name)
    _checks(report.checks)
    rows: list[tuple[object, ...]] = []
    for resource, caps in report.capabilities:
        if not caps.available:
            rows.append((resource.name, Text(caps.why_not or "not offered", style="dim"), "", "", "", "", ""))
            continue
        pages = str(caps.page_size or "?") if caps.pages else "?" if caps.pages is None else "all"
        order = caps.order.value if caps.order else "?"
        detail = "whole" if caps.list_is_whole else "thin"
        filters = ", ".join(name.removesuffix("_min") for name in caps.filters) or "-"
        rows.append((resource.name, pages, order, _yes(caps.counts), _yes(caps.trims), filters, detail))
    if rows:
        screen.say(screen.table(("resource", "a page", "order", "counts", "trims", "filters", "list"), rows))
    for resource, caps in report.capabilities:
        for note in caps.notes[-3:]:
            screen.say(Text(f"  {resource.name}: withdrawn, {note}", style="dim"))


def _edits(takings: "Sequence[Taking]") -> None:
    screen.say()
    screen.heading("Your edits")
    rows = [(each.resource, _yes(each.create), _yes(each.update), each.delete, each.policy) for each in takings]
    screen.say(screen.table(("resource", "create", "update", "delete", "both changed it"), rows))


def _yes(known: bool | None) -> str:
    return "?" if known is None else "yes" if known else "no"


def _end(checks: "Sequence[Check]", *, alone: bool = False) -> None:
    from syncd.service.doctor import exit_code

    troubled = [check for check in checks if check.verdict.value != "fine" and check.command]
    troubled.sort(key=lambda check: check.verdict.value)  # bad before odd
    screen.say()
    if troubled:
        screen.next_step(troubled[0].command)
    elif alone:
        screen.next_step("syncd shop add NAME --base-url URL --client-id ID")
    else:
        screen.next_step("syncd pull    (or syncd run, to stay current)")
    raise typer.Exit(exit_code(checks))
