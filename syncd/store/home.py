"""Which database this is, told so that a copy of it tells something else.

On a server only: a file's copy is told by a mark beside it (`host/stamp.py`). Must not know what depends on it.
"""

from typing import Final

from sqlalchemy import Connection, text

from syncd.ports import StateTx, Writer

_WHERE: Final = text(
    """
    SELECT (SELECT oid FROM pg_database WHERE datname = current_database()), 'sync_tokens'::regclass::oid,
           CASE WHEN has_function_privilege('pg_control_system()', 'execute')
                THEN (SELECT system_identifier FROM pg_control_system()) END
    """
)


def whereabouts(connection: Connection) -> str:
    """Server, database and table by their numbers: a standby that takes over keeps them, a restored dump does not.

    Empty for a file, which has none."""
    if connection.dialect.name == "sqlite":
        return ""
    database, table, server = connection.execute(_WHERE).one()
    return f"postgresql-{server or 0}-{database}-{table}"


class DatabaseHome:
    """The installation that a database on a server belongs to (satisfies `ports.Home`). Asked once: no connection ever
    finds itself on another database."""

    def __init__(self, state: Writer[StateTx]) -> None:
        self._state = state
        self._here = ""

    async def here(self) -> str:
        """See `whereabouts`. Raises DatabaseBusy."""
        self._here = self._here or await self._state.run(lambda tx: tx.whereabouts())
        return self._here
