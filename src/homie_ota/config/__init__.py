"""The settings: every key there is, its default, and where its value comes from.

Rule: the command line wins over `HOMIE_OTA_SECTION__KEY`, that over the file (`homie-ota.toml`, or a `homie-ota.ini` of
the old server), that over the defaults here. A key that nobody knows is an error that names the nearest known one;
nothing is ignored in silence.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import PrivateAttr, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from homie_ota.config import ini
from homie_ota.config.announcing import AnnounceSettings
from homie_ota.config.complaints import Source, complain, unknown
from homie_ota.config.sections import (
    AuthSettings,
    HttpSettings,
    LogSettings,
    MqttSettings,
    OtaSettings,
    RolloutSettings,
    StorageSettings,
)
from homie_ota.errors import WrongUse

TOML_FILE, INI_FILE = "homie-ota.toml", "homie-ota.ini"
ENV_PREFIX = "HOMIE_OTA_"
_PATHS = {
    "http": ("tls_certificate", "tls_key"),
    "storage": ("data_dir", "firmware_dir", "database"),
    "mqtt": ("ca_file", "certificate_file", "key_file"),
    "log": ("file",),
}
"""Keys that hold paths: in a TOML file they are relative to that file, elsewhere to the working directory."""


class Settings(BaseSettings):
    """All settings of one installation."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix=ENV_PREFIX, env_nested_delimiter="__"
    )

    http: HttpSettings = HttpSettings()
    mqtt: MqttSettings = MqttSettings()
    storage: StorageSettings = StorageSettings()
    ota: OtaSettings = OtaSettings()
    rollout: RolloutSettings = RolloutSettings()
    auth: AuthSettings = AuthSettings()
    announce: AnnounceSettings = AnnounceSettings()
    log: LogSettings = LogSettings()

    _notes: list[str] = PrivateAttr(default_factory=list)

    @property
    def notes(self) -> list[str]:
        """Sentences to be said at start: what was read, and what is not as somebody might expect."""
        return self._notes

    @property
    def data_dir(self) -> Path:
        """Where this installation keeps what is not firmware."""
        return self.storage.data_dir

    @property
    def firmware_dir(self) -> Path:
        """The directory of image files."""
        return self.storage.firmware_dir

    @property
    def database_url(self) -> str:
        """A path (SQLite) or `postgresql://…`, as `Database` wants it; may hold a password."""
        return self.storage.database

    @property
    def limits(self) -> dict[str, float]:
        """State of a deployment → seconds without news after which it failed."""
        return self.rollout.model_dump(include={"offered", "transferring", "rebooting", "verifying"})

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library's signature
        init_settings: PydanticBaseSettingsSource,
        *_: Any,
        **__: Any,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load` collected: a Settings() made by hand has the defaults, whatever the environment says."""
        return (init_settings,)


KNOWN = {section: tuple(field.annotation.model_fields) for section, field in Settings.model_fields.items()}  # type: ignore[union-attr]
"""Section → its keys."""


def load(path: Path | None, env: Mapping[str, str], overrides: Mapping[str, Mapping[str, Any]]) -> Settings:
    """The settings of this installation; raises WrongUse with a sentence for each key that is wrong.

    Without a `path`: the environment's INIFILE, else homie-ota.toml, else homie-ota.ini of the working directory, else
    defaults. `overrides` are `{section: {key: value}}` of the command line; None there means not given.
    """
    file, notes = _read_file(path, env)
    sources = [
        Source("the command line", _without_none(overrides)),
        Source("the environment", _from_environment(env), ENV_PREFIX),
        Source("the environment", {"log": {"file": env["LOGFILE"]}} if env.get("LOGFILE") else {}),
        file,
    ]
    try:
        settings = Settings(**_merged(sources))
    except ValidationError as error:
        raise WrongUse(complain(error, sources, KNOWN)) from None
    settings.notes.extend(notes)
    return settings


def _merged(sources: list[Source]) -> dict[str, Any]:
    """One value a key, the first source that has it; a section that is no table is left for the check."""
    merged: dict[str, Any] = {}
    for source in reversed(sources):
        for section, keys in source.values.items():
            before = merged.get(section, {})
            both = isinstance(before, dict) and isinstance(keys, Mapping)
            merged[section] = {**before, **keys} if both else keys
    return merged


def _without_none(overrides: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    given = {
        section: {key: value for key, value in keys.items() if value is not None}
        for section, keys in overrides.items()
    }
    return {section: keys for section, keys in given.items() if keys}


def _from_environment(env: Mapping[str, str]) -> dict[str, Any]:
    ours = {name.lower(): value for name, value in env.items() if name.upper().startswith(ENV_PREFIX)}
    for name in ours:
        section, delimiter, key = name[len(ENV_PREFIX) :].partition("__")
        if delimiter and section not in KNOWN:
            raise WrongUse(f"The environment's {name.upper()}: {unknown(section, key, KNOWN)}")
    source = EnvSettingsSource(Settings)
    source.env_vars = ours
    try:
        return source()
    except SettingsError as error:
        raise WrongUse(f"The environment cannot be read: {error}.") from None


def file_of(path: Path | None, env: Mapping[str, str]) -> Path | None:
    """Which file `load` reads its settings from; None: there is none, and all have their defaults."""
    if path is not None:
        return path
    if env.get("INIFILE"):
        return Path(env["INIFILE"])
    return next((each for each in (Path(TOML_FILE), Path(INI_FILE)) if each.is_file()), None)


def _read_file(path: Path | None, env: Mapping[str, str]) -> tuple[Source, list[str]]:
    notes: list[str] = []
    file = file_of(path, env)
    if file is None:
        return Source("the defaults", {}), notes
    if path is None and not env.get("INIFILE") and file == Path(TOML_FILE) and Path(INI_FILE).is_file():
        notes.append(
            f"Both {TOML_FILE} and {INI_FILE} are here: {TOML_FILE} is used, {INI_FILE} is not read."
        )
    try:
        data = file.read_bytes()
    except OSError as error:
        raise WrongUse(f"The settings file {file} cannot be read: {error.strerror}.") from None
    if file.suffix == ".toml":
        return Source(file.name, _from_toml(file, data)), notes
    values, said = ini.read(data, file.name)
    return Source(file.name, values), notes + said


def _from_toml(path: Path, data: bytes) -> dict[str, Any]:
    try:
        values = tomllib.loads(data.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WrongUse(f"{path.name} is no valid TOML: {error}.") from None
    for section, keys in _PATHS.items():
        for key in keys:
            table = values.get(section)
            given = table.get(key) if isinstance(table, dict) else None
            if isinstance(given, str) and given and "://" not in given:
                values[section][key] = str(path.parent / given)
    return values
