"""The directory of an old homie-ota taken over as it is."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from homie_ota.simulator.images import make_image
from homie_ota.store import firmware
from homie_ota.store.adoption import Adoption, adopt_directory
from homie_ota.store.database import Database
from homie_ota.store.images import ImageFiles
from homie_ota.store.tables import firmware as table
from store.stock import NOW, listed, upload


def lay(files: ImageFiles, filename: str, data: bytes) -> None:
    files.directory.mkdir(exist_ok=True)
    (files.directory / filename).write_bytes(data)


async def test_the_directory_of_an_old_homie_ota_is_taken_over_as_it_is(
    database: Database, files: ImageFiles
) -> None:
    lay(files, "lamp-1.0.0.bin", make_image("lamp", "1.0.0"))
    lay(files, "lamp-1.0.0.txt", b"For the hall\n")
    lay(files, "old-relay-v7.bin", make_image("x", "x", homie=False))
    lay(files, "esp-01-2016.12.24-rc1.bin", make_image("y", "y", homie=False, seed=1))
    lay(files, "inventory.json", b"{}")
    os.utime(files.directory / "lamp-1.0.0.bin", (1_500_000_000, 1_500_000_000))
    before = {path.name: path.read_bytes() for path in files.directory.iterdir()}
    found = await adopt_directory(database, files, NOW)
    assert {path.name: path.read_bytes() for path in files.directory.iterdir()} == before
    assert (found.skipped, found.vanished) == ([], [])
    rows = {each.filename: each for each in await database.read(firmware.find)}
    assert {name: (each.name, each.version) for name, each in rows.items()} == {
        "lamp-1.0.0.bin": ("lamp", "1.0.0"),
        "old-relay-v7.bin": ("old-relay", "v7"),
        "esp-01-2016.12.24-rc1.bin": ("esp-01", "2016.12.24-rc1"),
    }
    lamp = rows["lamp-1.0.0.bin"]
    assert (lamp.description, lamp.uploaded_at, lamp.warnings) == ("For the hall", 1_500_000_000.0, ())
    assert rows["old-relay-v7.bin"].warnings == (
        "The image does not tell its name and version: taken from the file name.",
    )
    assert await files.body(lamp) == before["lamp-1.0.0.bin"]


async def test_a_second_look_at_the_directory_changes_nothing(database: Database, files: ImageFiles) -> None:
    lay(files, "lamp-1.0.0.bin", make_image("lamp", "1.0.0"))
    await adopt_directory(database, files, NOW)
    rows = await database.read(firmware.find)
    assert await adopt_directory(database, files, NOW + 1) == Adoption()
    assert await database.read(firmware.find) == rows


async def test_files_that_are_no_firmware_are_skipped_with_the_reason(
    database: Database, files: ImageFiles
) -> None:
    lay(files, "page-1.0.0.bin", b"<html>404")
    lay(files, "empty-1.0.0.bin", b"")
    lay(files, "lamp-1.0.0.bin", make_image("lamp", "1.0.0"))
    lay(files, "copy-of-lamp.bin", make_image("lamp", "1.0.0"))
    (files.directory / "folder-1.0.0.bin").mkdir()
    (files.directory / "broken-link.bin").symlink_to("nowhere")
    os.mkfifo(files.directory / "pipe.bin")
    found = await adopt_directory(database, files, NOW)
    reasons = dict(found.skipped)
    assert [each.filename for each in found.added] == ["copy-of-lamp.bin"]
    assert "HTML page" in reasons["page-1.0.0.bin"]
    assert "empty file" in reasons["empty-1.0.0.bin"]
    assert reasons["lamp-1.0.0.bin"] == "It is the same image as copy-of-lamp.bin."
    assert all(
        "this is no file" in reasons[name] for name in ("folder-1.0.0.bin", "broken-link.bin", "pipe.bin")
    )


async def test_a_file_name_that_contradicts_its_image_is_warned_of(
    database: Database, files: ImageFiles
) -> None:
    lay(files, "lamp-1.0.1.bin", make_image("lamp", "1.0.0"))
    (added,) = (await adopt_directory(database, files, NOW)).added
    assert (added.name, added.version, added.filename) == ("lamp", "1.0.0", "lamp-1.0.1.bin")
    assert added.warnings == ("The file name says lamp 1.0.1, the image says lamp 1.0.0.",)


async def test_a_file_that_vanished_is_noticed_and_its_row_stays(
    database: Database, files: ImageFiles
) -> None:
    stored = await upload(database, files, make_image("lamp", "1.0.0"))
    (files.directory / stored.filename).unlink()
    assert (await adopt_directory(database, files, NOW)).vanished == [stored]
    assert await database.read(firmware.find) == [stored]


async def test_a_renamed_file_is_recognised_by_its_content(database: Database, files: ImageFiles) -> None:
    stored = await upload(database, files, make_image("lamp", "1.0.0"))
    (files.directory / stored.filename).rename(files.directory / "renamed.bin")
    assert await adopt_directory(database, files, NOW) == Adoption()
    (row,) = await database.read(firmware.find)
    assert (row.sha256, row.filename) == (stored.sha256, "renamed.bin")


async def test_files_of_a_lost_database_get_their_rows_back(database: Database, files: ImageFiles) -> None:
    first = await upload(database, files, make_image("lamp", "1.0.0"))
    second = await upload(database, files, make_image("lamp", "1.0.0", seed=1), description="second")
    await database.write(lambda c: [firmware.delete(c, each.sha256) for each in (first, second)])
    added = (await adopt_directory(database, files, NOW)).added
    assert {(each.name, each.version, each.filename, each.description) for each in added} == {
        ("lamp", "1.0.0", first.filename, ""),
        ("lamp", "1.0.0", second.filename, "second"),
    }
    assert all(each.warnings == () for each in added)


async def test_a_half_upload_is_never_adopted(database: Database, files: ImageFiles) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield make_image("lamp", "1.0.0", size=600_000)[:400_000]
        assert await adopt_directory(database, files, NOW) == Adoption()
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await files.receive(broken(), filename="lamp.bin", max_size=16 << 20)
    assert listed(files) == []


async def test_an_old_directory_that_does_not_exist_is_an_empty_one(
    database: Database, tmp_path: Path
) -> None:
    assert await adopt_directory(database, ImageFiles(tmp_path / "nowhere"), NOW) == Adoption()


async def test_real_images_are_taken_over(database: Database, files: ImageFiles, shared: Path) -> None:
    files.directory.mkdir()
    for path in (shared / "firmware").glob("*/*.bin"):
        (files.directory / path.name).symlink_to(path)
    found = await adopt_directory(database, files, NOW)
    said = {each.filename: (each.name, each.version) for each in found.added}
    assert said["skoona-sknSensors-IRService.d1_mini-0.2.0.bin"] == ("sknSensors-IRService.d1_mini", "0.2.0")
    assert said["derlucas-sonoff-relay-1.0.1-generic.bin"] == ("sonoff-relay", "1.0.1")
    assert said["derlucas-sonoff-relay-1.0.1-nodemcu.bin"] == ("sonoff-relay", "1.0.1")
    assert "heidelbridge-partitions.bin" in dict(found.skipped)
    assert "empty file" in dict(found.skipped)["zerolength.bin"]


async def test_what_was_left_alone_is_kept_in_mind(database: Database, files: ImageFiles) -> None:
    lay(files, "page-1.0.0.bin", b"<html>404")
    found = await adopt_directory(database, files, NOW)
    assert files.left_alone == found.skipped
    (files.directory / "page-1.0.0.bin").unlink()
    await adopt_directory(database, files, NOW)
    assert files.left_alone == []


async def test_a_damaged_image_is_left_alone_with_the_way_to_take_it(
    database: Database, files: ImageFiles
) -> None:
    lay(files, "lamp-1.0.0.bin", make_image("lamp", "1.0.0")[:-16])
    ((name, why),) = (await adopt_directory(database, files, NOW)).skipped
    assert name == "lamp-1.0.0.bin"
    assert "cut off" in why
    assert "override" in why
    data = (files.directory / name).read_bytes()
    stored = await upload(database, files, data, override="it runs on my desk")
    assert (stored.filename, listed(files)) == (name, [name])
    assert await adopt_directory(database, files, NOW) == Adoption()


async def test_images_that_an_older_version_took_in_are_inspected_again(
    database: Database, files: ImageFiles
) -> None:
    stored = await upload(database, files, make_image("lamp", "1.0.0"))
    gone = await upload(database, files, make_image("plug", "1.0.0"))
    (files.directory / gone.filename).unlink()
    old = table.update().values(inspection={"warnings": [], "magic": True}, chip="")
    await database.write(lambda c: c.execute(old))
    await adopt_directory(database, files, NOW)
    assert await database.read(lambda c: firmware.get(c, stored.sha256)) == stored
    assert (await database.read(lambda c: firmware.inspection(c, stored.sha256))).parts
    assert await database.read(firmware.not_looked_into) == [gone.filename]
