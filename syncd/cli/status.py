"""`syncd status`: how things stand."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from syncd.cli import screen
from syncd.cli.options import ShopNameMaybe, common, examples

if TYPE_CHECKING:
    from syncd.service.status import ResourceStatus, ShopStatus

_COLOURS = {
    **dict.fromkeys(("current", "active"), "green"),
    **dict.fromkeys(("waiting", "unavailable"), "dim"),
    **dict.fromkeys(("paused", "new"), "yellow"),
    **dict.fromkeys(("braked", "quarantined"), "red"),
    "filling": "cyan",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status", epilog=examples("syncd status", "syncd status --json"))(status)


def status(
    ctx: typer.Context,
    name: ShopNameMaybe = None,
    json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Show how every shop and resource stands, and what needs a person. Exit code 3 when something does."""
    from syncd.service import status as service
    from syncd.service.session import perform

    found, now = perform(common(ctx).config, lambda house: service.status_now(house, name))
    if json:
        screen.as_json(service.as_json(found, now))
    elif not found:
        screen.say("There is no shop yet.")
        screen.next_step("syncd shop add NAME --base-url URL --client-id ID")
    else:
        for each in found:
            _show(each, now)
    if any(each.needs for each in found):
        raise typer.Exit(3)


def _show(each: "ShopStatus", now: datetime) -> None:
    from syncd.service import webhooks
    from syncd.service.words import amount, duration

    state = each.shop.state.value
    company = f"company {each.shop.company_id}" if each.shop.company_id else "no company yet"
    screen.say(Text.assemble((each.shop.name, "bold"), "  ", (state, _COLOURS[state]), f"  {company}"))
    bucket, tokens = each.bucket, each.tokens
    if bucket is not None:
        blocked = bucket.blocked_until - now.astimezone(UTC).timestamp()
        wait = f", blocked for {duration(blocked)}" if blocked > 0 else ""
        calls = sum(line.calls for line in each.spent)
        level = f"{screen.bar(bucket.level / bucket.size, 10)} {bucket.level:.0f} of {bucket.size:.0f} calls used"
        screen.say(f"  budget  {level}, {bucket.leak:g} back a second{wait}; {amount(calls, 'call')} in 24 h")
    if tokens is not None:
        age = f", {duration(tokens.age_s)} old" if tokens.age_s is not None else ""
        screen.say(f"  tokens  {tokens.phase.value}, generation {tokens.generation}{age}")
    if told := webhooks.line(each.webhooks, now):
        screen.say(f"  hooks   {told}")
    if each.shop.company_id is not None:
        columns = ("resource", "state", "last look", "bound", "rows", "shop", "hints", "parked")
        screen.say(screen.table(columns, [_row(resource, now) for resource in each.resources]))
    _fresh(each)
    _edits(each)
    for need in each.needs:
        screen.say(Text.assemble(("  ! ", "bold red"), need.what))
        screen.say(Text.assemble("    ", ("Next: ", "bold"), need.command))


def _fresh(each: "ShopStatus") -> None:
    """The targets of freshness that are not met."""
    from syncd.service.status import why_not
    from syncd.service.words import duration

    missed = [resource.reach for resource in each.resources if resource.reach and not resource.reach.is_met]
    for reach in missed:
        said = f"{reach.resource} within {duration(reach.target_s)}"
        if reach.bound_s is None:
            screen.say(Text(f"  fresh   {said}: {why_not(reach)}", style="dim"))
            continue
        can = f" cannot be met, {duration(reach.bound_s)} can: {why_not(reach)}"
        screen.say(Text.assemble(("  fresh   ", "yellow"), said, can))
        if reach.limit == "budget":
            step = (
                f"a higher fresh_s in [resources.{reach.resource}], or a higher [budget] leak_per_s if the shop allows"
            )
            screen.say(Text.assemble("    ", ("Next: ", "bold"), step))


def _edits(each: "ShopStatus") -> None:
    from syncd.service.edits import name_of
    from syncd.service.words import amount

    edits = each.edits
    if edits.touched or edits.outbox:
        touched = ", ".join(f"{name} {count:,}" for name, count in edits.touched.items())
        states = ", ".join(f"{count:,} {state}" for state, count in edits.outbox.items())
        parts = [f"edited rows: {touched}" if touched else "", f"outbox: {states}" if states else ""]
        screen.say(f"  edits   {'; '.join(part for part in parts if part)}")
        if edits.waiting:
            screen.say(Text.assemble("    ", ("Next: ", "bold"), f"syncd push {each.shop.name}    (or let syncd run)"))
    if edits.conflicts:
        screen.say(f"  asked   {amount(edits.conflicts, 'open conflict')}")
    for turned in edits.refused:
        where = f"{name_of(turned)} {turned.path}".rstrip()
        screen.say(Text(f"  refused {turned.at:%Y-%m-%d %H:%M} UTC  {where}: {turned.reason}", style="dim"))


def _row(each: "ResourceStatus", now: datetime) -> tuple[object, ...]:
    from syncd.service.words import ago, duration

    state = each.state
    if each.walk is not None:
        _, page, pages = each.walk
        state = f"{state}, page {page}{f' of {pages}' if pages else ''}"
    return (
        each.resource.name,
        Text(state, style=_COLOURS[each.state]),
        ago(each.cursor.looked_at, now),
        duration(each.bound_s),
        f"{each.rows:,}",
        f"{each.cursor.remote_count:,}" if each.cursor.remote_count is not None else "-",
        f"{each.hints:,}" if each.hints else "-",
        f"{each.parked:,}" if each.parked else "-",
    )
