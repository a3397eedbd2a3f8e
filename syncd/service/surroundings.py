"""What `syncd doctor` looks at around an installation: the file system beneath it, and who may reach its page.

Must not know shops or databases.
"""

import ipaddress
import re
from pathlib import Path
from typing import Final

from syncd.service.sections import listen_address
from syncd.service.settings import Loaded

MOUNTS: Final = Path("/proc/self/mounts")
#: Where two machines, or a machine and its guest, may disagree about locks and about shared memory.
_SHARED: Final = re.compile(
    r"nfs\d?|cifs|smb\w*|9p|virtiofs|vboxsf|prl_fs|afs|ceph|glusterfs|lustre|gpfs|fuse\.(sshfs|s3fs|rclone|glusterfs|\w*drive\w*)"
)
_ESCAPE: Final = re.compile(r"\\(\d{3})")


def file_system(folder: Path, mounts: str) -> str:
    """The type of the file system that a folder lies on, by a table of mounts as Linux shows it; empty: not known."""
    best, kind = -1, ""
    for line in mounts.splitlines():
        _, place, found, *_ = line.split(" ")
        at = Path(_ESCAPE.sub(lambda octal: chr(int(octal[1], 8)), place))
        if folder.is_relative_to(at) and len(at.parts) >= best:
            best, kind = len(at.parts), found
    return kind


def is_shared(kind: str) -> bool:
    """Whether SQLite's locks cannot be relied on there."""
    return _SHARED.fullmatch(kind) is not None


def beneath(folder: Path) -> str:
    """The type of the file system beneath a folder of this machine."""
    try:
        return file_system(folder.resolve(), MOUNTS.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return ""


def exposure(loaded: Loaded) -> str:
    """What is wrong with who may reach the page; empty where nothing is."""
    web = loaded.settings.web
    if not web.listen or web.listen.startswith("unix:") or _is_own(listen_address(web.listen)[0]):
        return ""
    if web.open_reading == "always":
        return f"whoever reaches {web.listen} may read the page without the operator's token"
    if not web.public_url.startswith("https://"):
        return f"{web.listen} is open to other machines, and the operator's token goes there in clear text"
    return ""


def _is_own(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
