"""The operator's token: whoever knows it may change things over HTTP. Where it comes from, and how one is made.

A file of one line, for nobody else to read; or the like-named file among systemd's credentials or container secrets;
or, discouraged, a variable. Knows nothing of the environment: the settings read it and pass in what they found.
"""

import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from syncd.domain.secret import Secret
from syncd.errors import DiskProblem, KeyProblem
from syncd.host.keyfile import SECRETS_FOLDER

FILE_NAME: Final = "operator.token"
CHARS_LEAST: Final = 16
_BYTES: Final = 24
_FILE_BYTES_MAX: Final = 4096
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class TokenSources:
    """The places to look in, in this order: the first that is there is taken."""

    token_file: Path | None = None
    credentials_folder: Path | None = None
    secrets_folder: Path | None = SECRETS_FOLDER
    token: Secret | None = None


def find_token(sources: TokenSources) -> Secret:
    """The operator's token. Raises KeyProblem where there is none, or its file is open to others."""
    if sources.token_file is not None:
        return _read(sources.token_file, check_mode=True)
    for folder in (sources.credentials_folder, sources.secrets_folder):
        if folder is not None and (path := folder / FILE_NAME).is_file():
            return _read(path, check_mode=False)  # private to the service, whatever the modes inside say
    if sources.token:
        return _checked(sources.token.reveal(), "SYNCD_OPERATOR_TOKEN")
    raise KeyProblem("there is no operator's token, so nobody can sign in", hint="Make one with: syncd init")


def write_token_file(path: Path) -> None:
    """Make a file with a new token, mode 0600. No file is ever overwritten. Raises DiskProblem."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(_BYTES) + "\n")
    except OSError as problem:
        raise DiskProblem(
            f"{path} cannot be written: {problem.strerror}",
            hint="Name another place: [web] operator_token_file, then: syncd init",
        ) from problem


def _read(path: Path, *, check_mode: bool) -> Secret:
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            raw = file.read(_FILE_BYTES_MAX)
    except OSError as problem:
        raise KeyProblem(
            f"the operator's token in {path} cannot be read: {problem.strerror}", hint="Make one with: syncd init"
        ) from problem
    if check_mode and mode & _OTHERS:
        raise KeyProblem(
            f"the operator's token in {path} is open to other users (mode {mode:04o})",
            hint=f"Close it: chmod 600 {path}",
        )
    return _checked(raw.decode("utf-8", "replace"), str(path))


def _checked(text: str, where: str) -> Secret:
    token = text.strip()
    if len(token) < CHARS_LEAST or not token.isascii() or not token.isprintable() or " " in token:
        raise KeyProblem(
            f"{where} holds no operator's token: one line of at least {CHARS_LEAST} letters and digits",
            hint="Remove it, then make one with: syncd init",
        )
    return Secret(token)
