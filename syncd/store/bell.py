"""The bell that daemons hear when a transaction of somebody else has news for them."""

from sqlalchemy import Connection, func, select

from syncd.store.triggers import CHANNEL


def ring(connection: Connection) -> None:
    """Let daemons hear of this transaction when it is committed. On SQLite they see every commit of others."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_notify(CHANNEL, "")))
