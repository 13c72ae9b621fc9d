"""What a reader of the documents has at hand: a broker, a few devices, a server, a token, a file to upload.

The devices are virtual, twenty times as fast as real ones; the rest is what a reader would start.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from docs.recipes import Block
from e2e.serving import FAST, NO_SOAK, Server, environment, run
from homie_ota.mqtt import Broker
from homie_ota.simulator.device import VirtualDevice
from homie_ota.simulator.fleet import FleetOptions, make_device, make_fleet, sample_image
from homie_ota.simulator.images import make_image, read_sketch
from homie_ota.simulator.shell import VirtualFleet
from servers import Mosquitto, unused_port

PATIENCE = 150.0
"""Seconds for all commands of one page; a machine with much to do needs some."""

DEVICES = (
    ("hall-lamp", "lamp", "v3"),
    ("kitchen-lamp", "lamp", "v3"),
    ("kitchen-shelf", "lamp", "v3"),
    ("desk-lamp", "lamp", "v5"),
    ("attic-heating", "heating", "v1"),
)
"""Device id, name of its firmware, generation. All run version 2.0.0."""

FILES = {
    "lamp.bin": make_image("lamp", "2.1.0", "example"),
    "lamp-bad.bin": make_image("lamp", "2.2.0", "example", seed=1)[:-500],
    "heating.bin": sample_image("heating", "2.1.0", "v1"),
}

INSTEAD = {
    "http://ota.example:9080": "{url}",
    "mqtt://user:password@broker:1883": "{mqtt}",
    "http://127.0.0.1:9080": "{url}",
    "admin:…": "admin:{password}",
    "HOMIE_OTA_TOKEN=…": "HOMIE_OTA_TOKEN={token}",
    "/var/lib/homie-ota": "{data}",
    "/var/backups": "{home}",
}
"""What only an example can have → what is there in a test. Everything else is typed as it stands in the document."""


SUDO = """if [ "$1 $2 $3" != "-u homie-ota homie-ota" ]; then
    echo "a test never changes the machine: say `run: no` before this block"
    exit 1
fi
shift 2
exec "$@"
"""


@dataclass
class World:
    """A reader's home, and what the example's names and secrets are here."""

    home: Path
    port: int
    known: dict[str, str]

    def here(self, text: str) -> str:
        """A text of the document with this world's addresses and secrets."""
        for example, ours in INSTEAD.items():
            text = text.replace(example, ours.format_map(self.known))
        return text

    def environment(self) -> dict[str, str]:
        """What the reader's shell has."""
        ours = {
            "HOME": str(self.home),
            "PATH": os.pathsep.join([str(self.home / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]),
            "HOMIE_OTA_HTTP__PORT": str(self.port),
            "HOMIE_OTA_HTTP__HOST": "127.0.0.1",
            "no_proxy": "*",
            "NO_COLOR": "1",
            "COLUMNS": "200",
        }  # fmt: skip
        if self.known["token"]:
            ours |= {"HOMIE_OTA_SERVER": self.known["url"], "HOMIE_OTA_TOKEN": self.known["token"]}
        return environment() | ours


@asynccontextmanager
async def world(folder: Path, kind: str, mosquitto: Mosquitto) -> AsyncIterator[World]:
    """A world of this kind: `served` has a server and a token, `bare` has none yet."""
    home = folder / "home"
    (home / "bin").mkdir(parents=True)
    for name, image in FILES.items():
        (home / name).write_bytes(image)
    _stand_in(home / "bin" / "sudo", SUDO)
    port = unused_port()
    known = {
        "mqtt": mosquitto.url,
        "url": f"http://127.0.0.1:{port}",
        "password": "",
        "token": "",
        "data": str(home / "data"),
        "home": str(home),
    }
    here = World(home, port, known)
    async with lamps(mosquitto.url, port) as fleet:
        if kind == "bare":
            yield here
            return
        server = Server(folder / "server", **NO_SOAK)
        server.options = (
            "--host",
            "127.0.0.1",
            "--port",
            str(server.port),
            "--data",
            "data",
            "--mqtt",
            mosquitto.url,
        )
        try:
            await server.up()
            settings = f'[mqtt]\nurl = "{mosquitto.url}"\n[storage]\ndata_dir = "{server.folder / "data"}"\n'
            (home / "homie-ota.toml").write_text(settings)
            await _known(server, here)
            await fleet.all_ready()
            yield here
        finally:
            await server.down()


async def _known(server: Server, here: World) -> None:
    made = (
        "token",
        "make",
        "documents",
        "--owner",
        "admin",
        "--rights",
        "read,upload,deploy,admin",
        "--data",
        "data",
    )
    done = await asyncio.to_thread(run, server.folder, *made)
    token = re.search(r"\S{30,}", done.stdout)
    password = re.search(r"user admin, password (\S+)", server.log)
    assert token, done.stdout + done.stderr
    assert password, server.log
    here.known |= {
        "url": server.url,
        "token": token[0],
        "password": password[1],
        "data": str(server.folder / "data"),
    }


def lamps(mqtt: str, port: int) -> VirtualFleet:
    """The devices of the examples."""
    broker = Broker.from_url(mqtt)
    options = FleetOptions(mqtt=mqtt, devices=1, timing=FAST, speed=20.0, readings_every=20.0, rate=200_000)
    return VirtualFleet(options, [_lamp(options, (broker.host, broker.port), n) for n in range(len(DEVICES))])


def _lamp(options: FleetOptions, broker: tuple[str, int], number: int) -> VirtualDevice:
    device_id, kind, generation = DEVICES[number]
    (made,) = make_fleet(replace(options, mix={generation: 1}, seed=number + 1), broker)
    sketch = read_sketch(sample_image(kind, "2.0.0", generation))
    identity = replace(made.identity, device_id=device_id, name=device_id.replace("-", " ").capitalize())
    return make_device(made.generation, replace(made._setup, identity=identity, sketch=sketch))


def _stand_in(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


# --- typing it


@dataclass
class Typed:
    """What came of the commands of one page: what each block said, and which one failed (None: none)."""

    said: list[str]
    failed: int | None


MARK = "=== block {} ==="


def type_in(here: World, blocks: list[Block]) -> Typed:
    """Type the blocks into one shell, one after the other, until one fails."""
    script = ["set -eu -o pipefail", f"cd {here.home}"]
    for number, block in enumerate(blocks):
        script.append(f"echo; echo '{MARK.format(number)}'")
        text = here.here(block.commands)
        if block.may_fail:
            text = f"{{ {text.strip()}\n}} || [ $? = 1 ]\n"
        script.append(_in_background(text) if block.stays else text)
    shell = subprocess.Popen(
        [shutil.which("bash") or "bash", "-c", "\n".join(script)],
        env=here.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        text=True, start_new_session=True,
    )  # fmt: skip
    try:
        said, _ = shell.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        _end(shell)
        said, _ = shell.communicate()
    _end(shell)
    parts = re.split(r"=== block \d+ ===\n", said)[1:]
    return Typed(parts, None if shell.returncode == 0 else max(len(parts) - 1, 0))


def _in_background(text: str) -> str:
    # Its output goes to a file: a pipe of ours would stay open for as long as it runs.
    return (
        f"{{ {text.strip()}\n}} > stays.log 2>&1 &\n"
        "for _ in $(seq 600); do grep -q '^devices fetch firmware' stays.log && break; sleep 0.1; done\n"
        "cat stays.log; grep -q '^devices fetch firmware' stays.log\n"
    )


def _end(shell: subprocess.Popen[str]) -> None:
    """End everything that the shell started, servers in the background too."""
    try:
        os.killpg(shell.pid, signal.SIGTERM)
    except ProcessLookupError:
        return
