"""The add-on of Home Assistant: its files are whole, and what starts in it is the server with the options of people."""

from __future__ import annotations

import json
import re
import shlex
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped, unused-ignore]

import assemble_addon as assembling
from docs.installed import PROJECT
from homie_ota.config import Settings, load
from homie_ota.web.proxies import Proxies

FOLDER = PROJECT / "addon"
CONFIG: dict[str, Any] = yaml.safe_load((FOLDER / "config.yaml").read_text("utf-8"))
LINES = re.sub(r"\\\n\s*", "", (FOLDER / "Dockerfile").read_text("utf-8")).splitlines()


def runner() -> Any:
    """The script that starts the server, as a module."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("addon_run", FOLDER / "run.py")
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


RUN = runner()
MQTT = {
    "host": "core-mosquitto",
    "port": 1883,
    "ssl": False,
    "username": "addons",
    "password": "p w",
    "protocol": "3.1.1",
}
NETWORK = {
    "interfaces": [
        {"interface": "wlan0", "primary": False, "ipv4": {"address": ["10.9.9.9/24"]}},
        {"interface": "end0", "primary": True, "ipv4": {"address": ["192.168.1.4/24"]}},
    ]
}
SAYS = {
    "/services/mqtt": MQTT,
    "/addons/self/info": {"network": {"9081/tcp": 9080}},
    "/network/info": NETWORK,
}


def started(options: Mapping[str, Any], says: Mapping[str, Any] = SAYS) -> Settings:
    """The settings with which the server begins; they are read as it reads them."""
    return load(None, RUN.settings(options, lambda path: says.get(path, {})), {})


# --- What the Supervisor reads --------------------------------------------------------------------------------------


def test_the_configuration_has_what_the_supervisor_wants() -> None:
    assert {"name", "version", "slug", "description", "arch"} <= CONFIG.keys()
    assert re.fullmatch(r"[a-z0-9_]+", CONFIG["slug"])
    assert set(CONFIG["arch"]) <= {"amd64", "aarch64", "armv7", "armhf", "i386"}
    assert set(CONFIG["arch"]) == set(
        yaml.safe_load((FOLDER / "build.yaml").read_text("utf-8"))["build_from"]
    )
    assert CONFIG["version"] == assembling.version()
    assert CONFIG["ingress"] is True
    assert CONFIG["ingress_stream"] is True, "live pages and uploads are streams"


def test_every_option_has_a_rule_and_a_line_in_the_documents() -> None:
    assert CONFIG["options"].keys() == CONFIG["schema"].keys()
    documents = (FOLDER / "DOCS.md").read_text("utf-8")
    assert [name for name in CONFIG["options"] if f"`{name}`" not in documents] == []
    kinds = {"str": str, "password": str, "bool": bool}
    for name, rule in CONFIG["schema"].items():
        if isinstance(rule, str) and rule in kinds:
            assert isinstance(CONFIG["options"][name], kinds[rule]), name


def test_the_ports_are_those_of_the_script_and_the_pages_are_not_open_to_the_network() -> None:
    assert CONFIG["ingress_port"] == RUN.PAGES
    assert CONFIG["ports"] == {f"{RUN.PAGES}/tcp": None, f"{RUN.DEVICES}/tcp": 9080}
    assert CONFIG["ports"].keys() == CONFIG["ports_description"].keys()
    assert f":{RUN.PAGES}/healthz" in "\n".join(LINES)


def test_all_that_the_image_is_made_of_lies_in_the_folder_that_is_put_together(tmp_path: Path) -> None:
    found = assembling.put_together(tmp_path / "addon")
    copied = [line.split()[1] for line in LINES if line.startswith("COPY ")]
    assert copied
    for pattern in copied:
        assert list((tmp_path / "addon").glob(pattern)), f"{pattern} is not in {found}"
    assert {"config.yaml", "build.yaml", "DOCS.md", "README.md", "Dockerfile"} <= set(found)
    assert f"homie_ota-{CONFIG['version']}-py3-none-any.whl" in found


def test_the_image_installs_hashed_packages_only_and_fetches_nothing_else() -> None:
    text = "\n".join(LINES)
    assert "--require-hashes" in text
    assert not [line for line in LINES if line.startswith("ADD ")]
    assert not re.search(r"curl|wget|git clone|https?://(?!127\.0\.0\.1)", text)
    (start,) = [json.loads(line.partition(" ")[2]) for line in LINES if line.startswith("CMD ")]
    assert shlex.join(start) == "python /run.py"


# --- What starts in it ----------------------------------------------------------------------------------------------


def test_the_options_as_they_come_make_a_server_with_the_broker_of_home_assistant() -> None:
    found = started(CONFIG["options"])
    assert (found.mqtt.url, found.mqtt.username) == ("mqtt://core-mosquitto:1883", "addons")
    assert found.mqtt.password.get_secret_value() == "p w"
    assert found.mqtt.base_topics == ("homie/", "devices/")
    assert found.http.public_url == "http://192.168.1.4:9080", "devices are told this machine's address"
    assert (found.http.port, found.http.device_port) == (8099, 9081)
    assert found.announce.home_assistant
    assert not found.announce.links
    assert found.auth.mode == "password", "other add-ons reach the pages without Home Assistant"
    assert str(found.data_dir) == "/data"


def test_only_home_assistant_and_its_ingress_are_believed() -> None:
    proxies = Proxies(started({}).http.trusted_proxies, "")
    for client, believed in (("172.30.32.2", True), ("172.30.32.1", True), ("172.30.33.5", False)):
        scope: dict[str, Any] = {
            "client": (client, 1),
            "headers": [(b"x-ingress-path", b"/api/hassio_ingress/x")],
        }
        proxies.apply(scope)
        assert scope.get("homie_ota.ingress", False) is believed


def test_people_may_have_a_broker_and_an_address_of_their_own() -> None:
    mine = {
        "mqtt_url": "mqtts://broker.lan",
        "mqtt_username": "ota",
        "mqtt_password": "s",
        "device_url": "http://a.lan:81",
    }
    found = started(
        {**CONFIG["options"], **mine, "read_only": True, "diagnostics": True, "home_assistant": False}
    )
    assert (found.mqtt.url, found.mqtt.username) == ("mqtts://broker.lan", "ota")
    assert found.http.public_url == "http://a.lan:81"
    assert (found.announce.home_assistant, found.announce.read_only, found.announce.diagnostics) == (
        False,
        True,
        True,
    )


def test_what_cannot_be_found_out_is_said_and_left_to_the_server(capsys: pytest.CaptureFixture[str]) -> None:
    found = started({}, {})
    assert (found.mqtt.url, found.http.public_url) == ("", "")
    said = capsys.readouterr().out
    assert "Mosquitto add-on" in said
    assert "device_url" in said


def test_the_server_does_not_get_the_key_to_the_supervisor(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    began: list[Any] = []
    monkeypatch.setattr(RUN.os, "execve", lambda *given: began.append(given))
    monkeypatch.setattr(RUN, "OPTIONS", tmp_path / "options.json")
    monkeypatch.setattr(
        RUN, "supervisor", lambda token: lambda path: SAYS.get(path, {}) if token == "key" else {}
    )
    monkeypatch.setenv("SUPERVISOR_TOKEN", "key")
    (tmp_path / "options.json").write_text('{"log_level": "debug"}')
    RUN.main()
    ((program, command, environment),) = began
    assert command == [program, "-m", "homie_ota", "serve"]
    assert environment["HOMIE_OTA_LOG__LEVEL"] == "debug"
    assert environment["HOMIE_OTA_MQTT__URL"] == "mqtt://core-mosquitto:1883"
    assert "SUPERVISOR_TOKEN" not in environment


# --- The Supervisor, asked over HTTP --------------------------------------------------------------------------------


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A Supervisor on this machine; the paths that it was asked with the right key."""
    asked: list[str] = []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers["Authorization"] != "Bearer key":
                self.send_error(403)
                return
            asked.append(self.path)
            body = (
                b"no JSON"
                if self.path == "/broken"
                else json.dumps({"result": "ok", "data": SAYS.get(self.path)})
            )
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body if isinstance(body, bytes) else body.encode())

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setattr(RUN, "SUPERVISOR", f"http://127.0.0.1:{server.server_address[1]}")
    yield asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_supervisor_is_asked_with_its_key_and_no_answer_is_no_end(supervisor: list[str]) -> None:
    assert RUN.supervisor("key")("/services/mqtt") == MQTT
    assert RUN.supervisor("key")("/nothing") == {}
    assert RUN.supervisor("key")("/broken") == {}
    assert RUN.supervisor("wrong")("/services/mqtt") == {}
    assert supervisor == ["/services/mqtt", "/nothing", "/broken"]
