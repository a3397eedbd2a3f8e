"""The pages about pushing: their picture is the table of states, and their SQL runs."""

import re

import pytest
from sqlalchemy import create_engine, text

from syncd.domain.change import STEPS
from syncd.store.migrate import upgrade
from tests.cli.conftest import ROOT
from tests.support.databases import TestDatabase


def test_the_picture_of_states_is_the_table_of_steps() -> None:
    page = (ROOT / "docs/push.md").read_text()
    picture = page.partition("<!-- picture -->")[2].partition("<!-- /picture -->")[0]
    drawn = re.findall(r"^ +(\w+) --> (\w+)$", picture, re.MULTILINE)
    assert sorted(drawn) == sorted((one.value, other.value) for one in STEPS for other in STEPS[one])
    told = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert told == [state.value for state, next_ones in STEPS.items() if next_ones]


@pytest.mark.parametrize("page", ["push.md", "conflicts.md"])
def test_the_sql_of_the_pages_runs(database: TestDatabase, page: str) -> None:
    upgrade(database.url)
    blocks = re.findall(r"```sql\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)
    statements = [each.strip() for block in blocks for each in block.split(";") if each.strip()]
    engine = create_engine(database.url)
    try:
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))
    finally:
        engine.dispose()
    assert len(statements) >= 2
