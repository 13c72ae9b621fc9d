"""The pages of firmware: what they show of an image, of whom it fits and who needs it, and what they change."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

from homie_ota.esp.image import clean
from homie_ota.model import DeploymentState
from homie_ota.simulator.images import make_image
from homie_ota.store import audit
from homie_ota.store import firmware as firmwares
from homie_ota.store.tables import deployment
from homie_ota.store.tables import firmware as table
from homie_ota.web import firmware_fleet, firmware_views
from web.world import BROWSER, World, form_word

HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7*7 }}", "ä\u202e€😀"]


def page(world: World, path: str, **query: str) -> str:
    answer = world.client(headers=BROWSER).get(path, params=query or None)
    assert answer.status_code == 200
    return str(answer.text)


def send(world: World, path: str, **fields: str) -> Any:
    client = world.client(headers=BROWSER)
    return client.post(path, data={"word": form_word(client.get("/firmware")), **fields})


def test_an_image_is_shown_with_what_is_inside(world: World) -> None:
    firmware = world.firmware("lamp", "2.0.0", size=60_000)
    text = page(world, f"/firmware/{firmware.filename}")
    for said in (
        "ESP8266", "1 MB dio", "60,000 bytes", firmware.sha256, firmware.md5, "an application", "2 parts, 4 segments",
        "0x40201010", "boot loader", "checksum", "verified", "Homie name", "Homie version",
    ):  # fmt: skip
        assert said in text, said


def test_every_result_of_a_check_is_a_word(world: World) -> None:
    firmware = world.firmware()
    text = page(world, f"/firmware/{firmware.filename}")
    for result, word in (("verified", "verified"), ("absent", "none stored")):
        assert f'<td class="one check {result}">{word}</td>' in text


def test_whom_an_image_fits_is_said_and_why_not_the_others(world: World) -> None:
    firmware = world.firmware()
    world.device("hall"), world.device("attic"), world.device("wall", implementation="esp32")
    text = page(world, f"/firmware/{firmware.filename}")
    assert "Fits 2 of 3 devices" in text
    assert "Why not this one" in text
    assert '<a href="/device/homie~wall">wall</a>' in text
    assert "<dt>This is an ESP8266 image, but the device is an ESP32. Upload the ESP32 build.</dt>" in text


def test_devices_that_run_it_already_are_counted_apart(world: World) -> None:
    firmware = world.firmware()
    world.device("hall", md5=firmware.md5)
    world.device("attic"), world.device("wall", implementation="esp32")
    text = page(world, f"/firmware/{firmware.filename}")
    assert "Fits 1 of 3 devices, 1 runs it already" in text
    assert "Why not this one" in text
    assert "runs this very image" not in text


def test_devices_with_the_same_reason_are_named_together(world: World) -> None:
    firmware = world.firmware()
    for name in ("it", "a.c", "abc", "abc-d"):
        world.device(name, implementation="esp32")
    text = page(world, f"/firmware/{firmware.filename}")
    assert text.count("but the device is an ESP32") == 1
    assert "Why not these 4" in text


def test_of_many_devices_the_fleet_comes_behind_the_page_and_says_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    firmware = world.firmware()
    world.device("hall"), world.device("wall", implementation="esp32")
    whole = page(world, f"/firmware/{firmware.filename}")
    monkeypatch.setattr(firmware_fleet, "AT_ONCE", 1)
    text = page(world, f"/firmware/{firmware.filename}")
    address = f"/firmware/{firmware.filename}/fleet"
    assert f'hx-get="{address}"' in text
    assert f'<a href="{address}">' in text, "also without scripts"
    assert "Fits" not in text
    behind = page(world, address)
    section = re.compile(r'<section id="fleet">.*?</section>', re.DOTALL)
    found, expected = section.search(behind), section.search(whole)
    assert found
    assert expected
    without_word = [re.sub(r'value="[0-9a-f]{40}"', "", each[0]).split() for each in (found, expected)]
    assert without_word[0] == without_word[1]


def test_of_a_large_group_some_are_named_and_the_others_a_click_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(firmware_fleet, "NAMED", 2)
    monkeypatch.setattr(firmware_fleet, "A_PAGE", 3)
    firmware = world.firmware()
    for name in ("e", "d", "c", "b", "a"):
        world.device(name, implementation="esp32")
    text = page(world, f"/firmware/{firmware.filename}")
    assert "Why not these 5" in text
    assert (">a</a>" in text, ">b</a>" in text, ">c</a>" in text) == (True, True, False)
    (address,) = re.findall(r'href="([^"]+)">all 5</a>', text)
    first = page(world, address)
    assert re.findall(r'homie~(\w)">', first) == ["a", "b", "c"]
    (more,) = re.findall(r'href="([^"]+)" rel="next"', first)
    assert re.findall(r'homie~(\w)">', page(world, html.unescape(more))) == ["d", "e"]
    gone = world.client(headers=BROWSER).get(f"/firmware/{firmware.filename}/fleet?group=x")
    assert gone.status_code == 404


def test_who_runs_an_image_and_who_may_have_to_go_back_to_it_is_listed(world: World) -> None:
    old, new = world.firmware("lamp", "1.0.0"), world.firmware("lamp", "2.0.0")
    pk = world.device("hall", md5=new.md5)
    row = {"device_pk": pk, "sha256": new.sha256, "previous_sha256": old.sha256, "offered_at": 1.0}
    row |= {"state": DeploymentState.SUCCEEDED.value, "state_since": 1.0, "created_at": 1.0}
    world.write(lambda conn: conn.execute(deployment.insert().values(**row)))
    text = page(world, f"/firmware/{new.filename}")
    assert "In use by 1 device" in text
    assert "<dt>runs it</dt>" in text
    assert "may have to go back" not in text, "who runs it is named once"
    text = page(world, f"/firmware/{old.filename}")
    assert "In use by 0 devices" in text
    assert "<dt>may have to go back to it</dt>" in text
    assert "Not now: 1 device may have to go back to it." in text
    assert 'value="delete"' not in text
    refused = send(world, f"/firmware/{old.filename}", action="delete")
    assert refused.status_code == 409
    assert "hall may need it to go back" in refused.text
    assert "way back" in page(world, "/firmware")


def test_two_images_of_one_name_and_version_are_told_apart_by_their_hashes(world: World) -> None:
    first, second = world.firmware(), world.firmware(flash_size=4 << 20)
    listing = page(world, "/firmware")
    assert first.sha256[:12] in listing
    assert second.sha256[:12] in listing
    text = page(world, f"/firmware/{first.filename}")
    assert "Another image has this name and version" in text
    assert f"a={second.sha256}" in text


def test_where_an_image_is_chosen_builds_of_one_version_are_told_apart(world: World) -> None:
    world.device("hall", md5="0" * 32)
    first, second = world.firmware(version="3.0.0"), world.firmware(version="3.0.0", flash_size=4 << 20)
    other = world.firmware(version="3.1.0")
    for path in ("/act?device=homie~hall", "/rollouts/new?query=fw:lamp", "/device/hall"):
        rows = re.findall("<(?:option|tr).*lamp .*</(?:option|th)>", page(world, path))
        text = "\n".join(re.sub('(?:value|href)="[^"]*"', "", row) for row in rows)
        assert first.sha256[:8] in text, path
        assert second.sha256[:8] in text, path
        assert other.sha256[:8] not in text, path


def test_few_of_many_images_are_offered_to_compare_with_those_of_the_same_name_first(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(firmware_views, "SHOWN", 2)
    image, older = world.firmware("lamp", "2.0.0"), world.firmware("lamp", "1.0.0")
    for number in range(3):
        world.firmware("plug", f"{number}.0")
    text = page(world, f"/firmware/{image.filename}")
    offered = re.findall(r'<option value="([0-9a-f]{64})"', text)
    assert offered[0] == older.sha256
    assert len(offered) == 2
    assert image.sha256 not in offered


def test_notes_are_written_and_shown_as_text(world: World) -> None:
    firmware = world.firmware()
    texts = {"description": HOSTILE[0], "changelog": HOSTILE[1] + "\nsecond line", "requires": ">=1.5,<2"}
    assert send(world, f"/firmware/{firmware.filename}", action="describe", **texts).status_code == 303
    (stored,) = world.read(firmwares.find)
    assert (stored.changelog.splitlines()[1], stored.requires) == ("second line", ">=1.5,<2")
    text = page(world, f"/firmware/{firmware.filename}")
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    assert "&gt;=1.5,&lt;2" in text
    assert "requires &gt;=1.5,&lt;2, was nothing" in page(world, "/log/audit")


def test_a_requirement_that_names_no_versions_is_refused_with_examples(world: World) -> None:
    firmware = world.firmware()
    answer = send(world, f"/firmware/{firmware.filename}", action="describe", requires="<>")
    assert answer.status_code == 400
    assert "&gt;=1.5,&lt;2" in answer.text


@pytest.mark.parametrize("text", HOSTILE)
def test_what_images_and_people_say_is_shown_as_text(world: World, text: str) -> None:
    firmware = world.firmware()
    seen = {
        "parts": [{"what": text, "offset": 0, "length": 1, "entry": 1, "segments": [[1, 2, 3]]}],
        "checks": [{"what": text, "part": text, "result": "wrong", "detail": text}],
        "findings": [
            {"code": "x", "severity": severity, "text": text, "advice": text}
            for severity in ("note", "warning", "refusal", "impossible")
        ],
        "versions": [text],
        "magic": [["name", text]],
        "descriptor": {
            "project": text, "version": text, "compiled": text, "idf": text, "elf_sha256": text, "secure_version": 1,
        },
        "compiled": text,
        "warnings": [text],
    }  # fmt: skip
    row = {
        "inspection": seen,
        "override": text,
        "proven": text[:16],
        "brand": text,
        "description": clean(text),
    }
    world.write(lambda conn: conn.execute(table.update().values(**row)))
    world.images.left_alone = [(text, text)]
    other = world.firmware("plug", "1.0.0")
    for found in (
        page(world, "/firmware", uploaded=firmware.sha256),
        page(world, f"/firmware/{firmware.filename}"),
        page(world, "/firmware/compare", a=firmware.sha256, b=other.sha256),
        page(world, "/firmware/prune", keep="1"),
    ):
        assert "<script>alert" not in found
        assert "<img src=x" not in found
        assert "\u202e" not in found


def test_an_image_that_was_stored_against_a_refusal_says_so_wherever_it_is_shown(world: World) -> None:
    cut_off = make_image("lamp", "2.0.0")[:-16]
    form = {"override": "it runs on my desk"}
    stored = world.client().post("/upload", files={"upload": ("x.bin", cut_off)}, data=form)
    assert stored.status_code == 200
    world.device("hall")
    (firmware,) = world.read(firmwares.find)
    assert "overridden" in page(world, "/firmware")
    text = page(world, f"/firmware/{firmware.filename}")
    assert "because: it runs on my desk" in text
    assert "This image is cut off" in text
    update = page(world, "/update", device="hall", firmware=firmware.sha256)
    assert "This image is cut off" in update
    assert "because: it runs on my desk" in update
    assert "Update anyway: 2 warnings<" in update


def test_an_update_without_warnings_needs_no_word_of_them(world: World) -> None:
    firmware = world.firmware()
    world.device("hall")
    assert '<button class="go">Update</button>' in page(
        world, "/update", device="hall", firmware=firmware.sha256
    )


def test_an_image_that_an_older_version_took_in_says_that_it_was_not_looked_into(world: World) -> None:
    firmware = world.firmware()
    old = table.update().values(inspection={"warnings": ["odd"], "magic": True})
    world.write(lambda conn: conn.execute(old))
    text = page(world, f"/firmware/{firmware.filename}")
    assert "without looking inside" in text
    assert "odd" in text


# --- The list


def test_the_list_is_sorted_and_searched(world: World) -> None:
    for name, version in (("plug", "1.9"), ("lamp", "1.10"), ("lamp", "1.9")):
        world.firmware(name, version)

    def shown(**query: str) -> list[str]:
        parts = page(world, "/firmware", **query).split('href="/firmware/')[1:]
        return [part.partition('"')[0] for part in parts if ".bin" in part.partition('"')[0]]

    assert shown(sort="version")[-1] == "lamp-1.10.bin"
    assert shown(sort="-version")[0] == "lamp-1.10.bin"
    assert shown(q="plug") == ["plug-1.9.bin"]
    assert shown(q="nobody") == []
    answer = world.client(headers=BROWSER).get("/firmware", params={"sort": "colour"})
    assert answer.status_code == 400


def test_a_long_list_is_paged(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("homie_ota.web.firmware_pages.A_PAGE", 2)
    for version in ("1.0", "1.1", "1.2"):
        world.firmware("lamp", version)
    first = page(world, "/firmware", sort="version")
    assert "2 of 3" in first
    assert "from=2" in first
    assert "lamp-1.2.bin" in page(world, "/firmware", **{"sort": "version", "from": "2"})


def test_files_that_were_left_alone_are_listed_until_they_are_firmware(world: World) -> None:
    world.images.left_alone = [
        ("page-1.bin", "page-1.bin: this is an HTML page."),
        ("lamp-2.0.0.bin", "cut off"),
    ]
    text = page(world, "/firmware")
    assert "this is an HTML page." in text
    assert "cut off" in text
    world.firmware()
    assert "cut off" not in page(world, "/firmware")


# --- Comparing and pruning


def test_two_images_are_compared_with_the_differences_first(world: World) -> None:
    a, b = world.firmware("lamp", "1.0.0"), world.firmware("lamp", "2.0.0", size=60_000)
    text = page(world, "/firmware/compare", a="lamp@1.0.0", b=b.sha256[:12])
    differing, _, same = text.partition("<h2>Alike</h2>")
    assert "2.0.0" in differing
    assert "+19,040 bytes" in differing
    assert "esp8266" in same
    assert "esp8266" not in differing
    assert "one and the same" in page(world, "/firmware/compare", a=a.sha256, b=a.sha256)


@pytest.mark.parametrize(
    ("a", "b", "status"), [("", "", 404), ("lamp@9", "lamp@2.0.0", 404), ("lamp@2.0.0", "lamp@2.0.0", 409)]
)
def test_what_cannot_be_compared_is_said(world: World, a: str, b: str, status: int) -> None:
    world.firmware(), world.firmware(flash_size=4 << 20)
    answer = world.client(headers=BROWSER).get("/firmware/compare", params={"a": a, "b": b})
    assert answer.status_code == status


def test_old_images_are_shown_before_they_go(world: World) -> None:
    images = [world.firmware("lamp", version) for version in ("1.0", "1.1", "1.2")]
    world.device("hall", md5=images[0].md5)
    assert "uploaded last, whatever their numbers" in page(world, "/firmware/prune")
    text = page(world, "/firmware/prune", keep="1")
    assert "Delete 1 image, 40 KB" in text
    assert "lamp-1.1.bin" in text
    assert len(world.read(firmwares.find)) == 3
    done = send(world, "/firmware/prune", keep="1")
    assert done.status_code == 303
    assert "1 image was deleted." in page(world, done.headers["location"])
    assert {each.version for each in world.read(firmwares.find)} == {"1.0", "1.2"}
    assert [row["what"] for row in world.read(audit.recent)] == ["deleted firmware"]
    assert "Nothing would go" in page(world, "/firmware/prune", keep="1")


@pytest.mark.parametrize("keep", ["", "0", "x", "-1", "1000000"])
def test_to_keep_nothing_is_refused(world: World, keep: str) -> None:
    world.firmware()
    assert send(world, "/firmware/prune", keep=keep).status_code == 400
    assert len(world.read(firmwares.find)) == 1
