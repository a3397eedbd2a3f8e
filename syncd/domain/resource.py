"""What a kind of record looks like: its fields, children, addresses and verbs, as plain descriptions.

A new resource is one more value of `Resource` in `resources.py`, never one more class or branch. The codec, the schema,
reconcile and the pull all read these descriptions. Must not know how a field is sent or stored.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property


class Kind(StrEnum):
    """The canonical type of a field's value; in brackets the Python type that a record carries."""

    INT = "int"  # [int] ids, counts, money in cents
    DECIMAL = "decimal"  # [Decimal] rates, weights
    TEXT = "text"  # [str]
    FLAG = "flag"  # [bool] sent as true/false or 1/0
    TIME = "time"  # [datetime, UTC]
    JSON = "json"  # [dict | list] a structure that syncd keeps whole


class Access(StrEnum):
    """Who may set a field."""

    WRITE = "write"  # the mirror's users too
    CREATE = "create"  # settable once, when the record is created
    READ = "read"  # only the shop


@dataclass(frozen=True, slots=True)
class Field:
    """One column. `path` is where the value lies in the shop's object (default: under the field's own name);
    `aliases` are other top-level keys that are accepted on the way in."""

    name: str
    kind: Kind
    access: Access = Access.READ
    path: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()

    @property
    def wire_path(self) -> tuple[str, ...]:
        """The keys that lead to the value in the shop's object."""
        return self.path or (self.name,)


@dataclass(frozen=True)
class Child:
    """A nested list with a table of its own. Elements are told apart by `key` (field names), by position among equals.

    `endpoint` names the list's own address below the record (`{key}` is the record's path key) where the shop has one;
    `switches` are flags that are turned on at an address below the element's own (`.../default.json`).
    """

    name: str
    table: str
    fields: tuple[Field, ...]
    key: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    endpoint: str = ""
    access: Access = Access.READ
    single: bool = False  # the shop sends one object here, not a list
    switches: tuple[str, ...] = ()

    @cached_property
    def by_name(self) -> dict[str, Field]:
        """The fields by column name."""
        return {field.name: field for field in self.fields}


@dataclass(frozen=True)
class Resource:
    """A kind of record.

    `key` is the field that identifies a record to the shop (it stands in paths and in KEY); `path` and `path2` are the
    bases of the two API generations, without `.json`. `filters` are query parameters that *may* narrow a listing to
    records changed since a time: candidates for discovery, never assumed. `stamp` is the shop's own changed-at field.
    """

    name: str
    path: str
    plural: str
    singular: str
    scope: str
    fields: tuple[Field, ...]
    children: tuple[Child, ...] = ()
    key: str = "id"
    path2: str = ""
    stamp: str = ""
    filters: tuple[str, ...] = ()
    counted: bool = True  # has count.json
    detailed: bool = True  # has an address for one record
    list_query: tuple[tuple[str, str], ...] = ()  # always sent with the listing
    writable: bool = False
    creatable: bool = False
    deletable: bool = False
    create_path: str = ""  # where new records are taken, if not at `path`
    update_path: str = ""  # where changes are taken, if not at `path`
    singular2: str = ""  # the envelope of one record below `path2`, if not `singular`
    born_with: tuple[tuple[str, bool | int | str], ...] = ()  # sent with every new record, and never shown again
    business_key: tuple[str, ...] = ()
    after: tuple[str, ...] = ()  # resources whose records must exist first

    @property
    def table(self) -> str:
        """The mirror table."""
        return self.name

    @cached_property
    def by_name(self) -> dict[str, Field]:
        """The fields by column name."""
        return {field.name: field for field in self.fields}

    @cached_property
    def child_by_name(self) -> dict[str, Child]:
        """The child lists by name."""
        return {child.name: child for child in self.children}
