"""The tables of both databases: those of the mirror built from the resource descriptions, the rest by hand.

This is what the code reads and writes. Migrations are frozen; a test compares the two. There are no foreign
keys, cascades or second unique keys between mirror tables: the mirror does not own its data's integrity (design
section 9). Must not open a database.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

from syncd.domain.resource import Child, Field, Kind, Resource
from syncd.domain.resources import RESOURCES
from syncd.store.kinds import COLUMN_TYPES, Moment

MIRROR = MetaData()
STATE = MetaData()
STATE_SCHEMA = "syncd_state"

_WIDE = BigInteger().with_variant(Integer(), "sqlite")
#: Indexes beyond (shop_id, key) that the views and people's questions need.
_INDEXED = {
    "orders": (("created_at",), ("shop_id", "customer_id")),
    "customers": (("shop_id", "id"),),
    "products": (("shop_id", "product_id"),),
    "fulfillments": (("shop_id", "customer_id"),),
}


def base_name(table: str) -> str:
    """The twin of a mirror table."""
    return f"sync_base_{table}"


def _numbered(name: str = "row_id", *, always: bool = False) -> Column[int]:
    """A key that the database counts up and never uses twice. `always`: people cannot choose it (PostgreSQL)."""
    return Column(name, _WIDE, Identity(always=always), primary_key=True, autoincrement=True)


def _where(condition: str) -> dict[str, Any]:
    """Only such rows are in the index."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


def _shop(*, key: bool = False) -> Column[int]:
    return Column("shop_id", BigInteger, nullable=False, primary_key=key, autoincrement=False)


def _columns(fields: tuple[Field, ...]) -> list[Column[Any]]:
    columns: list[Column[Any]] = [Column(field.name, COLUMN_TYPES[field.kind]) for field in fields]
    return [*columns, Column("extra", COLUMN_TYPES[Kind.JSON])]


def _add_resource(resource: Resource) -> None:
    name, twin = resource.table, base_name(resource.table)
    dates: list[Column[Any]] = [Column("deleted_at", Moment), Column("synced_at", Moment)]
    indexed = (("shop_id", resource.key), *_INDEXED.get(name, ()))
    Table(
        name,
        MIRROR,
        _numbered(always=True),
        _shop(),
        *_columns(resource.fields),
        *dates,
        *(Index("_".join((name, *columns)), *columns) for columns in indexed),
        sqlite_autoincrement=True,
    )
    Table(twin, MIRROR, _twin_id(), _shop(), *_columns(resource.fields))
    for child in resource.children:
        _add_child(child)


def _twin_id() -> Column[int]:
    """A twin's row has the number of its mirror row."""
    return Column("row_id", _WIDE, primary_key=True, autoincrement=False)


def _add_child(child: Child) -> None:
    for name, key in ((child.table, _numbered(always=True)), (base_name(child.table), _twin_id())):
        Table(
            name,
            MIRROR,
            key,
            _shop(),
            Column("parent_row_id", BigInteger, nullable=False),
            Column("ordinal", Integer),
            *_columns(child.fields),
            Index(f"{name}_parent", "parent_row_id"),
            sqlite_autoincrement=name == child.table,
        )


for _resource in RESOURCES:
    _add_resource(_resource)


# --- sync facts, beside the mirror because they change together with it -----------------------------------------------

SHOPS = Table(
    "shops",
    MIRROR,
    _numbered("id"),
    Column("name", Text, nullable=False, unique=True),
    Column("base_url", Text, nullable=False),
    Column("oauth_url", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("redirect_uri", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("company_id", BigInteger),
    Column("granted", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", Moment),
    # Empty company ids are all different: a shop that nobody authorised yet collides with none.
    Index("shops_client_id_company_id", "client_id", "company_id", unique=True),
    sqlite_autoincrement=True,
)

LEDGER = Table(
    "sync_ledger",
    MIRROR,
    _shop(key=True),
    Column("resource", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("row_id", BigInteger, nullable=False),
    Column("as_of", BigInteger, nullable=False),
    Column("list_print", LargeBinary),
    Column("detail_print", LargeBinary),
    Column("stamp", Moment),
    Column("compared_at", Moment),
    Column("missed", Integer, nullable=False),
    Column("gone_at", Moment),
    Index("sync_ledger_row", "resource", "row_id"),
    sqlite_with_rowid=False,
)

HINTS = Table(
    "sync_hints",
    MIRROR,
    _numbered("seq"),
    _shop(),
    Column("resource", Text, nullable=False),
    Column("key", Text),
    Column("row_id", BigInteger),
    Column("source", Text, nullable=False),
    Column("left_at", Moment),
    Column("due_at", Moment),
    Column("attempts", Integer, nullable=False, server_default="0"),
    # Triggers' hints have a row and no key. Indexes leave them out: else people's statements pay most for those.
    Index("sync_hints_key", "shop_id", "resource", "key", **_where("key IS NOT NULL")),
    Index("sync_hints_source", "shop_id", "source", "left_at", sqlite_where=text("row_id IS NULL")),
    sqlite_autoincrement=True,
)

CURSORS = Table(
    "sync_cursors",
    MIRROR,
    _shop(key=True),
    Column("resource", Text, primary_key=True),
    Column("feed", Text),
    Column("page", Integer),
    Column("started_at", Moment),
    Column("ticket", BigInteger),
    Column("resumed", Boolean),
    Column("low_stamp", Moment),
    Column("watermark", Moment),
    Column("filled_at", Moment),
    Column("walked_at", Moment),
    Column("looked_at", Moment),
    Column("audited_at", Moment),
    Column("remote_count", BigInteger),
    Column("pages_last", Integer),
    Column("surplus", BigInteger, nullable=False),
)

CAPABILITIES = Table(
    "sync_capabilities",
    MIRROR,
    _shop(key=True),
    Column("resource", Text, primary_key=True),
    Column("learned", Text, nullable=False),
)

PARKED = Table(
    "sync_parked",
    MIRROR,
    _shop(key=True),
    Column("resource", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("path", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("sample", Text, nullable=False),
    Column("first_at", Moment, nullable=False),
    Column("last_at", Moment, nullable=False),
)

BRAKES = Table(
    "sync_brakes",
    MIRROR,
    _shop(key=True),
    Column("resource", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("since", Moment, nullable=False),
    Column("approved", Boolean, nullable=False),
)

APPLY = Table(
    "sync_apply",
    MIRROR,
    # One row. On SQLite 1 while the daemon's own transaction writes, so that triggers leave no hints; nobody but that
    # transaction ever sees it. PostgreSQL's sessions carry a name instead.
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("active", Integer, nullable=False),
)

OUTBOX = Table(
    "sync_outbox",
    MIRROR,
    _numbered("id"),
    _shop(),
    Column("resource", Text, nullable=False),
    Column("row_id", BigInteger, nullable=False),
    Column("key", Text, nullable=False),
    Column("verb", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("patch", Text, nullable=False),
    Column("frozen", Text),
    Column("base", Text),
    Column("digest", Text, nullable=False),
    Column("claimed_at", Moment, nullable=False),
    Column("due_at", Moment),
    Column("attempts", Integer, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Index("sync_outbox_row", "shop_id", "resource", "row_id", unique=True),
    sqlite_autoincrement=True,
)

CONFLICTS = Table(
    "sync_conflicts",
    MIRROR,
    _numbered("id"),
    _shop(),
    Column("resource", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("row_id", BigInteger, nullable=False),
    Column("path", Text, nullable=False),
    Column("base", Text, nullable=False),
    Column("local", Text, nullable=False),
    Column("remote", Text, nullable=False),
    Column("since", Moment, nullable=False),
    # What a person chose. Everything else in this table is syncd's.
    Column("resolution", Text),
    CheckConstraint("resolution IN ('local', 'remote')", name="sync_conflicts_resolution"),
    Index("sync_conflicts_path", "shop_id", "resource", "row_id", "path", unique=True),
    sqlite_autoincrement=True,
)

REFUSED_EDITS = Table(
    "sync_refused_edits",
    MIRROR,
    _numbered("seq"),
    _shop(),
    Column("resource", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("row_id", BigInteger, nullable=False),
    Column("path", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Index("sync_refused_edits_row", "shop_id", "resource", "row_id"),
    sqlite_autoincrement=True,
)

REFUSALS = Table(
    "sync_refusals",
    MIRROR,
    _shop(key=True),
    Column("resource", Text, primary_key=True),
    Column("row_id", BigInteger, primary_key=True, autoincrement=False),
    Column("digest", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("at", Moment, nullable=False),
)

HISTORY = Table(
    "sync_history",
    MIRROR,
    _numbered("seq"),
    _shop(),
    Column("resource", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("row_id", BigInteger, nullable=False),
    Column("at", Moment, nullable=False),
    Column("origin", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Index("sync_history_record", "shop_id", "resource", "key", "at"),
    Index("sync_history_at", "shop_id", "at"),
    sqlite_autoincrement=True,
)

LEASES = Table(
    "sync_leases",
    MIRROR,
    _shop(key=True),
    Column("owner", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("until_s", Double, nullable=False),
    Column("since", Moment, nullable=False),
)

REPLICAS = Table(
    "sync_replicas",
    MIRROR,
    Column("replica", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("seen_s", Double, nullable=False),
    Column("started_at", Moment, nullable=False),
)

REQUESTS = Table(
    "sync_requests",
    MIRROR,
    _numbered("seq"),
    _shop(),
    Column("job", Text, nullable=False),
    Column("wish", Text, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("asked_at", Moment, nullable=False),
    Column("taken_by", Text, nullable=False),
    Column("taken_at", Moment),
    Column("ended_at", Moment),
    Column("answer", Text, nullable=False),
    Index("sync_requests_shop", "shop_id", "seq"),
    sqlite_autoincrement=True,
)


# --- the daemon's own database ----------------------------------------------------------------------------------------

BUCKETS = Table(
    "sync_buckets",
    STATE,
    Column("bucket", Text, primary_key=True),
    Column("level", Double, nullable=False),
    Column("at", Double, nullable=False),
    Column("leak", Double, nullable=False),
    Column("size", Double, nullable=False),
    Column("leak_full", Double, nullable=False),
    Column("blocked_until", Double, nullable=False),
    Column("granted", BigInteger, nullable=False),
)

CALLS = Table(
    "sync_calls",
    STATE,
    _shop(key=True),
    Column("hour", BigInteger, primary_key=True, autoincrement=False),
    Column("job", Text, primary_key=True),
    Column("class", Text, primary_key=True),
    Column("word", Text, primary_key=True),
    Column("calls", BigInteger, nullable=False),
    Column("waited_s", Double, nullable=False),
)

TOKENS = Table(
    "sync_tokens",
    STATE,
    _shop(key=True),
    Column("generation", BigInteger, nullable=False),
    Column("phase", Text, nullable=False),
    Column("access", Text, nullable=False),
    Column("refresh", Text, nullable=False),
    Column("issued_at", Moment),
    Column("expires_at", Moment),
    Column("started_at", Moment),
    Column("replayed", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("home", Text, nullable=False, server_default=""),
)

RUNS = Table(
    "sync_runs",
    STATE,
    _numbered("seq"),
    _shop(),
    Column("shop", Text, nullable=False),
    Column("job", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("feed", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("ended_at", Moment, nullable=False),
    Column("counts", Text, nullable=False),
    Column("message", Text, nullable=False),
    Index("sync_runs_shop", "shop_id", "seq"),
    sqlite_autoincrement=True,
)

DUE = Table(
    "sync_due",
    STATE,
    _shop(key=True),
    Column("job", Text, primary_key=True),
    Column("due_at", Moment, nullable=False),
)

PUSHES = Table(
    "sync_push_journal",
    STATE,
    _numbered("seq"),
    _shop(),
    Column("change_id", BigInteger, nullable=False),
    Column("resource", Text, nullable=False),
    Column("row_id", BigInteger, nullable=False),
    Column("key", Text, nullable=False),
    Column("verb", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("sent_at", Moment, nullable=False),
    Column("answered_at", Moment),
    Column("answer_key", Text, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Index("sync_push_journal_change", "shop_id", "change_id"),
    sqlite_autoincrement=True,
)

PASSWORDS = Table(
    "sync_customer_passwords",
    STATE,
    _shop(key=True),
    Column("row_id", BigInteger, primary_key=True, autoincrement=False),
    Column("sealed", Text, nullable=False),
)

WEBHOOK_DOORS = Table(
    "sync_webhook_doors",
    STATE,
    _shop(key=True),
    Column("sealed", Text, nullable=False),
    Column("print", Text, nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("checked_at", Moment),
    Column("said", Text, nullable=False),
    Column("refused", BigInteger, nullable=False),
    Column("refused_at", Moment),
)

WEBHOOKS = Table(
    "sync_webhooks",
    STATE,
    _shop(key=True),
    Column("topic", Text, primary_key=True),
    Column("hook_id", Text, nullable=False),
    Column("door", Text, nullable=False),
    Column("checked_at", Moment, nullable=False),
)

WEBHOOK_INBOX = Table(
    "sync_webhook_inbox",
    STATE,
    _numbered("seq"),
    _shop(),
    Column("received_at", Moment, nullable=False),
    Column("digest", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("times", Integer, nullable=False),
    Column("settled_at", Moment),
    Index("sync_webhook_inbox_state", "shop_id", "state", "seq"),
    Index("sync_webhook_inbox_digest", "shop_id", "digest"),
    sqlite_autoincrement=True,
)

LOGINS = Table(
    "sync_logins",
    STATE,
    Column("print", Text, primary_key=True),
    _shop(),
    Column("made_at", Moment, nullable=False),
    Column("used_at", Moment),
)
