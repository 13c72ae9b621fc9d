"""`homie-ota serve` as a process of its own: started on a free port, proven to be ours, spoken to over HTTP.

Rule: a test knows of the server what anybody else knows of it: its answers, its log, and what it says to the broker.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from homie_ota.model import Publish
from homie_ota.mqtt import Broker, Connection
from homie_ota.simulator.device import VirtualDevice
from homie_ota.simulator.fleet import FleetOptions, make_device, make_fleet
from homie_ota.simulator.shell import VirtualFleet
from homie_ota.simulator.values import OtaServer, Timing
from servers import BrokerAt, Child, Mosquitto, find_program, unused_port, wait_until

API = "/api/v1"
ENDED = ("succeeded", "failed", "cancelled")
PATIENCE = 40.0
"""Seconds that a busy machine may take for what needs one; a test that waits so long has failed."""

PLAIN: dict[str, Any] = {"trust_env": False, "timeout": PATIENCE, "verify": False}
"""No proxy, and no certificates: to load them takes longer than a whole request."""


NO_SOAK = {"rollout__soak": "0", "rollout__soak_intervals": "0", "rollout__soak_wakes": "0"}
"""The first `ready` with the target is the end: two minutes are for people, and tests/engine/test_verification.py."""


def environment(**settings: str) -> dict[str, str]:
    """The environment of a server: nothing of this machine's own settings, and these (`http__host="…"`)."""
    settings = NO_SOAK | settings
    ours = ("HOMIE_OTA_", "INIFILE", "LOGFILE")
    plain = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return plain | {f"HOMIE_OTA_{name.upper()}": value for name, value in settings.items()}


def command(*arguments: str, start: Sequence[str] = ("-m", "homie_ota")) -> list[str]:
    """The command line `homie-ota …` of this interpreter; `start` names another module that ends up there."""
    return [sys.executable, *start, *arguments]


def run(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run `homie-ota …` in a folder until it ends by itself."""
    folder.mkdir(parents=True, exist_ok=True)
    return subprocess.run(
        command(*arguments), cwd=folder, env=environment(**settings), capture_output=True, text=True, check=False,
        timeout=PATIENCE,
    )  # fmt: skip


def curl(*arguments: str) -> tuple[int, str]:
    """What curl got: status and text."""
    program = find_program("curl", package="curl")
    done = subprocess.run(
        [program, "-q", "-sS", "--noproxy", "*", "-w", "\n%{http_code}", *arguments],
        capture_output=True, text=True, check=False, timeout=PATIENCE,
    )  # fmt: skip
    text, _, status = done.stdout.rpartition("\n")
    return int(status or 0), text


class Server(Child):
    """One server with its data in `folder`; start, kill and start again keep data and port."""

    def __init__(self, folder: Path, *options: str, **settings: str) -> None:
        super().__init__(folder, unused_port())
        folder.mkdir(parents=True, exist_ok=True)
        self.options, self.settings = options, settings
        self.url = f"http://{self.host}:{self.port}"
        self.before: Callable[[], None] | None = None
        self.begins: Sequence[str] = ("-m", "homie_ota")

    def start(self) -> None:
        """Start it and wait until its pages answer and it has said hello."""
        said = len(self.log) if (self.folder / "log").exists() else 0
        self.launch(
            command("serve", *self.options, start=self.begins),
            cwd=self.folder,
            env=environment(**self.settings),
            preexec_fn=self.before,
        )
        # Its pages answer a moment before it says so, with the first password and the like.
        wait_until(
            lambda: "devices fetch firmware from" in self.log[said:], "the server says hello", PATIENCE
        )
        with httpx.Client(base_url=self.url, **PLAIN) as client:
            assert client.get("/healthz").status_code == 200, self.log

    async def up(self) -> Server:
        """Start it without holding up the devices that live in this process."""
        await asyncio.to_thread(self.start)
        return self

    async def down(self) -> None:
        await asyncio.to_thread(self.stop)

    def has_died(self) -> bool:
        """Whether the process has ended, by itself or by a kill."""
        return self._process is None or self._process.poll() is not None

    # --- over HTTP

    async def ask(self, method: str, path: str, **given: Any) -> httpx.Response:
        async with httpx.AsyncClient(base_url=self.url, **PLAIN) as client:
            return await client.request(method, path, **given)

    async def get(self, path: str) -> Any:
        answer = await self.ask("GET", API + path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def upload(
        self, image: bytes, name: str = "", version: str = "", description: str = ""
    ) -> dict[str, Any]:
        """Store an image; what the API says of it."""
        fields = {"name": name, "version": version, "description": description}
        answer = await self.ask(
            "POST",
            f"{API}/firmware",
            data={k: v for k, v in fields.items() if v},
            files={"upload": ("x.bin", image)},
        )
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def try_order(self, device: str, firmware: dict[str, Any], override: str = "") -> httpx.Response:
        body = {"device": device, "firmware": firmware["sha256"], "override": override}
        return await self.ask("POST", f"{API}/deployments", json=body)

    async def order(self, device: str, firmware: dict[str, Any]) -> int:
        """Order an update; its number."""
        answer = await self.try_order(device, firmware)
        assert answer.status_code == 202, answer.text
        return int(answer.json()["id"])

    async def deployment(self, number: int) -> dict[str, Any]:
        found: dict[str, Any] = await self.get(f"/deployments/{number}")
        return found

    async def deployments(self, device: str = "") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.get(f"/deployments?device={device}"))["items"]
        return found

    async def reach(self, number: int, *states: str, seconds: float = PATIENCE) -> dict[str, Any]:
        """Wait until the deployment is in one of these states (without any: has ended)."""
        deadline = time.monotonic() + seconds
        while (found := await self.deployment(number))["state"] not in (states or ENDED):
            assert time.monotonic() < deadline, f"{self.story(found)}\n{self.log}"
            await asyncio.sleep(0.02)
        return found

    async def succeed(self, number: int) -> dict[str, Any]:
        """Wait until the deployment has ended, as a success."""
        found = await self.reach(number)
        assert found["state"] == "succeeded", f"{found['reason']} {self.story(found)}\n{self.log}"
        return found

    async def device(self, device_id: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.get(f"/devices/{device_id}")
        return found

    async def sees(self, device_id: str, state: str = "ready", version: str = "") -> dict[str, Any]:
        """Wait until a device is known, in this state and, if said, runs this version."""

        async def so() -> bool:
            answer = await self.ask("GET", f"{API}/devices/{device_id}")
            if answer.status_code != 200:
                return False
            found: dict[str, Any] = answer.json()
            running = str(found["firmware"]["version"])
            return str(found["state"]) == state and version in ("", running)

        await until(so, f"{device_id} is {state} {version}")
        return await self.device(device_id)

    async def health(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self.ask("GET", "/healthz")).json()
        return found

    async def is_connected(self) -> None:
        """Wait until it has its broker."""

        async def so() -> bool:
            return str((await self.health())["status"]) == "ok"

        await until(so, "the server is connected to its broker")

    @staticmethod
    def story(deployment: dict[str, Any]) -> list[str]:
        """The states that a deployment went through."""
        return [each["data"]["state"] for each in deployment["events"] if "state" in each["data"]]


async def until(true: Callable[[], Any], word: str, seconds: float = PATIENCE) -> None:
    """Wait until something is so; `true` may be a coroutine function."""
    deadline = time.monotonic() + seconds
    while True:
        found = true()
        if await found if asyncio.iscoroutine(found) else found:
            return
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {word}"
        await asyncio.sleep(0.02)


# --- devices -------------------------------------------------------------------------------------------------------

FAST = Timing(reboot=2.0, reconnect=0.5, interval=30.0)


def fleet_of(
    mqtt: str, generation: str, *, server: OtaServer | None = None, devices: int = 1, timing: Timing = FAST,
    rate: float = 200_000, faults: Mapping[str, int] | None = None,
) -> VirtualFleet:  # fmt: skip
    """Devices of one generation, twenty times as fast as real ones; no two fleets have an id or a MAC in common."""
    number = next(_FLEETS)
    options = FleetOptions(
        mqtt=mqtt, devices=devices, mix={generation: 1}, faults=faults or {}, timing=timing, speed=20.0,
        readings_every=0, rate=rate, server=server or OtaServer(), seed=number,
    )  # fmt: skip
    broker = Broker.from_url(mqtt)
    chosen = make_fleet(options, (broker.host, broker.port))
    return VirtualFleet(options, [_renamed(each, f"room{number}") for each in chosen])


_FLEETS = itertools.count(1)


def _renamed(device: VirtualDevice, room: str) -> VirtualDevice:
    known = device.identity
    place, _, kind = known.device_id.partition("-")
    identity = replace(known, device_id=f"{room}{place}-{kind}")
    return make_device(device.generation, replace(device._setup, identity=identity))


def first(fleet: VirtualFleet) -> tuple[str, str]:
    """The id of the first device and the kind of thing it is, which names its firmware."""
    device_id = next(iter(fleet)).identity.device_id
    return device_id, device_id.split("-")[1]


# --- the broker, looked at from beside ------------------------------------------------------------------------------


class Heard(NamedTuple):
    """One message on the broker."""

    topic: str
    payload: bytes
    retain: bool


@asynccontextmanager
async def listening(broker: BrokerAt, *filters: str) -> AsyncIterator[list[Heard]]:
    """Every message that passes the broker meanwhile on these filters, after what is retained there."""
    heard: list[Heard] = []

    def hear(topic: str, payload: bytes, _qos: int, retain: bool) -> None:
        heard.append(Heard(topic, payload, retain))

    connection = await Connection.open(Broker(broker.host, broker.port), client_id="ear", on_message=hear)
    try:
        connection.subscribe([*filters, "e2e/mark"])
        # A broker queues what is retained while it answers the subscription: what comes after is news.
        await connection.deliver(Publish("e2e/mark", b"", qos=1, retain=False))
        await until(lambda: any(each.topic == "e2e/mark" for each in heard), "the ear hears itself")
        yield heard
    finally:
        await connection.close()


async def retained(broker: Mosquitto, *filters: str) -> dict[str, bytes]:
    """What the broker keeps on these filters."""
    async with listening(broker, *filters) as heard:
        return {each.topic: each.payload for each in heard if each.retain}
