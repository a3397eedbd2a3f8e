"""The sections of the settings file, each with its keys, defaults and limits.

`config/syncd.toml` explains every key. Must not know where settings come from.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from syncd.domain.policy import WHOLE, Policy
from syncd.domain.resources import BY_NAME
from syncd.domain.webhook import nouns, topic_resource
from syncd.service.words import meant


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _known_zone(zone: str) -> str:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError("is not a time zone; write one as in Europe/Berlin") from error
    return zone


def _crontab_line(line: str) -> str:
    if line:
        from syncd.host.cron import crontab  # loads a scheduler: only where a line is given

        crontab(line, "UTC")
    return line


Zone = Annotated[str, AfterValidator(_known_zone)]
CrontabLine = Annotated[str, AfterValidator(_crontab_line)]


class DatabaseSection(_Section):
    """[database]"""

    url: str = Field(default="sqlite:///mirror.db", repr=False, json_schema_extra={"hidden": True})
    state_url: str = Field(default="", repr=False, json_schema_extra={"hidden": True})
    password_file: str = ""

    @field_validator("url", "state_url")
    @classmethod
    def _known_kind(cls, url: str) -> str:
        if url.startswith(("postgresql://", "postgres://")):
            return "postgresql+psycopg://" + url.split("://", 1)[1]
        if not url or url.startswith("postgresql+psycopg://"):
            return url
        if re.match(r"sqlite:///.*[^/]$", url) and ":memory:" not in url:
            return url
        raise ValueError(
            "is not an address that syncd can use; write sqlite:///mirror.db (a file) "
            "or postgresql://USER:PASSWORD@HOST/DATABASE"
        )


class VaultSection(_Section):
    """[vault]"""

    key_file: str = "syncd.key"
    idle_s: float = Field(default=86_400.0, ge=3600)
    stale_days: float = Field(default=7.0, gt=0)
    tend_paused: bool = True


class RemoteSection(_Section):
    """[remote]"""

    connect_timeout_s: float = Field(default=5.0, gt=0, le=120)
    read_timeout_s: float = Field(default=30.0, gt=0, le=600)
    response_bytes_max: int = Field(default=32 * 1024 * 1024, ge=64 * 1024)
    tries: int = Field(default=5, ge=1, le=20)
    limit_header: str = "(?i)api-call-limit"

    zone: Zone = "UTC"
    ca_file: str = ""

    @field_validator("limit_header")
    @classmethod
    def _pattern(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"is not a regular expression: {error}") from error
        return pattern


class BudgetSection(_Section):
    """[budget]"""

    size: float = Field(default=40.0, ge=1, le=100_000)
    leak_per_s: float = Field(default=2.0, gt=0, le=100_000)


class _Timed(_Section):
    """A section that says when resources are looked at, each way of looking by an interval or a crontab line."""

    @model_validator(mode="after")
    def _one_cadence(self) -> Self:
        given = {name for name in self.model_fields_set if getattr(self, name) not in (None, "")}
        for one, other in (("quick_s", "quick_cron"), ("walk_s", "walk_cron"), ("fresh_s", "quick_s")):
            if {one, other} <= given:
                raise ValueError(f"{one} and {other} cannot both be given; take one of them out")
        if {"fresh_s", "quick_cron"} <= given:
            raise ValueError("fresh_s and quick_cron cannot both be given; take one of them out")
        return self


class PullSection(_Timed):
    """[pull]"""

    quick_s: float = Field(default=60.0, ge=1)
    walk_s: float = Field(default=21_600.0, ge=60)
    quick_cron: CrontabLine = ""
    walk_cron: CrontabLine = ""
    cron_zone: Zone = "UTC"
    looks_s: float = Field(default=5.0, ge=0.1)
    audit_period_s: float = Field(default=7 * 86_400.0, ge=3600)
    overlap_s: float = Field(default=120.0, ge=0, le=86_400)
    page_rows_max: int = Field(default=100, ge=1, le=10_000)
    brake_least: int = Field(default=5, ge=0)
    brake_share: float = Field(default=0.05, ge=0, le=1)


class PushSection(_Section):
    """[push]"""

    every_s: float = Field(default=30.0, ge=1)
    create_quiet_s: float = Field(default=5.0, ge=0)
    scan_s: float = Field(default=300.0, ge=1)
    doubt_look_s: float = Field(default=60.0, ge=1)
    brake_least: int = Field(default=50, ge=0)
    brake_share: float = Field(default=0.1, ge=0, le=1)


class ReplicasSection(_Section):
    """[replicas]"""

    lease_s: float = Field(default=15.0, ge=3, le=3600)


class HistorySection(_Section):
    """[history]"""

    keep_days: float = Field(default=365.0, gt=0)


class LogSection(_Section):
    """[log]"""

    format: Literal["auto", "json", "console", "logfmt"] = "auto"
    level: Literal["debug", "info", "warning", "error"] = "info"
    progress_every_s: float = Field(default=10.0, gt=0)


class WebSection(_Section):
    """[web]"""

    listen: str = "127.0.0.1:8765"
    public_url: str = ""
    hosts: list[str] = []
    operator_token_file: str = "operator.token"  # noqa: S105  the name of a file
    open_reading: Literal["loopback", "always", "never"] = "loopback"
    personal: bool = False
    zone: Zone = "UTC"

    @field_validator("listen")
    @classmethod
    def _listenable(cls, listen: str) -> str:
        if listen.strip() and not listen.startswith("unix:/"):
            host, port = listen_address(listen)
            if not host or not 0 <= port < 65536:
                raise ValueError(
                    "is no place to listen at; write HOST:PORT as in 127.0.0.1:8765, unix:/PATH, or nothing"
                )
        return listen.strip()

    @field_validator("public_url")
    @classmethod
    def _web_address(cls, url: str) -> str:
        if url and not re.fullmatch(r"https?://[^/?#@\s]+/?", url):
            raise ValueError("must be as in https://syncd.example.org, without path, user or query")
        return url.rstrip("/")


def listen_address(listen: str) -> tuple[str, int]:
    """Host and port of HOST:PORT ([HOST]:PORT for IPv6); an empty host and port -1 where it is no such thing."""
    found = re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)\]|([^\s:/\[\]]+)):(\d{1,5})", listen.strip())
    return (found[1] or found[2], int(found[3])) if found else ("", -1)


_HOOKS_ADDRESS = re.compile(r"(https://[^/?#@\s]+|http://(localhost|127\.[\d.]+|\[::1\])(:\d+)?)(/[^?#\s]*)?")


class WebhooksSection(_Section):
    """[webhooks]"""

    public_url: str = ""
    topics: list[str] = ["product/create", "product/update", "product/delete", "order/create"]
    check_s: float = Field(default=3600.0, ge=10)
    rate_per_s: float = Field(default=50.0, gt=0)
    burst: float = Field(default=500.0, ge=1)
    looks_per_hour: float = Field(default=1800.0, ge=0)
    unknown_looks_per_hour: float = Field(default=8.0, ge=0)
    keep_days: float = Field(default=14.0, gt=0)

    @field_validator("public_url")
    @classmethod
    def _reachable(cls, url: str) -> str:
        if url and not _HOOKS_ADDRESS.fullmatch(url):
            raise ValueError(
                "must be as in https://hooks.example.org: the address holds a secret (http only on this machine)"
            )
        return url.rstrip("/")

    @field_validator("topics")
    @classmethod
    def _mirrored(cls, topics: list[str]) -> list[str]:
        known = nouns(BY_NAME.values())
        for topic in topics:
            if topic_resource(topic, known) is None:
                raise ValueError(
                    f"{topic!r} is no topic of a record that syncd mirrors; write as in product/update, order/create"
                )
        return topics


class ResourceSection(_Timed):
    """[resources.NAME]; None takes the value of [pull] or [push], or the default policy."""

    enabled: bool = True
    quick_s: float | None = Field(default=None, ge=1)
    walk_s: float | None = Field(default=None, ge=60)
    quick_cron: CrontabLine | None = None
    walk_cron: CrontabLine | None = None
    fresh_s: float | None = Field(default=None, ge=5)
    create_quiet_s: float | None = Field(default=None, ge=0)
    policy: Literal["remote", "local", "manual"] | None = None
    fields: dict[str, str] = {}
    deletes: bool = False

    @property
    def choices(self) -> dict[str, str]:
        """The ownership map: what is said of single fields, and of the rest."""
        return ({WHOLE: self.policy} if self.policy else {}) | self.fields


def _known_resource(name: str) -> str:
    if name not in BY_NAME:
        raise ValueError(f"there is no such resource; {meant(name, BY_NAME)}")
    return name


ResourceName = Annotated[str, AfterValidator(_known_resource)]


def policy_problems(name: str, own: ResourceSection) -> Iterator[str]:
    """A line for each part of a resource's policy that it cannot keep."""
    resource = BY_NAME[name]
    for field, choice in own.fields.items():
        if said := _refused(name, {field: choice}, deletes=False).removeprefix(f"{field}: "):
            known = [*resource.by_name, *resource.child_by_name]
            close = meant(field, known, strict=True) if "no such field" in said else ""
            yield f"resources.{name}.fields.{field}: {said}{f'; {close}' if close else ''}"
    if own.deletes and (said := _refused(name, {}, deletes=True)):
        yield f"resources.{name}.deletes: {said}"


def _refused(name: str, choices: dict[str, str], *, deletes: bool) -> str:
    try:
        Policy.parse(BY_NAME[name], choices, deletes=deletes)
    except ValueError as error:
        return str(error)
    return ""
