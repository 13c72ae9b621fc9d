"""`GET /firmware/{sha256}/fits`, and `homie-ota fits`, on the real application."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from homie_ota.cli import main
from homie_ota.client import Api
from homie_ota.simulator.images import make_image
from webserver import WebServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    """Four lamps, of which one is an ESP32 and one has OTA switched off."""
    started = WebServer(tmp_path_factory.mktemp("fits"), mode="none")
    started.add_devices([(1, "lamp-1"), (2, "lamp-2")])
    started.add_device(3, "lamp-3", implementation="esp32")
    started.add_device(4, "lamp-4", ota_enabled=False)
    form = {"upload": ("lamp.bin", make_image("lamp", "2.0.0"))}
    assert httpx.post(f"{started.url}/api/v1/firmware", files=form).status_code == 201
    yield started
    started.stop()


def asked(server: WebServer, **params: str | int) -> httpx.Response:
    return httpx.get(f"{server.url}/api/v1/firmware/lamp@2.0.0/fits", params=params)


def test_every_device_has_an_answer_to_the_three_questions(server: WebServer) -> None:
    told = asked(server).json()
    assert (told["fits"], told["of"], told["next"]) == (2, 4, None)
    first, _, esp32, off = told["devices"]
    assert (first["device"], first["verdict"], first["newer"]["answer"]) == ("homie~lamp-1", "yes", "newer")
    assert first["fit"]["answer"] == "unknown"
    assert [each["code"] for each in (esp32, off)] == ["wrong-chip", "ota-disabled"]
    (reason,) = esp32["reasons"]
    assert (reason["weight"], reason["liftable"], reason["at"]) == ("refuses", True, None)
    assert reason["evidence"] == "It announces $implementation esp32."


def test_an_override_is_tried_without_an_order(server: WebServer) -> None:
    (told,) = asked(server, device="lamp-3", override="it is an ESP8266").json()["devices"]
    assert told["verdict"] == "yes-with-warnings"
    assert told["reasons"][0]["lifted"]
    assert asked(server, device="lamp-4", override="please").json()["fits"] == 0


def test_pages_and_filters(server: WebServer) -> None:
    first = asked(server, limit=1, verdict="no").json()
    assert (first["fits"], first["of"], first["devices"][0]["device"]) == (2, 4, "homie~lamp-3")
    second = asked(server, limit=1, verdict="no", cursor=first["next"]).json()
    assert (second["devices"][0]["device"], second["next"]) == ("homie~lamp-4", None)
    assert asked(server, q="id:lamp-2").json()["of"] == 1


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"verdict": "maybe"}, 400),
        ({"cursor": "x"}, 400),
        ({"cursor": "99"}, 400),
        ({"q": "colour:red"}, 400),
        ({"device": "nobody"}, 404),
        ({"limit": 0}, 400),
    ],
)
def test_what_has_no_meaning_is_said(server: WebServer, params: dict[str, str | int], status: int) -> None:
    answer = asked(server, **params)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_image_that_nobody_has_is_not_found(server: WebServer) -> None:
    assert httpx.get(f"{server.url}/api/v1/firmware/plug@1/fits").status_code == 404


def test_the_client_takes_all_pages(server: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("homie_ota.client.JUDGED", 1)
    found = Api(server.url).fits("lamp@2.0.0")
    assert [each["device"] for each in found["devices"]] == [f"homie~lamp-{n}" for n in (1, 2, 3, 4)]


def test_the_command_says_how_many_and_why_not_the_others(
    server: WebServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fits", "lamp@2.0.0", "--server", server.url]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == ["Fits 2 of 4 devices.", "Why not these 2:"]
    assert said[2].startswith("  lamp-3: lamp-2.0.0.bin: this is an ESP8266 image")
    assert said[2].endswith("[It announces $implementation esp32]")
    assert main(["fits", "lamp@2.0.0", "id:lamp-1", "--json", "--server", server.url]) == 0
    assert json.loads(capsys.readouterr().out)["of"] == 1
    assert main(["fits", "plug@1", "--server", server.url]) == 3


def test_two_builds_of_one_version_are_told_apart_by_their_hashes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", sys.__stdin__)
    started = WebServer(tmp_path, mode="none")
    try:
        for seed in (1, 2):
            form = {"upload": ("lamp.bin", make_image("lamp", "2.0.0", seed=seed))}
            assert httpx.post(f"{started.url}/api/v1/firmware", files=form).status_code == 201
        assert main(["fits", "lamp@2.0.0", "--server", started.url]) == 4
        assert "is 2 images" in capsys.readouterr().err
    finally:
        started.stop()


def test_the_command_says_once_what_is_true_of_several(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    several = WebServer(tmp_path / "server", mode="none")
    try:
        several.add_devices([(number, f"lamp-{number}") for number in range(1, 7)])
        several.add_device(7, "lamp", ota_enabled=False)
        several.add_device(10, "done", md5=hashlib.md5(make_image("plug", "2.0.0")).hexdigest())
        several.add_devices([(8, "hall"), (9, "attic")], ota_enabled=False)
        form = {"upload": ("plug.bin", make_image("plug", "2.0.0"))}
        assert httpx.post(f"{several.url}/api/v1/firmware", files=form).status_code == 201
        assert main(["fits", "plug@2.0.0", "--server", several.url]) == 0
        said = capsys.readouterr().out.splitlines()
    finally:
        several.stop()
    assert said[:2] == [
        "Fits 6 of 10 devices, 6 of them with warnings; 1 runs it already.",
        "Why not these 3:",
    ]
    assert said[2].startswith("  3 devices (attic, hall, lamp): The device has OTA switched off: it would")
    mind = said.index("To think of first:")
    named = "  6 devices (lamp-1, lamp-2, lamp-3, lamp-4 and 2 more): "
    assert f"{named}The device runs 'lamp'; this image is 'plug'." in said[mind:]
    assert mind == 3
