"""Settings: where each value comes from, what is said about wrong ones, and the old server's INI as it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.config import KNOWN, Settings, load
from homie_ota.errors import WrongUse
from homie_ota.model import ACTIVE, DeploymentState

OLD_INI = """\
[global]
DEBUG			= True

OTA_HOST		= 192.0.2.7
OTA_PORT		= 9081
OTA_ENDPOINT		= /update-me
OTA_FIRMWARE_ROOT	= ./images
OTA_BASE_URL		= /homie-ota
OTA_FIRMWARE_BASE64	= False
HTTP_USER		= anna
HTTP_PASSWORD		= s%cr=t

[mqtt]
MQTT_HOST		= broker.example.org
MQTT_CAFILE		= /etc/ssl/ca.crt
MQTT_PORT		= 8883
MQTT_USERNAME		= John
MQTT_PASSWORD		= secret
MQTT_SENSOR_PREFIX	= house/devices
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test works in an empty directory of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(name: str, text: str) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def refused(
    path: Path | None, env: Mapping[str, str] | None = None, overrides: Mapping[str, Any] | None = None
) -> str:
    with pytest.raises(WrongUse) as caught:
        load(path, env or {}, overrides or {})
    return str(caught.value)


def test_without_anything_the_defaults_hold() -> None:
    settings = load(None, {}, {})
    assert settings == Settings()
    assert (settings.http.port, settings.ota.path, settings.rollout.parallel) == (9080, "/ota", 3)
    assert settings.mqtt.base_topics == ("homie/", "devices/")
    assert (settings.mqtt.url, settings.mqtt.host) == ("", "")
    assert settings.ota.max_upload == 16 * 1024 * 1024
    assert not settings.ota.open_mode
    assert settings.notes == []


def test_every_waiting_state_of_a_deployment_has_its_limit() -> None:
    limits = load(None, {"HOMIE_OTA_ROLLOUT__OFFERED": "5m"}, {}).limits
    assert limits.keys() == ACTIVE - {DeploymentState.QUEUED}
    assert limits["offered"] == 300.0


def test_the_command_line_wins_over_the_environment_and_that_over_the_file() -> None:
    path = written("homie-ota.toml", '[http]\nport = 1001\nhost = "192.0.2.1"\nbase_path = "/a"\n')
    env = {"HOMIE_OTA_HTTP__PORT": "1002", "HOMIE_OTA_HTTP__HOST": "192.0.2.2"}
    http = load(path, env, {"http": {"port": 1003}}).http
    assert (http.port, http.host, http.base_path) == (1003, "192.0.2.2", "/a")


def test_an_option_that_was_not_given_hides_nothing() -> None:
    path = written("homie-ota.toml", "[http]\nport = 1001\n")
    assert load(path, {}, {"http": {"port": None}, "mqtt": {"url": None}}).http.port == 1001


def test_the_file_in_the_working_directory_is_found() -> None:
    written("homie-ota.toml", "[http]\nport = 1001\n")
    assert load(None, {}, {}).http.port == 1001


def test_the_old_ini_in_the_working_directory_is_found() -> None:
    written("homie-ota.ini", OLD_INI)
    assert load(None, {}, {}).http.port == 9081


def test_with_both_files_the_new_one_is_read_and_it_is_said() -> None:
    written("homie-ota.toml", "[http]\nport = 1001\n")
    written("homie-ota.ini", OLD_INI)
    settings = load(None, {}, {})
    assert settings.http.port == 1001
    assert "homie-ota.ini is not read" in settings.notes[0]


def test_inifile_and_logfile_of_the_environment_are_kept() -> None:
    written("etc/ota.ini", OLD_INI)
    settings = load(None, {"INIFILE": "etc/ota.ini", "LOGFILE": "/var/log/ota.log"}, {})
    assert (settings.http.port, settings.log.file) == (9081, "/var/log/ota.log")
    env = {"LOGFILE": "a.log", "HOMIE_OTA_LOG__FILE": "b.log"}
    assert load(None, env, {}).log.file == "b.log"


@pytest.mark.parametrize("name", ["nowhere.toml", "nowhere.ini"])
def test_a_file_that_is_not_there_is_an_error(name: str) -> None:
    assert name in refused(Path(name))
    assert name in refused(None, {"INIFILE": name})


def test_a_broken_file_is_an_error_with_its_line() -> None:
    assert "line 2" in refused(written("homie-ota.toml", "[http]\nport = \n"))
    assert "homie-ota.ini cannot be read" in refused(written("homie-ota.ini", "DEBUG = True\n"))


def test_paths_in_a_toml_file_are_relative_to_it_and_elsewhere_to_the_working_directory() -> None:
    path = written("etc/homie-ota.toml", '[storage]\nfirmware_dir = "fw"\n[log]\nfile = "/var/log/x"\n')
    settings = load(path, {"HOMIE_OTA_MQTT__CA_FILE": "ca.crt"}, {})
    assert settings.storage.firmware_dir == Path("etc/fw")
    assert (settings.log.file, settings.mqtt.ca_file) == ("/var/log/x", "ca.crt")


def test_firmware_and_database_are_below_the_data_directory_unless_said_otherwise() -> None:
    storage = load(None, {}, {"storage": {"data_dir": "/srv/ota"}}).storage
    assert storage.firmware_dir == Path("/srv/ota/firmwares")
    assert storage.database == "/srv/ota/homie-ota.sqlite3"
    env = {"HOMIE_OTA_STORAGE__DATABASE": "postgresql://a:b@host/ota"}
    storage = load(None, env, {"storage": {"data_dir": "/srv/ota"}}).storage
    assert storage.database == "postgresql://a:b@host/ota"
    assert storage.firmware_dir == Path("/srv/ota/firmwares")


def test_a_database_elsewhere_is_no_path_in_a_toml_file() -> None:
    path = written("etc/x.toml", '[storage]\ndatabase = "postgresql://host/ota"\n')
    assert load(path, {}, {}).storage.database == "postgresql://host/ota"


@pytest.mark.parametrize(
    ("text", "topics"),
    [
        ("homie", ("homie/",)),
        ("homie/,devices", ("homie/", "devices/")),
        ('["house/homie", "sknSensors/"]', ("house/homie/", "sknSensors/")),
        ("homie,homie/,homie//", ("homie/",)),
    ],
)
def test_base_topics_get_their_slash(text: str, topics: tuple[str, ...]) -> None:
    assert load(None, {"HOMIE_OTA_MQTT__BASE_TOPICS": text}, {}).mqtt.base_topics == topics


@pytest.mark.parametrize("topic", ["#", "homie/#", "+/x", "", "/", "$SYS/"])
def test_a_base_topic_that_would_subscribe_to_everything_is_refused(topic: str) -> None:
    said = refused(None, {}, {"mqtt": {"base_topics": [topic]}})
    assert "base_topics" in said
    assert "without # and +" in said


def test_the_password_is_taken_out_of_the_brokers_address() -> None:
    mqtt = load(None, {}, {"mqtt": {"url": "mqtt://jo:s%40fe@broker:1884"}}).mqtt
    assert (mqtt.url, mqtt.host, mqtt.port, mqtt.tls) == ("mqtt://broker:1884", "broker", 1884, False)
    assert (mqtt.username, mqtt.password.get_secret_value()) == ("jo", "s@fe")


@pytest.mark.parametrize(
    ("url", "host", "port", "tls"),
    [
        ("broker", "broker", 1883, False),
        ("mqtt://broker", "broker", 1883, False),
        ("mqtts://broker", "broker", 8883, True),
        ("mqtt://[::1]:99", "::1", 99, False),
    ],
)
def test_broker_addresses(url: str, host: str, port: int, tls: bool) -> None:
    mqtt = load(None, {}, {"mqtt": {"url": url}}).mqtt
    assert (mqtt.host, mqtt.port, mqtt.tls) == (host, port, tls)


@pytest.mark.parametrize(
    "url", ["http://broker", "mqtt://", "mqtt://broker:x", "mqtt://broker:0", "mqtt://u:p@"]
)
def test_what_is_no_broker_address_is_refused(url: str) -> None:
    assert "expected an address like mqtt://host:1883" in refused(None, {}, {"mqtt": {"url": url}})


@pytest.mark.parametrize(("text", "size"), [("16777216", 1 << 24), ("16 MiB", 1 << 24), ("2mb", 2_000_000)])
def test_sizes_take_units(text: str, size: int) -> None:
    assert load(None, {"HOMIE_OTA_OTA__MAX_UPLOAD": text}, {}).ota.max_upload == size


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("10m", 600), ("1.5 h", 5400)])
def test_durations_take_units(text: str, seconds: float) -> None:
    assert load(None, {"HOMIE_OTA_ROLLOUT__REBOOTING": text}, {}).rollout.rebooting == seconds


@pytest.mark.parametrize(
    ("given_path", "kept"), [("/", ""), ("", ""), ("homie-ota", "/homie-ota"), ("/a/b/", "/a/b")]
)
def test_prefixes_have_one_spelling(given_path: str, kept: str) -> None:
    assert load(None, {}, {"http": {"base_path": given_path}}).http.base_path == kept


WRONG = [
    ('[http]\nport = "x"', "homie-ota.toml: [http] port: expected a whole number, got 'x'."),
    ("[http]\nport = 70000", "[http] port: expected a number of at most 65535, got 70000."),
    ('[ota]\nopen_mode = "maybe"', "[ota] open_mode: expected true or false, got 'maybe'."),
    ('[log]\nlevel = "loud"', "expected 'debug', 'info', 'warning' or 'error', got 'loud'."),
    ("[rollout]\nparallel = 0", "[rollout] parallel: expected a number of at least 1, got 0."),
    ('[rollout]\noffered = "soon"', "expected a duration in seconds, or like 90s, 10m, 1h, got 'soon'."),
    ('[ota]\nmax_upload = "16 MiX"', "expected a size like 16777216 or 16 MiB, got '16 MiX'."),
    ('[ota]\npath = "/a b"', "expected a path like /homie-ota, got '/a b'."),
    ('[http]\npublic_url = "ota.local"', "expected an address like http://ota.example.org:9080"),
    ('[http]\nmdns_ota = "our ota"', 'expected a name like "homie-ota"'),
    ("[http]\nprot = 1", 'there is no key "prot" in [http]. The nearest known one is "port".'),
    (
        '[mqtt]\nbase_topic = "x/"',
        'there is no key "base_topic" in [mqtt]. The nearest known one is "base_topics".',
    ),
    ('[http]\nurl = "mqtt://x"', 'The nearest known one is "url" in [mqtt].'),
    ('[mqqt]\nurl = "x"', "The nearest known one is [mqtt]."),
    ("port = 1", 'The nearest known one is "port" in [http].'),
    ("http = 1", "[http]: expected a table of keys."),
    (
        '[storage]\ndatabase = "postgres://me@host/ota"',
        "[storage] database: expected a path, or an address like postgresql://user:password@host/name.",
    ),
    ('[storage]\ndatabase = "postgresql://me@host:port/ota"', "[storage] database: expected a path, or"),
]


@pytest.mark.parametrize(("text", "sentence"), WRONG)
def test_a_wrong_setting_is_named_with_what_was_expected(text: str, sentence: str) -> None:
    said = refused(written("homie-ota.toml", text))
    assert sentence in said
    assert "\n" not in said


def test_every_wrong_setting_is_said_at_once() -> None:
    said = refused(written("homie-ota.toml", '[http]\nport = "x"\nprot = 2\n[mqqt]\n'))
    assert len(said.splitlines()) == 3


def test_a_wrong_setting_is_told_where_it_was_made() -> None:
    assert "HOMIE_OTA_HTTP__PORT: expected" in refused(None, {"HOMIE_OTA_HTTP__PORT": "x"})
    assert 'The nearest known one is "port"' in refused(None, {"HOMIE_OTA_HTTP__PRT": "1"})
    assert "HOMIE_OTA_HTPT__PORT: there is no section [htpt]" in refused(None, {"HOMIE_OTA_HTPT__PORT": "1"})
    assert refused(None, {}, {"http": {"port": "x"}}).startswith("The command line: [http] port")


@pytest.mark.parametrize("section", KNOWN)
def test_the_nearest_key_of_every_misspelt_one_is_named(section: str) -> None:
    for key in KNOWN[section]:
        said = refused(None, {}, {section: {key[:-1] + "qx": "1"}})
        assert f'The nearest known one is "{key}".' in said


def test_variables_of_the_command_line_client_are_not_settings() -> None:
    env = {"HOMIE_OTA_SERVER": "http://x", "HOMIE_OTA_TOKEN": "t", "HOMIE_OTA_SHARED": "/x", "PATH": "/bin"}
    assert load(None, env, {}) == Settings()


SECRETS = [
    {"mqtt": {"url": "mqtt://jo:hunter2@broker", "password": "hunter2"}},
    {"auth": {"user": "jo", "password": "hunter2"}},
    {"storage": {"database": "postgresql://jo:hunter2@host/ota"}},
]


@pytest.mark.parametrize("overrides", SECRETS)
def test_secrets_are_never_shown(overrides: dict[str, dict[str, str]]) -> None:
    settings = load(None, {}, overrides)
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in str(settings)


@pytest.mark.parametrize(
    "overrides",
    [
        {"mqtt": {"url": "ftp://jo:hunter2@broker"}},
        {"mqtt": {"url": "mqtt://jo:hunter2@broker:port"}},
        {"mqtt": {"password": ["hunter2"]}},
        {"mqtt": {"pasword": "hunter2"}},
        {"mqtt": "mqtt://jo:hunter2@broker"},
        {"storage": {"database": ["hunter2"]}},
        {"storage": {"database": "mysql://jo:hunter2@host/ota"}},
    ],
)
def test_secrets_are_not_repeated_in_errors(overrides: dict[str, Any], here: Path) -> None:
    with pytest.raises(WrongUse) as caught:
        load(written("x.toml", _toml(overrides)), {}, {})
    assert "hunter2" not in str(caught.value)


def _toml(values: dict[str, Any]) -> str:
    lines = []
    for section, keys in values.items():
        if isinstance(keys, dict):
            lines += [f"[{section}]", *(f"{key} = {value!r}" for key, value in keys.items())]
        else:
            lines.append(f"{section} = {keys!r}")
    return "\n".join(lines)


@given(st.dictionaries(st.text(max_size=12), st.dictionaries(st.text(max_size=12), st.text(max_size=12))))
def test_any_nonsense_is_a_sentence_and_nothing_else(overrides: dict[str, dict[str, str]]) -> None:
    given_keys = {section: keys for section, keys in overrides.items() if keys}
    try:
        settings: Settings | None = load(None, {}, overrides)
    except WrongUse:
        settings = None
    if given_keys.keys() - KNOWN.keys():
        assert settings is None
    if not given_keys:
        assert settings == Settings()


# --- The old server's INI -----------------------------------------------------------------------------------------


def test_every_key_of_the_old_ini_is_read() -> None:
    settings = load(written("homie-ota.ini", OLD_INI), {}, {})
    assert (settings.http.host, settings.http.port, settings.http.base_path) == (
        "192.0.2.7",
        9081,
        "/homie-ota",
    )
    assert settings.ota.path == "/update-me"
    assert settings.storage.firmware_dir == Path("images")
    assert (settings.mqtt.url, settings.mqtt.ca_file) == (
        "mqtts://broker.example.org:8883",
        "/etc/ssl/ca.crt",
    )
    assert (settings.mqtt.username, settings.mqtt.password.get_secret_value()) == ("John", "secret")
    assert settings.mqtt.base_topics == ("house/devices/",)
    assert (settings.auth.user, settings.auth.password.get_secret_value()) == ("anna", "s%cr=t")
    assert not settings.auth.open_to_private
    assert (settings.log.level, settings.log.file) == ("debug", "homie-ota.log")


def test_what_the_old_ini_leaves_out_has_the_old_servers_defaults() -> None:
    settings = load(written("homie-ota.ini", "[global]\n[mqtt]\n"), {}, {})
    assert (settings.http.host, settings.http.port, settings.http.base_path) == ("0.0.0.0", 9080, "")
    assert (settings.ota.path, settings.storage.firmware_dir) == ("/ota", Path("firmwares"))
    assert (settings.mqtt.url, settings.mqtt.username) == ("mqtt://localhost:1883", "")
    assert settings.mqtt.base_topics == ("devices/",)
    assert settings.log.level == "info"


def test_what_is_done_otherwise_than_the_old_server_did_is_said() -> None:
    notes = load(written("homie-ota.ini", "[global]\n[mqtt]\n"), {}, {}).notes
    assert any("sent in binary, whatever OTA_FIRMWARE_BASE64" in note for note in notes)
    assert any("without login" in note for note in notes)
    notes = load(written("homie-ota.ini", OLD_INI), {}, {}).notes
    assert any("sent in binary" in note for note in notes)
    assert not any("without login" in note for note in notes)


def test_a_key_of_its_last_versions_is_no_error_and_said_to_have_no_use() -> None:
    notes = load(written("homie-ota.ini", "[global]\nDEBUG_SENSOR = False\n[mqtt]\n"), {}, {}).notes
    assert any("DEBUG_SENSOR" in note for note in notes)


def test_an_old_ini_without_a_user_stays_open_to_private_addresses_only() -> None:
    settings = load(written("homie-ota.ini", "[global]\n[mqtt]\n"), {}, {})
    assert settings.auth.open_to_private
    assert settings.auth.mode == "password"


def test_half_a_login_in_the_old_ini_is_an_error_and_not_an_open_door() -> None:
    assert "HTTP_PASSWORD is not" in refused(written("homie-ota.ini", "[global]\nHTTP_USER = jo\n[mqtt]\n"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[global]\nOTA_PROT = 1\n", 'no key "OTA_PROT" in [global]. The nearest known one is "OTA_PORT".'),
        ("[global]\nHTTP_PASWORD = x\n", 'The nearest known one is "HTTP_PASSWORD".'),
        ("[global]\nMQTT_HOST = x\n", 'The nearest known one is "MQTT_HOST" in [mqtt].'),
        ("[gobal]\nDEBUG = x\n", "The nearest known one is [global]."),
        ("[mqtt]\nMQTT_PORT = many\n", "[mqtt] MQTT_PORT: expected a port (1 to 65535), got 'many'."),
        ("[global]\nDEBUG = perhaps\n", "[global] DEBUG: expected True or False, got 'perhaps'."),
        ("[global]\nOTA_PORT = many\n", "[http] port: expected a whole number, got 'many'."),
    ],
)
def test_wrong_lines_of_the_old_ini_are_named(text: str, sentence: str) -> None:
    assert sentence in refused(written("homie-ota.ini", text))


def test_the_old_ini_is_read_as_its_own_parser_did() -> None:
    text = (
        "\ufeff# a comment\n[global]\nota_port: 9081 ; why\nOTA_PORT = 9082\nOTA_HOST = 100%\n"
        "[mqtt]\nMQTT_PASSWORD = a#b%(c)s\nMQTT_USERNAME =\n"
    )
    settings = load(written("homie-ota.ini", text), {}, {})
    assert (settings.http.port, settings.http.host) == (9082, "100%")
    assert (settings.mqtt.password.get_secret_value(), settings.mqtt.username) == ("a#b%(c)s", "")


def test_an_old_ini_in_latin_1_is_read() -> None:
    path = Path("homie-ota.ini")
    path.write_bytes("[global]\n[mqtt]\nMQTT_PASSWORD = geheimnüs\n".encode("latin-1"))
    assert load(path, {}, {}).mqtt.password.get_secret_value() == "geheimnüs"


def test_the_environment_wins_over_the_old_ini_too() -> None:
    path = written("homie-ota.ini", OLD_INI)
    assert load(path, {"HOMIE_OTA_HTTP__PORT": "1"}, {"mqtt": {"url": "mqtt://b"}}).mqtt.host == "b"
