"""What syncd does: pull, tokens, budget, supervision. Async, and blind to which database or wire it runs on."""
