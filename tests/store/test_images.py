"""Image files: whole or not there, never a path out of a name, and one object of bytes for all who ask."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import resource
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.errors import HomieOtaError, StorageFull, TooLarge
from homie_ota.model import Firmware
from homie_ota.simulator.images import make_image
from homie_ota.store import images as images_module
from homie_ota.store.images import FILE_NAME, ImageFiles, file_name, name_and_version
from homie_ota.store.receiving import BLOCK, Received

MAX = 16 << 20
LAMP = make_image("lamp", "1.0.0", size=600_000)


@pytest.fixture
def files(tmp_path: Path) -> ImageFiles:
    return ImageFiles(tmp_path / "firmwares")


async def pieces(data: bytes, size: int = 1460) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


async def received(files: ImageFiles, data: bytes, filename: str = "lamp.bin") -> Received:
    return await files.receive(pieces(data), filename=filename, max_size=MAX)


async def kept(files: ImageFiles, data: bytes, name: str = "lamp", version: str = "1.0.0") -> Firmware:
    got = await received(files, data)
    filename = await files.keep(got, name, version)
    return Firmware(got.sha256, got.md5, name, version, filename, got.size)


def listed(files: ImageFiles) -> list[str]:
    """Everything in the directory, hidden files too: litter counts."""
    return sorted(path.name for path in files.directory.glob("*")) if files.directory.exists() else []


# --- Coming in


async def test_an_upload_is_digested_and_inspected_as_it_passes(files: ImageFiles) -> None:
    got = await received(files, LAMP)
    assert (got.size, got.filename) == (len(LAMP), "lamp.bin")
    assert got.md5 == hashlib.md5(LAMP).hexdigest()
    assert got.sha256 == hashlib.sha256(LAMP).hexdigest()
    assert (got.inspection.name, got.inspection.version) == ("lamp", "1.0.0")
    assert got.path.read_bytes() == LAMP


async def test_a_received_file_is_listed_only_when_it_is_kept(files: ImageFiles) -> None:
    got = await received(files, LAMP)
    assert files.names() == []
    assert await files.keep(got, "lamp", "1.0.0") == "lamp-1.0.0.bin"
    assert listed(files) == files.names() == ["lamp-1.0.0.bin"]
    assert (files.directory / "lamp-1.0.0.bin").read_bytes() == LAMP


async def test_a_discarded_file_leaves_nothing(files: ImageFiles) -> None:
    await files.discard(await received(files, LAMP))
    assert listed(files) == []


async def test_another_image_of_the_same_name_and_version_gets_its_hash_in_the_file_name(
    files: ImageFiles,
) -> None:
    other = make_image("lamp", "1.0.0", seed=1)
    first, second = await kept(files, LAMP), await kept(files, other)
    assert first.filename == "lamp-1.0.0.bin"
    assert second.filename == f"lamp-1.0.0~{second.sha256[:8]}.bin"
    assert files.names() == [first.filename, second.filename]


async def test_the_same_image_again_is_one_file(files: ImageFiles) -> None:
    first, second = await kept(files, LAMP), await kept(files, LAMP)
    assert first == second
    assert listed(files) == ["lamp-1.0.0.bin"]


async def test_a_name_that_a_row_has_is_not_used_even_when_its_file_is_gone(files: ImageFiles) -> None:
    got = await received(files, LAMP)
    assert (
        await files.keep(got, "lamp", "1.0.0", taken={"lamp-1.0.0.bin"}) == f"lamp-1.0.0~{got.sha256[:8]}.bin"
    )


HOSTILE = [
    "../../x",
    "..",
    ".",
    "/etc/passwd",
    "a/b\\c",
    "<script>",
    "-rf",
    "lamp\n",
    "",
    "x" * 400,
    "Küche",
    ".upload-1",
]


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_name_from_an_image_is_never_a_path(files: ImageFiles, name: str) -> None:
    firmware = await kept(files, LAMP, name, "1.0.0")
    assert FILE_NAME.fullmatch(firmware.filename)
    assert listed(files) == [firmware.filename]


@given(st.text(), st.text())
def test_every_file_name_that_we_make_matches_the_safe_pattern(name: str, version: str) -> None:
    for suffix in ("", "0123abcd", "f" * 64):
        made = file_name(name, version, suffix)
        assert FILE_NAME.fullmatch(made)
        assert len(made) <= 255
        assert not made.startswith(".")


async def test_what_a_file_is_is_found_and_not_judged_here(files: ImageFiles) -> None:
    got = await received(files, b"\x7fELF" + bytes(1000), "lamp.elf")
    assert got.inspection.kind == "elf"
    assert (await received(files, b"", "empty.bin")).inspection.kind == "empty"


async def test_too_much_is_refused_before_it_is_read(files: ImageFiles) -> None:
    given_out = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal given_out
        while True:
            given_out += 65_536
            yield b"\xe9" * 65_536

    with pytest.raises(TooLarge, match=r"lamp\.bin: more than 1 MiB"):
        await files.receive(endless(), filename="lamp.bin", max_size=1 << 20)
    assert given_out <= (1 << 20) + 65_536
    assert listed(files) == []


async def test_exactly_the_most_that_is_allowed_is_taken(files: ImageFiles) -> None:
    got = await files.receive(pieces(LAMP), filename="lamp.bin", max_size=len(LAMP))
    assert got.size == len(LAMP)


async def test_an_upload_that_breaks_off_leaves_nothing(files: ImageFiles) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield LAMP[: 2 * BLOCK]
        assert len(listed(files)) == 1  # it is on its way to the disk
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await files.receive(broken(), filename="lamp.bin", max_size=MAX)
    assert listed(files) == []


async def test_a_cancelled_upload_leaves_nothing(files: ImageFiles) -> None:
    stuck = asyncio.Event()

    async def stalled() -> AsyncIterator[bytes]:
        yield LAMP[: 2 * BLOCK]
        stuck.set()
        await asyncio.Event().wait()

    upload = asyncio.ensure_future(files.receive(stalled(), filename="lamp.bin", max_size=MAX))
    await stuck.wait()
    assert len(listed(files)) == 1
    upload.cancel()
    with pytest.raises(asyncio.CancelledError):
        await upload
    assert listed(files) == []


async def test_an_upload_cancelled_while_a_thread_writes_leaves_nothing(
    files: ImageFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing, go_on = threading.Event(), threading.Event()
    from homie_ota.store import receiving

    genuine = receiving._Part.write

    def slow(part: Any, block: bytes) -> None:
        writing.set()
        go_on.wait(10)
        genuine(part, block)

    monkeypatch.setattr(receiving._Part, "write", slow)
    with ThreadPoolExecutor() as threads:
        asyncio.get_running_loop().set_default_executor(threads)
        upload = asyncio.ensure_future(received(files, LAMP))
        await asyncio.to_thread(writing.wait, 10)
        upload.cancel()
        with pytest.raises(asyncio.CancelledError):
            await upload
        go_on.set()
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())  # those threads have ended
    assert listed(files) == []


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file may become larger than 100 KB."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("small_disk")
async def test_a_full_disk_is_said_and_leaves_what_was_there(files: ImageFiles) -> None:
    small = make_image("small", "1", size=50_000)
    await kept(files, small, "small", "1")
    with pytest.raises(StorageFull, match=r"disk is full: storing lamp\.bin failed. Nothing was changed"):
        await received(files, LAMP)
    assert listed(files) == ["small-1.bin"]
    assert (files.directory / "small-1.bin").read_bytes() == small


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
async def test_a_disk_that_is_full_at_the_last_moment_leaves_nothing(
    files: ImageFiles, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def full(_handle: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFull):
        await received(files, LAMP)
    assert listed(files) == []


async def test_a_directory_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "firmwares").write_text("a file is in the way")
    with pytest.raises(HomieOtaError, match=r"Storing lamp\.bin failed: "):
        await received(ImageFiles(tmp_path / "firmwares"), LAMP)


async def test_what_a_crash_left_behind_is_removed_but_not_what_may_still_run(files: ImageFiles) -> None:
    got = await received(files, LAMP)
    os.utime(got.path, (1000, 1000))
    young = await received(files, LAMP)
    assert files.tidy(now=young.path.stat().st_mtime + 60) == 1
    assert listed(files) == [young.path.name]


# --- Descriptions


async def test_a_description_lies_beside_the_image_under_its_name(files: ImageFiles) -> None:
    firmware = await kept(files, LAMP)
    await files.describe(firmware.filename, "For the hall,\nwith dimmer – größer")
    assert (files.directory / "lamp-1.0.0.txt").read_text("utf-8") == "For the hall,\nwith dimmer – größer"
    assert files.look(firmware.filename).description == "For the hall,\nwith dimmer – größer"
    await files.describe(firmware.filename, "")
    assert listed(files) == ["lamp-1.0.0.bin"]


async def test_a_full_disk_keeps_the_old_description(
    files: ImageFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    firmware = await kept(files, LAMP)
    await files.describe(firmware.filename, "old")

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFull):
        await files.describe(firmware.filename, "new")
    assert (files.directory / "lamp-1.0.0.txt").read_text() == "old"
    assert len(listed(files)) == 2


# --- Going out


async def test_all_who_ask_get_the_same_bytes_object(files: ImageFiles) -> None:
    firmware = await kept(files, LAMP)
    first = await files.body(firmware)
    assert first == LAMP
    assert await files.body(firmware) is first


async def test_a_thousand_at_once_read_the_file_once(
    files: ImageFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    firmware = await kept(files, LAMP)
    reads = _counted_reads(monkeypatch)
    bodies = await asyncio.gather(*(files.body(firmware) for _ in range(1000)))
    assert all(body is bodies[0] for body in bodies)
    assert reads == ["lamp-1.0.0.bin"]


async def test_one_who_goes_away_does_not_take_the_bytes_from_the_others(files: ImageFiles) -> None:
    firmware = await kept(files, LAMP)
    first, second = (asyncio.ensure_future(files.body(firmware)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == LAMP
    assert first.cancelled()


def _counted_reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    reads: list[str] = []
    genuine = images_module._read_and_digest

    def counting(path: Path) -> tuple[bytes, str]:
        reads.append(path.name)
        return genuine(path)

    monkeypatch.setattr(images_module, "_read_and_digest", counting)
    return reads


async def test_the_cache_is_bounded_and_drops_what_was_not_asked_for_longest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = ImageFiles(tmp_path, cache_bytes=130_000)
    a, b, c = [await kept(files, make_image(n, "1", size=60_000), n, "1") for n in "abc"]
    reads = _counted_reads(monkeypatch)
    for firmware in (a, b, a, c, a, b):
        await files.body(firmware)
    assert reads == ["a-1.bin", "b-1.bin", "c-1.bin", "b-1.bin"]


async def test_an_image_larger_than_the_cache_is_given_all_the_same(tmp_path: Path) -> None:
    files = ImageFiles(tmp_path, cache_bytes=1000)
    firmware = await kept(files, LAMP)
    assert await files.body(firmware) == LAMP
    assert await files.body(firmware) == LAMP


async def test_a_file_that_was_changed_on_the_disk_goes_to_nobody(files: ImageFiles) -> None:
    firmware = await kept(files, LAMP)
    path = files.directory / firmware.filename
    path.write_bytes(LAMP[:-1] + b"\0")
    for _ in range(2):
        with pytest.raises(HomieOtaError, match=r"lamp-1\.0\.0\.bin was changed on the disk"):
            await files.body(firmware)
    path.write_bytes(LAMP)
    assert await files.body(firmware) == LAMP


async def test_a_file_that_is_gone_is_said(files: ImageFiles) -> None:
    firmware = await kept(files, LAMP)
    (files.directory / firmware.filename).unlink()
    with pytest.raises(HomieOtaError, match=r"lamp-1\.0\.0\.bin cannot be read"):
        await files.body(firmware)


@pytest.mark.parametrize("filename", ["../secret.bin", "/etc/passwd", "a/b.bin", "", "x\0.bin"])
async def test_a_row_with_a_path_for_a_name_leads_nowhere(files: ImageFiles, filename: str) -> None:
    files.directory.mkdir()
    (files.directory.parent / "secret.bin").write_bytes(b"secret")
    with pytest.raises(HomieOtaError, match="is no name of a file"):
        await files.body(Firmware("0" * 64, "0" * 32, "x", "1", filename, 6))
    with pytest.raises(HomieOtaError, match="is no name of a file"):
        await files.delete(Firmware("0" * 64, "0" * 32, "x", "1", filename, 6))
    assert (files.directory.parent / "secret.bin").exists()


async def test_deleting_takes_image_and_description_and_is_no_error_twice(files: ImageFiles) -> None:
    firmware = await kept(files, LAMP)
    await files.describe(firmware.filename, "text")
    await files.body(firmware)
    await files.delete(firmware)
    await files.delete(firmware)
    assert listed(files) == []
    with pytest.raises(HomieOtaError, match="cannot be read"):
        await files.body(firmware)


# --- File names of an old homie-ota

NAMES = [
    ("lamp-1.0.0.bin", ("lamp", "1.0.0")),
    ("sknSensors-IRService.d1_mini-0.2.0.bin", ("sknSensors-IRService.d1_mini", "0.2.0")),
    ("lamp-2.0.0-beta.1.bin", ("lamp", "2.0.0-beta.1")),
    ("esp-01-relay-1.0.bin", ("esp-01-relay", "1.0")),
    ("esp-01-relay-5.bin", ("esp-01-relay", "5")),
    ("lamp-v2.bin", ("lamp", "v2")),
    ("lamp-v2.1.bin", ("lamp", "v2.1")),
    ("lamp-2024-01-31.bin", ("lamp", "2024-01-31")),
    ("Monitor-DHT-RCWL-Metrics-200.bin", ("Monitor-DHT-RCWL-Metrics", "200")),
    ("lamp-master.bin", ("lamp", "master")),
    ("lamp.bin", ("lamp", "")),
    ("lamp-1.0.0~0123abcd.bin", ("lamp", "1.0.0")),
    ("-1.0.0.bin", ("-1.0.0", "")),
]


@pytest.mark.parametrize(("filename", "expected"), NAMES)
def test_name_and_version_are_read_from_file_names_however_odd(
    filename: str, expected: tuple[str, str]
) -> None:
    assert name_and_version(filename) == expected


_word = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.]{0,10}", fullmatch=True)


@given(_word, st.from_regex(r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}", fullmatch=True))
def test_what_the_old_server_wrote_is_read_back(name: str, version: str) -> None:
    assert name_and_version(file_name(name, version)) == (name, version)
