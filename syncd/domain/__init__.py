"""Pure values and functions: no clock, no luck, no I/O, no await. Imports nothing but the standard library."""
