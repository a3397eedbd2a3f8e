"""The settings file: where it is looked for, how it is read, and how its mistakes are told.

Knows the shape of the settings only through the model that it is handed.
"""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from syncd.errors import SettingsProblem
from syncd.service.words import meant

PLACES: Final = (Path("syncd.toml"), Path("/etc/syncd/syncd.toml"))
_KINDS: Final = {
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "string_type": "must be text in quotes",
    "model_type": "must be a section of its own, as in [budget]",
    "dict_type": "must be a section of its own, as in [resources.orders]",
}


def find(config: Path | None, from_environment: str | None) -> Path | None:
    """The settings file in use; None where there is none and none was asked for.

    Raises SettingsProblem where the one that was asked for is not there."""
    asked = config or (Path(from_environment) if from_environment else None)
    if asked is None:
        return next((place.resolve() for place in PLACES if place.is_file()), None)
    if not asked.is_file():
        where = "--config" if config else "SYNCD_CONFIG"
        raise SettingsProblem(
            f"{where} names {asked}, and there is no such file",
            hint=f"syncd init {asked.parent}",
        )
    return asked.resolve()


def read(file: Path) -> dict[str, Any]:
    """What the file says. Raises SettingsProblem with the place of a mistake in its form."""
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise SettingsProblem(
            f"{file} is not TOML: {error}", hint=f"correct that line of {file}, then: syncd doctor"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsProblem(f"{file} cannot be read: {error}", hint="syncd doctor") from error


def explain(
    error: ValidationError, model: type[BaseModel], file: Path | None, variables: Mapping[tuple[str, ...], str]
) -> Iterator[str]:
    """One line for each mistake: the key, where it stands, what is wrong, and the fix. Never a hidden value."""
    for mistake in error.errors(include_url=False):
        path = tuple(str(part) for part in mistake["loc"] if part != "[key]")
        field, siblings = _at(model, path)
        variable = variables.get(path)
        where = file.name if file else "settings"
        if mistake["type"] == "policies":
            for problem in mistake.get("ctx", {}).get("problems", []):
                key, _, said = problem.partition(": ")
                yield f"{variables.get(tuple(key.split('.')), '') or f'{key} ({where})'}: {said}"
            continue
        place = variable or f"{'.'.join(path)} ({where})"
        if mistake["type"] == "extra_forbidden":
            yield f"{place}: there is no such key; {meant(path[-1], siblings)}"
            continue
        yield f"{place}: {_told(dict(mistake), field)}"


def _told(mistake: dict[str, Any], field: FieldInfo | None) -> str:
    text = _KINDS.get(mistake["type"]) or mistake["msg"].removeprefix("Value error, ")
    text = text.replace("Input should be", "must be")
    extra = field.json_schema_extra if field else None
    hidden = mistake["type"] == "value_error" or (isinstance(extra, dict) and extra.get("hidden"))
    if not hidden and isinstance(mistake.get("input"), str | int | float | bool):
        text += f", not {mistake['input']!r}"
    if field is not None and isinstance(field.default, str | int | float | bool) and field.default != "":
        text += f"; the default is {_toml(field.default)}"
    return text


def _at(model: type[BaseModel], path: tuple[str, ...]) -> tuple[FieldInfo | None, list[str]]:
    """The field at a path, and the names that stand beside it."""
    names: Mapping[str, FieldInfo] = model.model_fields
    field: FieldInfo | None = None
    for index, part in enumerate(path):
        field = names.get(part)
        if field is None:
            break
        inner = _section(field)
        if inner is None or index == len(path) - 1:
            break
        names = inner.model_fields
        if field.annotation is not inner and index + 2 < len(path):  # a section per name: [resources.NAME]
            return _at(inner, path[index + 2 :])
    return field, list(names)


def _section(field: FieldInfo) -> type[BaseModel] | None:
    kinds = (field.annotation, *getattr(field.annotation, "__args__", ()))
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)
