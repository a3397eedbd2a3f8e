"""Runs the one chain of revisions twice: for the mirror, and for the daemon's own state, each in one transaction.

Each of the two keeps its own alembic_version. A revision asks `op.get_context().opts["house"]` which one it is in.
"""

from os import environ

from alembic import context

from syncd.store.database import Address, address
from syncd.store.migrate import HOUSES, metadata_of, migrating

given = context.config.attributes.get("address")
ini = context.config.get_main_option
where: Address = given or address(
    environ.get("SYNCD_DATABASE_URL") or ini("database_url") or "sqlite:///mirror.db",
    environ.get("SYNCD_STATE_URL") or ini("state_url"),
)

if context.is_offline_mode():
    raise SystemExit("Revisions of syncd look at the database: run them without --sql.")

only = context.get_x_argument(as_dictionary=True).get("house")
for house in HOUSES:
    if only not in {None, house.value}:
        continue
    with migrating(where, house) as connection:
        context.configure(
            connection=connection,
            target_metadata=metadata_of(house),
            transactional_ddl=True,
            transaction_per_migration=False,
            house=house.value,
        )
        context.run_migrations()
