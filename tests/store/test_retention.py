"""Old images go, with their files and a row in the audit log; what somebody needs stays."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from homie_ota.errors import HomieOtaError
from homie_ota.model import DeploymentState, Firmware
from homie_ota.simulator.images import make_image
from homie_ota.store import audit, firmware, retention
from homie_ota.store.database import Connection, Database
from homie_ota.store.images import ImageFiles
from store.stock import NOW, listed, put_deployment, put_device, upload

LATER = NOW + 1000


async def stored(database: Database, files: ImageFiles, *versions: str, by: str = "jo") -> list[Firmware]:
    """Uploads of these versions, the first one the oldest."""
    return [
        await upload(database, files, make_image("lamp", version), now=NOW + at, by=by)
        for at, version in enumerate(versions)
    ]


async def left(database: Database) -> list[str]:
    return [each.version for each in await database.read(lambda c: firmware.find(c, sort="version"))]


async def why(database: Database) -> list[tuple[str, str, str]]:
    rows = await database.read(audit.recent)
    return [(row["who"], row["what"], row["why"]) for row in rows]


async def test_what_is_old_goes_with_its_files_and_is_written_down(
    database: Database, files: ImageFiles
) -> None:
    old, *_ = await stored(database, files, "1.0", "1.1", "1.2")
    await files.describe(old.filename, "the first")
    assert await retention.apply(database, files, 2, LATER) == [old]
    assert await left(database) == ["1.1", "1.2"]
    assert listed(files) == ["lamp-1.1.bin", "lamp-1.2.bin"]
    ((who, what, reason),) = await why(database)
    assert (who, what) == ("keep_newest", "deleted firmware")
    assert reason.startswith("lamp-1.0.bin, SHA-256 ")
    assert (await database.read(audit.verify)).fault is None
    assert await retention.apply(database, files, 2, LATER) == []


async def test_without_the_setting_all_stay(database: Database, files: ImageFiles) -> None:
    await stored(database, files, "1.0", "1.1", "1.2")
    assert await retention.apply(database, files, 0, LATER) == []
    assert await left(database) == ["1.0", "1.1", "1.2"]


async def test_what_a_device_runs_or_may_have_to_go_back_to_stays(
    database: Database, files: ImageFiles
) -> None:
    before, runs, *_ = await stored(database, files, "1.0", "1.1", "1.2", "1.3", "1.4")

    def write(conn: Connection) -> None:
        put_device(conn, 1, runs.md5)
        put_deployment(conn, 1, runs.sha256, DeploymentState.SUCCEEDED, previous_sha256=before.sha256)

    await database.write(write)
    await retention.apply(database, files, 1, LATER)
    assert await left(database) == ["1.0", "1.1", "1.4"]


async def test_what_a_device_began_to_need_meanwhile_stays(
    database: Database, files: ImageFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, *_ = await stored(database, files, "1.0", "1.1", "1.2")
    read = database.read

    async def read_and_then(work: Any) -> Any:
        found = await read(work)
        await database.write(lambda c: put_device(c, 1, old.md5))
        return found

    monkeypatch.setattr(database, "read", read_and_then)
    gone = await retention.prune(database, files, 1, LATER, by="jo")
    assert [each.version for each in gone] == ["1.1"]


async def test_an_image_that_was_just_uploaded_again_is_spared(database: Database, files: ImageFiles) -> None:
    old, *_ = await stored(database, files, "1.0", "1.1", "1.2")
    await retention.apply(database, files, 1, LATER, spare=[old.sha256])
    assert await left(database) == ["1.0", "1.2"]


async def test_files_that_were_found_in_the_directory_go_only_when_a_person_says_so(
    database: Database, files: ImageFiles
) -> None:
    await stored(database, files, "1.0", "1.1", "1.2", by="")
    assert await retention.apply(database, files, 1, LATER) == []
    gone = await retention.prune(database, files, 1, LATER, by="jo", where="10.0.0.9")
    assert [each.version for each in gone] == ["1.0", "1.1"]
    assert {who for who, _, _ in await why(database)} == {"jo"}


async def test_a_preview_deletes_nothing_and_says_what_would_go(
    database: Database, files: ImageFiles
) -> None:
    images = await stored(database, files, "1.0", "1.1", "1.2")
    for keep in (1, 2, 3):
        going = await database.read(partial(retention.preview, keep=keep))
        assert going == images[: 3 - keep]
    assert len(listed(files)) == 3


async def test_an_upload_of_an_image_that_is_just_being_deleted_is_kept_whole(
    database: Database, files: ImageFiles
) -> None:
    await stored(database, files, "1.0", "1.1")
    data = make_image("lamp", "1.0")
    _, again = await asyncio.gather(
        retention.apply(database, files, 1, LATER), upload(database, files, data, now=LATER)
    )
    found = await database.read(lambda c: firmware.get(c, again.sha256))
    assert (found is not None) == (again.filename in listed(files))
    if found:
        assert await files.body(found) == data


async def test_a_file_that_cannot_be_deleted_is_told_and_keeps_no_other_one(
    database: Database, files: ImageFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stored(database, files, "1.0", "1.1", "1.2")
    delete = files.delete

    async def resist(image: Firmware) -> None:
        if image.version == "1.0":
            raise HomieOtaError("deleting lamp-1.0.bin failed")
        await delete(image)

    monkeypatch.setattr(files, "delete", resist)
    with pytest.raises(HomieOtaError, match=r"lamp-1\.0\.bin"):
        await retention.apply(database, files, 1, LATER)
    assert await left(database) == ["1.2"]
    assert listed(files) == ["lamp-1.0.bin", "lamp-1.2.bin"]
