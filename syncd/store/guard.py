"""How the daemon's own writes to people's tables are told apart, so that triggers leave no hints about them.

PostgreSQL's sessions carry a name (see `database.py`). On SQLite a flag is up inside the transaction that writes and
down again before its commit: no other connection ever sees it up, and a crash takes it down with the transaction.
"""

from sqlalchemy import Connection, Engine, event

_UP = "syncd_writes"


def own_writes(connection: Connection) -> None:
    """What this transaction writes from here on is the daemon's. To be called before the first such write.

    The connection's engine must be one that `watch` was told of, else the flag would stay up."""
    if connection.dialect.name == "sqlite" and not connection.info.get(_UP):
        connection.exec_driver_sql("UPDATE sync_apply SET active = 1")
        connection.info[_UP] = True


def watch(engine: Engine) -> None:
    """Take the flag down at the end of each of this engine's transactions."""
    if engine.dialect.name != "sqlite":
        return
    event.listen(engine, "commit", _lower)
    event.listen(engine, "rollback", _forget)


def _lower(connection: Connection) -> None:
    if connection.info.pop(_UP, False):
        connection.exec_driver_sql("UPDATE sync_apply SET active = 0")


def _forget(connection: Connection) -> None:
    if not connection.invalidated:
        connection.info.pop(_UP, None)
