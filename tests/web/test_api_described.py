"""The API is as its description says: whatever is asked, of whomever, no answer is one that was not told."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from homie_ota.store import accounts, devices, quarantine
from homie_ota.store.accounts import ROLES
from homie_ota.store.quarantine import Held
from homie_ota.store.tables import leftover
from homie_ota.web.guesses import Guesses
from web.world import Server, World

CONFIG = Path(__file__).with_name("schemathesis.toml")
RUN = "import sys; from schemathesis.cli import schemathesis; sys.exit(schemathesis())"
TOPIC = "homie/hall-lamp/$implementation/ota/firmware/" + "a" * 32
RELAY = {"relay": {"name": "Relay", "properties": {"on": {"datatype": "boolean", "settable": True}}}}


def furnish(world: World) -> str:
    """One of everything that the API names, by the names that its examples use; a token that may do anything."""
    image, held = world.firmware("lamp", "2.0.0"), world.firmware("lamp", "1.0.0")
    hall = world.device("hall-lamp", state="lost", nodes=RELAY)
    world.device("attic", nodes=RELAY), world.device("shed", base="devices/")
    reading = {"node": "sensor", "prop": "degrees", "value": "21.5", "num": 21.5}
    world.write(partial(devices.save_readings, rows=[{**reading, "device_pk": hall, "at": time.time()}]))
    for name in ("one", "two"):
        world.order(world.device(name), image, offered=name == "one")
    put = Held(hall, held.sha256, "came-back-old", "This image did harm.", time.time())
    world.write(partial(quarantine.add, held=put))
    left: dict[str, Any] = {"topic": TOPIC, "device_pk": hall, "kind": "image", "text": "a" * 32}
    left |= {"size": 450_000, "found_at": time.time()}
    world.write(lambda conn: conn.execute(leftover.insert().values(**left)))
    world.write(lambda conn: accounts.create(conn, "kim", "operator", time.time()))
    return world.write(
        partial(
            accounts.make_token,
            name="admin",
            label="all",
            rights=ROLES["admin"],
            now=time.time(),
            seconds=None,
        )
    )


@pytest.mark.timeout(240)  # forty seconds where nobody else is at work
async def test_whatever_is_asked_the_answer_is_one_that_was_told(
    make_world: Callable[..., World],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Thousands of requests, right and wrong ones, each answer compared with the description."""
    monkeypatch.setattr(Guesses, "wait", lambda *_: 0.0)  # a third of the requests come with a wrong password
    world = make_world(admin=True)
    monkeypatch.setattr(world.shell, "set_property", sent)
    token = await asyncio.to_thread(furnish, world)
    async with Server(world) as server:
        asked = await asyncio.create_subprocess_exec(
            sys.executable, "-c", RUN, "--config-file", str(CONFIG), "run", f"{server.url}/api/v1/openapi.json",
            "-H", f"Authorization: Bearer {token}", "--continue-on-failure",
            cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        told, _ = await asked.communicate()
    assert asked.returncode == 0, told.decode()
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
    answer = world.client().get("/api/v1/devices", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 200, "the token was taken away on the way, so little was really asked"


async def sent(*_: object) -> None:
    """A broker that takes everything."""
