"""`/metrics`, scraped as Prometheus does: what is there, for whom, and that nobody makes it large."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import parser
from prometheus_client.openmetrics import parser as open_parser

from homie_ota.store import recipients, troubles
from homie_ota.store.database import Connection
from homie_ota.store.gauges import VERSIONS
from homie_ota.store.recipients import Recipient
from homie_ota.store.tables import deployment, rollout
from homie_ota.web import metrics
from web.world import Server, World

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"
plain: Callable[[str], Iterable[Any]] = parser.text_string_to_metric_families
open_metrics: Callable[[str], Iterable[Any]] = open_parser.text_string_to_metric_families
Told = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    found = World(tmp_path, {})
    yield found
    found.close()


def parsed(text: str) -> Told:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in plain(text)
        for sample in family.samples
    }


def scraped(world: World, **headers: str) -> Told:
    answer = world.client().get("/metrics", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return parsed(answer.text)


def value(told: Told, name: str, **labels: str) -> float | None:
    return told.get((f"homie_ota_{name}", tuple(sorted(labels.items()))))


async def test_a_real_scrape_tells_devices_by_state_and_firmware(world: World) -> None:
    for number in range(3):
        world.device(f"lamp-{number}", fw_version="2.0")
    world.device("plug", state="lost", fw_name="plug")
    async with Server(world) as server, httpx.AsyncClient() as prometheus:
        accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3"
        answer = await prometheus.get(f"{server.url}/metrics", headers={"accept": accept})
        assert "openmetrics-text" in answer.headers["content-type"]
        names = {family.name for family in open_metrics(answer.text)}
        told = parsed((await prometheus.get(f"{server.url}/metrics")).text)
    assert "homie_ota_http_requests" in names
    assert value(told, "devices", state="ready") == 3
    assert value(told, "devices", state="lost") == 1
    assert value(told, "devices_by_firmware", firmware="lamp", version="2.0") == 3
    assert value(told, "devices_by_firmware", firmware="plug", version="1.0.0") == 1
    assert value(told, "http_requests_total", method="GET", route="/metrics", status="200") == 1
    assert told["process_resident_memory_bytes", ()] > 1e6


def test_deployments_by_outcome_and_reason_and_rollouts_by_state(world: World) -> None:
    pk = world.device("lamp")
    common = {"device_pk": pk, "sha256": "f" * 64, "state_since": 1.0, "created_at": 1.0}

    def write(conn: Connection) -> None:
        for state, outcome, code in (
            ("failed", "harmful", "restarting"),
            ("failed", "harmful", "restarting"),
            ("succeeded", "verified", "healthy"),
            ("queued", "", ""),
        ):
            conn.execute(deployment.insert().values(**common, state=state, outcome=outcome, code=code))
        row = {"sha256": "f" * 64, "query": "", "plan": {}, "state_since": 1.0, "created_at": 1.0}
        conn.execute(rollout.insert().values(**row, state="paused"))

    world.write(write)
    told = scraped(world)
    assert value(told, "deployments", state="failed", outcome="harmful", reason="restarting") == 2
    assert value(told, "deployments", state="succeeded", outcome="verified", reason="healthy") == 1
    assert value(told, "deployments", state="queued", outcome="", reason="") == 1
    assert value(told, "rollouts", state="paused") == 1
    assert value(told, "quarantined") == 0


def test_what_is_wrong_with_the_server_and_who_else_is_told(world: World) -> None:
    def write(conn: Connection) -> None:
        for path in ("/a", "/b"):
            troubles.began(conn, troubles.Key("disk-full", path), "Full.", 1.0)
        for row in (
            Recipient("webhook-1", 0),
            Recipient("webhook-2", 0, failing_since=1.0),
            Recipient("notify-1", 0, failing_since=1.0, is_dead=True),
        ):
            recipients.save(conn, row)

    world.write(write)
    told = scraped(world)
    assert value(told, "troubles", code="disk-full") == 2
    assert value(told, "recipients", kind="webhook", state="well") == 1
    assert value(told, "recipients", kind="webhook", state="failing") == 1
    assert value(told, "recipients", kind="notify", state="dead") == 1


def test_what_ingest_and_broker_say(world: World) -> None:
    world.broker = replace(
        world.broker, connected=False, heard=1234, lag=0.25, waiting=7, dropped=5, refused={"topics": 9}
    )
    told = scraped(world)
    assert value(told, "broker_connected") == 0
    assert value(told, "ingest_messages_total") == 1234
    assert value(told, "ingest_lag_seconds") == 0.25
    assert value(told, "ingest_waiting_devices") == 7
    assert value(told, "broker_dropped_messages_total") == 5
    assert value(told, "refused_total", what="topics") == 9


def test_requests_are_counted_by_the_pattern_of_their_route_and_never_by_an_address(world: World) -> None:
    world.device("lamp")
    client = world.client()
    for path in (
        "/device/lamp",
        "/device/nobody",
        "/nowhere/at/all",
        "/api/v1/devices/homie~lamp",
        "/api/v1/nowhere",
    ):
        client.get(path)
    client.get("/ota")
    client.get("/ota/i/something")
    client.request("FROBNICATE", "/device/lamp")
    told = scraped(world)
    counted = {
        (labels["route"], labels["status"])
        for (name, pairs) in told
        if name == "homie_ota_http_requests_total" and (labels := dict(pairs))
    }
    assert {
        ("/device/{id:path}", "200"),
        ("/device/{id:path}", "404"),
        ("none", "404"),
        ("/api/v1/devices/{id}", "200"),
        ("/ota", "403"),
        ("/ota/i/{token}", "403"),
    } <= counted
    assert not [route for route, _ in counted if "lamp" in route or "nobody" in route or "nowhere" in route]
    assert {dict(pairs)["method"] for name, pairs in told if name == "homie_ota_http_requests_total"} == {
        "GET",
        "other",
    }


def test_however_many_versions_devices_invent_there_are_few_series(world: World) -> None:
    for number in range(VERSIONS + 20):
        world.device(f"lamp-{number}", fw_version=f"1.{number}")
    for number in range(3):
        world.device(f"plug-{number}", fw_name="plug")
    told = {key: count for key, count in scraped(world).items() if key[0] == "homie_ota_devices_by_firmware"}
    assert len(told) == VERSIONS + 1
    assert sum(told.values()) == VERSIONS + 23
    assert value(told, "devices_by_firmware", firmware="plug", version="1.0.0") == 3
    assert value(told, "devices_by_firmware", firmware="other", version="other") == 21


def test_names_from_devices_are_cleaned_and_cut(world: World) -> None:
    evil = 'x"} 1\nhomie_ota_devices{state="ready"} 1e9\n' + "ä" * 300
    world.device("lamp", fw_name=evil[:255], fw_version="1\x1b[31m")
    told = scraped(world)
    assert value(told, "devices", state="ready") == 1
    labels = [dict(pairs) for name, pairs in told if name == "homie_ota_devices_by_firmware"]
    assert len(labels) == 1
    assert len(labels[0]["firmware"]) <= 64
    assert labels[0]["version"] == "1�[31m"


def test_an_answer_is_kept_for_a_few_seconds(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.device("lamp-1")
    assert value(scraped(world), "devices", state="ready") == 1
    world.device("lamp-2")
    assert value(scraped(world), "devices", state="ready") == 1
    later = time.monotonic() + metrics.KEPT + 1.0
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert value(scraped(world), "devices", state="ready") == 2


def settings_of(**http: Any) -> dict[str, dict[str, Any]]:
    return {"auth": {"mode": "password"}, "http": http}


def test_it_needs_somebody_who_may_read(tmp_path: Path) -> None:
    world = World(tmp_path, settings_of(), admin=True)
    assert world.client().get("/metrics").status_code == 401
    assert world.client().get("/metrics", auth=world.login).status_code == 200
    world.close()


def test_it_is_open_to_all_where_the_settings_say_so_and_nothing_else_is(tmp_path: Path) -> None:
    world = World(tmp_path, settings_of(metrics_open=True), admin=True)
    assert world.client().get("/metrics").status_code == 200
    assert world.client().get("/metrics/").status_code == 401
    assert world.client().get("/api/v1/devices").status_code == 401
    world.close()


def test_every_metric_is_in_the_documents_and_no_other(world: World) -> None:
    names = {f"{name}" for name, _ in scraped(world) if name.startswith("homie_ota_")}
    families = {family.name for family in plain(world.client().get("/metrics").text)}
    told = set(re.findall(r"^\| `(homie_ota_\w+)`", PAGE.read_text("utf-8"), re.MULTILINE))
    assert {each.removesuffix("_total") for each in told} == {
        each.removesuffix("_total") for each in families if each.startswith("homie_ota_")
    }
    assert names <= told
    used = set(re.findall(r"homie_ota_\w+", PAGE.read_text("utf-8")))
    assert used <= told


def test_the_library_is_loaded_at_the_first_question_only() -> None:
    look = "import sys, homie_ota.web.app; sys.exit('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], check=False, timeout=60).returncode == 0
