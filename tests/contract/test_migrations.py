"""Both databases come into being by migrations, and only at a known revision are they opened."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import make_url, text

from syncd.errors import DiskProblem, SchemaProblem, SettingsProblem
from syncd.store.database import House, Use, address, open_engine
from syncd.store.disk import open_disk
from syncd.store.migrate import check, current, known_revisions, metadata_of, upgrade
from tests.contract.conftest import StillClock, people_engine
from tests.support.databases import TestDatabase

ROOT = Path(__file__).parents[2]


def test_from_empty_to_the_newest_and_again(database: TestDatabase) -> None:
    assert current(database.url) == {House.MIRROR: None, House.STATE: None}
    upgrade(database.url)
    newest = known_revisions()[0]
    assert current(database.url) == {House.MIRROR: newest, House.STATE: newest}
    upgrade(database.url)
    check(database.url)


@pytest.mark.parametrize("house", list(House))
def test_migrations_make_what_the_code_expects(database: TestDatabase, house: House) -> None:
    upgrade(database.url)
    engine = open_engine(address(database.url).of(house), house, Use.READ, 1)
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, metadata_of(house)) == []
    finally:
        engine.dispose()


def test_plain_alembic_does_the_same(database: TestDatabase, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SYNCD_")}
    done = subprocess.run(
        [sys.executable, "-m", "alembic", "-c", str(ROOT / "alembic.ini"), "upgrade", "head"],
        cwd=tmp_path,
        env=environment | {"SYNCD_DATABASE_URL": database.url, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    check(database.url)


def test_every_landed_revision_can_be_upgraded(database: TestDatabase) -> None:
    from alembic import command

    from syncd.store.migrate import _config

    for revision in reversed(known_revisions()):
        command.upgrade(_config(address(database.url)), revision)
        assert set(current(database.url).values()) == {revision}
    check(database.url)


def test_the_chain_is_the_one_that_alembic_knows() -> None:
    from alembic.script import ScriptDirectory

    from syncd.store.migrate import _config

    walked = ScriptDirectory.from_config(_config(address("sqlite:///x.db"))).walk_revisions()
    assert known_revisions() == tuple(script.revision for script in walked)


def test_an_empty_database_is_not_opened(database: TestDatabase) -> None:
    with pytest.raises(SchemaProblem) as caught:
        open_disk(database.url, clock=StillClock())
    assert "empty" in caught.value.message
    assert caught.value.hint.endswith("syncd db upgrade")
    if database.is_sqlite:
        assert not Path(make_url(database.url).database or "").exists()


@pytest.mark.parametrize(
    ("revision", "words", "command"),
    [("0001", "needs", "syncd db upgrade"), ("9f9f", "does not know", "syncd db check")],
)
def test_another_revision_is_not_opened(database: TestDatabase, revision: str, words: str, command: str) -> None:
    upgrade(database.url)
    engine = people_engine(database)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    engine.dispose()
    with pytest.raises(SchemaProblem) as caught:
        open_disk(database.url, clock=StillClock())
    assert words in caught.value.message
    assert caught.value.hint.endswith(command)


def test_an_unknown_revision_is_not_upgraded(database: TestDatabase) -> None:
    upgrade(database.url)
    engine = people_engine(database)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'later'"))
    engine.dispose()
    with pytest.raises(SchemaProblem, match="does not know"):
        upgrade(database.url)


def test_a_migration_that_fails_leaves_nothing(make_database, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    database = make_database("sqlite")
    engine = people_engine(database)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE orders (mine INTEGER)"))
    with pytest.raises(Exception, match="already exists"):
        upgrade(database.url)
    with engine.connect() as connection:
        names = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars().all()
    engine.dispose()
    assert names == ["orders"]


def test_the_state_file_is_private(make_database) -> None:  # type: ignore[no-untyped-def]
    database = make_database("sqlite")
    upgrade(database.url)
    state = Path(address(database.url).state.database or "")
    assert state.name == "state.db"
    assert stat.S_IMODE(state.stat().st_mode) == 0o600


def test_the_state_may_lie_elsewhere(make_database, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    database = make_database("sqlite")
    elsewhere = f"sqlite:///{tmp_path / 'private.db'}"
    upgrade(database.url, elsewhere)
    check(database.url, elsewhere)
    assert not Path(address(database.url).state.database or "").exists()
    assert stat.S_IMODE((tmp_path / "private.db").stat().st_mode) == 0o600


@pytest.mark.parametrize("missing", ["mirror", "state"])
def test_a_folder_that_is_not_there_is_a_disk_problem(tmp_path: Path, missing: str) -> None:
    here, nowhere = f"sqlite:///{tmp_path / 'here.db'}", f"sqlite:///{tmp_path / 'no' / 'where.db'}"
    with pytest.raises(DiskProblem):
        upgrade(*((nowhere, here) if missing == "mirror" else (here, nowhere)))


def test_on_postgresql_the_state_has_a_schema_of_its_own(make_database) -> None:  # type: ignore[no-untyped-def]
    database = make_database("postgresql")
    upgrade(database.url)
    engine = people_engine(database)
    with engine.connect() as connection:
        found = connection.execute(
            text("SELECT table_schema FROM information_schema.tables WHERE table_name = 'sync_tokens'")
        )
        schemas = found.scalars().all()
    engine.dispose()
    assert schemas == ["syncd_state"]


@pytest.mark.parametrize(
    "url", ["", "nonsense", "sqlite://", "sqlite:///:memory:", "mysql://localhost/x", "sqlite:///file:x?mode=memory"]
)
def test_addresses_that_cannot_hold_a_mirror(url: str) -> None:
    with pytest.raises(SettingsProblem):
        address(url)


def test_a_server_that_refuses_is_a_setting(make_database) -> None:  # type: ignore[no-untyped-def]
    database = make_database("postgresql")
    missing = make_url(database.url).set(database="no_such_database").render_as_string(hide_password=False)
    with pytest.raises(SettingsProblem, match="does not exist"):
        check(missing)
