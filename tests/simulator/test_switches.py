"""Switches: texts, characters, differences by resource."""

import pytest

from syncd.simulator.switches import CHARACTERS, Switches


@pytest.mark.parametrize("name", CHARACTERS)
def test_every_character_stands(name: str) -> None:
    assert Switches.named(name) == Switches.named(name)
    assert hash(Switches.named(name)) == hash(Switches.named(name))


def test_settings_are_read_by_kind() -> None:
    switches = Switches().flipped(
        ["paging=FALSE", "page_size=7", "filters=a, b", "limit_status=503", "orders.list_order=id_desc"]
    )
    assert (switches.paging, switches.page_size, switches.limit_status) == (False, 7, 503)
    assert switches.filters == frozenset({"a", "b"})
    assert switches.of("orders").list_order == "id_desc"
    assert switches.of("products").list_order == "id_asc"
    assert switches.flipped(["orders.page_size=3"]).of("orders").list_order == "id_desc"


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("paging", "not a switch"),
        ("pagin=true", "there are paging, page_param"),
        ("paging=perhaps", "one of true, false"),
        ("list_order=random", "one of id_asc"),
        ("page_size=many", "many"),
    ],
)
def test_a_wrong_setting_says_what_is_right(setting: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Switches().flipped([setting])


def test_an_unknown_character_is_told_the_known_ones() -> None:
    with pytest.raises(ValueError, match="plain, rich, poor, quirky"):
        Switches.named("grumpy")
