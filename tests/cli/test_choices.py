"""What settings say about pushing, and what people may write as a moment."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from syncd.domain.policy import Choice
from syncd.errors import SettingsProblem, UsageProblem
from syncd.service.history import moment_of
from syncd.service.rules import policies, push_rules
from syncd.service.settings import load

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def _written(folder: Path, text: str) -> Path:
    file = folder / "syncd.toml"
    file.write_text(text)
    return file


def test_who_owns_what_is_read_per_field_list_and_resource(tmp_path: Path) -> None:
    loaded = load(
        _written(
            tmp_path,
            '[resources.products]\npolicy = "remote"\ndeletes = true\n'
            '[resources.products.fields]\ntitle = "local"\n"locales.title" = "manual"\n'
            "[resources.orders]\ncreate_quiet_s = 9\n[push]\ncreate_quiet_s = 2\n",
        )
    )
    policy = policies(loaded)["products"]
    assert policy.deletes
    assert policy.choices == {"*": Choice.REMOTE, "title": Choice.LOCAL, "locales.title": Choice.MANUAL}
    assert list(policies(loaded)) == ["products"]
    rules = push_rules(loaded)
    assert [rules.quiet_s(name) for name in ("orders", "customers")] == [9, 2]
    assert push_rules(load(_written(tmp_path, ""))).quiet_s("orders") == 30


def test_every_mistake_in_an_ownership_map_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsProblem) as caught:
        load(
            _written(
                tmp_path,
                "[push]\nbrake_share = 2\n[resources.orders]\ndeletes = true\n"
                '[resources.products.fields]\ntitel = "local"\ntitle = "mine"\nowner_company_id = "local"\n',
            )
        )
    assert caught.value.message.startswith("5 settings are wrong")
    for said in (
        "push.brake_share (syncd.toml): must be less than or equal to 1",
        "resources.orders.deletes (syncd.toml): orders cannot be deleted through the API",
        "resources.products.fields.titel (syncd.toml): products has no such field; did you mean title?",
        "resources.products.fields.title (syncd.toml): 'mine' is none of remote, local, manual",
        "resources.products.fields.owner_company_id (syncd.toml): only the shop may change it",
    ):
        assert said in caught.value.message


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-23", datetime(2026, 11, 23, tzinfo=UTC)),
        ("2026-11-23T10:30", datetime(2026, 11, 23, 10, 30, tzinfo=UTC)),
        ("2026-11-23T10:30+02:00", datetime(2026, 11, 23, 8, 30, tzinfo=UTC)),
        ("2h", datetime(2026, 11, 23, 10, 0, tzinfo=UTC)),
        ("30min ago", datetime(2026, 11, 23, 11, 30, tzinfo=UTC)),
        ("1.5d", datetime(2026, 11, 22, 0, 0, tzinfo=UTC)),
    ],
)
def test_a_moment(text: str, moment: datetime) -> None:
    assert moment_of(text, NOW) == moment


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "2027-01-01", "h", ""])
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(UsageProblem):
        moment_of(text, NOW)
