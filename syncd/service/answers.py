"""What became of a request, as JSON: written by the daemon that carried it out, read by the command that asked.

Both are of one version or not: what another version wrote and this one does not know is passed over.
"""

import json
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from syncd.domain.run import Outcome, Run
from syncd.errors import SyncdError
from syncd.service.edits import Need
from syncd.service.jobs import Result

_RUN = tuple(field.name for field in fields(Run) if field.name != "fault")


@dataclass(slots=True)
class Done:
    """What was done, and what of a plan was left out, with the reason."""

    result: Result = field(default_factory=Result)
    left: list[tuple[str, str]] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """3 where something was left out."""
        return self.result.exit_code or (3 if self.left else 0)

    def join(self, other: "Done") -> None:
        """Take in what was done for other shops."""
        self.result.join(other.result)
        self.left += other.left


class Told(SyncdError):
    """An error that another process met."""

    def __init__(self, message: str, *, hint: str = "", exit_code: int = 1) -> None:
        super().__init__(message, hint=hint)
        self.exit_code = exit_code


def written(done: Done) -> str:
    """The answer to store."""
    result = done.result
    plain = {
        "runs": [_run_json(run) for run in result.runs],
        "problems": [[shop, each.message, each.hint, each.exit_code] for shop, each in result.problems],
        "needs": [[need.what, need.command] for need in result.needs],
        "rounds": result.rounds,
        "left": done.left,
    }
    return json.dumps(plain, ensure_ascii=False)


def refused(why: str) -> str:
    """The answer to what is not carried out."""
    return written(Done(Result(problems=[("", Told(why, hint="syncd status"))])))


def read(answer: str) -> Done:
    """What an answer says."""
    plain: dict[str, Any] = json.loads(answer)
    result = Result(
        [_run(each) for each in plain["runs"]],
        [(shop, Told(message, hint=hint, exit_code=code)) for shop, message, hint, code in plain["problems"]],
        [Need(what, command) for what, command in plain["needs"]],
        plain["rounds"],
    )
    return Done(result, [(name, why) for name, why in plain["left"]])


def _run_json(run: Run) -> dict[str, Any]:
    plain = {name: getattr(run, name) for name in _RUN}
    return plain | {name: plain[name].isoformat() for name in ("started_at", "ended_at")}


def _run(plain: dict[str, Any]) -> Run:
    values = {name: plain[name] for name in _RUN}
    moments = {name: datetime.fromisoformat(plain[name]) for name in ("started_at", "ended_at")}
    return Run(**values | moments | {"outcome": Outcome(plain["outcome"])})
