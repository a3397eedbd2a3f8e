"""Reading the Dockerfile: its instructions, with continued lines joined and comments left out."""

from pathlib import Path


def instructions(file: Path) -> list[tuple[str, str]]:
    """(instruction, what follows it), in order."""
    found: list[tuple[str, str]] = []
    pending = ""
    for line in file.read_text().splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        pending += line.rstrip().removesuffix("\\")
        if not line.rstrip().endswith("\\"):
            name, _, text = pending.strip().partition(" ")
            found.append((name, " ".join(text.split())))
            pending = ""
    return found
