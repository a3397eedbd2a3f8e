"""The databases that tests are given are real, empty and their own."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, make_url, text

from tests.support.databases import TestDatabase, postgres_database
from tests.support.postgres import admin_connection, find_binaries, started_server


def test_a_database_is_empty_and_can_be_written(database: TestDatabase) -> None:
    engine = create_engine(database.url)
    try:
        assert inspect(engine).get_table_names() == []
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE things (id INTEGER)"))
        assert inspect(engine).get_table_names() == ["things"]
    finally:
        engine.dispose()


def test_two_databases_of_one_test_are_strangers(make_database: Callable[[str], TestDatabase]) -> None:
    for kind in ("sqlite", "postgresql"):
        assert make_database(kind).url != make_database(kind).url


def test_sqlite_databases_share_no_folder(make_database: Callable[[str], TestDatabase]) -> None:
    folders = [Path(make_url(make_database("sqlite").url).database or "").parent for _ in range(2)]
    assert folders[0] != folders[1]


def test_a_postgres_database_is_dropped_though_somebody_is_connected(postgres_url: str) -> None:
    with postgres_database(postgres_url) as made:
        name = make_url(made.url).database
        left_open = admin_connection(make_url(made.url))
    left_open.close()
    with admin_connection(make_url(postgres_url)) as connection:
        row = connection.execute("SELECT count(*) FROM pg_database WHERE datname = %s", [name]).fetchone()
    assert row == (0,)


def test_a_server_can_be_started_from_local_binaries(postgres_url: str) -> None:
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("no initdb is installed here; the server in use came from elsewhere")
    with started_server(binaries) as server, admin_connection(make_url(server.url)) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("off",)
