"""Uploads become firmware: whole or not at all, named, judged, and written about."""

from __future__ import annotations

from typing import Any

import pytest

from esp import builders
from homie_ota.errors import BadFirmware, Conflict, NotFound, StorageFull, WrongUse
from homie_ota.simulator.images import make_image
from homie_ota.store import firmware, intake
from homie_ota.store.database import Database
from homie_ota.store.images import ImageFiles
from homie_ota.store.tables import device
from store.stock import listed, put_device, upload


async def test_an_upload_becomes_file_description_and_row(database: Database, files: ImageFiles) -> None:
    data = make_image("lamp", "1.0.0", "acme")
    stored = await upload(database, files, data, description="For the hall\r\nwith\x07 dimmer")
    assert listed(files) == ["lamp-1.0.0.bin", "lamp-1.0.0.txt"]
    assert (
        stored.description == (files.directory / "lamp-1.0.0.txt").read_text() == "For the hall\nwith dimmer"
    )
    assert (stored.name, stored.version, stored.brand, stored.chip) == ("lamp", "1.0.0", "acme", "esp8266")
    assert await database.read(firmware.find) == [stored]
    assert await files.body(stored) == data


async def test_what_the_image_says_wins_over_what_was_typed(database: Database, files: ImageFiles) -> None:
    stored = await upload(database, files, make_image("lamp", "1.0.0"), name="plug", version="9")
    assert (stored.name, stored.version) == ("lamp", "1.0.0")


async def test_an_image_without_magic_takes_the_typed_name_and_version(
    database: Database, files: ImageFiles
) -> None:
    data = make_image("x", "1", homie=False)
    with pytest.raises(WrongUse, match="does not tell its name and version"):
        await upload(database, files, data)
    with pytest.raises(WrongUse, match="does not tell its version"):
        await upload(database, files, data, name="lamp", version=" \n")
    assert listed(files) == []
    stored = await upload(database, files, data, name="../lamp", version="1.0")
    assert (stored.name, stored.version) == ("../lamp", "1.0")
    assert listed(files) == [stored.filename] == ["_lamp-1.0.bin"]


async def test_the_same_upload_again_changes_nothing_but_a_new_description(
    database: Database, files: ImageFiles
) -> None:
    data = make_image("lamp", "1.0.0")
    first = await upload(database, files, data, description="old")
    assert await upload(database, files, data) == first
    again = await upload(database, files, data, description="new", name="other")
    assert (again.sha256, again.filename, again.description) == (first.sha256, first.filename, "new")
    assert await database.read(firmware.find) == [again]
    assert (files.directory / "lamp-1.0.0.txt").read_text() == "new"
    assert listed(files) == ["lamp-1.0.0.bin", "lamp-1.0.0.txt"]


async def test_two_images_of_one_name_and_version_are_both_kept(
    database: Database, files: ImageFiles
) -> None:
    a = await upload(database, files, make_image("lamp", "1.0.0"))
    b = await upload(database, files, make_image("lamp", "1.0.0", flash_size=4 << 20))
    assert listed(files) == [a.filename, b.filename] == ["lamp-1.0.0.bin", f"lamp-1.0.0~{b.sha256[:8]}.bin"]
    assert len(await database.read(lambda c: firmware.named(c, "lamp", "1.0.0"))) == 2


@pytest.mark.parametrize("damage", ["gone", "changed"])
async def test_uploading_an_image_again_heals_its_file(
    database: Database, files: ImageFiles, damage: str
) -> None:
    data = make_image("lamp", "1.0.0")
    stored = await upload(database, files, data)
    path = files.directory / stored.filename
    path.unlink() if damage == "gone" else path.write_bytes(b"\xe9 rotten")
    assert await upload(database, files, data) == stored
    assert path.read_bytes() == data
    assert listed(files) == [stored.filename]


async def test_a_new_image_does_not_take_the_file_name_of_a_row_whose_file_is_gone(
    database: Database, files: ImageFiles
) -> None:
    first = await upload(database, files, make_image("lamp", "1.0.0"))
    (files.directory / first.filename).unlink()
    second = await upload(database, files, make_image("lamp", "1.0.0", seed=1))
    assert second.filename != first.filename


async def test_a_row_that_cannot_be_written_takes_its_file_along(
    database: Database, files: ImageFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await upload(database, files, make_image("plug", "1"))

    async def full(*_: Any, **__: Any) -> None:
        raise StorageFull("full")

    monkeypatch.setattr(database, "write", full)
    with pytest.raises(StorageFull):
        await upload(database, files, make_image("lamp", "1.0.0"), description="text")
    assert listed(files) == [before.filename]
    assert await database.read(firmware.find) == [before]


async def test_removing_takes_row_and_files_and_refuses_while_in_use(
    database: Database, files: ImageFiles
) -> None:
    stored = await upload(database, files, make_image("lamp", "1.0.0"), description="text")
    await database.write(lambda c: put_device(c, 1, stored.md5))
    with pytest.raises(Conflict):
        await intake.remove(database, files, stored.sha256)
    assert len(listed(files)) == 2
    await database.write(lambda c: c.execute(device.delete()))
    assert await intake.remove(database, files, stored.sha256) == stored
    assert listed(files) == []
    with pytest.raises(NotFound):
        await intake.remove(database, files, stored.sha256)


# --- What is taken and what is not


GOOD = make_image("lamp", "1.0.0")
CUT_OFF = GOOD[:-16]
ELF = b"\x7fELF" + bytes(1000)


async def test_a_damaged_image_is_refused_with_what_to_do_and_leaves_nothing(
    database: Database, files: ImageFiles
) -> None:
    with pytest.raises(BadFirmware) as caught:
        await upload(database, files, CUT_OFF, filename="lamp.bin")
    sentence = str(caught.value)
    assert sentence.startswith("lamp.bin: this image is cut off")
    assert "upload the whole file" in sentence
    assert "--override" in sentence
    assert caught.value.overridable
    assert [code for code, _, _ in caught.value.findings] == ["truncated"]
    assert listed(files) == []
    assert await database.read(firmware.find) == []


async def test_a_reason_takes_a_damaged_image_and_is_kept(database: Database, files: ImageFiles) -> None:
    stored = await upload(database, files, CUT_OFF, override=" it runs\non my desk\x07 ")
    assert stored.override == "it runson my desk"
    assert any("cut off" in each for each in stored.warnings)
    assert await database.read(firmware.find) == [stored]
    assert await files.body(stored) == CUT_OFF


@pytest.mark.parametrize("override", ["", "   ", "\x07"])
async def test_no_reason_is_no_reason(database: Database, files: ImageFiles, override: str) -> None:
    with pytest.raises(BadFirmware):
        await upload(database, files, CUT_OFF, override=override)


async def test_what_can_never_run_is_refused_whatever_is_said(database: Database, files: ImageFiles) -> None:
    with pytest.raises(BadFirmware, match=r"lamp\.elf: this is an ELF file") as caught:
        await upload(database, files, ELF, filename="lamp.elf")
    assert "override" not in str(caught.value)
    with pytest.raises(BadFirmware, match=r"No reason \(override\) lifts that\.") as caught:
        await upload(database, files, ELF, override="I know better")
    assert not caught.value.overridable
    assert listed(files) == []


async def test_a_reason_that_was_not_needed_is_not_kept(database: Database, files: ImageFiles) -> None:
    assert (await upload(database, files, GOOD, override="just in case")).override == ""


async def test_an_image_that_is_stored_needs_no_second_reason(database: Database, files: ImageFiles) -> None:
    first = await upload(database, files, CUT_OFF, override="it runs on my desk")
    assert await upload(database, files, CUT_OFF) == first


async def test_a_secret_that_this_server_was_given_is_warned_of_and_not_shown(
    database: Database, files: ImageFiles
) -> None:
    files.secrets = [("the broker's password", b"correct horse battery")]
    data = builders.arduino(extra=builders.magic() + b"\0correct horse battery\0")
    stored = await upload(database, files, data)
    (warning,) = stored.warnings
    assert "the broker's password" in warning
    assert "correct" not in warning


# --- What people write


async def test_description_changelog_and_requirement_are_changed_apart(
    database: Database, files: ImageFiles
) -> None:
    stored = await upload(database, files, GOOD, description="for the hall")
    changed = await intake.change(database, files, stored, changelog="one\r\ntwo\x07", requires=" >=0.9 ")
    assert (changed.description, changed.changelog, changed.requires) == ("for the hall", "one\ntwo", ">=0.9")
    assert (files.directory / "lamp-1.0.0.txt").read_text() == "for the hall"
    emptied = await intake.change(database, files, changed, description="", requires="")
    assert (emptied.description, emptied.changelog, emptied.requires) == ("", "one\ntwo", "")
    assert listed(files) == ["lamp-1.0.0.bin"]
    assert await database.read(firmware.find) == [emptied]


async def test_a_requirement_that_names_no_versions_changes_nothing(
    database: Database, files: ImageFiles
) -> None:
    stored = await upload(database, files, GOOD)
    with pytest.raises(WrongUse):
        await intake.change(database, files, stored, description="new", requires="<>")
    assert await database.read(firmware.find) == [stored]
    assert listed(files) == ["lamp-1.0.0.bin"]
