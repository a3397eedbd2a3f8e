"""Where the sealing key comes from: a file, a systemd credential, a container secret or, discouraged, a
setting.

A key file has one base64 key per line, the current one first; empty lines and lines that begin with # are
skipped. Knows nothing of the environment: the settings read it and pass in what they found.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from syncd.domain.secret import Secret
from syncd.errors import KeyProblem
from syncd.host.cipher import KeyRing, new_key

FILE_NAME: Final = "syncd.key"
SECRETS_FOLDER: Final = Path("/run/secrets")
_FILE_BYTES_MAX: Final = 65_536
_KEY_FILE_HEAD: Final = (
    "# Sealing key of syncd. Keep a copy apart from the database:\n"
    "# without it nothing in the vault opens, and every shop must be authorised again.\n"
)
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class KeySources:
    """The places to look in, in this order: the first that is there is taken, and no other.

    `key_file` from vault.key_file or SYNCD_KEY_FILE, `credentials_folder` from CREDENTIALS_DIRECTORY (systemd),
    `secrets_folder` where container secrets are mounted, `key` from SYNCD_KEY.
    """

    key_file: Path | None = None
    credentials_folder: Path | None = None
    secrets_folder: Path | None = SECRETS_FOLDER
    key: Secret | None = None


def find_keys(sources: KeySources) -> KeyRing:
    """Read the keys from the first place that has them.

    Raises:
        KeyProblem: there are none, the file named is missing, open to others, or not a key file.
    """
    if sources.key_file is not None:
        return read_key_file(sources.key_file)
    for folder in (sources.credentials_folder, sources.secrets_folder):
        if folder is not None and (path := folder / FILE_NAME).is_file():
            # These folders are private to the service; modes inside them (0444 as a rule) say nothing.
            return read_key_file(path, check_mode=False)
    if sources.key:
        return KeyRing.of([sources.key], source="SYNCD_KEY")
    raise KeyProblem(
        "there is no sealing key, so tokens cannot be kept",
        hint="Make one with: syncd init    (or name its file: SYNCD_KEY_FILE)",
    )


def read_key_file(path: Path, *, check_mode: bool = True) -> KeyRing:
    """Read one key file.

    Raises:
        KeyProblem: missing, unreadable, open to others (unless `check_mode` is off), or not a key file.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            raw = file.read(_FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        raise KeyProblem(f"the key file {path} does not exist", hint="Make one with: syncd init") from None
    except OSError as error:
        raise KeyProblem(
            f"the key file {path} cannot be read: {error.strerror}", hint=f"Look at: ls -l {path}"
        ) from error
    if check_mode and mode & _OTHERS:
        raise KeyProblem(
            f"the key file {path} is open to other users (mode {mode:04o})",
            hint=f"Close it: chmod 600 {path}",
        )
    if len(raw) > _FILE_BYTES_MAX or not raw.isascii():
        raise KeyProblem(f"{path} is not a key file", hint="Make one with: syncd init")
    lines = [line.split()[0] for line in raw.decode().splitlines() if line.strip() and line.strip()[0] != "#"]
    if not lines:
        raise KeyProblem(f"the key file {path} holds no key", hint="Make one with: syncd init")
    return KeyRing.of([Secret(line) for line in lines], source=str(path))


def write_key_file(path: Path) -> KeyRing:
    """Make a key file with one new key, mode 0600, and return its ring. No file is ever overwritten.

    Raises:
        KeyProblem: the file exists or cannot be written.
    """
    text = f"{_KEY_FILE_HEAD}{new_key()}\n"
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(fd)
    except FileExistsError:
        raise KeyProblem(f"the key file {path} exists already", hint=f"Use it: SYNCD_KEY_FILE={path}") from None
    except OSError as error:
        raise KeyProblem(
            f"the key file {path} cannot be written: {error.strerror}",
            hint=f"Let syncd write in {path.parent}, or name another place with SYNCD_KEY_FILE",
        ) from error
    return read_key_file(path)
