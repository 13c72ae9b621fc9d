"""One device, one image that must not go there: every way in says so, by one rule, with one code, and sends nothing."""

from __future__ import annotations

import contextlib
import io
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from homie_ota.cli import main
from homie_ota.dispatch import offering
from homie_ota.esp import request
from homie_ota.model import Address, DeploymentState, Firmware, Way
from homie_ota.rollout.eligibility import Verdict
from homie_ota.rollout.lifecycle import Event
from homie_ota.simulator.images import make_image
from homie_ota.store import deployments, devices, fitting, marks, orders
from homie_ota.store import firmware as firmwares
from homie_ota.store.database import Connection
from homie_ota.store.kinds import NAMELESS
from homie_ota.store.waiting import Ready
from homie_ota.web import asked
from web.world import ESP
from webserver import WebServer

CODE, WORD = "flash-too-small", "hall-lamp has 512 KB"
HEADERS = {**ESP, "x-ESP8266-chip-size": "524288", "x-ESP8266-version": "hall-lamp=lamp=1.0.0=2.0.0"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WebServer]:
    """A 1.5 device that once said that its chip has 512 KB, and an image for 1 MB."""
    started = WebServer(tmp_path, mode="none")
    started.add_device(1, "hall-lamp", "devices/", way="http", homie="", implementation="", ota_enabled=None)
    started.database.write_now(
        lambda conn: devices.learn(
            conn,
            1,
            {"chip_size": "524288"},
            evidence="It said so in its HTTP request.",
            now=time.time() - 100,
        )
    )
    form = {"upload": ("lamp.bin", make_image("lamp", "2.0.0", flash_size=1 << 20))}
    assert httpx.post(f"{started.url}/api/v1/firmware", files=form).status_code == 201
    yield started
    started.stop()


def image(conn: Connection) -> Firmware:
    (found,) = firmwares.find(conn)
    return found


def of(server: WebServer, work: Callable[[Connection], Any]) -> Any:
    return server.database.write_now(work)


# --- What is refused before it becomes a deployment ----------------------------------------------------------------


def _api(server: WebServer) -> str:
    wanted = {"device": "hall-lamp", "firmware": "lamp@2.0.0"}
    answer = httpx.post(f"{server.url}/api/v1/deployments", json=wanted)
    told = answer.json()
    assert (answer.status_code, told["code"], told["overridable"]) == (409, "not-eligible", True)
    (reason,) = told["reasons"]
    assert (reason["code"], reason["evidence"]) == (CODE, "It said so in its HTTP request.")
    assert reason["at"] < time.time() - 90
    return str(told["detail"])


def _curl(server: WebServer) -> str:
    answer = httpx.post(f"{server.url}/update", data={"device": "hall-lamp", "firmware": "lamp@2.0.0"})
    assert answer.status_code == 409
    return answer.text


def _page(server: WebServer) -> str:
    params = {"device": "hall-lamp", "firmware": "lamp@2.0.0"}
    page = httpx.get(f"{server.url}/update", params=params, headers={"accept": "text/html"}).text
    assert "Update against the rules" in page
    assert '<button class="go">' not in page
    assert "It said so in its HTTP request." in page
    return page


def _command(server: WebServer) -> str:

    with contextlib.redirect_stderr(io.StringIO()) as said:
        status = main(["update", "hall-lamp", "--to", "lamp@2.0.0", "--server", server.url])
    assert status == 4
    return said.getvalue()


def _fits_command(server: WebServer) -> str:

    with contextlib.redirect_stdout(io.StringIO()) as said:
        assert main(["fits", "lamp@2.0.0", "--server", server.url]) == 0
    assert said.getvalue().startswith("Fits 0 of 1 device.\nWhy not this one:\n")
    assert "[It said so in its HTTP request, 1" in said.getvalue()
    return said.getvalue()


def _fits(server: WebServer) -> str:
    sha256 = of(server, image).sha256
    told = httpx.get(f"{server.url}/api/v1/firmware/{sha256}/fits").json()
    (device,) = told["devices"]
    assert (told["fits"], told["of"], device["verdict"], device["code"]) == (0, 1, "no", CODE)
    return str(device["reasons"][0]["text"])


def _rollout(server: WebServer) -> str:
    wanted = {"query": "id:hall-lamp", "firmware": of(server, image).sha256}
    seen = httpx.post(f"{server.url}/api/v1/rollouts/preview", json=wanted).json()
    assert (seen["members"], seen["left_out"][0]["code"]) == (0, CODE)
    assert httpx.post(f"{server.url}/api/v1/rollouts", json=wanted).status_code == 409
    return str(seen["left_out"][0]["reason"])


def _firmware_page(server: WebServer) -> str:
    told = of(server, lambda conn: fitting.judge(conn, image(conn), now=time.time()))
    (group,) = told.groups
    assert (told.count(Verdict.NO), told.of, group.code) == (1, 1, CODE)
    return str(group.text).replace(NAMELESS, "hall-lamp")


def _several_of_one_version(server: WebServer) -> str:
    form = {"upload": ("lamp.bin", make_image("lamp", "2.0.0", flash_size=2 << 20, seed=1))}
    assert httpx.post(f"{server.url}/api/v1/firmware", files=form).status_code == 201
    return _curl(server)


@pytest.mark.parametrize(
    "way",
    [_api, _curl, _page, _command, _fits, _fits_command, _rollout, _firmware_page, _several_of_one_version],
)
def test_every_way_in_refuses_by_one_rule(
    server: WebServer, monkeypatch: pytest.MonkeyPatch, way: Callable[[WebServer], str]
) -> None:
    monkeypatch.delenv("HOMIE_OTA_TOKEN", raising=False)
    monkeypatch.setattr(sys, "stdin", sys.__stdin__)
    assert WORD in way(server).replace("&#39;", "'")
    assert server.states() == {}


# --- What is refused when it was ordered, or asked for, before that was known --------------------------------------


def queued(server: WebServer) -> int:
    """Ordered before anybody knew what the chip has."""

    def write(conn: Connection) -> int:
        row = devices.row(conn, 1)
        assert row is not None
        return orders.queue(conn, row, image(conn), by="me", now=time.time()).id

    return int(of(server, write))


def test_it_is_asked_once_more_just_before_sending(server: WebServer) -> None:
    number = queued(server)

    def read(conn: Connection) -> str:
        found = deployments.get(conn, number)
        assert found is not None
        ready = Ready(found, image(conn), Address("devices/", "hall-lamp"), Way.HTTP, "lamp", "1.0.0")
        refusal = offering._refusal(conn, ready)
        assert refusal is not None
        return refusal.code

    assert of(server, read) == CODE


def test_a_device_that_comes_for_it_gets_nothing(server: WebServer) -> None:
    number = queued(server)
    server.move(number, Event.OFFER)
    assert httpx.get(f"{server.url}/ota", headers=HEADERS).status_code == 304
    assert server.states() == {number: "failed"}


def test_a_device_that_somebody_else_sent_gets_nothing(server: WebServer) -> None:
    of(server, lambda conn: devices.note_ota_request(conn, 1, "2.0.0", now=time.time()))
    assert httpx.get(f"{server.url}/ota", headers=HEADERS).status_code == 304
    (made,) = of(server, deployments.find)
    assert (made.state, made.code, made.purpose) == (DeploymentState.FAILED, CODE, "outside")
    assert WORD in made.reason


def test_somebody_else_cannot_update_what_is_pinned(server: WebServer) -> None:

    of(server, lambda conn: marks.pin(conn, 1, time.time() + 99, "do not touch", by="me", now=time.time()))
    of(server, lambda conn: devices.note_ota_request(conn, 1, "2.0.0", now=time.time()))
    big = {**HEADERS, "x-ESP8266-chip-size": "4194304"}
    assert httpx.get(f"{server.url}/ota", headers=big).status_code == 304
    (made,) = of(server, deployments.find)
    assert made.code == "pinned"


@pytest.mark.parametrize("known", [True, False])
def test_open_mode_refuses_it_too(server: WebServer, known: bool) -> None:

    device = request.read(HEADERS)
    assert device is not None
    stored = of(server, lambda conn: asked.stored(conn, device))
    if known:
        told = of(server, lambda conn: asked.answer(conn, device, open_mode=True, now=time.time()))
    else:
        told = asked.openly(device, stored)
    assert (told.status, told.firmware) == (304, None)
    assert WORD in told.sentence
