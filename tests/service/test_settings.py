"""Where settings come from, what each place overrules, and that no mistake hides another."""

import os
import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from syncd.domain.cadence import Cron, Every
from syncd.errors import SettingsProblem
from syncd.service.installation import default_settings, shown_url
from syncd.service.rules import pull_rules
from syncd.service.settings import Settings, load


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("SYNCD_") or name == "CREDENTIALS_DIRECTORY":
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def _written(folder: Path, text: str) -> Path:
    file = folder / "syncd.toml"
    file.write_text(text)
    return file


def test_the_file_says_what_the_defaults_are() -> None:
    keys = re.sub(r"^#(?=[a-z_]+ = )", "", default_settings(), flags=re.MULTILINE)
    said = tomllib.loads(keys.partition("# [resources.*]")[0])
    assert said == Settings().model_dump(exclude={"resources"})


def test_without_anything_the_defaults_hold_and_paths_start_here(tmp_path: Path) -> None:
    loaded = load()
    assert loaded.file is None
    assert loaded.mirror_url == f"sqlite:///{tmp_path}/mirror.db"
    assert loaded.home == tmp_path
    assert loaded.key_sources.key_file is None


def test_paths_start_at_the_file(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    loaded = load(_written(tmp_path / "deep", '[database]\nurl = "sqlite:///a/m.db"\n[vault]\nkey_file = "k"\n'))
    assert loaded.mirror_url == f"sqlite:///{tmp_path}/deep/a/m.db"
    assert loaded.key_sources.key_file == tmp_path / "deep/k"
    assert loaded.home == tmp_path / "deep/a"


def test_the_first_place_with_a_file_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _written(tmp_path, "[budget]\nsize = 1\n")
    assert load().settings.budget.size == 1
    (tmp_path / "other").mkdir()
    other = _written(tmp_path / "other", "[budget]\nsize = 2\n")
    monkeypatch.setenv("SYNCD_CONFIG", str(other))
    assert load().settings.budget.size == 2
    (tmp_path / "third").mkdir()
    assert load(_written(tmp_path / "third", "[budget]\nsize = 3\n")).settings.budget.size == 3


def test_the_environment_overrules_the_file_key_by_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _written(tmp_path, "[budget]\nsize = 10\nleak_per_s = 1.0\n[resources.orders]\nquick_s = 9\n")
    monkeypatch.setenv("SYNCD_BUDGET__SIZE", "80")
    monkeypatch.setenv("SYNCD_RESOURCES__PRICES__ENABLED", "false")
    monkeypatch.setenv("SYNCD_DATABASE_URL", "postgres://u@h/d")
    monkeypatch.setenv("SYNCD_STATE_URL", "sqlite:///s.db")
    settings = load().settings
    assert (settings.budget.size, settings.budget.leak_per_s) == (80, 1)
    assert settings.resources["orders"].quick_s == 9
    assert not settings.resources["prices"].enabled
    assert settings.database.url == "postgresql+psycopg://u@h/d"
    assert load().state_url == f"sqlite:///{tmp_path}/s.db"


def test_a_key_may_come_from_a_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    monkeypatch.setenv("SYNCD_KEY", "very secret")
    sources = load().key_sources
    assert sources.credentials_folder == tmp_path / "credentials"
    assert sources.key is not None
    assert "very secret" not in repr(sources)


MISTAKES = [
    ("[budget]\nleek = 3", "budget.leek", "there is no such key; there are: size, leak_per_s"),
    ("[budgt]\nsize = 3", "budgt", "did you mean budget?"),
    ("[budget]\nsize = 0.5", "budget.size", "greater than or equal to 1, not 0.5; the default is 40.0"),
    ('[log]\nlevel = "loud"', "log.level", "not 'loud'"),
    ("[resources.ordrs]", "resources.ordrs", "did you mean orders?"),
    ("[resources.orders]\nenabld = true", "resources.orders.enabld", "did you mean enabled?"),
    ("[resources.orders]\nquick_s = 0", "resources.orders.quick_s", "not 0"),
    ("budget = 3", "budget", "a section of its own"),
    ('[pull]\npage_rows_max = "x"', "pull.page_rows_max", "must be a whole number"),
    ('[remote]\nlimit_header = "("', "remote.limit_header", "regular expression"),
    ('[remote]\nzone = "Moon/Base"', "remote.zone", "Europe/Berlin"),
    (
        '[pull]\nquick_cron = "61 * * * *"',
        "pull.quick_cron",
        "the last value (61) is higher than the maximum value (59)",
    ),
    ('[pull]\nwalk_cron = "0 3 * *"', "pull.walk_cron", "has 4 fields; write minute, hour, day, month and weekday"),
    ('[pull]\nwalk_cron = "0 3 31 2 *"', "pull.walk_cron", "no moment that ever comes"),
    ('[pull]\ncron_zone = "Berlin"', "pull.cron_zone", "Europe/Berlin"),
    ('[resources.orders]\nwalk_cron = "0 3 * * caturday"', "resources.orders.walk_cron", "is no weekday"),
    ('[resources.orders]\nquick_s = 9\nquick_cron = "* * * * *"', "resources.orders", "cannot both be given"),
    ("[resources.orders]\nquick_s = 9\nfresh_s = 60", "resources.orders", "fresh_s and quick_s cannot both be given"),
    ("[resources.orders]\nfresh_s = 1", "resources.orders.fresh_s", "greater than or equal to 5, not 1"),
    ('[database]\nurl = "sqlite://"', "database.url", "sqlite:///mirror.db"),
    ('[database]\nurl = "mysql://u:pw0rd@h/d"', "database.url", "postgresql://"),
]


@pytest.mark.parametrize(("text", "key", "said"), MISTAKES)
def test_a_mistake_names_its_key_and_its_fix(tmp_path: Path, text: str, key: str, said: str) -> None:
    with pytest.raises(SettingsProblem) as caught:
        load(_written(tmp_path, text))
    assert f"  {key} (syncd.toml): " in caught.value.message
    assert said in caught.value.message
    assert "pw0rd" not in caught.value.message
    assert caught.value.exit_code == 2


def test_all_mistakes_are_told_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCD_DATABSE_URL", "sqlite:///x.db")
    monkeypatch.setenv("SYNCD_PULLL__QUICK_S", "1")
    monkeypatch.setenv("SYNCD_PULL__QUICK_S", "soon")
    monkeypatch.setenv("SYNCD_IMAGE", "somebody else's")
    with pytest.raises(SettingsProblem) as caught:
        load(_written(tmp_path, "[budget]\nsize = 0\n"))
    message = caught.value.message
    assert message.startswith("4 settings are wrong")
    for said in (
        "did you mean SYNCD_DATABASE_URL?",
        "did you mean SYNCD_PULL?",
        "SYNCD_PULL__QUICK_S: ",
        "budget.size",
    ):
        assert said in message


def test_a_file_that_is_no_toml_names_the_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsProblem, match="line 2"):
        load(_written(tmp_path, "[budget]\nsize = = 3\n"))


def test_an_address_is_shown_without_its_password() -> None:
    assert shown_url("postgresql+psycopg://me:p%40ss@h:5432/d") == "postgresql+psycopg://me@h:5432/d"
    assert shown_url("sqlite:////srv/m.db") == "/srv/m.db"


def test_a_resource_goes_by_its_own_times_before_those_of_all(tmp_path: Path) -> None:
    said = """
[pull]
quick_cron = "*/5 8-20 * * mon-fri"
cron_zone = "Europe/Berlin"
[resources.orders]
quick_s = 30
walk_cron = "0 3 * * *"
[resources.prices]
fresh_s = 120
"""
    rules = pull_rules(load(_written(tmp_path, said)))
    assert rules.cadence("orders").quick == Every(30)
    walk, usual = rules.cadence("orders").walk, rules.cadence("products")
    assert isinstance(walk, Cron)
    assert walk.text == "0 3 * * * Europe/Berlin"
    assert walk.next_beat(datetime(2026, 7, 1, tzinfo=UTC)) == datetime(2026, 7, 1, 1, tzinfo=UTC)
    assert isinstance(usual.quick, Cron)
    assert usual.walk == Every(21_600)
    assert (rules.cadence("prices").fresh_s, usual.fresh_s) == (120, None)
    assert rules.has_targets
