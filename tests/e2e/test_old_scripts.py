"""What people do with curl, as they did with the old server; and what becomes of it when the disk is full."""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from e2e.serving import Server, curl, first, fleet_of, retained, until
from homie_ota.simulator.fleet import sample_image
from homie_ota.simulator.images import make_image
from servers import Mosquitto


@pytest.fixture
def form(tmp_path: Path) -> Callable[[bytes], tuple[str, str]]:
    """What makes curl upload these bytes."""

    def form(image: bytes) -> tuple[str, str]:
        path = tmp_path / "lt.ino.d1_mini.bin"
        path.write_bytes(image)
        return "-F", f"upload=@{path}"

    return form


Form = Callable[[bytes], tuple[str, str]]


def stored(server: Server) -> list[str]:
    return sorted(path.name for path in (server.folder / "data" / "firmwares").glob("*"))


async def test_curl_uploads_updates_and_deletes_as_before(
    server: Server, mosquitto: Mosquitto, form: Form
) -> None:
    image = make_image("lt", "2.0.0")
    described = (*form(image), "-F", "description=for the hall")
    status, text = await asyncio.to_thread(curl, *described, f"{server.url}/upload")
    assert status == 200
    where = server.folder / "data" / "firmwares" / "lt-2.0.0.bin"
    assert text.startswith("Firmware from lt.ino.d1_mini.bin uploaded as ")
    assert text.strip().endswith("/lt-2.0.0.bin")
    assert where.read_bytes() == image
    assert where.with_suffix(".txt").read_text() == "for the hall"

    async with fleet_of(mosquitto.url, "v3") as fleet:
        device_id, _ = first(fleet)
        await server.sees(device_id)
        fields = ("-d", f"device={device_id}", "-d", "firmware=lt@2.0.0")
        status, text = await asyncio.to_thread(curl, *fields, f"{server.url}/update")
        assert status == 200
        assert text.startswith(f"OTA request for device {device_id} for update to lt@2.0.0 accepted")
        status, _ = await asyncio.to_thread(curl, "-X", "DELETE", f"{server.url}/firmware/lt-2.0.0.bin")
        assert status == 409  # it is on its way
        (made,) = await server.deployments(device_id)
        await server.succeed(made["id"])
        await server.sees(device_id, version="2.0.0")
        status, text = await asyncio.to_thread(curl, "-X", "DELETE", f"{server.url}/firmware/lt-2.0.0.bin")
        assert status == 409  # a device runs it
        assert "lt-2.0.0.bin" in text or device_id in text
    assert (await asyncio.to_thread(curl, "-X", "DELETE", f"{server.url}/firmware/lt-9.bin"))[0] == 404
    assert where.is_file()


NO_IMAGES = {
    "empty": b"",
    "HTML": b"<!doctype html><title>404</title>",
    "ELF": b"\x7fELF" + bytes(5000),
    "ZIP": b"PK\x03\x04" + bytes(5000),
    "gzip": b"\x1f\x8b\x08" + bytes(5000),
    "E9": b"\x12\x34" * 2500,
}
"""A word that the sentence has to have, and the file."""


async def test_what_is_no_image_is_400_and_one_sentence(server: Server, form: Form) -> None:
    for word, data in NO_IMAGES.items():
        status, text = await asyncio.to_thread(curl, *form(data), f"{server.url}/upload")
        assert status == 400, word
        assert word.lower() in text.lower()
        assert len(text.strip().splitlines()) == 1
    assert await server.get("/firmware?limit=5") == {"items": [], "total": 0, "next": None}


async def test_an_upload_that_is_cut_off_leaves_nothing(server: Server) -> None:
    image = make_image("lamp", "2.0.0", size=600_000)
    _, writer = await asyncio.open_connection(server.host, server.port)
    head = b'--x\r\nContent-Disposition: form-data; name="upload"; filename="a.bin"\r\n\r\n'
    lines = (
        "POST /upload HTTP/1.1", f"Host: {server.host}", "Content-Type: multipart/form-data; boundary=x",
        f"Content-Length: {len(image) + 200}", "", "",
    )  # fmt: skip
    writer.write("\r\n".join(lines).encode() + head + image[:400_000])
    await writer.drain()
    await until(lambda: bool(stored(server)), "something lies on the disk")
    writer.transport.abort()
    await until(lambda: stored(server) == [], "nothing lies on the disk")
    assert (await server.get("/firmware"))["total"] == 0
    # And also when it is the server that goes.
    _, writer = await asyncio.open_connection(server.host, server.port)
    writer.write("\r\n".join(lines).encode() + head + image[:400_000])
    await writer.drain()
    await until(lambda: bool(stored(server)), "something lies on the disk")
    await asyncio.to_thread(server.kill)
    writer.close()
    await server.up()
    assert (await server.get("/firmware"))["total"] == 0
    assert (await server.upload(image))["filename"] == "lamp-2.0.0.bin"


async def test_a_deleted_device_is_gone_from_the_broker_too_but_not_while_it_is_online(
    server: Server, mosquitto: Mosquitto
) -> None:
    async def is_clean() -> bool:
        return not await retained(mosquitto, "homie/#", "devices/#")

    for generation in ("v1", "v2", "v3", "v5"):
        async with fleet_of(mosquitto.url, generation) as fleet:
            device_id, _ = first(fleet)
            await server.sees(device_id)
            address = f"{server.url}/device/{device_id}"
            status, text = await asyncio.to_thread(curl, "-X", "DELETE", address)
            assert status == 409
            assert "online" in text
            await fleet.power_off(device_id)
            await server.sees(device_id, "lost")
            assert not await is_clean()
            status, text = await asyncio.to_thread(curl, "-X", "DELETE", address)
            assert status == 200, text
            assert (await server.ask("GET", f"/api/v1/devices/{device_id}")).status_code == 404
            await until(is_clean, f"the broker keeps nothing of a {generation} device", 10)
            fleet.power_on(device_id)
            await server.sees(device_id)  # who comes back is welcome
            await fleet.power_off(device_id)
            await server.sees(device_id, "lost")
            assert (await asyncio.to_thread(curl, "-X", "DELETE", address))[0] == 200


# --- A full disk -----------------------------------------------------------------------------------------------------


async def test_a_file_that_does_not_fit_is_507_and_the_server_goes_on(
    make_server: Callable[..., Server], mosquitto: Mosquitto, form: Form
) -> None:
    server = make_server("--mqtt", mosquitto.url)
    # Larger than the database may become here, smaller than the upload.
    server.before = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (5 << 20, 5 << 20))
    await server.up()
    await server.upload(make_image("lt", "2.0.0"))
    large = form(make_image("lt", "3.0.0", size=6 << 20))
    status, text = await asyncio.to_thread(curl, *large, f"{server.url}/upload")
    assert status == 507
    assert "disk is full" in text
    assert stored(server) == ["lt-2.0.0.bin"]
    assert (await server.get("/firmware"))["total"] == 1
    assert (await server.upload(make_image("lt", "4.0.0")))["version"] == "4.0.0"


def fill(path: Path) -> None:
    """Write until there is no room for another block."""
    with path.open("wb", buffering=0) as full, suppress(OSError):
        while full.write(bytes(4096)):
            pass


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of four megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_on_a_full_disk_every_change_is_refused_and_nothing_is_lost(
    make_server: Callable[..., Server], mosquitto: Mosquitto, small_disk: Path
) -> None:
    server = await make_server("--mqtt", mosquitto.url, "--data", str(small_disk)).up()
    async with fleet_of(mosquitto.url, "v3") as fleet:
        device_id, kind = first(fleet)
        await server.sees(device_id)
        image = sample_image(kind, "2.0.0", "v3")
        firmware = await server.upload(image)
        ballast = small_disk / "ballast"
        fill(ballast)
        answer = await server.ask(
            "POST", "/upload", files={"upload": ("x.bin", make_image("lt", "3", size=300_000))}
        )
        assert answer.status_code == 507, answer.text
        ordered = await server.try_order(device_id, firmware)
        assert ordered.status_code in (202, 507), (
            ordered.text
        )  # the log of the database may have had room left
        assert (await server.health())["status"] == "ok"
        assert (await server.get("/firmware"))["total"] == 1
        assert (await server.ask("GET", "/")).status_code == 200
        ballast.unlink()
        if ordered.status_code == 507:
            ordered = await server.try_order(device_id, firmware)
        await server.succeed(int(ordered.json()["id"]))
        assert fleet[device_id].images_received == 1
    await server.down()
