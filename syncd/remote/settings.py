"""What can be set about the wire. Whatever the API reference leaves open stands here, never in the code that uses it.

Must not know where settings come from.
"""

from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from syncd import __version__
from syncd.errors import SettingsProblem

LIMIT_HEADER: Final = r"(?i)api-call-limit"


@dataclass(frozen=True, slots=True)
class RemoteSettings:
    """Times in seconds, sizes in bytes. `zone` is the time zone of times that the shop sends without one.

    `answer_s` bounds a whole answer, however slowly it trickles in; `exchange_s` an exchange of tokens (it must stay
    below the vault's own time-out for one); `keepalive_s` stays below the five seconds after which many servers close
    an idle connection. A pause that the shop asks for and that is longer than `patience_s` is left to the engine.
    `limit_headers` are patterns of header names that carry used/size. `allow_clear_text` permits http to hosts that
    are not this machine.
    """

    connect_s: float = 5.0
    read_s: float = 30.0
    answer_s: float = 120.0
    exchange_s: float = 45.0
    keepalive_s: float = 4.0
    response_bytes_max: int = 32 * 1024 * 1024
    text_chars_max: int = 1_000_000
    tries: int = 5
    backoff_base_s: float = 0.5
    backoff_max_s: float = 30.0
    patience_s: float = 60.0
    page_param: str = "Page"
    limit_headers: tuple[str, ...] = (LIMIT_HEADER,)
    over_limit_statuses: tuple[int, ...] = (429,)
    filter_time_form: str = "%Y-%m-%dT%H:%M:%S"
    zone: str = "UTC"
    ca_file: str = ""
    allow_clear_text: bool = False
    agent: str = f"syncd/{__version__}"

    @property
    def tz(self) -> tzinfo:
        """The time zone named by `zone`. Raises SettingsProblem. UTC needs no time zone database."""
        if self.zone == "UTC":
            return UTC
        try:
            return ZoneInfo(self.zone)
        except (ValueError, OSError, KeyError):  # a name that is none, leads elsewhere, or is not known
            raise SettingsProblem(
                f"remote.zone: {self.zone!r} is no time zone",
                hint='Write it as in "UTC" or "Europe/Berlin", then run: syncd doctor',
            ) from None
