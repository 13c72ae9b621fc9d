"""Uploads and pages of firmware in a real browser: dropped, chosen, refused, lifted; also with its JavaScript off."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from homie_ota.simulator.images import make_image
from homie_ota.store import firmware as firmwares
from homie_ota.web import firmware_fleet
from pages import axe
from pages.conftest import MakeSite
from pages.site import PHONE, Site, live
from signed import Signer, signed

GOOD = make_image("lamp", "2.0.0")
CUT_OFF = GOOD[:-16]
NAMELESS = make_image("x", "1", homie=False)
WEB_PAGE = b"<!DOCTYPE html><html><script>alert(1)</script>"


def without_meant(complaints: list[str]) -> None:
    """A browser tells of every refusal."""
    complaints[:] = [each for each in complaints if "status of 4" not in each]


async def drop(page: Page, *files: tuple[str, bytes]) -> None:
    """Drag files over the page and let them go, as a person does."""
    told = [[name, base64.b64encode(data).decode()] for name, data in files]
    transfer = await page.evaluate_handle(
        """(files) => {
            const transfer = new DataTransfer();
            for (const [name, text] of files) {
                const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
                transfer.items.add(new File([bytes], name));
            }
            return transfer;
        }""",
        told,
    )
    await page.dispatch_event("body", "dragenter", {"dataTransfer": transfer})
    await expect(page.locator("html.dropping")).to_have_count(1)
    await expect(page.locator(".hint")).to_be_in_viewport()
    await page.dispatch_event("body", "drop", {"dataTransfer": transfer})
    await expect(page.locator("html.dropping")).to_have_count(0)


def stored(site: Site) -> list[str]:
    return sorted(each.filename for each in site.world.read(firmwares.find))


async def test_files_are_dropped_and_each_is_answered_in_its_place(
    site: Site, tab: Page, complaints: list[str]
) -> None:
    await tab.goto(f"{site.url}/firmware")
    await live(tab)
    files = ("good.bin", GOOD), ("page<b>.bin", WEB_PAGE), ("cut.bin", CUT_OFF), ("again.bin", GOOD)
    await drop(tab, *files)
    answers = tab.locator("#uploads > li")
    await expect(answers).to_have_count(4)
    await expect(answers.nth(0)).to_contain_text("lamp 2.0.0 is stored as lamp-2.0.0.bin.")
    await expect(answers.nth(1)).to_contain_text("HTML")
    await expect(answers.nth(1)).to_contain_text("no reason lifts it")
    await expect(answers.nth(1).locator("b")).to_have_text("page<b>.bin")
    await expect(answers.nth(2)).to_contain_text("This image is cut off")
    await expect(answers.nth(3)).to_contain_text("stored already")
    await expect(tab.locator("#images tbody tr")).to_have_count(1)  # by itself: the list is live
    without_meant(complaints)
    assert await axe.complaints(tab) == []
    again = answers.nth(2).locator("form.again")
    await again.locator("[name=override]").fill("it runs on my desk")
    await again.locator("button").click()
    await expect(answers.nth(2)).to_contain_text("because: it runs on my desk")
    await expect(tab.locator("#upload-status")).to_contain_text("cut.bin: lamp 2.0.0 is stored")
    assert len(stored(site)) == 2


async def test_what_an_image_does_not_tell_is_asked_for_in_its_place(
    site: Site, tab: Page, complaints: list[str]
) -> None:
    await tab.goto(f"{site.url}/firmware")
    await drop(tab, ("plain.bin", NAMELESS))
    again = tab.locator("#uploads form.again")
    await again.locator("[name=name]").fill("plug")
    await again.locator("[name=version]").fill("3.1")
    await again.locator("button").click()
    await expect(tab.locator("#uploads .good")).to_contain_text("plug 3.1 is stored")
    without_meant(complaints)
    assert stored(site) == ["plug-3.1.bin"]


async def test_several_chosen_files_are_sent_one_after_the_other_with_what_was_typed(
    site: Site, tab: Page, tmp_path: Path
) -> None:
    for version in ("1.0", "1.1"):
        (tmp_path / f"{version}.bin").write_bytes(make_image("lamp", version))
    await tab.goto(f"{site.url}/firmware")
    await tab.set_input_files("#upload input[type=file]", [tmp_path / "1.0.bin", tmp_path / "1.1.bin"])
    await tab.fill("#upload [name=description]", "for the hall")
    await tab.click("#upload button")
    await expect(tab.locator("#uploads .good")).to_have_count(2)
    assert {each.description for each in site.world.read(firmwares.find)} == {"for the hall"}
    assert await tab.input_value("#upload [name=description]") == "", "the next ones are others"


async def test_a_key_leads_to_the_upload(site: Site, tab: Page) -> None:
    await tab.goto(f"{site.url}/firmware")
    await tab.keyboard.press("u")
    await expect(tab.locator("#upload input[type=file]")).to_be_focused()


async def test_what_is_too_large_is_not_even_sent(make_site: MakeSite, tab: Page) -> None:
    site = await make_site(ota={"max_upload": 50_000})
    await tab.goto(f"{site.url}/firmware")
    await drop(tab, ("large.bin", bytes(60_000)))
    await expect(tab.locator("#uploads .bad")).to_contain_text("larger than the most")


async def test_dropped_files_find_their_signatures_by_name_where_only_signed_ones_are_taken(
    make_site: MakeSite, tab: Page, complaints: list[str]
) -> None:
    site = await make_site(ota={"trusted_keys": [Signer(1).public]})
    await tab.goto(f"{site.url}/firmware")
    await expect(tab.locator("#upload input[type=file]")).to_have_count(2)
    await drop(
        tab,
        ("lamp.bin", GOOD),
        ("plug.bin", NAMELESS),
        ("lamp.bin.minisig", signed(GOOD, Signer(1)).encode()),
    )
    await expect(tab.locator("#uploads > li")).to_have_count(2)
    await expect(tab.locator("#uploads .good")).to_contain_text("lamp 2.0.0 is stored")
    await expect(tab.locator("#uploads .bad")).to_contain_text("takes signed images only")
    assert stored(site) == ["lamp-2.0.0.bin"]
    without_meant(complaints)


async def test_the_progress_of_a_transfer_is_seen(site: Site, tab: Page) -> None:
    await tab.goto(f"{site.url}/firmware")
    await tab.evaluate(
        "XMLHttpRequest.prototype.send = function () {"
        " this.upload.dispatchEvent(new ProgressEvent('progress', {loaded: 42, total: 100})); }"
    )
    await drop(tab, ("good.bin", GOOD), ("other.bin", GOOD))
    first, second = tab.locator("#uploads > li").nth(0), tab.locator("#uploads > li").nth(1)
    await expect(first).to_contain_text("42 %")
    assert await first.locator("progress").get_attribute("aria-label") == "good.bin"
    await expect(second).to_contain_text("waiting")


async def test_without_scripts_a_refused_image_is_stored_with_a_reason_and_sent(
    site: Site, bare_tab: Page, tmp_path: Path, complaints: list[str]
) -> None:
    page, path = bare_tab, tmp_path / "lamp.bin"
    path.write_bytes(CUT_OFF)
    site.world.device("hall")
    await page.goto(f"{site.url}/firmware")
    await page.set_input_files("#upload input[type=file]", path)
    await page.fill("#upload [name=description]", "for the hall")
    await page.click("#upload button")
    await page.wait_for_selector("text=This image is cut off")
    without_meant(complaints)
    assert await page.input_value("[name=description]") == "for the hall"
    await page.set_input_files("#upload input[type=file]", path)
    await page.click("#upload button")  # without a reason the browser itself does not send the form
    assert await page.evaluate("document.querySelector('#upload').checkValidity()") is False
    await page.fill("#upload [name=override]", "it runs on my desk")
    await page.click("#upload button")
    await page.wait_for_url("**/firmware?uploaded=*")
    assert "because: it runs on my desk" in await page.inner_text("main")
    (image,) = site.world.read(firmwares.find)
    await page.goto(f"{site.url}/update?device=hall&firmware={image.sha256}")
    assert "This image is cut off" in await page.inner_text("main")
    assert (image.override, image.description) == ("it runs on my desk", "for the hall")


@pytest.mark.parametrize("scripts", [True, False])
async def test_of_many_devices_the_fleet_comes_behind_the_page_of_an_image(
    site: Site, tab: Page, bare_tab: Page, monkeypatch: pytest.MonkeyPatch, scripts: bool
) -> None:
    monkeypatch.setattr(firmware_fleet, "AT_ONCE", 1)
    image = await asyncio.to_thread(site.world.firmware)
    site.world.device("hall"), site.world.device("wall", implementation="esp32")
    page = tab if scripts else bare_tab
    await page.goto(f"{site.url}/firmware/{image.filename}")
    if not scripts:
        await page.click("text=Whom it fits and why not the others, and who runs it")
    await expect(page.locator("#fleet")).to_contain_text("Fits 1 of 2 devices")
    assert page.url.endswith("fleet") is not scripts


async def test_the_page_of_an_image_follows_what_devices_run(site: Site, tab: Page) -> None:
    image = await asyncio.to_thread(site.world.firmware)
    pk = site.world.device("hall")
    await tab.goto(f"{site.url}/firmware/{image.filename}")
    await live(tab)
    await expect(tab.locator("#fleet")).to_contain_text("In use by 0 devices")
    made = await asyncio.to_thread(site.world.order, pk, image)
    site.world.bus.say("deployment", id=made.id, device_pk=pk)
    await expect(tab.locator("#fleet")).to_contain_text("is being updated to it")


async def test_a_person_prunes_compares_and_deletes_by_clicking(make_site: MakeSite, tab: Page) -> None:
    site = await make_site(http={"base_path": "/homie-ota"})
    images = [
        await asyncio.to_thread(site.world.firmware, "lamp", version) for version in ("1.0", "1.1", "1.2")
    ]
    await tab.goto(f"{site.url}/firmware/{images[2].filename}")
    await tab.click("form[action$=compare] button")
    assert "version" in await tab.inner_text("main")
    await tab.goto(f"{site.url}/firmware/prune?keep=2")
    await tab.click("button.bad")
    assert "1 image was deleted." in await tab.inner_text("main")
    await tab.goto(f"{site.url}/firmware/{images[1].filename}")
    await tab.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    await tab.click("button.bad")
    await tab.wait_for_url("**/firmware")
    assert site.world.read(firmwares.find) == [images[2]]


async def test_on_a_phone_the_form_and_what_came_of_it_fit(
    site: Site, visit: object, complaints: list[str]
) -> None:
    page: Page = await visit(viewport=PHONE)  # type: ignore[operator]
    await page.goto(f"{site.url}/firmware")
    await drop(page, ("a-very-long-name-of-a-file-that-somebody-built-on-a-friday.ino.d1_mini.bin", CUT_OFF))
    await expect(page.locator("#uploads form.again")).to_have_count(1)
    without_meant(complaints)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
