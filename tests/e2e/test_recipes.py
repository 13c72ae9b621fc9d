"""The recipes in examples/: PlatformIO's upload command and the step of a CI, as they are run, to virtual devices."""

from __future__ import annotations

import asyncio
import configparser
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from e2e.conftest import House
from e2e.serving import Server, first, fleet_of
from homie_ota.simulator.fleet import sample_image

EXAMPLES = Path(__file__).parents[2] / "examples"
PATIENCE = 100.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a program `homie-ota`, for the PATH."""
    programs = tmp_path / "bin"
    programs.mkdir()
    program = programs / "homie-ota"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m homie_ota "$@"\n')
    program.chmod(0o755)
    return tmp_path


async def shell(command: str, folder: Path, server: Server, **more: str) -> subprocess.CompletedProcess[str]:
    """What a shell makes of a command, with a server in its environment."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HOMIE_OTA_")}
    environment |= {"PATH": f"{folder / 'bin'}:{environment['PATH']}", "HOMIE_OTA_SERVER": server.url, **more}
    return await asyncio.to_thread(
        subprocess.run, ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True,
        check=False, timeout=PATIENCE,
    )  # fmt: skip


def upload_command(image: Path, port: str = "") -> str:
    """What PlatformIO runs for the target `upload`: the command of platformio.ini with its build variables."""
    ini = configparser.ConfigParser(interpolation=None)
    ini.read(EXAMPLES / "platformio" / "platformio.ini")
    settings = ini["env:hall"]
    assert settings["upload_protocol"] == "custom"
    command = settings["upload_command"]
    values = {
        "$PYTHONEXE": sys.executable,
        "$PROJECT_DIR": str(EXAMPLES / "platformio"),
        "$SOURCE": str(image),
        "$UPLOAD_PORT": port or settings["upload_port"],
    }
    for name, value in values.items():
        assert name in command
        command = command.replace(name, value)
    assert "$" not in command
    return command


@pytest.mark.timeout(180)
async def test_platformio_uploads_by_homie_ota_and_sees_the_device_run_it(house: House, folder: Path) -> None:
    async with fleet_of(house.mosquitto.url, "v3") as fleet:
        device_id, kind = first(fleet)
        await house.server.sees(device_id)
        image = folder / "firmware.bin"
        image.write_bytes(sample_image(kind, "7.0.1", "v3"))
        done = await shell(upload_command(image, device_id), folder, house.server)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"{kind} 7.0.1 is stored. Bringing it to {device_id}:" in done.stdout
        assert done.stdout.splitlines()[-1].endswith("succeeded")
        await house.server.sees(device_id, version="7.0.1")


async def test_platformio_is_told_when_it_fails(house: House, folder: Path) -> None:
    image = folder / "firmware.bin"
    image.write_bytes(b"no firmware")
    done = await shell(upload_command(image), folder, house.server)
    assert (done.returncode, done.stdout) == (4, "")
    assert "firmware.bin" in done.stderr
    image.write_bytes(sample_image("hall", "7.0.2", "v3"))
    done = await shell(upload_command(image, "nobody-has-this-id"), folder, house.server)
    assert done.returncode == 3
    assert "no device 'nobody-has-this-id'" in done.stderr


@pytest.mark.timeout(180)
async def test_a_ci_builds_uploads_and_updates_a_canary_before_a_rollout_is_prepared(
    house: House, folder: Path
) -> None:
    async with fleet_of(house.mosquitto.url, "v3", devices=2) as fleet:
        devices = [each.identity.device_id for each in fleet]
        canary, kind = first(fleet)
        for each in devices:
            await house.server.sees(each)
        await house.server.ask("PUT", f"/api/v1/devices/{canary}/tags/canary")
        builder = folder / "build.py"
        builder.write_text(
            "from pathlib import Path\nfrom homie_ota.simulator.fleet import sample_image\n"
            f"Path('firmware.bin').write_bytes(sample_image({kind!r}, '8.0.1', 'v3'))\n"
        )
        asked = {
            "BUILD": f"{shlex.quote(sys.executable)} build.py",
            "IMAGE": "firmware.bin",
            "CANARY": f"tag:canary id:{canary}",
            "FLEET": f"id:{','.join(devices)} -tag:canary",
        }
        script = shlex.quote(str(EXAMPLES / "ci" / "canary.sh"))
        done = await shell(script, folder, house.server, **asked)
        assert done.returncode == 0, done.stdout + done.stderr
        await house.server.sees(canary, version="8.0.1")
        assert f"{kind} 8.0.1 stored" in done.stderr
        assert "is draft" in done.stdout.splitlines()[-1]
        # The build that fails, and the device that is not there, fail the step before anything is sent.
        assert (await shell(script, folder, house.server, **{**asked, "BUILD": "false"})).returncode != 0
        assert (await shell(script, folder, house.server, **{**asked, "CANARY": "id:nobody"})).returncode == 3


def test_the_workflow_runs_the_script_with_what_it_takes() -> None:
    workflow = (EXAMPLES / "ci" / "firmware.yml").read_text()
    script = (EXAMPLES / "ci" / "canary.sh").read_text()
    assert "run: ci/canary.sh" in workflow
    for name in ("BUILD", "IMAGE", "CANARY", "FLEET"):
        assert f"{name}: " in workflow
        assert f"${{{name}:-" in script
    for name in ("HOMIE_OTA_SERVER", "HOMIE_OTA_TOKEN"):
        assert f"{name}: ${{{{ " in workflow
