"""(i) A rollout to 1,000 virtual devices over mosquitto, beside a bare script that pushes the same bytes.

Rule: the same devices, the same parallelism: a place is free again when its device is back and ready. The rollout is
one wave without a soak, so that what it costs more is what the engine costs, not what a plan asks for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from bench import webserver
from bench.figures import Figure, Target, median
from bench.processes import mosquitto, python, until
from bench.scale import Scale
from bench.webserver import Server
from homie_ota.simulator.images import make_image

NAME = "lamp"
SETTINGS = "parallel = {parallel}\nsoak = 0\nsoak_intervals = 0\nsoak_wakes = 0"
GATE = {"verified": 1.0, "harmful": 0, "soak": 0.0, "minimum": 1}
LONGEST = 600.0
"""Seconds that a rollout may take."""


def run(scale: Scale, folder: Path) -> Iterator[Figure]:
    """The figures of (i)."""
    about = {
        "devices": scale.rollout_devices,
        "parallel": scale.rollout_parallel,
        "size": scale.rollout_bytes,
    }
    with mosquitto(folder, "max_queued_messages 1000000") as port:
        about["port"] = port
        with python("bench.waves_fleet", about, folder / "fleet.log") as fleet:
            fleet.hear()
            raw = _raw(folder, about)
            ours = _rollout(folder, about)
    what = (
        f"a rollout of {scale.rollout_bytes // 1000} KB to {scale.rollout_devices:,} virtual devices, "
        f"{scale.rollout_parallel} at a time"
    )
    yield Figure(
        "i", what, ours, "s", median([raw]), "a bare script, the same bytes and parallelism",
        (Target("≤", 1.3, ratio=True),), "every device back with the new image in both",
    )  # fmt: skip


def image(about: dict[str, Any], version: str) -> bytes:
    """The image of this version; all are of the same size."""
    return make_image(NAME, version, size=about["size"])


def _raw(folder: Path, about: dict[str, Any]) -> float:
    with python("bench.waves_raw", about, folder / "raw.log") as script:
        return float(script.hear()["seconds"])


def _rollout(folder: Path, about: dict[str, Any]) -> float:
    """Seconds from the start of the rollout to its end."""
    mqtt = f"mqtt://127.0.0.1:{about['port']}"
    settings = SETTINGS.format(parallel=about["parallel"])
    with webserver.homie_ota(folder / "data", mqtt, rollout=settings) as server:
        until(lambda: _ready(server) >= about["devices"], "all devices are ready", 120, pause=0.2)
        webserver.upload(server, image(about, "3.0.0"), NAME, "3.0.0")
        plan = {"waves": [{"gate": GATE}], "limits": {"parallel": about["parallel"]}}
        order = {"query": "id:*", "firmware": f"{NAME}@3.0.0", "plan": plan, "start": True}
        number = ask(server, "POST", "/rollouts", order)["id"]
        until(lambda: _one(server, number)["state"] != "running", "the rollout ends", LONGEST, pause=0.2)
        done = _one(server, number)
    if done["state"] != "finished" or done["counts"] != {"booted": about["devices"]}:
        raise RuntimeError(
            f"the rollout did not go through: {done['state']} {done['counts']} {done['reason']}"
        )
    began, ended = (datetime.fromisoformat(done[name]) for name in ("started_at", "ended_at"))
    return (ended - began).total_seconds()


def _ready(server: Server) -> int:
    return int(ask(server, "GET", "/devices?state=ready&limit=1")["total"])


def _one(server: Server, number: int) -> dict[str, Any]:
    return ask(server, "GET", f"/rollouts/{number}?limit=1")


def ask(server: Server, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the API answers; raises when it refuses."""
    told = None if body is None else json.dumps(body).encode()
    status, answer = webserver.ask(
        server, method, f"/api/v1{path}", told, {"Content-Type": "application/json"}
    )
    found = json.loads(answer)
    if status >= 400:
        raise RuntimeError(f"{method} {path}: {status} {found}")
    assert isinstance(found, dict)
    return found
