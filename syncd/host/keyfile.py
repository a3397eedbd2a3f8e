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
    if (path := place_of(sources)) is not None:
        # A folder of secrets is private to the service; modes inside it (0444 as a rule) say nothing.
        return read_key_file(path, check_mode=path == sources.key_file)
    if sources.key:
        return KeyRing.of([sources.key], source="SYNCD_KEY")
    raise KeyProblem(
        "there is no sealing key, so tokens cannot be kept",
        hint="Make one with: syncd init    (or name its file: SYNCD_KEY_FILE)",
    )


def place_of(sources: KeySources) -> Path | None:
    """The file that the keys are read from; None where there is none."""
    if sources.key_file is not None:
        return sources.key_file
    folders = [folder for folder in (sources.credentials_folder, sources.secrets_folder) if folder is not None]
    return next((path for folder in folders if (path := folder / FILE_NAME).is_file()), None)


def read_key_file(path: Path, *, check_mode: bool = True) -> KeyRing:
    """Read one key file.

    Raises:
        KeyProblem: missing, unreadable, open to others (unless `check_mode` is off), or not a key file.
    """
    lines = _lines(path, check_mode=check_mode)
    return KeyRing.of([Secret(line) for line in lines], source=str(path))


def _lines(path: Path, *, check_mode: bool) -> list[str]:
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
    return lines


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


def add_key(path: Path) -> KeyRing:
    """Put a new key first: it seals from now on, and the older ones still open. Raises KeyProblem."""
    return _rewritten(path, [new_key(), *_lines(path, check_mode=True)])


def drop_older_keys(path: Path) -> KeyRing:
    """Leave only the key that seals. Whatever an older one sealed does not open any more. Raises KeyProblem."""
    return _rewritten(path, _lines(path, check_mode=True)[:1])


def _rewritten(path: Path, lines: list[str]) -> KeyRing:
    """Replace the file as a whole: a crash leaves the old one or the new one."""
    path = path.resolve()
    beside = path.with_name(f"{path.name}.new")
    try:
        beside.unlink(missing_ok=True)
        fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w") as file:
            owner = path.stat()
            if (owner.st_uid, owner.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(fd, owner.st_uid, owner.st_gid)  # root changes the key of a daemon that is not root
            file.write(_KEY_FILE_HEAD + "".join(f"{line}\n" for line in lines))
            file.flush()
            os.fsync(fd)
        beside.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise KeyProblem(
            f"the key file {path} cannot be changed: {error.strerror}",
            hint=f"Let syncd write in {path.parent}; or change the key by hand, and run: syncd auth rekey --reseal",
        ) from error
    return read_key_file(path)
