"""The spill keeps a pair of tokens through crashes, and only as long as it is needed."""

import stat
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from syncd.domain.token import SealedTokens, TokenPhase
from syncd.errors import DiskProblem
from syncd.host.spill import SpillFolder

PAIR = SealedTokens(
    shop_id=7,
    generation=3,
    phase=TokenPhase.READY,
    access="v1.kid.nonce.access",
    refresh="v1.kid.nonce.refresh",
    issued_at=datetime(2026, 11, 2, 9, 0, 0, 123456, tzinfo=UTC),
    expires_at=datetime(2026, 11, 2, 9, 30, tzinfo=UTC),
)


@pytest.fixture
def spill(tmp_path: Path) -> SpillFolder:
    return SpillFolder(tmp_path / "home" / "spill")


def test_what_was_spilled_comes_back_as_it_was(spill: SpillFolder) -> None:
    other = replace(PAIR, shop_id=2, issued_at=None, expires_at=None)
    spill.append(PAIR)
    spill.append(other)
    assert spill.rows() == [other, PAIR]


def test_nothing_is_spilled_before_the_first(spill: SpillFolder) -> None:
    assert spill.rows() == []
    spill.forget(7, 3)


def test_a_newer_pair_takes_the_place_of_the_older(spill: SpillFolder) -> None:
    newer = replace(PAIR, generation=4)
    spill.append(PAIR)
    spill.append(newer)
    assert spill.rows() == [newer]


def test_forgetting_an_older_generation_keeps_the_newer(spill: SpillFolder) -> None:
    spill.append(PAIR)
    spill.forget(7, 2)
    spill.forget(8, 99)
    assert spill.rows() == [PAIR]
    spill.forget(7, 3)
    assert spill.rows() == []


def test_only_the_owner_may_read_it(spill: SpillFolder, tmp_path: Path) -> None:
    spill.append(PAIR)
    folder = tmp_path / "home" / "spill"
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())]
    assert modes == [0o700, 0o600]


def test_a_crash_while_writing_leaves_the_older_pair(spill: SpillFolder, tmp_path: Path) -> None:
    spill.append(PAIR)
    (tmp_path / "home" / "spill" / "shop-7.new").write_bytes(b'{"shop_id": 7, "gener')
    assert spill.rows() == [PAIR]
    spill.append(replace(PAIR, generation=4))
    assert [row.generation for row in spill.rows()] == [4]


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"[]", b"{}", b'{"shop_id": 9}'])
def test_a_file_that_is_none_of_ours_harms_no_other_shop(spill: SpillFolder, tmp_path: Path, content: bytes) -> None:
    spill.append(PAIR)
    odd = tmp_path / "home" / "spill" / "shop-9.spill"
    odd.write_bytes(content)
    assert spill.rows() == [PAIR]
    spill.forget(9, 99)
    assert odd.exists()


def test_a_copy_under_another_name_is_not_taken_for_another_shops(spill: SpillFolder, tmp_path: Path) -> None:
    spill.append(PAIR)
    folder = tmp_path / "home" / "spill"
    (folder / "shop-8.spill").write_bytes((folder / "shop-7.spill").read_bytes())
    assert spill.rows() == [PAIR]


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file where the folder should be")
    with pytest.raises(DiskProblem) as caught:
        SpillFolder(tmp_path / "home").append(PAIR)
    assert "home" in caught.value.message
    assert "syncd doctor" in caught.value.hint
