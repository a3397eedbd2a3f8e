"""What a write's answer means for each thing that was sent: applied, ignored, or normalised by the shop (design 8).

The answer is held against what was read just before and what was sent. Pure; the two copies as they have to be
afterwards come from `reconcile`, told that what was sent is agreed now.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from syncd.domain.canonical import same
from syncd.domain.decision import ABSENT, Decision, Part
from syncd.domain.matching import key_is_the_shops, trios
from syncd.domain.patch import Act, Patch, applied
from syncd.domain.policy import Choice, Policy
from syncd.domain.reconcile import reconcile
from syncd.domain.record import Record, Value
from syncd.domain.resource import Resource


@dataclass(frozen=True, slots=True)
class Settlement:
    """The outcome of a write. `ignored` and `normalised` name sent fields with the shop's value; `unheeded` what was
    sent of list elements and changed nothing, with what was sent; `strayed` the fields that nobody sent and that are
    different now, with (before, after): somebody else's edit, or the shop's PUT."""

    decision: Decision
    ignored: Mapping[str, Value]
    normalised: Mapping[str, Value]
    strayed: Mapping[str, tuple[Value, Value]]
    unheeded: Mapping[str, Part] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        """Whether everything that was sent is there as it was sent."""
        return not (self.ignored or self.normalised or self.unheeded)


def settled(
    resource: Resource,
    *,
    before: Record,
    base: Record,
    sent: Patch,
    local: Record | None,
    answer: Record,
    policy: Policy,
) -> Settlement:
    """Weigh `answer` (the record as the shop has it after the write).

    `before` is the record as read just before the write, `base` what both agreed on when the change was claimed,
    `local` the mirror row as it is now: where it still is what was sent, it takes the answer; where somebody edited it
    meanwhile, the edit waits for the next change."""
    ignored: dict[str, Value] = {}
    normalised: dict[str, Value] = {}
    for name, value in sent.fields.items():
        if name not in answer.fields:
            continue
        kind, now = resource.by_name[name].kind, answer.fields[name]
        if same(kind, now, value):
            continue
        unmoved = same(kind, now, before.fields.get(name))
        (ignored if unmoved else normalised)[name] = now
    strayed = {
        name: (before.fields[name], now)
        for name, now in answer.fields.items()
        if name in before.fields and name in resource.by_name and name not in sent.fields
        if not same(resource.by_name[name].kind, before.fields[name], now)
    }
    agreed = applied(resource, base, sent)
    decision = reconcile(resource, agreed, local, answer, policy.resolved(dict.fromkeys(paths(sent), Choice.LOCAL)))
    return Settlement(decision, ignored, normalised, strayed, _unheeded(resource, sent, answer))


def _unheeded(resource: Resource, sent: Patch, answer: Record) -> dict[str, Part]:
    """What was sent of list elements and is not to be seen: a removed one that is there, an added one that is not, a
    field as it was. Of a list whose keys only the shop gives nobody can say which element a new one became."""
    found: dict[str, Part] = {}
    for name, changes in sent.children.items():
        child = resource.child_by_name[name]
        shown = {f"{name}[{t.label}]": t.remote for t in trios(child, (), (), answer.children.get(name, ()))}
        for change in changes if name in answer.children else ():
            now, was = shown.get(change.path), change.before.fields if change.before else {}
            if change.act is Act.ADD and now is None and change.after is not None and not key_is_the_shops(child):
                found[change.path] = change.after
            elif change.act is Act.REMOVE and now is not None:
                found[change.path] = ABSENT
            elif change.act is Act.EDIT and now is not None:
                for part, value in change.fields.items():
                    kind, kept = child.by_name[part].kind, now.fields.get(part)
                    if not same(kind, kept, value) and same(kind, kept, was.get(part)):
                        found[f"{change.path}.{part}"] = value
    return found


def paths(patch: Patch) -> list[str]:
    """Every path that a patch touches, as conflicts name them."""
    return [*patch.fields, *(change.path for changes in patch.children.values() for change in changes)]


def without(patch: Patch, parked: frozenset[str]) -> Patch:
    """The patch less what waits for a person: fields and elements at or below the parked paths."""

    def waits(path: str) -> bool:
        return any(path == each or path.startswith((f"{each}.", f"{each}[")) for each in parked if each)

    if "" in parked:
        return Patch()
    fields = {name: value for name, value in patch.fields.items() if not waits(name)}
    children = {}
    for name, changes in patch.children.items():
        parked_here = {path.rpartition(".")[0] for path in parked} | set(parked)
        kept = tuple(change for change in changes if change.path not in parked_here)
        if kept:
            children[name] = kept
    return Patch(fields, children)
