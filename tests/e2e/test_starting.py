"""How the server starts, and what it says when it cannot: one sentence, an exit status, and no traceback."""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from e2e.serving import Server, curl, run
from homie_ota.simulator.images import make_image
from homie_ota.store.database import Database
from servers import Mosquitto, unused_port

NOWHERE = ("--host", "127.0.0.1", "--port", "0", "--mqtt", "mqtt://127.0.0.1:9")


def refused(folder: Path, *arguments: str, **settings: str) -> tuple[int, str]:
    """Exit status and the sentence of a server that does not start."""
    done = run(folder, "serve", *arguments, **settings)
    assert "Traceback" not in done.stderr, done.stderr
    assert done.stdout == ""
    (sentence,) = done.stderr.strip().splitlines()
    return done.returncode, sentence


def test_a_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        status, sentence = refused(
            tmp_path, "--host", "127.0.0.1", "--port", port, "--mqtt", "mqtt://127.0.0.1:9"
        )
    assert status == 2
    assert f"Cannot listen on 127.0.0.1:{port}" in sentence
    assert "--port" in sentence


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("[http]\nprot = 9080\n", '"port"'),
        ("[rolout]\nparallel = 2\n", "[rollout]"),
        ("[rollout]\nparalel = 2\n", '"parallel"'),
        ("[mqtt]\nbase_topic = ['x/']\n", '"base_topics"'),
    ],
)
def test_a_misspelt_key_is_told_the_nearest_known_one(tmp_path: Path, text: str, nearest: str) -> None:
    (tmp_path / "homie-ota.toml").write_text(text)
    status, sentence = refused(tmp_path, *NOWHERE)
    assert status == 2
    assert sentence.startswith("homie-ota: homie-ota.toml:") or "homie-ota.toml" in sentence
    assert f"The nearest known one is {nearest}" in sentence


def test_a_misspelt_variable_is_told_the_nearest_known_one_too(tmp_path: Path) -> None:
    status, sentence = refused(tmp_path, *NOWHERE, http__prot="1")
    assert status == 2
    assert "HOMIE_OTA_HTTP__PROT" in sentence
    assert '"port"' in sentence


@pytest.mark.parametrize(
    "url", ["http://broker", "mqtt://", "mqtt://host:99999", "mqtt://host:x", "://", "mqtt://[::1"]
)
def test_a_broker_address_that_is_none_is_one_sentence(tmp_path: Path, url: str) -> None:
    status, sentence = refused(tmp_path, "--host", "127.0.0.1", "--port", "0", "--mqtt", url)
    assert status == 2
    assert "mqtt://host:1883" in sentence


def test_a_password_in_a_wrong_broker_address_is_not_repeated(tmp_path: Path) -> None:
    status, sentence = refused(tmp_path, "--port", "0", "--mqtt", "http://me:hunter2@broker")
    assert status == 2
    assert "hunter2" not in sentence


def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "data" / "homie-ota.sqlite3"
    database = Database(str(path))
    database.migrate()
    database.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    status, sentence = refused(tmp_path, *NOWHERE)
    assert status == 1
    assert "schema 9999" in sentence
    assert "newer homie-ota" in sentence
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]


@pytest.mark.parametrize(
    "what", ["the data directory is a file", "the database is none", "the database is a folder"]
)
def test_data_that_cannot_be_used_is_one_sentence_that_names_it(tmp_path: Path, what: str) -> None:
    data = tmp_path / "data"
    if what == "the data directory is a file":
        data.write_text("not a folder")
    elif what == "the database is none":
        data.mkdir()
        (data / "homie-ota.sqlite3").write_bytes(b"this is no database at all " * 400)
    else:
        (data / "homie-ota.sqlite3").mkdir(parents=True)
    status, sentence = refused(tmp_path, *NOWHERE)
    assert status in (1, 2)
    assert "data" in sentence


def test_a_database_of_a_kind_that_is_not_known_does_not_become_a_folder(tmp_path: Path) -> None:
    status, sentence = refused(tmp_path, *NOWHERE, storage__database="postgres://me:hunter2@127.0.0.1:9/ota")
    assert status == 2
    assert "postgresql://" in sentence
    assert "hunter2" not in sentence
    assert list(tmp_path.iterdir()) == []


def test_no_login_beyond_this_machine_has_to_be_asked_for_twice(tmp_path: Path) -> None:
    status, sentence = refused(tmp_path, "--host", "0.0.0.0", "--port", "0", "--auth", "none")
    assert status == 2
    assert "could flash your devices" in sentence


async def test_a_broker_that_is_not_there_yet_is_no_reason_not_to_start(
    make_server: Callable[..., Server],
) -> None:
    server = await make_server("--mqtt", f"mqtt://127.0.0.1:{unused_port()}").up()
    assert (await server.health())["status"] == "degraded"
    assert (await server.ask("GET", "/")).status_code == 200


async def test_the_first_start_prints_a_password_once_and_it_opens_the_door(
    make_server: Callable[..., Server], mosquitto: Mosquitto
) -> None:
    server = await make_server("--mqtt", mosquitto.url, "--auth", "password").up()
    (line,) = [each for each in server.log.splitlines() if each.startswith("first login: user admin")]
    password = line.rpartition(" ")[2]
    assert curl(f"{server.url}/api/v1/devices")[0] == 401
    assert curl("-u", f"admin:{password}", f"{server.url}/api/v1/devices")[0] == 200
    await server.down()
    await server.up()
    assert server.log.count("first login") == 1
    assert curl("-u", f"admin:{password}", f"{server.url}/api/v1/devices")[0] == 200


# --- In the place of the old server ----------------------------------------------------------------------------------

INI = """\
; homie-ota.ini of a server that has run since 2016
[global]
DEBUG = False
OTA_HOST = 127.0.0.1
OTA_PORT = {port}
OTA_ENDPOINT = /ota
OTA_FIRMWARE_ROOT = ./firmwares
OTA_FIRMWARE_BASE64 = True
HTTP_USER = jane
HTTP_PASSWORD = s3cret ; with a comment

[mqtt]
MQTT_HOST = 127.0.0.1
MQTT_PORT = {broker}
; MQTT_USERNAME = nobody
MQTT_SENSOR_PREFIX = devices
"""

OLD_FILES = {
    "lt.ino.d1_mini-2.0.0.bin": make_image("lt.ino.d1_mini", "2.0.0"),
    "h-sensors-1.0.0-rc1.bin": make_image("h-sensors", "1.0.0-rc1"),
    "awesome-light-1.1.0.bin": make_image("awesome-light", "1.1.0", homie=False),
    "relay.v2-2019-03-01.bin": make_image("relay.v2", "2019-03-01", homie=False),
    "odd one-v3.bin": make_image("odd one", "v3", homie=False),
    "no_version.bin": make_image("no_version", "", homie=False),
}


async def test_an_old_installation_is_taken_over_as_it_is(tmp_path: Path, mosquitto: Mosquitto) -> None:
    server = Server(tmp_path / "old")
    (server.folder / "homie-ota.ini").write_text(INI.format(port=server.port, broker=mosquitto.port))
    firmwares = server.folder / "firmwares"
    firmwares.mkdir()
    for name, image in OLD_FILES.items():
        (firmwares / name).write_bytes(image)
    (firmwares / "lt.ino.d1_mini-2.0.0.txt").write_text("Kitchen, works")
    (firmwares / "README.md").write_text("not an image")
    (firmwares / "broken-1.0.bin").write_text("<html>404</html>")
    try:
        await server.up()
        who = ("-u", "jane:s3cret")
        assert curl(f"{server.url}/firmware")[0] == 401
        assert curl("-u", "jane:wrong", f"{server.url}/firmware")[0] == 401
        status, page = curl(*who, f"{server.url}/firmware")
        assert status == 200
        for name, image in OLD_FILES.items():
            assert quote(name) in page, name
            to = tmp_path / "downloaded"
            where = f"{server.url}/firmware/{quote(name)}/image"
            assert curl(*who, "-o", str(to), where)[0] == 200, name
            assert to.read_bytes() == image
        assert "Kitchen, works" in page
        listed, _, left_alone = page.partition("Files in the directory that are no firmware")
        assert "broken-1.0.bin" not in listed
        assert "broken-1.0.bin" in left_alone
        assert sorted(path.name for path in firmwares.glob("*.bin")) == sorted([*OLD_FILES, "broken-1.0.bin"])
        assert curl(f"{server.url}/ota")[0] == 403  # the endpoint of devices asks for no password
        said = server.log
        assert "homie-ota.ini" in said
        assert "base64" in said
        assert "s3cret" not in said + (server.folder / "homie-ota.log").read_text()
    finally:
        server.stop()
