"""What pushing needs beside the mirror: outbox, conflicts, refused edits, history; and the push journal in the state.

The triggers on people's tables are not made here but after every upgrade, from the tables as they are then.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TYPES = {
    "int": sa.BigInteger(),
    "small": sa.Integer(),
    "text": sa.Text(),
    "time": sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql"),
}
_WIDE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Each database gets its own part."""
    if op.get_context().opts["house"] == "mirror":
        _mirror()
    else:
        _state()


def _columns(text: str) -> list[sa.Column]:
    """Columns from `name kind` pairs; a kind with a `!` holds no NULL."""
    pairs = [pair.split() for pair in text.split(",")]
    return [sa.Column(name, _TYPES[kind.rstrip("!")], nullable=not kind.endswith("!")) for name, kind in pairs]


def _counted(name: str, number: str, columns: str, *more: sa.Constraint) -> None:
    """A table whose rows are counted and never use a number twice."""
    key = sa.Column(number, _WIDE, sa.Identity(always=False), primary_key=True, autoincrement=True)
    op.create_table(name, key, *_columns(columns), *more, sqlite_autoincrement=True)


def _keyed(name: str, keys: str, columns: str) -> None:
    """A table whose rows have names instead of numbers."""
    primary = [sa.Column(column.name, column.type, primary_key=True, autoincrement=False) for column in _columns(keys)]
    op.create_table(name, *primary, *_columns(columns))


def _mirror() -> None:
    # Triggers' hints have a row and no key. Indexes leave them out: else people's statements pay most for those.
    keyed, rowless = sa.text("key IS NOT NULL"), sa.text("row_id IS NULL")
    by_key, by_source = ["shop_id", "resource", "key"], ["shop_id", "source", "left_at"]
    for index in ("sync_hints_key", "sync_hints_source"):
        op.drop_index(index, "sync_hints")
    op.create_index("sync_hints_key", "sync_hints", by_key, sqlite_where=keyed, postgresql_where=keyed)
    op.create_index("sync_hints_source", "sync_hints", by_source, sqlite_where=rowless)
    _keyed("sync_apply", "id small", "active small!")
    op.execute("INSERT INTO sync_apply (id, active) VALUES (1, 0)")
    _counted(
        "sync_outbox",
        "id",
        """shop_id int!, resource text!, row_id int!, key text!, verb text!, state text!, patch text!, frozen text,
        base text, digest text!, claimed_at time!, due_at time, attempts small!, generation int!, reason text!""",
    )
    op.create_index("sync_outbox_row", "sync_outbox", ["shop_id", "resource", "row_id"], unique=True)
    _counted(
        "sync_conflicts",
        "id",
        """shop_id int!, resource text!, key text!, row_id int!, path text!, base text!, local text!, remote text!,
        since time!, resolution text""",
        sa.CheckConstraint("resolution IN ('local', 'remote')", name="sync_conflicts_resolution"),
    )
    op.create_index("sync_conflicts_path", "sync_conflicts", ["shop_id", "resource", "row_id", "path"], unique=True)
    _counted(
        "sync_refused_edits",
        "seq",
        "shop_id int!, resource text!, key text!, row_id int!, path text!, value text!, reason text!, at time!",
    )
    op.create_index("sync_refused_edits_row", "sync_refused_edits", ["shop_id", "resource", "row_id"])
    _keyed("sync_refusals", "shop_id int, resource text, row_id int, digest text", "reason text!, at time!")
    _counted(
        "sync_history",
        "seq",
        """shop_id int!, resource text!, key text!, row_id int!, at time!, origin text!, path text!, before text!,
        after text!""",
    )
    op.create_index("sync_history_record", "sync_history", ["shop_id", "resource", "key", "at"])
    op.create_index("sync_history_at", "sync_history", ["shop_id", "at"])


def _state() -> None:
    _counted(
        "sync_push_journal",
        "seq",
        """shop_id int!, change_id int!, resource text!, row_id int!, key text!, verb text!, step text!, digest text!,
        sent_at time!, answered_at time, answer_key text!, generation int!""",
    )
    op.create_index("sync_push_journal_change", "sync_push_journal", ["shop_id", "change_id"])
    _keyed("sync_customer_passwords", "shop_id int, row_id int", "sealed text!")
