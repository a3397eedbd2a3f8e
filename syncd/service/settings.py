"""What an owner can set: one TOML file, every key also as SYNCD_SECTION__KEY in the environment.

The only place besides `host` that reads the environment. Every value has a default that is right for one shop on one
machine; `config/syncd.toml` explains each key. Must not open databases or the network: a wrong setting is found first.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from pydantic import ValidationError, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from syncd.domain.secret import Secret
from syncd.errors import SettingsProblem
from syncd.host.keyfile import KeySources
from syncd.host.tokenfile import TokenSources
from syncd.service import settings_file
from syncd.service.sections import (
    BudgetSection,
    DatabaseSection,
    HistorySection,
    LogSection,
    PullSection,
    PushSection,
    RemoteSection,
    ReplicasSection,
    ResourceName,
    ResourceSection,
    VaultSection,
    WebhooksSection,
    WebSection,
    policy_problems,
)
from syncd.service.words import meant

SHORT_FORMS: Final = {
    "SYNCD_DATABASE_URL": ("database", "url"),
    "SYNCD_STATE_URL": ("database", "state_url"),
    "SYNCD_KEY_FILE": ("vault", "key_file"),
}
#: Names that begin like settings and are read elsewhere.
OTHER_NAMES: Final = ("SYNCD_CONFIG", "SYNCD_KEY", "SYNCD_OPERATOR_TOKEN")


class Settings(BaseSettings):
    """All settings, checked. Built by `load`, which finds the file and reports every problem at once."""

    model_config = SettingsConfigDict(
        env_prefix="SYNCD_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    database: DatabaseSection = DatabaseSection()
    vault: VaultSection = VaultSection()
    remote: RemoteSection = RemoteSection()
    budget: BudgetSection = BudgetSection()
    pull: PullSection = PullSection()
    push: PushSection = PushSection()
    history: HistorySection = HistorySection()
    replicas: ReplicasSection = ReplicasSection()
    log: LogSection = LogSection()
    web: WebSection = WebSection()
    webhooks: WebhooksSection = WebhooksSection()
    resources: dict[ResourceName, ResourceSection] = {}

    @field_validator("resources")
    @classmethod
    def _fitting_policies(cls, resources: dict[str, ResourceSection]) -> dict[str, ResourceSection]:
        problems = [problem for name, own in resources.items() for problem in policy_problems(name, own)]
        if problems:
            raise PydanticCustomError("policies", "cannot be kept", {"problems": problems})
        return resources

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  passed by the library
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment stands above the file, whose content comes in as arguments."""
        return (env_settings, _ShortForms(settings_cls), init_settings)


class _ShortForms(PydanticBaseSettingsSource):
    """SYNCD_DATABASE_URL and its like."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        """Not asked: `__call__` answers for all fields together."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """The sections that the short forms fill."""
        found: dict[str, Any] = {}
        for name, (section, key) in SHORT_FORMS.items():
            if name in os.environ:
                found.setdefault(section, {})[key] = os.environ[name]
        return found


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings with the place they came from. `folder` is what relative paths start at."""

    settings: Settings
    file: Path | None
    folder: Path

    def path(self, text: str) -> Path:
        """A path of the settings, made absolute."""
        return (self.folder / Path(text).expanduser()).resolve()

    @property
    def mirror_url(self) -> str:
        """The mirror's address with an absolute path."""
        return self._absolute(self.settings.database.url)

    @property
    def state_url(self) -> str | None:
        """The state database's address where one was set; None where it follows from the mirror's."""
        url = self.settings.database.state_url
        return self._absolute(url) if url else None

    @property
    def home(self) -> Path:
        """Where locks and the token journal lie: beside the databases on SQLite, else beside the settings."""
        url = self.state_url or self.mirror_url
        return Path(url.removeprefix("sqlite:///")).parent if url.startswith("sqlite") else self.folder

    @property
    def key_file(self) -> Path:
        """Where `syncd init` puts the sealing key."""
        return self.path(self.settings.vault.key_file)

    @property
    def key_sources(self) -> KeySources:
        """Where the sealing key may lie (design 7); the file counts where it was named, or is there."""
        chosen = "key_file" in self.settings.vault.model_fields_set or self.key_file.exists()
        credentials, key = os.environ.get("CREDENTIALS_DIRECTORY"), os.environ.get("SYNCD_KEY")
        return KeySources(
            key_file=self.key_file if chosen else None,
            credentials_folder=Path(credentials) if credentials else None,
            key=Secret(key) if key else None,
        )

    @property
    def operator_token_file(self) -> Path:
        """Where `syncd init` puts the operator's token."""
        return self.path(self.settings.web.operator_token_file)

    @property
    def token_sources(self) -> TokenSources:
        """Where the operator's token may lie; the file counts where it was named, or is there."""
        chosen = "operator_token_file" in self.settings.web.model_fields_set or self.operator_token_file.exists()
        credentials, token = os.environ.get("CREDENTIALS_DIRECTORY"), os.environ.get("SYNCD_OPERATOR_TOKEN")
        return TokenSources(
            token_file=self.operator_token_file if chosen else None,
            credentials_folder=Path(credentials) if credentials else None,
            token=Secret(token) if token else None,
        )

    def _absolute(self, url: str) -> str:
        if not url.startswith("sqlite:///"):
            return self._with_password(url)
        return f"sqlite:///{self.path(url.removeprefix('sqlite:///'))}"

    def _with_password(self, url: str) -> str:
        """The address with the password of its file, where it names a user and no password."""
        user, at, rest = url.rpartition("@")
        if not self.settings.database.password_file or not at or ":" in user.partition("://")[2]:
            return url
        file = self.path(self.settings.database.password_file)
        try:
            password = file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsProblem(
                f"database.password_file: {file} cannot be read: {error.strerror}", hint=f"Look at: ls -l {file}"
            ) from error
        return f"{user}:{quote(password, safe='')}@{rest}"


def load(config: Path | None = None) -> Loaded:
    """Find and read the settings. Raises SettingsProblem that names every wrong key with its fix."""
    file = settings_file.find(config, os.environ.get("SYNCD_CONFIG"))
    content = settings_file.read(file) if file else {}
    problems = list(_unknown_names(os.environ))
    settings = None
    try:
        settings = Settings(**content)
    except ValidationError as error:
        problems += settings_file.explain(error, Settings, file, _sources(os.environ))
    if problems or settings is None:
        count = "1 setting is wrong" if len(problems) == 1 else f"{len(problems)} settings are wrong"
        raise SettingsProblem(
            "\n".join([f"{count}:", *(f"  {line}" for line in problems)]),
            hint=f"correct {file or 'the environment'}, then: syncd doctor",
        )
    return Loaded(settings, file, (file.parent if file else Path()).resolve())


def watchdog_s() -> float:
    """Within how many seconds systemd wants to hear that this process is well; 0 where it does not watch us."""
    within, whom = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    if not within.isdigit() or (whom and whom != str(os.getpid())):
        return 0.0
    return int(within) / 1e6


def notify_socket() -> str:
    """The address at which systemd wants to hear of us; empty where nobody does."""
    return os.environ.get("NOTIFY_SOCKET", "")


def _sources(environ: Mapping[str, str]) -> dict[tuple[str, ...], str]:
    """Which variable each key came from."""
    long_forms = {
        tuple(name.removeprefix("SYNCD_").lower().split("__")): name
        for name in environ
        if name.startswith("SYNCD_") and "__" in name
    }
    return long_forms | {key: name for name, key in SHORT_FORMS.items() if name in environ}


def _unknown_names(environ: Mapping[str, str]) -> Iterator[str]:
    """Variables that look like settings and are none; those inside a known section are found by the model."""
    sections = [f"SYNCD_{section.upper()}__" for section in Settings.model_fields]
    for name in sorted(environ):
        if not name.startswith("SYNCD_") or name in SHORT_FORMS or name in OTHER_NAMES:
            continue
        if "__" in name and not name.startswith(tuple(sections)):
            known = [section.removesuffix("__") for section in sections]
            yield f"{name} (environment): there is no such section; {meant(name.split('__')[0], known)}"
        elif "__" not in name and (close := meant(name, (*SHORT_FORMS, *OTHER_NAMES), strict=True)):
            yield f"{name} (environment): there is no such setting; {close}"
