"""Fixtures for every test: a real PostgreSQL and fresh databases. No fake of anything stands here."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests.support.databases import KINDS, TestDatabase, postgres_database, sqlite_database
from tests.support.postgres import NoPostgres, postgres_server

IN_CI = os.environ.get("CI") == "true"
POSTGRES_USED = pytest.StashKey[str]()

# A deadline on a shared machine fails by chance. In CI the same examples come every time: a failure there can
# be repeated, and the search for new ones goes on at people's desks.
hypothesis.settings.register_profile("desk", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if IN_CI else "desk")


# --- databases --------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def postgres_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of a real server, where databases may be created. Without one: skip, in CI fail."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(postgres_server())
        except NoPostgres as error:
            _note(request.config, f"none: {error}")
            if IN_CI:
                pytest.fail(f"CI tests on PostgreSQL, and no server is there: {error}")
            pytest.skip(f"no PostgreSQL: {error}")
        _note(request.config, server.origin)
        yield server.url


@pytest.fixture
def make_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], TestDatabase]]:
    """`make_database("sqlite" | "postgresql")`: a fresh empty database, as many as the test likes."""
    with ExitStack() as stack:

        def make(kind: str) -> TestDatabase:
            if kind == "sqlite":
                return stack.enter_context(sqlite_database(tmp_path))
            return stack.enter_context(postgres_database(request.getfixturevalue("postgres_url")))

        yield make


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, make_database: Callable[[str], TestDatabase]) -> TestDatabase:
    """A fresh empty database; the test runs once on SQLite and once on PostgreSQL."""
    return make_database(request.param)


# --- which PostgreSQL it was, said at the end ---------------------------------------------------------


def _note(config: pytest.Config, origin: str) -> None:
    config.stash[POSTGRES_USED] = origin
    if hasattr(config, "workeroutput"):  # a worker of pytest-xdist tells the process that reports
        config.workeroutput["postgres"] = origin


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    origin = getattr(node, "workeroutput", {}).get("postgres")
    if origin:
        node.config.stash[POSTGRES_USED] = origin


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    origin = config.stash.get(POSTGRES_USED, "no test asked for one")
    terminalreporter.write_line(f"PostgreSQL used: {origin}")
