"""The database side of the house: SQLAlchemy, schema, ledger, vault rows. Knows nothing of the network."""
