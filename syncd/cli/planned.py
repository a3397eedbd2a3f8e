"""How pending pushes are put on the screen: what would be sent, field by field, and why."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from rich.text import Text

from syncd.cli import screen

if TYPE_CHECKING:
    from syncd.service.foresight import Step
    from syncd.service.plans import PushPlan

_STEPS: Final = 40
_LONG: Final = 60


def show(plans: "Sequence[PushPlan]") -> None:
    """Every change of every shop; of very many only the first."""
    from syncd.service.edits import name_of
    from syncd.service.words import amount, duration

    for plan in plans:
        found = plan.foreseen
        wait = f", {duration(plan.seconds)} under the call budget" if plan.seconds >= 1 else ""
        leaving = sum(step.leaves for step in found.steps)
        screen.heading(f"{found.shop.name}: {amount(leaving, 'change')}, {amount(plan.calls, 'call')}{wait}")
        for step in found.steps[:_STEPS]:
            _step(step)
        if len(found.steps) > _STEPS:
            screen.say(f"and {amount(len(found.steps) - _STEPS, 'change')} more; syncd plan --out FILE has them all")
        for turned in found.refused:
            where = f"{name_of(turned)} {turned.path}".rstrip()
            screen.say(Text.assemble(("refused ", "red"), f"{where} = {clip(turned.value)}: {turned.reason}"))
        for touch, why in found.idle:
            screen.say(Text.assemble(("waits ", "yellow"), f"{touch.resource}, row {touch.row_id}: {why}"))


def _step(step: "Step") -> None:
    from syncd.service.edits import name_of
    from syncd.service.words import amount

    change = step.change
    state = "" if change.state.value == "ready" else f"  {change.state.value}"
    number = f"  (change {change.id})" if change.id else ""
    cost = amount(step.calls, "call")
    why = f": {step.why}" if step.why else ""
    line = Text.assemble(
        (change.verb.value, "bold cyan"), f" {name_of(change)}  {cost}{number}", (state + why, "yellow")
    )
    screen.say(line)
    if step.diffs:
        remote = any(diff.remote for diff in step.diffs)
        columns = ("field", "base", "local", "remote") if remote else ("field", "base", "local")
        rows = [
            (diff.path, clip(diff.base), clip(diff.local), clip(diff.remote))[: len(columns)] for diff in step.diffs
        ]
        screen.say(screen.table(columns, rows))


def clip(text: str) -> str:
    """A value that may be long."""
    return text if len(text) <= _LONG else f"{text[: _LONG - 1]}…"
