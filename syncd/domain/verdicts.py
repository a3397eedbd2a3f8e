"""The truth table of reconcile: what becomes of one thing that each side left alone, changed, made or removed.

The same table judges records, elements of lists and single values; docs/reconcile.md shows it, and a test compares.
Must not know what the things are.
"""

from enum import StrEnum
from typing import Final

from syncd.domain.policy import Choice


class State(StrEnum):
    """What one side did to a thing since both agreed on it."""

    ABSENT = "absent"  # never agreed on, and not there
    SAME = "same"  # as agreed
    CHANGED = "changed"  # not as agreed, or there without ever having been agreed on
    DELETED = "deleted"  # agreed on, and no longer there


class Verdict(StrEnum):
    """What becomes of it."""

    NOTHING = "nothing"
    TAKE = "take the shop's"
    SEND = "send ours"  # where the API takes it; else it is refused, and the shop's is taken
    AGREE = "agreed"  # both did the same: only base moves
    WEIGH = "weigh part by part"  # a value that has no parts: agreed where equal, else disputed
    DISPUTE = "disputed"  # the policy decides


VERDICTS: Final[dict[tuple[State, State], Verdict]] = {
    (State.ABSENT, State.ABSENT): Verdict.NOTHING,
    (State.ABSENT, State.CHANGED): Verdict.TAKE,
    (State.CHANGED, State.ABSENT): Verdict.SEND,
    (State.SAME, State.SAME): Verdict.NOTHING,
    (State.SAME, State.CHANGED): Verdict.TAKE,
    (State.SAME, State.DELETED): Verdict.TAKE,
    (State.CHANGED, State.SAME): Verdict.SEND,
    (State.CHANGED, State.CHANGED): Verdict.WEIGH,
    (State.CHANGED, State.DELETED): Verdict.DISPUTE,
    (State.DELETED, State.SAME): Verdict.SEND,
    (State.DELETED, State.CHANGED): Verdict.DISPUTE,
    (State.DELETED, State.DELETED): Verdict.AGREE,
}
"""By what we did and what the shop did. These are all pairs that can be: without an agreement nothing is the same or
deleted, with one nothing is absent."""


class Ruling(StrEnum):
    """What a dispute comes to."""

    OVERRULE = "take the shop's, and record the edit as refused"
    INSIST = "send ours; base becomes the shop's"
    PARK = "keep both until a person decides; base stays"


RULINGS: Final[dict[Choice, Ruling]] = {
    Choice.REMOTE: Ruling.OVERRULE,
    Choice.LOCAL: Ruling.INSIST,
    Choice.MANUAL: Ruling.PARK,
}
