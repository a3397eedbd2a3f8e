"""What a daemon that is left alone needs: leases of shops, replicas, requests of commands; webhooks and logins.

Leases lie in the mirror's database, because the transactions that they guard do.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TYPES = {
    "int": sa.BigInteger(),
    "small": sa.Integer(),
    "real": sa.Double(),
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


def _counted(name: str, number: str, columns: str) -> None:
    """A table whose rows are counted and never use a number twice."""
    key = sa.Column(number, _WIDE, sa.Identity(always=False), primary_key=True, autoincrement=True)
    op.create_table(name, key, *_columns(columns), sqlite_autoincrement=True)


def _keyed(name: str, keys: str, columns: str) -> None:
    """A table whose rows have names instead of numbers."""
    primary = [sa.Column(column.name, column.type, primary_key=True, autoincrement=False) for column in _columns(keys)]
    op.create_table(name, *primary, *_columns(columns))


def _mirror() -> None:
    _keyed("sync_leases", "shop_id int", "owner text!, kind text!, generation int!, until_s real!, since time!")
    _keyed("sync_replicas", "replica text", "host text!, pid int!, seen_s real!, started_at time!")
    _counted(
        "sync_requests",
        "seq",
        """shop_id int!, job text!, wish text!, asked_by text!, asked_at time!, taken_by text!, taken_at time,
        ended_at time, answer text!""",
    )
    op.create_index("sync_requests_shop", "sync_requests", ["shop_id", "seq"])


def _state() -> None:
    op.add_column("sync_tokens", sa.Column("home", sa.Text(), nullable=False, server_default=""))
    _keyed(
        "sync_webhook_doors",
        "shop_id int",
        """sealed text!, print text!, made_at time!, checked_at time, said text!, refused int!, refused_at time""",
    )
    _keyed("sync_webhooks", "shop_id int, topic text", "hook_id text!, door text!, checked_at time!")
    _counted(
        "sync_webhook_inbox",
        "seq",
        """shop_id int!, received_at time!, digest text!, topic text!, resource text!, key text!, body text!,
        state text!, times small!, settled_at time""",
    )
    op.create_index("sync_webhook_inbox_state", "sync_webhook_inbox", ["shop_id", "state", "seq"])
    op.create_index("sync_webhook_inbox_digest", "sync_webhook_inbox", ["shop_id", "digest"])
    _keyed("sync_logins", "print text", "shop_id int!, made_at time!, used_at time")
