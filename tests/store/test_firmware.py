"""Rows of firmware on both databases; uploads; the directory of an old homie-ota taken over as it is."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.errors import BadFirmware, Conflict, NotFound, StorageFull, WrongUse
from homie_ota.esp.image import Finding, Inspection, Severity
from homie_ota.model import DeploymentState, Firmware
from homie_ota.simulator.images import make_image
from homie_ota.store import firmware, intake
from homie_ota.store.database import Database
from homie_ota.store.images import ImageFiles
from homie_ota.store.tables import deployment, device, metadata, target

NOW = 1_700_000_000.0


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def conn(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    if request.param == "sqlite":
        engine = sa.create_engine(f"sqlite:///{tmp_path_factory.mktemp('firmware') / 'x.sqlite'}")
    else:
        engine = sa.create_engine(request.getfixturevalue("postgres_cluster").new_database())
    with engine.connect() as connection:
        metadata.create_all(connection)
        connection.commit()
        yield connection
    engine.dispose()


@pytest.fixture
def empty(conn: Connection) -> Iterator[Connection]:
    yield conn
    conn.rollback()


def image(name: str, version: str, filename: str = "", content: str = "", **more: Any) -> Firmware:
    digest = hashlib.sha256(f"{name} {version} {content}".encode()).hexdigest()
    return Firmware(digest, digest[:32], name, version, filename or f"{name}-{version}.bin", 1000, **more)


def put(conn: Connection, *images: Firmware) -> list[Firmware]:
    return [
        firmware.add(conn, each, Inspection(chip="esp8266"), NOW + at, "jo") for at, each in enumerate(images)
    ]


def names(found: list[Firmware]) -> list[str]:
    return [f"{each.name}@{each.version}" for each in found]


def put_device(conn: Connection, pk: int, md5: str = "") -> None:
    row = {"pk": pk, "base": "homie/", "device_id": f"d{pk}", "md5": md5, "first_seen": NOW, "last_seen": NOW}
    conn.execute(device.insert().values(**row))


def put_deployment(conn: Connection, pk: int, sha256: str, state: DeploymentState) -> None:
    row = {"device_pk": pk, "sha256": sha256, "state": state.value, "state_since": NOW, "created_at": NOW}
    conn.execute(deployment.insert().values(**row))


# --- Rows


def test_what_is_added_is_found_again_whole(empty: Connection) -> None:
    seen = Inspection(
        name="lamp",
        version="1.0",
        brand="acme",
        chip="esp32-c3",
        flash_size=4 << 20,
        flash_mode="dio",
        findings=(Finding("odd", Severity.WARNING, "w"),),
    )
    new = image("lamp", "1.0", description="hall", warnings=("v",))
    stored = firmware.add(empty, new, seen, NOW, "jo")
    assert firmware.get(empty, new.sha256) == stored
    assert firmware.by_filename(empty, "lamp-1.0.bin") == stored
    assert firmware.by_md5(empty, new.md5.upper()) == stored
    assert (stored.brand, stored.chip, stored.flash_size, stored.flash_mode) == (
        "acme",
        "esp32-c3",
        4 << 20,
        "dio",
    )
    assert (stored.description, stored.warnings) == ("hall", ("w", "v"))
    assert (stored.uploaded_at, stored.uploaded_by) == (NOW, "jo")


def test_the_same_content_again_returns_the_row_that_there_is(empty: Connection) -> None:
    (first,) = put(empty, image("lamp", "1.0"))
    again = firmware.add(empty, image("lamp", "1.0", "other-file.bin"), Inspection(), NOW + 9, "eve")
    assert again == first
    assert firmware.total(empty) == 1


@pytest.mark.parametrize("text", ["0" * 64, "", "../../x", "a\0b", "\ud800"])
def test_what_is_not_there_is_none_on_every_database(empty: Connection, text: str) -> None:
    put(empty, image("lamp", "1.0"))
    assert firmware.get(empty, text) is None
    assert firmware.by_filename(empty, text) is None
    assert firmware.by_md5(empty, text) is None
    assert firmware.named(empty, text, text) == []
    with pytest.raises((NotFound, Conflict)):
        firmware.resolve(empty, text)


def test_lists_are_sorted_by_version_as_versions_and_paged(empty: Connection) -> None:
    put(empty, *(image("lamp", version) for version in ("1.10", "2.0.0", "1.9", "2.0.0-beta.2")))
    rising = ["lamp@1.9", "lamp@1.10", "lamp@2.0.0-beta.2", "lamp@2.0.0"]
    assert names(firmware.find(empty, sort="version")) == rising
    assert names(firmware.find(empty, sort="-version")) == rising[::-1]
    assert names(firmware.find(empty, sort="version", limit=2, offset=1)) == rising[1:3]
    assert names(firmware.find(empty)) == [
        "lamp@2.0.0-beta.2",
        "lamp@1.9",
        "lamp@2.0.0",
        "lamp@1.10",
    ]  # newest first


@pytest.mark.parametrize("sort", firmware.SORTS)
def test_every_way_to_sort_works(empty: Connection, sort: str) -> None:
    put(empty, image("a", "1"), image("b", "2"))
    assert firmware.find(empty, sort=sort) == firmware.find(empty, sort="-" + sort)[::-1]


def test_an_unknown_way_to_sort_names_the_nearest(empty: Connection) -> None:
    with pytest.raises(WrongUse, match='The nearest known word is "version"'):
        firmware.find(empty, sort="-versoin")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lamp", {"hall-lamp@1.0", "Lamp@2.0"}),
        ("LAMP 2", {"Lamp@2.0"}),
        ("dimmer", {"plug@1.0"}),
        ("100%", {"plug@1.0"}),
        ("%", {"plug@1.0"}),
        ("_", set()),
        ("' OR 1=1 --", set()),
        ("", {"hall-lamp@1.0", "Lamp@2.0", "plug@1.0"}),
    ],
)
def test_a_text_is_searched_in_every_word_of_a_firmware(
    empty: Connection, text: str, expected: set[str]
) -> None:
    put(
        empty,
        image("hall-lamp", "1.0"),
        image("Lamp", "2.0"),
        image("plug", "1.0", description="Dimmer, 100%"),
    )
    assert set(names(firmware.find(empty, text=text))) == expected
    assert firmware.total(empty, text=text) == len(expected)


def test_one_name_and_version_may_be_several_images(empty: Connection) -> None:
    a, b, _ = put(
        empty, image("lamp", "1.0"), image("lamp", "1.0", "lamp-1.0~x.bin", "b"), image("lamp", "1.1")
    )
    assert firmware.named(empty, "lamp", "1.0") == [b, a]
    assert firmware.find(empty, name="lamp", version="1.1")[0].version == "1.1"
    with pytest.raises(Conflict) as caught:
        firmware.resolve(empty, "lamp@1.0")
    assert a.sha256[:12] in str(caught.value)
    assert b.sha256[:12] in str(caught.value)


def test_a_firmware_is_named_by_name_and_version_or_by_its_hash(empty: Connection) -> None:
    (lamp,) = put(empty, image("a@lamp", "1.0"))
    for text in ("a@lamp@1.0", f" {lamp.sha256} ", lamp.sha256[:8], lamp.sha256[:20].upper()):
        assert firmware.resolve(empty, text) == lamp


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lamp@9", "There is no firmware lamp@9. There is lamp in 1.10, 1.9."),
        ("plug@1", "There is no firmware plug@1."),
        ("0123456", "at least 8 digits"),
        ("lamp", "Name it as NAME@VERSION"),
        ("f" * 65, "Name it as NAME@VERSION"),
        ("00000000", "There is no firmware 00000000."),
    ],
)
def test_what_means_nothing_is_said_with_what_there_is(empty: Connection, text: str, words: str) -> None:
    put(empty, image("lamp", "1.9"), image("lamp", "1.10"))
    with pytest.raises(NotFound) as caught:
        firmware.resolve(empty, text)
    assert words in str(caught.value)


def test_a_device_that_runs_wants_and_gets_an_image_is_one_user_of_it(empty: Connection) -> None:
    lamp, plug = put(empty, image("lamp", "1.0"), image("plug", "1.0"))
    put_device(empty, 1, lamp.md5)
    put_device(empty, 2)
    put_device(empty, 3)
    empty.execute(target.insert().values(device_pk=1, sha256=lamp.sha256))
    empty.execute(target.insert().values(device_pk=2, sha256=lamp.sha256))
    put_deployment(empty, 1, lamp.sha256, DeploymentState.VERIFYING)
    put_deployment(empty, 3, lamp.sha256, DeploymentState.QUEUED)
    put_deployment(empty, 2, plug.sha256, DeploymentState.FAILED)
    assert firmware.in_use_counts(empty, [lamp.sha256, plug.sha256]) == {lamp.sha256: 3, plug.sha256: 0}
    assert firmware.in_use_by(empty, lamp.sha256) == 3
    assert firmware.in_use_counts(empty, []) == {}


@pytest.mark.parametrize("state", sorted(DeploymentState))
def test_an_image_is_deleted_only_when_nobody_is_being_given_it(
    empty: Connection, state: DeploymentState
) -> None:
    (lamp,) = put(empty, image("lamp", "1.0"))
    put_device(empty, 1)
    put_deployment(empty, 1, lamp.sha256, state)
    if state in (DeploymentState.SUCCEEDED, DeploymentState.FAILED, DeploymentState.CANCELLED):
        assert firmware.delete(empty, lamp.sha256) == lamp
        assert firmware.total(empty) == 0
    else:
        with pytest.raises(Conflict, match=r"lamp-1\.0\.bin is in use: 1 device"):
            firmware.delete(empty, lamp.sha256)
        assert firmware.total(empty) == 1


def test_an_image_that_a_device_runs_or_should_run_is_not_deleted(empty: Connection) -> None:
    runs, wanted = put(empty, image("lamp", "1.0"), image("lamp", "1.1"))
    put_device(empty, 1, runs.md5)
    empty.execute(target.insert().values(device_pk=1, sha256=wanted.sha256))
    for each in (runs, wanted):
        with pytest.raises(Conflict):
            firmware.delete(empty, each.sha256)
    with pytest.raises(NotFound):
        firmware.delete(empty, "0" * 64)


# --- Uploads become rows


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(str(tmp_path / "data" / "x.sqlite3"))
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def files(tmp_path: Path) -> ImageFiles:
    return ImageFiles(tmp_path / "firmwares")


async def upload(database: Database, files: ImageFiles, data: bytes, **more: Any) -> Firmware:
    async def chunks() -> AsyncIterator[bytes]:
        yield data

    received = await files.receive(chunks(), filename="up.bin", max_size=16 << 20)
    return await intake.accept(database, files, received, now=NOW, by="jo", **more)


def listed(files: ImageFiles) -> list[str]:
    return sorted(path.name for path in files.directory.glob("*"))


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


# --- The directory of an old homie-ota


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
    adoption = await intake.adopt_directory(database, files, NOW)
    assert {path.name: path.read_bytes() for path in files.directory.iterdir()} == before
    assert (adoption.skipped, adoption.vanished) == ([], [])
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
    await intake.adopt_directory(database, files, NOW)
    rows = await database.read(firmware.find)
    assert await intake.adopt_directory(database, files, NOW + 1) == intake.Adoption()
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
    adoption = await intake.adopt_directory(database, files, NOW)
    reasons = dict(adoption.skipped)
    assert [each.filename for each in adoption.added] == ["copy-of-lamp.bin"]
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
    (added,) = (await intake.adopt_directory(database, files, NOW)).added
    assert (added.name, added.version, added.filename) == ("lamp", "1.0.0", "lamp-1.0.1.bin")
    assert added.warnings == ("The file name says lamp 1.0.1, the image says lamp 1.0.0.",)


async def test_a_file_that_vanished_is_noticed_and_its_row_stays(
    database: Database, files: ImageFiles
) -> None:
    stored = await upload(database, files, make_image("lamp", "1.0.0"))
    (files.directory / stored.filename).unlink()
    assert (await intake.adopt_directory(database, files, NOW)).vanished == [stored]
    assert await database.read(firmware.find) == [stored]


async def test_a_renamed_file_is_recognised_by_its_content(database: Database, files: ImageFiles) -> None:
    stored = await upload(database, files, make_image("lamp", "1.0.0"))
    (files.directory / stored.filename).rename(files.directory / "renamed.bin")
    assert await intake.adopt_directory(database, files, NOW) == intake.Adoption()
    (row,) = await database.read(firmware.find)
    assert (row.sha256, row.filename) == (stored.sha256, "renamed.bin")


async def test_files_of_a_lost_database_get_their_rows_back(database: Database, files: ImageFiles) -> None:
    first = await upload(database, files, make_image("lamp", "1.0.0"))
    second = await upload(database, files, make_image("lamp", "1.0.0", seed=1), description="second")
    await database.write(lambda c: [firmware.delete(c, each.sha256) for each in (first, second)])
    added = (await intake.adopt_directory(database, files, NOW)).added
    assert {(each.name, each.version, each.filename, each.description) for each in added} == {
        ("lamp", "1.0.0", first.filename, ""),
        ("lamp", "1.0.0", second.filename, "second"),
    }
    assert all(each.warnings == () for each in added)


async def test_a_half_upload_is_never_adopted(database: Database, files: ImageFiles) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield make_image("lamp", "1.0.0", size=600_000)[:400_000]
        assert await intake.adopt_directory(database, files, NOW) == intake.Adoption()
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await files.receive(broken(), filename="lamp.bin", max_size=16 << 20)
    assert listed(files) == []


async def test_an_old_directory_that_does_not_exist_is_an_empty_one(
    database: Database, tmp_path: Path
) -> None:
    assert await intake.adopt_directory(database, ImageFiles(tmp_path / "nowhere"), NOW) == intake.Adoption()


async def test_real_images_are_taken_over(database: Database, files: ImageFiles, shared: Path) -> None:
    files.directory.mkdir()
    for path in (shared / "firmware").glob("*/*.bin"):
        (files.directory / path.name).symlink_to(path)
    adoption = await intake.adopt_directory(database, files, NOW)
    said = {each.filename: (each.name, each.version) for each in adoption.added}
    assert said["skoona-sknSensors-IRService.d1_mini-0.2.0.bin"] == ("sknSensors-IRService.d1_mini", "0.2.0")
    assert said["derlucas-sonoff-relay-1.0.1-generic.bin"] == ("sonoff-relay", "1.0.1")
    assert said["derlucas-sonoff-relay-1.0.1-nodemcu.bin"] == ("sonoff-relay", "1.0.1")
    assert "heidelbridge-partitions.bin" in dict(adoption.skipped)
    with pytest.raises(BadFirmware):
        files.look("zerolength.bin")
