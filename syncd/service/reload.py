"""SIGHUP: the settings file is read anew while the daemon runs. A wrong file changes nothing.

What cannot change under a running process is named, and stays as it was until the next start.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from syncd.errors import SettingsProblem
from syncd.host import logs
from syncd.service.notify import READY, notify, reloading
from syncd.service.settings import Loaded, Settings, load
from syncd.service.wire import House

FIXED: Final = ("database", "vault", "web", "webhooks", "log.format")
"""Sections and keys that are read at the start only."""


async def reload_when_asked(house: House, renew: Callable[[], None]) -> None:
    """Wait for SIGHUP again and again, until cancelled. `renew` lets the shops go on by what the house says then."""
    while True:
        await house.reload_asked.wait()
        house.reload_asked.clear()
        notify(reloading(house.clock.monotonic()))
        if read_anew(house):
            renew()
        notify(READY)


def read_anew(house: House) -> bool:
    """Read the settings and go by them; False where they are wrong or say the same. What was found is logged."""
    found = _loaded(house.loaded.file)
    if isinstance(found, SettingsProblem):
        hint = f"the old ones stay in use; correct the file, then: systemctl reload syncd (or kill -HUP {os.getpid()})"
        house.log.error("settings.refused", message=found.message, hint=hint)
        return False
    changed = sorted(_changed(house.loaded.settings, found.settings))
    fixed = [key for key in changed if _is_fixed(key)]
    if fixed:
        house.log.warning("settings.not_now", keys=fixed, hint="they take effect when the daemon is started anew")
    changed = [key for key in changed if key not in fixed]
    if changed:
        house.adopt(_kept(house.loaded, found))
        logs.set_level(house.loaded.settings.log.level)
    house.log.info("settings.read", changed=changed, file=str(house.loaded.file or ""))
    return bool(changed)


def _loaded(file: Path | None) -> Loaded | SettingsProblem:
    try:
        return load(file)
    except SettingsProblem as problem:
        return problem


def _kept(old: Loaded, new: Loaded) -> Loaded:
    """The new settings, but for what is fixed."""
    before = old.settings
    kept: dict[str, Any] = {name: getattr(before, name) for name in FIXED if "." not in name}
    kept["log"] = new.settings.log.model_copy(update={"format": before.log.format})
    return replace(old, settings=new.settings.model_copy(update=kept))


def _is_fixed(key: str) -> bool:
    return any(key == name or key.startswith(f"{name}.") for name in FIXED)


def _changed(old: Settings, new: Settings) -> Iterator[str]:
    """The keys that differ. Never their values: some are secret."""
    before, after = old.model_dump(), new.model_dump()
    for section in before:
        for key in sorted(before[section].keys() | after[section].keys()):
            if before[section].get(key) != after[section].get(key):
                yield f"{section}.{key}"
