"""The page about logs names every event that the program logs, and no other."""

import ast
import re
from pathlib import Path

from syncd.domain.run import Outcome
from tests.house.sources import ROOT

LEVELS = {"debug", "info", "warning", "error", "exception"}
NAMED = {"BEGAN": "outage.began", "RECOVERED": "recovered"}


def logged(file: Path) -> set[str]:
    """The events of the calls `log.LEVEL(EVENT, ...)` in a file; those that are made up of parts are left out."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS):
            continue
        if not ast.unparse(node.func.value).endswith("log") or not node.args:
            continue
        event = node.args[0]
        if isinstance(event, ast.Constant):
            found.add(str(event.value))
        elif isinstance(event, ast.Name) and event.id in NAMED:
            found.add(NAMED[event.id])
    return found


def test_the_page_of_logs_names_every_event_and_no_other() -> None:
    in_code = set().union(*(logged(file) for file in (ROOT / "syncd").rglob("*.py")))
    table = (ROOT / "docs/logs.md").read_text().split("## Events", 1)[1]
    names = "".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE))
    on_page = set(re.findall(r"`([a-z_]+\.[a-z_]+|recovered)`", names))
    assert in_code - on_page == set(), "not on the page"
    assert on_page - in_code == set(), "nowhere logged"


def test_the_page_of_logs_names_the_outcomes() -> None:
    page = (ROOT / "docs/logs.md").read_text()
    assert [outcome for outcome in Outcome if f"`{outcome.value}`" not in page] == []
