"""Gzip files are the image inside them: for the disk, the row and the devices; and none can fill the disk."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from homie_ota.errors import BadFirmware
from homie_ota.model import Firmware
from homie_ota.simulator.images import make_image
from homie_ota.store import adoption, firmware, intake
from homie_ota.store.database import Database
from homie_ota.store.images import ImageFiles

NOW = 1_700_000_000.0
LAMP = make_image("lamp", "1.0.0", "acme", size=600_000)
PACKED = gzip.compress(LAMP, mtime=0)


@pytest.fixture
def files(tmp_path: Path) -> ImageFiles:
    return ImageFiles(tmp_path / "firmwares")


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(data), 1460):
        yield data[at : at + 1460]


async def upload(database: Database, files: ImageFiles, data: bytes, **more: Any) -> Firmware:
    received = await files.receive(pieces(data), filename="lamp.bin.gz", max_size=4 << 20)
    return await intake.accept(database, files, received, now=NOW, by="jo", **more)


def listed(files: ImageFiles) -> list[str]:
    return sorted(path.name for path in files.directory.glob("*")) if files.directory.exists() else []


def lay(files: ImageFiles, filename: str, data: bytes) -> None:
    files.directory.mkdir(exist_ok=True)
    (files.directory / filename).write_bytes(data)


async def test_a_gzip_upload_is_stored_as_the_image_inside(database: Database, files: ImageFiles) -> None:
    stored = await upload(database, files, PACKED)
    assert (stored.name, stored.version, stored.size) == ("lamp", "1.0.0", len(LAMP))
    assert await files.body(stored) == LAMP
    assert listed(files) == ["lamp-1.0.0.bin"]
    seen = await database.read(lambda c: firmware.inspection(c, stored.sha256))
    assert [each.code for each in seen.findings] == ["was-gzip"]


async def test_packed_and_unpacked_are_the_same_firmware(database: Database, files: ImageFiles) -> None:
    assert await upload(database, files, PACKED) == await upload(database, files, LAMP)
    assert len(await database.read(firmware.find)) == 1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (gzip.compress(b"\x7fELF" + bytes(100), mtime=0), "this is an ELF file"),
        (gzip.compress(PACKED, mtime=0), "this is a gzip file, which Homie devices refuse"),
        (gzip.compress(b"", mtime=0), "this is an empty file"),
        (PACKED[: len(PACKED) // 2], "this gzip file is cut off"),
        (PACKED[:100_000] + bytes((PACKED[100_000] ^ 1,)) + PACKED[100_001:], "this gzip file is damaged"),
        (gzip.compress(bytes(64 << 20), mtime=0), "unpacks to more than"),
        (b"\x1f\x8b", "this gzip file is cut off"),
    ],
)
async def test_what_is_wrong_with_a_gzip_file_or_in_it_is_said_and_leaves_nothing(
    database: Database, files: ImageFiles, data: bytes, words: str
) -> None:
    with pytest.raises(BadFirmware, match=words) as refused:
        await upload(database, files, data, override="I know better")
    assert str(refused.value).startswith("lamp.bin.gz: ")
    assert listed(files) == []


async def test_a_gzip_bomb_never_takes_more_of_the_disk_than_an_upload_may(files: ImageFiles) -> None:
    received = await files.receive(
        pieces(gzip.compress(bytes(64 << 20), mtime=0)), filename="x.gz", max_size=1 << 20
    )
    assert received.path.stat().st_size <= 1 << 20
    await files.discard(received)


async def test_the_image_in_a_gzip_file_of_the_directory_gets_a_file_of_its_own(
    database: Database, files: ImageFiles
) -> None:
    lay(files, "lamp-1.0.0.bin", PACKED)
    lay(files, "lamp-1.0.0.txt", b"For the hall")
    found = await adoption.adopt_directory(database, files, NOW)
    (added,) = found.added
    assert found.vanished == []
    assert (added.name, added.version, added.description) == ("lamp", "1.0.0", "For the hall")
    assert added.filename == f"lamp-1.0.0~{added.sha256[:8]}.bin"
    assert await files.body(added) == LAMP
    assert (files.directory / "lamp-1.0.0.bin").read_bytes() == PACKED
    assert (files.directory / added.filename).with_suffix(".txt").read_text() == "For the hall"
    again = await adoption.adopt_directory(database, files, NOW)
    assert (again.added, again.skipped) == (
        [],
        [("lamp-1.0.0.bin", f"It is the same image as {added.filename}.")],
    )


async def test_a_gzip_file_of_the_directory_gives_a_lost_image_back(
    database: Database, files: ImageFiles
) -> None:
    stored = await upload(database, files, LAMP)
    (files.directory / stored.filename).unlink()
    lay(files, "backup.bin", PACKED)
    found = await adoption.adopt_directory(database, files, NOW)
    assert (found.added, found.vanished) == ([], [])
    assert await files.body(stored) == LAMP


async def test_a_broken_gzip_file_of_the_directory_is_left_alone(
    database: Database, files: ImageFiles
) -> None:
    lay(files, "lamp-1.0.0.bin", PACKED[:1000])
    found = await adoption.adopt_directory(database, files, NOW)
    assert found.added == []
    assert "this gzip file is cut off after 1,000 bytes" in dict(found.skipped)["lamp-1.0.0.bin"]
    assert listed(files) == ["lamp-1.0.0.bin"]
