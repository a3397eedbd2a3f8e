"""What lies around an installation is told from the machine's own table of mounts, and from the settings."""

from pathlib import Path

import pytest

from syncd.service import doctor
from syncd.service.settings import Loaded, Settings
from syncd.service.surroundings import beneath, exposure, file_system, is_shared

MOUNTS = """\
/dev/sda1 / ext4 rw,relatime 0 0
server:/export /srv nfs4 rw 0 0
tmpfs /srv/local tmpfs rw 0 0
//nas/share /mnt/my\\040files cifs rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "kind", "shared"),
    [
        ("/var/lib/syncd", "ext4", False),
        ("/srv/syncd", "nfs4", True),
        ("/srv/local/syncd", "tmpfs", False),
        ("/srvx", "ext4", False),
        ("/mnt/my files/syncd", "cifs", True),
    ],
)
def test_the_file_system_beneath_a_folder(folder: str, kind: str, shared: bool) -> None:
    assert file_system(Path(folder), MOUNTS) == kind
    assert is_shared(kind) is shared


def test_this_machine_knows_what_it_stands_on(tmp_path: Path) -> None:
    assert beneath(tmp_path) != ""


@pytest.mark.parametrize(
    ("web", "said"),
    [
        ({}, ""),
        ({"listen": ""}, ""),
        ({"listen": "unix:/run/syncd.sock", "open_reading": "always"}, ""),
        ({"listen": "0.0.0.0:8765", "open_reading": "always"}, "without the operator's token"),
        ({"listen": "0.0.0.0:8765", "open_reading": "never"}, "in clear text"),
        ({"listen": "0.0.0.0:8765", "open_reading": "never", "public_url": "https://syncd.example"}, ""),
    ],
)
def test_who_may_reach_the_page(web: dict[str, str], said: str, tmp_path: Path) -> None:
    loaded = Loaded(Settings(web=web), None, tmp_path)  # type: ignore[arg-type]
    assert said in exposure(loaded)
    checks = [check for check in doctor.here(loaded) if check.what == "status page"]
    assert bool(checks) is bool(said)
