"""How a resource is served: path, envelope, verbs, fields, nested lists, written down in a few lines of text.

This is the simulator's own model, apart from `domain/resources.py` on purpose: what judges a mirror must not share its
mistakes. Must not know records, switches or HTTP.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

BLANKS: dict[str, Any] = {"int": 0, "text": "", "flag": False, "flag1": False, "decimal": 0}


@dataclass(frozen=True, slots=True)
class Spec:
    """One field. Flags are bool inside the shop; `flag1` is shown as 1/0, `flag` as true/false. Marks: `!` only the
    shop sets it, `+` settable at creation only, `?` not in the reference (and set by the shop), `~` null when empty."""

    name: str
    kind: str
    marks: str = ""

    @property
    def is_id(self) -> bool:
        """Whether the field is a numeric id."""
        return self.kind == "int" and (self.name == "id" or self.name.endswith("_id"))

    @property
    def blank(self) -> Any:
        """The value of a field that nobody filled."""
        return None if "~" in self.marks else BLANKS.get(self.kind)

    def settable(self, *, new: bool) -> bool:
        """Whether a client may set the field."""
        return not ("!" in self.marks or "?" in self.marks or ("+" in self.marks and not new))


@dataclass(frozen=True)
class Branch:
    """A nested list, or one nested object (`single`). `key` tells elements apart that come without an id."""

    name: str
    fields: tuple[Spec, ...]
    key: tuple[str, ...]
    marks: str
    single: bool

    @cached_property
    def by_name(self) -> dict[str, Spec]:
        """The fields by name."""
        return {spec.name: spec for spec in self.fields}

    @cached_property
    def blank(self) -> dict[str, Any]:
        """An element that nobody filled."""
        return {spec.name: spec.blank for spec in self.fields}


@dataclass(frozen=True)
class Sheet:
    """One resource. `verbs` are some of list, count, one, create, update, delete; `singular2` is the key in /api2."""

    name: str
    path: str
    singular: str
    scope: str
    verbs: frozenset[str]
    fields: tuple[Spec, ...]
    branches: tuple[Branch, ...]
    key: str = "id"
    stamp: str = ""
    path2: str = ""
    singular2: str = ""
    required: str = ""

    @cached_property
    def by_name(self) -> dict[str, Spec]:
        """The fields by name."""
        return {spec.name: spec for spec in self.fields}

    @cached_property
    def branch_by_name(self) -> dict[str, Branch]:
        """The nested lists by name."""
        return {branch.name: branch for branch in self.branches}

    @property
    def blank(self) -> dict[str, Any]:
        """A record that nobody filled."""
        return self._blank | {branch.name: None if branch.single else [] for branch in self.branches}

    @cached_property
    def _blank(self) -> dict[str, Any]:
        return {spec.name: spec.blank for spec in self.fields}


def sheet(served: str, verbs: str, text: str, **more: str) -> Sheet:
    """A sheet from text. `served` is its name, path, singular key and scope ("-" for none). The text has lines
    `kind: field field`, and `[branch marks key key]` before the fields of a nested list, where the marks are "-" for
    none, those of fields, and "1" for one object instead of a list."""
    name, path, singular, scope = served.split()
    own, *nested = text.strip().split("[")
    branches = []
    for part in nested:
        head, _, lines = part.partition("]")
        branch, marks, *key = head.split()
        branches.append(Branch(branch, _specs(lines), tuple(key) or ("id",), marks, "1" in marks))
    granted = "" if scope == "-" else scope
    return Sheet(name, path, singular, granted, frozenset(verbs.split()), _specs(own), tuple(branches), **more)


def _specs(text: str) -> tuple[Spec, ...]:
    found = []
    for line in text.strip().splitlines():
        kind, _, names = line.strip().partition(":")
        for word in names.split():
            name = word.rstrip("!+?~")
            found.append(Spec(name, kind, word[len(name) :]))
    return tuple(found)
