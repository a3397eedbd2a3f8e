"""What pull, push, sweep and sync share on the screen: the cost before, the bar while, the table after."""

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from itertools import groupby
from typing import Any

import typer
from rich.text import Text

from syncd.cli import screen
from syncd.cli.options import common
from syncd.cli.progress_bar import ProgressBar
from syncd.service import asking
from syncd.service.answers import Done
from syncd.service.asking import Order
from syncd.service.jobs import Plan, Result
from syncd.service.session import perform
from syncd.service.words import amount, duration

_COUNTS = ("inserted", "updated", "gone", "parked")
_COLOURS = {"done": "green", "partial": "yellow", "later": "yellow", "person": "red", "drained": "yellow"}


async def tell(words: str) -> None:
    """Say how it goes on, beside the bars."""
    screen.note(words)


def watched(ctx: typer.Context, order: Order) -> Done:
    """Do the job, or have it done, under a progress bar where a person watches; the first Ctrl-C drains and says so."""
    bar = ProgressBar() if sys.stderr.isatty() else None
    told = bar.say if bar else screen.note
    with bar or nullcontext():
        return perform(common(ctx).config, lambda house: asking.perform(house, order), watcher=bar, told=told)


def costs(plans: Sequence[Plan], *, complete: bool) -> None:
    """Say what is about to be spent."""
    for plan in plans:
        least = "at least " if plan.is_open else ""
        look = "a complete look" if complete else "a quick look"
        wait = f", {duration(plan.seconds)} under the call budget" if plan.seconds >= 1 else ""
        screen.note(f"{plan.shop}: {look} takes {least}{amount(plan.calls, 'call')}{wait}")
        parts = [f"{cost.resource} {'?' if cost.calls is None else cost.calls}" for cost in plan.costs if cost.feed]
        if parts:
            screen.note(f"  {', '.join(parts)}")


def result(done: Result, *, code: int = 0) -> None:
    """Show the outcome of every run, the problems, and end with the exit code that they mean, or else with `code`."""
    for shop, runs in groupby(sorted(done.runs, key=lambda run: run.shop), key=lambda run: run.shop):
        rows = [_row(run) for run in runs]
        screen.heading(shop)
        screen.say(screen.table(("resource", "look", "outcome", "new", "changed", "gone", "parked", "calls"), rows))
    for run in done.runs:
        if run.message and run.outcome.value != "done":
            screen.err().print(Text.assemble((f"{run.shop} {run.resource}: ", "bold"), run.message), soft_wrap=True)
    for _, problem in done.problems:
        screen.problem(problem.message, problem.hint)
    for need in done.needs:
        screen.say(Text.assemble(("! ", "bold red"), need.what))
        screen.next_step(need.command)
    if not done.needs and any(run.outcome.value == "partial" for run in done.runs):
        screen.next_step("syncd status    (what is parked, and why)")
    raise typer.Exit(done.exit_code or code)


def _row(run: Any) -> tuple[object, ...]:
    outcome = Text(run.outcome.value, style=_COLOURS[run.outcome.value])
    counts = [f"{run.counts[name]:,.0f}" if run.counts.get(name) else "-" for name in _COUNTS]
    return (run.resource or "all", run.feed or run.job, outcome, *counts, f"{run.counts.get('calls', 0):,.0f}")
