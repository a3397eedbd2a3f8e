"""What syncd does: pull, tokens, budget, supervision. Async, and blind to the database and wire it runs on."""
