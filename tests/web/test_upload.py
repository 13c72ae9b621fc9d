"""Uploads by curl, page and API: kept whole or not at all, and refused with a sentence."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable, Iterator

import pytest

from esp import builders
from homie_ota.simulator.images import make_image
from homie_ota.store import audit
from homie_ota.store import firmware as firmwares
from web.world import BROWSER, Server, World, form_word

IMAGE = make_image("lamp", "2.0.0", "brand")
CURL = {"user-agent": "curl/7.88.1", "accept": "*/*"}


def stored(world: World) -> list[str]:
    return [each.filename for each in world.read(firmwares.find)]


def on_disk(world: World) -> list[str]:
    folder = world.images.directory
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_curl_is_told_where_its_firmware_went(world: World) -> None:
    files = {"upload": ("lt.ino.d1_mini.bin", IMAGE)}
    answer = world.client(headers=CURL).post("/upload", files=files, data={"description": "the first"})
    assert answer.status_code == 200
    where = world.images.directory / "lamp-2.0.0.bin"
    assert answer.text == f"Firmware from lt.ino.d1_mini.bin uploaded as {where}\n"
    assert where.read_bytes() == IMAGE
    assert where.with_suffix(".txt").read_text() == "the first"
    assert world.read(firmwares.find)[0].description == "the first"
    assert [row["what"] for row in world.read(audit.recent)] == ["uploaded firmware"]


def test_the_same_image_again_changes_nothing_but_the_description(world: World) -> None:
    client = world.client(headers=CURL)
    for description in ("one", "two"):
        assert (
            client.post(
                "/upload", files={"upload": ("x.bin", IMAGE)}, data={"description": description}
            ).status_code
            == 200
        )
    assert stored(world) == ["lamp-2.0.0.bin"]
    assert world.read(firmwares.find)[0].description == "two"


ON_TOP = {"name": "plug", "version": "9", "override": "I know better"}


def test_what_was_sent_along_and_not_taken_is_said_to_everybody(world: World) -> None:
    client, files = world.client(headers=CURL), {"upload": ("x.bin", IMAGE)}
    assert "Mind" not in client.post("/upload", files=files).text
    again = client.post("/upload", files=files, data={**ON_TOP, "description": "new words"}).text
    for word in ("stored already", "name or version was not taken", "reason was not kept"):
        assert word in again
    (firmware,) = world.read(firmwares.find)
    assert (firmware.name, firmware.version, firmware.override) == ("lamp", "2.0.0", "")
    assert firmware.description == "new words"
    told = client.post("/api/v1/firmware", files=files, data=ON_TOP).json()
    assert len(told["remarks"]) == 3
    assert (
        client.post("/api/v1/firmware", files=files, data={"name": "lamp", "version": "2.0.0"}).json()[
            "remarks"
        ]
        == told["remarks"][:1]
    )
    browser = world.client(headers=BROWSER)
    form = {"word": form_word(browser.get("/firmware")), **ON_TOP}
    done = browser.post("/upload", data=form, files=files)
    assert done.status_code == 303
    page = browser.get(done.headers["location"]).text
    for word in ("stored already", "name or version was not taken", "reason was not kept"):
        assert word in page


def test_a_name_that_was_needed_is_taken_without_a_word(world: World) -> None:
    image = make_image("lamp", "2.0.0", homie=False)
    data = {"name": "plug", "version": "9"}
    told = (
        world.client(headers=CURL)
        .post("/api/v1/firmware", files={"upload": ("x.bin", image)}, data=data)
        .json()
    )
    assert (told["name"], told["version"], told["remarks"]) == ("plug", "9", [])


def test_a_page_that_stays_gets_a_piece_of_itself(world: World) -> None:
    client = world.client(headers=BROWSER)
    word = form_word(client.get("/firmware"))
    good = client.post("/upload?part=1", data={"word": word}, files={"upload": ("x.bin", IMAGE)})
    assert good.status_code == 200
    assert "is stored as lamp-2.0.0.bin" in good.text
    bad = client.post("/upload?part=1", data={"word": word}, files={"upload": ("<b>.bin", IMAGE[:-16])})
    assert bad.status_code == 400
    assert 'name="override"' in bad.text
    nameless = make_image("lamp", "3.0.0", homie=False)
    asked = client.post("/upload?part=1", data={"word": word}, files={"upload": ("y.bin", nameless)})
    assert 'name="version" required' in asked.text
    forged = client.post("/upload?part=1", data={"word": "x"}, files={"upload": ("x.bin", IMAGE)})
    assert forged.status_code == 403
    for answer in (good, bad, asked, forged):
        assert "<html" not in answer.text
        assert "<b>.bin" not in answer.text


def test_a_browser_is_led_to_the_list(world: World) -> None:
    client = world.client(headers=BROWSER)
    word = form_word(client.get("/firmware"))
    answer = client.post("/upload", data={"word": word}, files={"upload": ("x.bin", IMAGE)})
    assert answer.status_code == 303
    page = client.get(answer.headers["location"])
    assert "lamp 2.0.0 is stored as lamp-2.0.0.bin." in page.text


def test_the_api_answers_with_the_firmware(world: World) -> None:
    answer = world.client().post("/api/v1/firmware", files={"upload": ("x.bin", IMAGE)}, headers=CURL)
    assert answer.status_code == 201
    told = answer.json()
    assert (told["name"], told["version"], told["chip"], told["in_use_by"]) == ("lamp", "2.0.0", "esp8266", 0)
    assert answer.headers["location"] == f"/api/v1/firmware/{told['sha256']}"


def test_name_and_version_are_typed_in_where_the_image_does_not_tell_them(world: World) -> None:
    image = make_image("lamp", "2.0.0", homie=False)
    client = world.client(headers=CURL)
    refused = client.post("/upload", files={"upload": ("plain.bin", image)})
    assert refused.status_code == 400
    assert "name" in refused.text
    assert on_disk(world) == []
    typed = {"name": "../../x", "version": "1.0/<b>"}
    assert client.post("/upload", files={"upload": ("plain.bin", image)}, data=typed).status_code == 200
    (filename,) = stored(world)
    assert on_disk(world) == [filename]
    assert "/" not in filename


BAD = [
    ("empty.bin", b"", "empty"),
    ("x.bin.gz", gzip.compress(b"\x7fELF" + bytes(100), mtime=0), "ELF"),
    ("x.elf", b"\x7fELF" + bytes(100), "ELF"),
    ("x.zip", b"PK\x03\x04" + bytes(100), "zip"),
    ("x.html", b"<!DOCTYPE html><html>", "HTML"),
    ("x.bin", b"\x12\x34" * 500, "E9"),
    ("<script>\x07.bin", b"\x12\x34" * 500, "E9"),
]


@pytest.mark.parametrize(("name", "data", "word"), BAD)
def test_what_is_no_image_is_refused_with_one_sentence(
    world: World, name: str, data: bytes, word: str
) -> None:
    answer = world.client(headers=CURL).post("/upload", files={"upload": (name, data)})
    assert answer.status_code == 400
    assert word in answer.text
    assert answer.text.count("\n") == 1
    assert "\x07" not in answer.text
    assert on_disk(world) == []
    problem = world.client().post("/api/v1/firmware", files={"upload": (name, data)}, headers=CURL)
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json()["code"] == "bad-firmware"


def test_a_packed_image_is_stored_unpacked(world: World) -> None:
    client = world.client(headers=CURL)
    packed = {"upload": ("lamp.bin.gz", gzip.compress(IMAGE, mtime=0))}
    assert client.post("/upload", files=packed).status_code == 200
    assert (world.images.directory / "lamp-2.0.0.bin").read_bytes() == IMAGE


# --- Refused, unless somebody says why

CUT_OFF = IMAGE[:-16]


def test_curl_is_told_in_one_line_how_a_refusal_is_lifted(world: World) -> None:
    client = world.client(headers=CURL)
    refused = client.post("/upload", files={"upload": ("lamp.bin", CUT_OFF)})
    assert refused.status_code == 400
    assert refused.text.startswith("lamp.bin: this image is cut off")
    assert "-F override=" in refused.text
    assert refused.text.count("\n") == 1
    assert on_disk(world) == []
    why = {"override": "it runs on my desk"}
    assert client.post("/upload", files={"upload": ("lamp.bin", CUT_OFF)}, data=why).status_code == 200
    (image,) = world.read(firmwares.find)
    assert image.override == "it runs on my desk"
    (row,) = world.read(audit.recent)
    assert row["why"].endswith("although: it runs on my desk")


def test_the_reason_may_stand_before_or_behind_the_file(world: World) -> None:
    parts = [("upload", CUT_OFF), ("override", b"I know")]
    for order in (parts, parts[::-1]):
        body = b""
        for name, data in order:
            filename = '; filename="x.bin"' if name == "upload" else ""
            head = f'--b\r\nContent-Disposition: form-data; name="{name}"{filename}\r\n\r\n'
            body += head.encode() + data + b"\r\n"
        kind = {**CURL, "content-type": "multipart/form-data; boundary=b"}
        assert world.client().post("/upload", content=body + b"--b--\r\n", headers=kind).status_code == 200


def test_no_reason_takes_what_can_never_run(world: World) -> None:
    files = {"upload": ("x.elf", b"\x7fELF" + bytes(100))}
    answer = world.client(headers=CURL).post("/upload", files=files, data={"override": "I know better"})
    assert answer.status_code == 400
    assert "No reason (override) lifts that." in answer.text
    assert on_disk(world) == []


def test_a_program_is_told_what_was_found_and_whether_a_reason_helps(world: World) -> None:
    for data, code, overridable in ((CUT_OFF, "truncated", True), (b"\x7fELF" + bytes(100), "elf", False)):
        told = world.client().post("/api/v1/firmware", files={"upload": ("x.bin", data)}, headers=CURL).json()
        assert (told["code"], told["overridable"]) == ("bad-firmware", overridable)
        assert [each["code"] for each in told["findings"]] == [code]
        assert told["findings"][0]["advice"]


def refused_page(world: World, data: bytes, **typed: str) -> str:
    client = world.client(headers=BROWSER)
    form = {"word": form_word(client.get("/firmware")), **typed}
    answer = client.post("/upload", data=form, files={"upload": ("<b>lamp.bin", data)})
    assert answer.status_code == 400
    assert "<b>lamp" not in answer.text
    return str(answer.text)


def test_a_browser_gets_the_form_again_with_what_was_typed_and_a_place_for_the_reason(world: World) -> None:
    page = refused_page(world, CUT_OFF, description='for "the" <hall>', version="9")
    assert "This image is cut off" in page
    assert 'name="override"' in page
    assert 'value="for &#34;the&#34; &lt;hall&gt;"' in page
    assert 'name="version" maxlength="64" value="9"' in page
    client = world.client(headers=BROWSER)
    form = {"word": form_word(client.get("/firmware")), "override": "I know <b>"}
    stored = client.post("/upload", data=form, files={"upload": ("lamp.bin", CUT_OFF)})
    assert stored.status_code == 303
    assert "because: I know &lt;b&gt;" in client.get(stored.headers["location"]).text


def test_a_browser_finds_no_place_for_a_reason_where_none_helps(world: World) -> None:
    page = refused_page(world, b"\x7fELF" + bytes(100), description="x")
    assert "This is an ELF file" in page
    assert "Upload the .bin that the build makes" in page
    assert 'name="override"' not in page
    assert 'type="file"' in page


def test_a_browser_that_forgot_the_name_gets_the_form_with_that_part_open(world: World) -> None:
    page = refused_page(world, make_image("x", "1", homie=False), description="attic")
    assert "does not tell its name and version" in page
    assert "<details open>" in page
    assert 'value="attic"' in page


def test_a_reason_that_was_typed_stays_when_only_the_name_is_missing(world: World) -> None:
    page = refused_page(world, make_image("x", "1", homie=False)[:-16], override="seen on the bench")
    assert "does not tell its name and version" in page
    assert (
        'name="override" required minlength="3" maxlength="400" size="50" value="seen on the bench"' in page
    )


def test_curl_is_told_the_warnings_too(world: World) -> None:
    image = builders.arduino(extra=builders.magic() + b"\0mqtt://hall:sesame-open@broker\0")
    answer = world.client(headers=CURL).post("/upload", files={"upload": ("lamp.bin", image)})
    first, warning = answer.text.splitlines()
    assert first.startswith("Firmware from lamp.bin uploaded as ")
    assert warning.startswith("Mind: The image holds a password in an address: ")


def test_warnings_of_an_upload_are_shown_at_once(make_world: Callable[..., World]) -> None:
    world = make_world()
    world.images.secrets = [("the broker's password", b"correct horse battery")]
    client = world.client(headers=BROWSER)
    image = builders.arduino(extra=builders.magic() + b"\0correct horse battery\0")
    form = {"word": form_word(client.get("/firmware"))}
    stored = client.post("/upload", data=form, files={"upload": ("lamp.bin", image)})
    page = client.get(stored.headers["location"]).text
    assert "The image holds the broker&#39;s password." in page
    assert "correct horse" not in page


# --- Old images go after an upload


def test_after_an_upload_old_images_go_as_the_settings_say(make_world: Callable[..., World]) -> None:
    world = make_world(ota={"keep_newest": 2})
    client = world.client(headers=CURL)
    for at, version in enumerate(("1.0", "1.1", "1.2")):
        world.now = 1_700_000_000.0 + at
        files = {"upload": ("x.bin", make_image("lamp", version))}
        assert client.post("/upload", files=files).status_code == 200
    assert sorted(stored(world)) == on_disk(world) == ["lamp-1.1.bin", "lamp-1.2.bin"]
    assert "keep_newest" in {row["who"] for row in world.read(audit.recent)}


# --- Broken uploads


def test_a_form_without_a_file_or_no_form_at_all_is_refused(world: World) -> None:
    client = world.client(headers=CURL)
    for options in (
        {"data": {"description": "x"}},
        {"files": {"other": ("x.bin", IMAGE)}},
        {"content": IMAGE},
    ):
        answer = client.post("/upload", **options)
        assert answer.status_code == 400, options
        assert "upload=@" in answer.text


def test_too_much_is_refused_whatever_length_was_promised(make_world: Callable[..., World]) -> None:
    world = make_world(ota={"max_upload": 100_000})
    client = world.client(headers=CURL)
    large = IMAGE + bytes(600_000)
    declared = client.post("/upload", files={"upload": ("x.bin", large)})
    assert declared.status_code == 413
    boundary = "xyz"
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="upload"; filename="x.bin"\r\n\r\n'.encode()

    def chunks() -> Iterator[bytes]:
        yield head + IMAGE
        for _ in range(100):
            yield bytes(10_000)

    kind = {"content-type": f"multipart/form-data; boundary={boundary}"}
    assert client.post("/upload", content=chunks(), headers=kind).status_code == 413
    assert on_disk(world) == []


BROKEN = [
    b"",
    b"--b\r\n",
    b"--wrong\r\n\r\n--wrong--\r\n",
    b'--b\r\nContent-Disposition: form-data; name="upload"; filename="x.bin"\r\n\r\n\xe9',
    b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n",
    b"--b\r\n" + b"X-A: b\r\n" * 5000,
    b"\x00" * 10_000,
]


@pytest.mark.parametrize("body", BROKEN)
def test_a_broken_form_is_the_senders_fault_and_leaves_nothing(world: World, body: bytes) -> None:
    kind = {**CURL, "content-type": "multipart/form-data; boundary=b"}
    assert world.client().post("/upload", content=body, headers=kind).status_code == 400
    assert on_disk(world) == []
    assert stored(world) == []


def test_fields_before_and_after_the_file_count(world: World) -> None:
    parts = [("name", b"ignored"), ("upload", IMAGE), ("description", "späte Worte".encode())]
    body = b""
    for name, data in parts:
        filename = '; filename="x.bin"' if name == "upload" else ""
        body += (
            f'--b\r\nContent-Disposition: form-data; name="{name}"{filename}\r\n\r\n'.encode()
            + data
            + b"\r\n"
        )
    kind = {**CURL, "content-type": 'multipart/form-data; boundary="b"'}
    assert world.client().post("/upload", content=body + b"--b--\r\n", headers=kind).status_code == 200
    assert world.read(firmwares.find)[0].description == "späte Worte"


def post(length: int) -> str:
    lines = [
        "POST /upload HTTP/1.1",
        "Host: x",
        "Content-Type: multipart/form-data; boundary=b",
        f"Content-Length: {length}",
    ]
    return "\r\n".join([*lines, "", ""])


async def test_an_upload_that_is_cut_off_half_way_is_never_listed(world: World) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="upload"; filename="x.bin"\r\n\r\n' + IMAGE
    head = post(len(body) + 9)
    async with Server(world) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(head.encode() + body[:30_000])
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.transport.abort()
        async with asyncio.timeout(20):
            while world.app.state.shell.images.directory.is_dir() and on_disk(world):
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.1)
        assert stored(world) == []
        assert on_disk(world) == []
        good = await server.ask(head.replace("HTTP/1.1", "HTTP/1.0").encode() + body + b"\r\n--b--\r\n")
        assert good[0].split()[1] == b"200"
    assert stored(world) == ["lamp-2.0.0.bin"]


async def test_a_sender_that_stops_is_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("homie_ota.web.multipart.SILENCE", 0.3)
    head = post(100_000).encode()
    async with Server(world) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(
            head
            + b'--b\r\nContent-Disposition: form-data; name="upload"; filename="x.bin"\r\n\r\n'
            + IMAGE[:5000]
        )
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
        assert answer.split()[1] == b"408"
        writer.close()
    assert on_disk(world) == []
