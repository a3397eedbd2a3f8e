"""The mark of an installation: a file beside the databases by which a copy of them can be told from the original.

A copy of the folder brings the file along, but as another file: with another number in the file system and another
date of change, which nobody can set. Either alone may change for lesser reasons (a mode, a file system mounted anew),
both at once do not. A copy of the databases alone brings no file. Not told apart: a clone of the whole disk.
"""

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Final

from syncd.errors import DiskProblem

_ID_BYTES: Final = 16
_FORM: Final = re.compile(r"[0-9a-f]{32}")


class Stamp:
    """The mark at `path`, made when it is first asked for (satisfies `ports.Home`)."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def here(self) -> str:
        """Return `id:number:change`; `domain/token.py` compares two of them. Raises DiskProblem."""
        try:
            with suppress(FileExistsError):
                self._make()
            with self._path.open("rb") as file:
                text = file.read(64).decode("ascii", "replace").strip()
                facts = os.fstat(file.fileno())
        except OSError as error:
            raise DiskProblem(
                f"cannot read or make {self._path}: {error.strerror}",
                hint=f"Let syncd write in {self._path.parent}, then look again: syncd doctor",
            ) from error
        if not _FORM.fullmatch(text):
            raise DiskProblem(f"{self._path} is not what syncd wrote", hint="Remove it, then look: syncd auth")
        return f"{text}:{facts.st_ino}:{facts.st_ctime_ns}"

    def _make(self) -> None:
        """Whole or not at all: it is written under another name, and only then gets its own."""
        if self._path.exists():
            return
        beside = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(fd, "w") as file:
                file.write(os.urandom(_ID_BYTES).hex() + "\n")
                file.flush()
                os.fsync(fd)
            try:
                os.link(beside, self._path)  # unlike a renaming, this never replaces another's
            except PermissionError:
                beside.rename(self._path)  # a file system without such links
        finally:
            beside.unlink(missing_ok=True)
