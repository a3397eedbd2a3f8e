"""`syncd init`: settings, sealing key and databases for one installation. What is there already stays as it is."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import syncd
from syncd.errors import DiskProblem, KeyProblem
from syncd.host.keyfile import find_keys, write_key_file
from syncd.host.tokenfile import find_token, write_token_file
from syncd.service.settings import Loaded, load
from syncd.store import migrate

_URL_LINE: Final = '#url = "sqlite:///mirror.db"'


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an installation: what it is, where, and whether it was made now."""

    what: str
    where: str
    made: bool


def install(folder: Path, file: Path | None = None, database_url: str = "") -> tuple[Loaded, list[Part]]:
    """Make what is missing, and return the settings with what is there now.

    Raises SettingsProblem, KeyProblem, DiskProblem, SchemaProblem, DatabaseBusy."""
    file = file or folder / "syncd.toml"
    made = write_settings(file, {_URL_LINE: f"url = {_quoted(database_url)}"} if database_url else {})
    loaded = load(file)
    return loaded, [Part("settings", str(file), made), *prepare(loaded)]


def prepare(loaded: Loaded) -> list[Part]:
    """Make what the settings name and is not there: the key, the operator's token and the databases."""
    key, token = _key(loaded), _operator_token(loaded)
    before = migrate.current(loaded.mirror_url, loaded.state_url)
    migrate.upgrade(loaded.mirror_url, loaded.state_url)
    after = migrate.current(loaded.mirror_url, loaded.state_url)
    return [key, token, Part("databases", shown_url(loaded.mirror_url), before != after)]


def default_settings() -> str:
    """The settings file with every key explained: from the installed package, or from the checkout."""
    package = Path(syncd.__file__).parent
    places = (package / "_config/syncd.toml", package.parent / "config/syncd.toml")
    return next(place for place in places if place.is_file()).read_text("utf-8")


def shown_url(url: str) -> str:
    """A database's address as it may be shown: without password."""
    if "@" not in url:
        return url.removeprefix("sqlite:///")
    kind, _, rest = url.partition("://")
    user = rest.rpartition("@")[0].partition(":")[0]
    return f"{kind}://{user}@{rest.rpartition('@')[2]}"


def write_settings(file: Path, instead: Mapping[str, str]) -> bool:
    """Write the default settings with some lines replaced; False where the file is there already."""
    text = default_settings()
    for line, other in instead.items():
        text = text.replace(f"\n{line}\n", f"\n{other}\n", 1)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # An address may hold a password, so the file is its owner's from its first byte.
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError:
        return False
    except OSError as error:
        raise DiskProblem(
            f"{file} cannot be written: {error.strerror}", hint="syncd init DIR, with a folder that you may write in"
        ) from error
    return True


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _key(loaded: Loaded) -> Part:
    sources = loaded.key_sources
    if sources.key_file is None or not sources.key_file.exists():
        elsewhere = _key_elsewhere(loaded)
        if elsewhere:
            return elsewhere
        write_key_file(loaded.key_file)
        return Part("sealing key", str(loaded.key_file), made=True)
    find_keys(sources)  # one that is there must be usable
    return Part("sealing key", str(sources.key_file), made=False)


def _operator_token(loaded: Loaded) -> Part:
    sources = loaded.token_sources
    if sources.token_file is None or not sources.token_file.exists():
        try:
            if sources.token_file is None:
                find_token(sources)
                return Part("operator's token", "given by the environment", made=False)
        except KeyProblem:
            pass
        write_token_file(loaded.operator_token_file)
        return Part("operator's token", str(loaded.operator_token_file), made=True)
    find_token(sources)  # one that is there must be usable
    return Part("operator's token", str(sources.token_file), made=False)


def _key_elsewhere(loaded: Loaded) -> Part | None:
    """A key that does not come from the settings' file, where there is one."""
    if loaded.key_sources.key_file is not None:
        return None
    try:
        find_keys(loaded.key_sources)
    except KeyProblem:
        return None
    return Part("sealing key", "given by the environment", made=False)
