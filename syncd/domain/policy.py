"""Who wins where both sides changed the same thing to different values: the ownership map of one resource.

A policy never overrules an edit that only one side made. Where nothing is said a person decides about what the mirror's
users may edit, since neither side is known to be right; everything else is the shop's. Must not know records.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from syncd.domain.resource import Access, Resource

WHOLE = "*"
"""The name under which a policy speaks of every field that it does not name, and of the record as a whole."""


class Choice(StrEnum):
    """What a conflict comes to."""

    REMOTE = "remote"  # the shop's value stays; the edit is recorded as refused
    LOCAL = "local"  # the mirror's value is sent
    MANUAL = "manual"  # both are kept and shown, until a person decides


@dataclass(frozen=True, slots=True)
class Policy:
    """The choices for one resource, by name: `title`, `locales.title`, `locales` (elements too), `*` (the rest), or the
    path of one conflict (`locales[de].title`), the most exact one first.

    `deletes`: whether a row deleted in the mirror is deleted at the shop. Off unless somebody switched it on.
    """

    choices: Mapping[str, Choice] = field(default_factory=dict)
    deletes: bool = False

    def choice(self, resource: Resource, *names: str) -> Choice:
        """The choice for a conflict; `names` are its path and the names that cover it, most exact first."""
        for name in names:
            if (found := self.choices.get(name)) is not None:
                return found
        default = Choice.MANUAL if resource.writable else Choice.REMOTE
        return self.choices.get(WHOLE, default)

    def resolved(self, picks: Mapping[str, Choice]) -> "Policy":
        """The policy with a person's picks, by path of conflict (an empty path: the record as a whole)."""
        return replace(self, choices={**self.choices, **picks})

    @classmethod
    def parse(cls, resource: Resource, texts: Mapping[str, str], *, deletes: bool = False) -> "Policy":
        """Read an ownership map as settings write it. Raises ValueError that names every mistake."""
        problems = [problem for name, text in texts.items() if (problem := _problem(resource, name, text))]
        if deletes and not resource.deletable:
            problems.append(f"{resource.name} cannot be deleted through the API")
        if problems:
            raise ValueError("; ".join(problems))
        return cls({name: Choice(text) for name, text in texts.items()}, deletes)


def _problem(resource: Resource, name: str, text: str) -> str:
    if text not in [choice.value for choice in Choice]:
        return f"{name}: {text!r} is none of {', '.join(Choice)}"
    head, _, tail = name.partition(".")
    child = resource.child_by_name.get(head)
    fields = child.by_name if child is not None and tail else resource.by_name
    known = name == WHOLE or (child is not None and not tail) or (tail or head) in fields
    if not known or (tail and child is None):
        return f"{name}: {resource.name} has no such field"
    if text == Choice.REMOTE or name == WHOLE:
        return ""
    shop_only = not resource.writable or (child is not None and child.access is not Access.WRITE)
    named = fields.get(tail or head)
    if shop_only or (named is not None and (tail or child is None) and named.access is not Access.WRITE):
        return f"{name}: only the shop may change it, so {text!r} cannot be kept"
    return ""
