"""A `homie-ota.ini` of the old server, read as it is: every key of it, with the same meaning and defaults.

Rule: one table says which key of ours each old key is. What we do otherwise than the old server is said, never done in
silence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from configparser import Error, RawConfigParser
from typing import Any, NamedTuple

from homie_ota.config.complaints import unknown
from homie_ota.errors import WrongUse

LOG_FILE = "homie-ota.log"
"""Where the old server logs unless the environment's LOGFILE says otherwise."""


class _Key(NamedTuple):
    section: str
    default: str | None  # None: the key may be missing
    ours: tuple[str, str] | None = None  # None: it is turned into something else below


_KEYS = {
    "DEBUG": _Key("global", "False"),
    "DEBUG_SENSOR": _Key("global", None),
    "OTA_HOST": _Key("global", "0.0.0.0", ("http", "host")),
    "OTA_PORT": _Key("global", "9080", ("http", "port")),
    "OTA_ENDPOINT": _Key("global", "/ota", ("ota", "path")),
    "OTA_FIRMWARE_ROOT": _Key("global", "./firmwares", ("storage", "firmware_dir")),
    "OTA_BASE_URL": _Key("global", None, ("http", "base_path")),
    "OTA_FIRMWARE_BASE64": _Key("global", "True"),
    "HTTP_USER": _Key("global", None, ("auth", "user")),
    "HTTP_PASSWORD": _Key("global", None, ("auth", "password")),
    "MQTT_HOST": _Key("mqtt", "localhost"),
    "MQTT_PORT": _Key("mqtt", "1883"),
    "MQTT_USERNAME": _Key("mqtt", None, ("mqtt", "username")),
    "MQTT_PASSWORD": _Key("mqtt", None, ("mqtt", "password")),
    "MQTT_CAFILE": _Key("mqtt", None, ("mqtt", "ca_file")),
    "MQTT_SENSOR_PREFIX": _Key("mqtt", "devices"),
}
_KNOWN = {
    section: [name for name, key in _KEYS.items() if key.section == section] for section in ("global", "mqtt")
}
_BOOLEANS = {
    "1": True,
    "yes": True,
    "true": True,
    "on": True,
    "0": False,
    "no": False,
    "false": False,
    "off": False,
}


def read(
    data: bytes, filename: str, strange: list[str] | None = None
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Our settings out of the old file's bytes, and what is to be said about them; raises WrongUse.

    Keys that the old server did not have are an error, or are left out and put into `strange` where that is given.
    """
    given = _parse(data, filename, strange)
    words = {name: given.get(name, key.default) for name, key in _KEYS.items()}
    values: dict[str, dict[str, Any]] = {}
    for name, key in _KEYS.items():
        if key.ours and words[name] is not None:
            values.setdefault(key.ours[0], {})[key.ours[1]] = words[name]
    values.setdefault("mqtt", {}).update(_broker(words, filename))
    values["log"] = {
        "file": LOG_FILE,
        "level": "debug" if _boolean("DEBUG", words, filename) else "info",
    }
    values.setdefault("auth", {})["open_to_private"] = not words["HTTP_USER"]
    return values, [note for say in _NOTES if (note := say(words, filename))]


def _parse(data: bytes, filename: str, strange: list[str] | None = None) -> dict[str, str]:
    # As Python 2 read it: `;` begins a comment behind a value too, and a key given twice counts the second time.
    parser = RawConfigParser(inline_comment_prefixes=(";",), strict=False)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    try:
        parser.read_string(text, filename)
    except Error as error:
        raise WrongUse(f"{filename} cannot be read: {' '.join(str(error).split())}.") from None
    given = {}
    for section in parser.sections():
        for name, value in parser.items(section):
            if name.upper() in _KNOWN.get(section, ()):
                given[name.upper()] = value.strip()
            elif strange is None:
                raise WrongUse(f"{filename}: {unknown(section, name.upper(), _KNOWN)}")
            else:
                strange.append(f"[{section}] {name.upper()}")
    return given


def _broker(words: Mapping[str, str | None], filename: str) -> dict[str, Any]:
    port = words["MQTT_PORT"] or ""
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise WrongUse(f"{filename}: [mqtt] MQTT_PORT: expected a port (1 to 65535), got {port!r:.80}.")
    host = words["MQTT_HOST"] or ""
    bracketed = f"[{host}]" if ":" in host else host
    scheme = "mqtts" if words["MQTT_CAFILE"] else "mqtt"
    return {"url": f"{scheme}://{bracketed}:{port}", "base_topics": [words["MQTT_SENSOR_PREFIX"]]}


def _boolean(name: str, words: Mapping[str, str | None], filename: str) -> bool:
    value = _BOOLEANS.get((words[name] or "").lower())
    if value is None:
        raise WrongUse(f"{filename}: [global] {name}: expected True or False, got {words[name]!r:.80}.")
    return value


# --- What is said at start ----------------------------------------------------------------------------------------


def _about_base64(words: Mapping[str, str | None], filename: str) -> str:
    asked = "base64" if _boolean("OTA_FIRMWARE_BASE64", words, filename) else ""
    return (
        f"Images are sent in binary, whatever OTA_FIRMWARE_BASE64 in {filename} says"
        f"{' (it asks for base64, or is not there)' if asked else ''}: base64 is a switch of each device."
    )


def _about_login(words: Mapping[str, str | None], filename: str) -> str:
    if not words["HTTP_USER"]:
        return (
            f"{filename} has no HTTP_USER, so the old server was open to everybody. This one stays open without login "
            "to this computer and to private addresses until there is a user: homie-ota user add NAME."
        )
    if not words["HTTP_PASSWORD"]:
        raise WrongUse(f"{filename}: [global] HTTP_USER is set, but HTTP_PASSWORD is not. Set both or none.")
    return ""


def _about_sensors(words: Mapping[str, str | None], filename: str) -> str:
    given = words["DEBUG_SENSOR"] is not None
    return f"DEBUG_SENSOR in {filename} has no use here: values of devices are not logged." if given else ""


def _about_file(_words: Mapping[str, str | None], filename: str) -> str:
    return f"The settings are those of the old server's {filename}."


_NOTES: tuple[Callable[[Mapping[str, str | None], str], str], ...] = (
    _about_file,
    _about_base64,
    _about_login,
    _about_sensors,
)
