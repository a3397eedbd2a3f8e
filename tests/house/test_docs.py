"""What the docs name exists, and what exists is named: commands and options, settings, links, pictures."""

import importlib.util
import re
from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy import create_engine, inspect, text

from tests.house import resources_page
from tests.house.sources import ROOT, tracked_files
from tests.support.databases import TestDatabase

COMMANDS = ROOT / "docs/commands.md"
CONFIG = ROOT / "config/syncd.toml"
PAGES = [name for name in tracked_files() if name.endswith(".md")]


# --- commands ---------------------------------------------------------------------------------------


def _there(module: str) -> None:
    """Skip while a module is not written. One that is there and cannot be imported is an error."""
    if importlib.util.find_spec(module.rpartition(".")[0]) is None or importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not there yet")


@pytest.fixture(scope="module")
def commands() -> dict[str, Any]:
    """Every command that a person can type, by its words: `syncd shop add`."""
    _there("syncd.cli.main")
    from typer.main import get_command

    from syncd.cli.main import app

    return dict(_leaves(get_command(app), "syncd"))


def _leaves(command: Any, words: str) -> Iterator[tuple[str, Any]]:
    below = getattr(command, "commands", None)
    if below is None:
        yield words, command
        return
    for name, child in sorted(below.items()):
        if not child.hidden:
            yield from _leaves(child, f"{words} {name}")


def _sections() -> dict[str, str]:
    """The text below each `### syncd ...` heading, by the command's words (arguments left out)."""
    parts = re.split(r"^### (syncd [^\n]*)\n", COMMANDS.read_text(), flags=re.MULTILINE)[1:]
    sections = {}
    for heading, body in zip(parts[::2], parts[1::2], strict=True):
        words = [word for word in heading.split() if re.fullmatch(r"[a-z][a-z-]*", word)]
        sections[" ".join(words)] = heading + "\n" + body
    return sections


def test_every_command_is_documented(commands: dict[str, Any]) -> None:
    assert sorted(set(commands) - set(_sections())) == []


def test_every_documented_command_exists(commands: dict[str, Any]) -> None:
    assert sorted(set(_sections()) - set(commands)) == []


def test_every_option_is_documented(commands: dict[str, Any]) -> None:
    sections = _sections()
    missing = [
        f"{words} {name}"
        for words, command in commands.items()
        for option in command.params
        if not getattr(option, "hidden", False)
        for name in option.opts
        if name.startswith("--")
        and name not in {"--help", "--config"}
        and not re.search(rf"{name}(?![\w-])", sections.get(words, ""))
    ]
    assert missing == []


def test_every_documented_option_exists(commands: dict[str, Any]) -> None:
    dead = [
        f"{words} {named}"
        for words, text in _sections().items()
        if words in commands
        for named in sorted(set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text)))
        if named not in {"--help", "--config"}
        and not any(named in (*option.opts, *option.secondary_opts) for option in commands[words].params)
    ]
    assert dead == []


def test_the_help_of_every_command_shows_an_example(commands: dict[str, Any]) -> None:
    without = [
        words for words, command in commands.items() if words not in f"{command.help or ''}\n{command.epilog or ''}"
    ]
    assert without == []


# --- settings ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def settings() -> list[str]:
    """Every key as it stands in the file: `database.url`; below a table of free names: `shops.*.base_url`."""
    _there("syncd.service.settings")
    from syncd.service.settings import Settings

    return sorted(_keys(Settings, ""))


def _keys(model: Any, before: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        inner = field.annotation
        free = ""
        if getattr(inner, "__origin__", None) is dict:
            inner, free = inner.__args__[1], ".*"
        if hasattr(inner, "model_fields"):
            yield from _keys(inner, f"{before}{name}{free}.")
        else:
            yield f"{before}{name}"


def _explained() -> dict[str, bool]:
    """Every key of config/syncd.toml, also one that is commented out, and whether words stand above it."""
    section, words, keys = "", False, {}
    for line in CONFIG.read_text().splitlines():
        if found := re.fullmatch(r"#?\s*\[([\w.*-]+)\]\s*(?:#.*)?", line):
            section, words = re.sub(r"^resources\.[\w*]+", "resources.*", found[1]) + ".", False
        elif found := re.match(r"(?:# ?)?([a-z_][a-z0-9_]*)\s*=\s*\S", line):
            keys[f"{section}{found[1]}"] = words or bool(re.search(r"\s#\s+\w", line[1:]))
        elif line.startswith("#"):
            words = True
        elif not line.strip():
            words = False
    return keys


def test_every_setting_is_explained(settings: list[str]) -> None:
    explained = _explained()
    assert [key for key in settings if not explained.get(key)] == []


def test_every_explained_setting_exists(settings: list[str]) -> None:
    assert [key for key in _explained() if key not in settings] == []


# --- pages ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text()
    linked = re.findall(r"\]\(([^)#\s]+)[^)]*\)|<img[^>]+src=\"([^\"]+)\"", text)
    targets = [a or b for a, b in linked if not (a or b).startswith(("http://", "https://", "mailto:"))]
    missing = [target for target in targets if not ((ROOT / page).parent / target).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES)
def test_files_that_a_page_names_exist(page: str) -> None:
    named = re.findall(r"`((?:syncd|tests|migrations|config|docs|bench)/[\w./-]*\w)`", (ROOT / page).read_text())
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_page_of_resources_says_what_their_descriptions_say() -> None:
    assert resources_page.PAGE.read_text() == resources_page.page(), "run: python -m tests.house.resources_page"


def test_the_sql_of_the_docs_runs(database: TestDatabase) -> None:
    from syncd.store.migrate import upgrade

    upgrade(database.url)
    pages = [(ROOT / page).read_text() for page in ("README.md", "docs/reports.md")]
    queries = [query for page in pages for query in re.findall(r"```sql\n(.*?)```", page, re.DOTALL)]
    engine = create_engine(database.url)
    try:
        with engine.connect() as connection:
            for query in queries:
                connection.execute(text(query.strip().removesuffix(";")))
    finally:
        engine.dispose()
    assert len(queries) > 5


def test_the_page_of_reports_names_the_views_columns(make_database: Callable[[str], TestDatabase]) -> None:
    from syncd.store.migrate import upgrade

    made = make_database("sqlite")
    upgrade(made.url)
    engine = create_engine(made.url)
    try:
        inspector = inspect(engine)
        views = {
            name: ", ".join(column["name"] for column in inspector.get_columns(name))
            for name in inspector.get_view_names()
        }
    finally:
        engine.dispose()
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\| `([^`]*)` \|$", (ROOT / "docs/reports.md").read_text(), re.MULTILINE)
    assert dict(rows) == views


@pytest.mark.parametrize("picture", [name for name in tracked_files() if name.endswith(".svg")])
def test_pictures_are_whole_and_need_nothing_from_elsewhere(picture: str) -> None:
    text = (ROOT / picture).read_text()
    root = ET.fromstring(text)
    assert root.tag.endswith("svg")
    assert "viewBox" in root.attrib
    assert root.find("{*}title") is not None
    assert not re.search(r"(href|src)=\"http", text)
