"""The settings of the old INI as a `homie-ota.toml`, and what is said about each key.

Rule: a settings file that is there is never changed; then it is said which keys would stand there. What the file would
hold is checked before anything is written. The login becomes an account, so no password of people is in the file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from homie_ota.config import TOML_FILE, Settings, ini, load
from homie_ota.errors import WrongUse
from homie_ota.migrate.places import INI, Old
from homie_ota.migrate.report import Report, Took

KIND = "settings"

_OLD = {
    ("http", "host"): "OTA_HOST",
    ("http", "port"): "OTA_PORT",
    ("http", "base_path"): "OTA_BASE_URL",
    ("ota", "path"): "OTA_ENDPOINT",
    ("mqtt", "url"): "MQTT_HOST, MQTT_PORT",
    ("mqtt", "username"): "MQTT_USERNAME",
    ("mqtt", "password"): "MQTT_PASSWORD",
    ("mqtt", "ca_file"): "MQTT_CAFILE",
    ("mqtt", "base_topics"): "MQTT_SENSOR_PREFIX",
    ("auth", "open_to_private"): "no HTTP_USER",
    ("log", "level"): "DEBUG",
}
"""Our key → the old ones that it comes from; those that are not here are told one by one."""

_SECRET, _NUMBER = ("mqtt", "password"), ("http", "port")


class Read(NamedTuple):
    """What the old INI says: our values, the firmware directory as it is named there, name and password of people."""

    values: dict[str, dict[str, Any]]
    root: str
    user: str
    password: str


def read(folder: Path, path: Path | None, report: Report) -> Read:
    """Read the INI; WrongUse when a key has a value that no server could use."""
    strange: list[str] = []
    values, notes = ini.read(path.read_bytes() if path else b"", path.name if path else INI, strange)
    if path is None:
        report.add(KIND, INI, Took.LEFT, f"There is none in {folder}: the old server's defaults are taken.")
    for name in strange:
        report.add(KIND, name, Took.LEFT, "The old server had no such key, and this one has none like it.")
    for note in notes[1:]:
        report.add(KIND, path.name if path else INI, Took.LEFT, note)
    auth = values["auth"]
    found = Read(values, values["storage"]["firmware_dir"], auth.pop("user", ""), auth.pop("password", ""))
    if ca_file := values["mqtt"].get("ca_file"):
        values["mqtt"]["ca_file"] = str(folder.resolve() / ca_file)
    return found


def text_of(values: Mapping[str, Mapping[str, Any]]) -> str:
    """The values that are not our defaults, as TOML."""
    lines = ["# Made by homie-ota migrate out of the old server's INI. All keys: docs, settings."]
    for section, keys in values.items():
        wanted = {key: value for key, value in keys.items() if not _same(value, _default(section, key))}
        if wanted:
            lines += ["", f"[{section}]", *(f"{key} = {_toml(value)}" for key, value in wanted.items())]
    return "\n".join(lines) + "\n"


def _default(section: str, key: str) -> Any:
    return getattr(getattr(Settings(), section), key)


def _same(value: Any, default: Any) -> bool:
    return not isinstance(value, list) and str(value).lower() == str(default).lower()


def _toml(value: Any) -> str:
    """JSON's strings, numbers and lists are TOML's, but for one control character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def chosen(values: Mapping[str, Mapping[str, Any]], data: Path) -> dict[str, dict[str, Any]]:
    """What the new file says: the old values that have a place there, and where the data are."""
    ours = {(section, key): value for section, keys in values.items() for key, value in keys.items()}
    found: dict[str, dict[str, Any]] = {"storage": {"data_dir": str(data.resolve())}}
    for (section, key), value in ours.items():
        if (section, key) in _OLD and value not in ("", False, None):
            is_number = (section, key) == _NUMBER and value.isdecimal()
            found.setdefault(section, {})[key] = int(value) if is_number else value
    return found


def checked(text: str, env: Mapping[str, str], overrides: Mapping[str, Mapping[str, Any]]) -> Settings:
    """The settings that a server would have with this file; raises WrongUse."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / TOML_FILE
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        return load(path, env, overrides)


def tell(
    found: Mapping[str, Mapping[str, Any]], old: Old, file: Path, *, written: bool, report: Report
) -> None:
    """A line for each key; `written`: the file is made by us, else a person has to do it."""
    for (section, key), names in _OLD.items():
        value = found.get(section, {}).get(key)
        if value is None:
            continue
        shown = "as it is" if (section, key) == _SECRET else _toml(value)
        where = f"[{section}] {key} = {shown}"
        if _same(value, _default(section, key)):
            report.add(KIND, names, Took.LEFT, f"{where} is so by default here, too.")
        elif written:
            report.add(KIND, names, Took.TAKEN, f"{where} in {file}")
        else:
            report.add(KIND, names, Took.LEFT, f"{file} is there and is not changed; it would be {where}")
    if old.root:
        text = f"Images are copied to the new place; {old.root} stays as it is."
        report.add(KIND, "OTA_FIRMWARE_ROOT", Took.LEFT, text)
    report.add(KIND, "LOGFILE", Took.LEFT, "The log goes to standard error; [log] file names a file.")


def write(file: Path, text: str) -> None:
    """Write the new file, readable for its owner only; WrongUse when it cannot be."""
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(text)
    except OSError as error:
        raise WrongUse(f"{file} cannot be written: {error.strerror}.") from None
