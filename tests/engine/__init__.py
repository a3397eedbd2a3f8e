"""The engine's tests: real databases and files, simulated shops and time."""
