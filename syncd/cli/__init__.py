"""Words in, words out: one file per command, errors become text only in `main`."""
