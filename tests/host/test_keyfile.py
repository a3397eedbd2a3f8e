"""The sealing key is found where it should be, in order, and refused with the command that helps."""

from pathlib import Path

import pytest

from syncd.domain.secret import Secret
from syncd.errors import KeyProblem
from syncd.host.cipher import KeyRing, new_key
from syncd.host.keyfile import KeySources, find_keys, read_key_file, write_key_file


def key_file(path: Path, *lines: str, mode: int = 0o600) -> Path:
    path.write_text("\n".join(lines))
    path.chmod(mode)
    return path


def kid(line: str) -> str:
    return KeyRing.of([Secret(line)], source="test").kid


def test_written_closed_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "syncd.key"
    ring = write_key_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_key_file(path).kid == ring.kid
    with pytest.raises(KeyProblem, match="exists already"):
        write_key_file(path)
    assert read_key_file(path).kid == ring.kid
    with pytest.raises(KeyProblem, match="cannot be written"):
        write_key_file(tmp_path / "nowhere" / "syncd.key")


def test_several_keys_with_remarks(tmp_path: Path) -> None:
    current, former = new_key(), new_key()
    path = key_file(tmp_path / "k", "# current", f"  {current}   2026", "", "# former", former)
    ring = read_key_file(path)
    assert ring.kid == kid(current)
    ring.verify(KeyRing.of([Secret(former)], source="test").check_value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_file_open_to_others_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    path = key_file(tmp_path / "k", new_key(), mode=mode)
    with pytest.raises(KeyProblem, match=f"mode {mode:04o}") as caught:
        find_keys(KeySources(key_file=path))
    assert caught.value.hint.endswith(f"chmod 600 {path}")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "holds no key"),
        (["# nothing"], "holds no key"),
        (["nonsense"], "line 1"),
        (["schlüssel"], "not a key file"),
    ],
)
def test_files_that_hold_no_key(tmp_path: Path, lines: list[str], said: str) -> None:
    with pytest.raises(KeyProblem, match=said):
        read_key_file(key_file(tmp_path / "k", *lines))


def test_a_folder_or_an_endless_file_is_no_key_file(tmp_path: Path) -> None:
    with pytest.raises(KeyProblem, match="cannot be read"):
        read_key_file(tmp_path)
    with pytest.raises(KeyProblem, match="not a key file"):
        read_key_file(key_file(tmp_path / "k", "x" * 70_000))


def test_the_places_in_their_order(tmp_path: Path) -> None:
    named, credential, secret, plain = (new_key() for _ in range(4))
    for folder in ("credentials", "secrets"):
        (tmp_path / folder).mkdir()
    key_file(tmp_path / "named.key", named)
    key_file(tmp_path / "credentials" / "syncd.key", credential, mode=0o440)
    key_file(tmp_path / "secrets" / "syncd.key", secret, mode=0o444)
    places = {
        "key_file": tmp_path / "named.key",
        "credentials_folder": tmp_path / "credentials",
        "secrets_folder": tmp_path / "secrets",
        "key": Secret(plain),
    }
    found = []
    while places:
        found.append(find_keys(KeySources(**{"secrets_folder": None, **places})).kid)  # type: ignore[arg-type]
        del places[next(iter(places))]
    assert found == [kid(line) for line in (named, credential, secret, plain)]


def test_a_file_that_was_named_and_is_missing_is_not_passed_over(tmp_path: Path) -> None:
    with pytest.raises(KeyProblem, match="does not exist"):
        find_keys(KeySources(key_file=tmp_path / "gone.key", key=Secret(new_key())))


def test_no_key_at_all_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(KeyProblem, match="no sealing key") as caught:
        find_keys(KeySources(credentials_folder=tmp_path, secrets_folder=tmp_path))
    assert "syncd init" in caught.value.hint
