"""The spill: a new pair of tokens, sealed, in a file of its own, for as long as the database has not taken it.

One file per shop, replaced as a whole, so a crash leaves the old pair or the new one and never half of one. Must
not know how tokens are sealed. Who writes here holds the shop's exchange lock.
"""

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from syncd.domain.token import SealedTokens, TokenPhase
from syncd.errors import DiskProblem


class SpillFolder:
    """The spill files of all shops in `folder`, which is made when needed (satisfies `ports.Spill`)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def append(self, row: SealedTokens) -> None:
        """Write a pair down, over an older one of the shop; when this returns it survives a power cut.

        Raises:
            DiskProblem: it could not be written.
        """
        path = self._path(row.shop_id)
        beside = path.with_suffix(".new")
        try:
            if not self._folder.is_dir():
                self._folder.mkdir(mode=0o700, parents=True)
                _sync_folder(self._folder.parent)
            _write_synced(beside, _text(row).encode())
            beside.replace(path)
            _sync_folder(self._folder)
        except OSError as error:
            raise self._problem("write", path, error) from error

    def rows(self) -> Sequence[SealedTokens]:
        """Return every pair that is spilled, by shop. A file that is none of ours is left alone and not shown.

        Raises:
            DiskProblem: a file cannot be read.
        """
        found = []
        for path in sorted(self._folder.glob("shop-*.spill")):
            try:
                row = _row(path.read_bytes())
            except FileNotFoundError:
                continue  # another process stored its shop's pair in this very moment
            except OSError as error:
                raise self._problem("read", path, error) from error
            if row is not None and path == self._path(row.shop_id):
                found.append(row)
        return sorted(found, key=lambda row: row.shop_id)

    def forget(self, shop_id: int, generation: int) -> None:
        """Remove the pair of a shop up to this generation; a newer one stays.

        Raises:
            DiskProblem: the file cannot be removed.
        """
        path = self._path(shop_id)
        with suppress(FileNotFoundError):
            try:
                row = _row(path.read_bytes())
                if row is not None and row.generation <= generation:
                    path.unlink()
                    _sync_folder(self._folder)
            except FileNotFoundError:
                raise
            except OSError as error:
                raise self._problem("remove", path, error) from error

    def _path(self, shop_id: int) -> Path:
        return self._folder / f"shop-{shop_id}.spill"

    def _problem(self, what: str, path: Path, error: OSError) -> DiskProblem:
        return DiskProblem(
            f"cannot {what} {path}: {error.strerror}",
            hint=f"Make room, and let syncd write in {self._folder}; then look again: syncd doctor",
        )


def _write_synced(path: Path, content: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """A file's name is durable only when its folder is."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _text(row: SealedTokens) -> str:
    fields = asdict(row) | {
        name: None if (moment := getattr(row, name)) is None else moment.isoformat()
        for name in ("issued_at", "expires_at", "started_at")
    }
    return json.dumps(fields)


def _row(content: bytes) -> SealedTokens | None:
    try:
        fields: dict[str, Any] = json.loads(content)
        for name in ("issued_at", "expires_at", "started_at"):
            fields[name] = None if fields[name] is None else datetime.fromisoformat(fields[name])
        return SealedTokens(**(fields | {"phase": TokenPhase(fields["phase"])}))
    except (ValueError, TypeError, KeyError):
        return None
