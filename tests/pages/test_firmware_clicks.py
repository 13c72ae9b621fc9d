"""Uploads and pages of firmware in a real browser, also with its JavaScript switched off."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Page

from homie_ota.simulator.images import make_image
from homie_ota.store import firmware as firmwares
from pages.conftest import MakeSite
from pages.site import Site


@pytest.mark.parametrize("scripts", [True, False])
async def test_a_refused_image_is_stored_with_a_reason_and_sent_with_one_click(
    site: Site, tab: Page, bare_tab: Page, tmp_path: Path, complaints: list[str], scripts: bool
) -> None:
    page = tab if scripts else bare_tab
    path = tmp_path / "lamp.bin"
    path.write_bytes(make_image("lamp", "2.0.0")[:-16])
    site.world.device("hall")
    await page.goto(f"{site.url}/firmware")
    await page.set_input_files("#upload input[type=file]", path)
    await page.fill("#upload [name=description]", "for the hall")
    await page.click("#upload button")
    await page.wait_for_selector("text=This image is cut off")
    complaints[:] = [each for each in complaints if "400" not in each]  # the refusal itself
    assert await page.input_value("[name=description]") == "for the hall"
    await page.set_input_files("#upload input[type=file]", path)
    # Without a reason the browser itself does not send the form.
    await page.click("#upload button")
    assert await page.evaluate("document.querySelector('#upload').checkValidity()") is False
    await page.fill("#upload [name=override]", "it runs on my desk")
    await page.click("#upload button")
    await page.wait_for_url("**/firmware?uploaded=*")
    assert "because: it runs on my desk" in await page.inner_text("main")
    await page.goto(f"{site.url}/device/hall")
    await page.click("main form[action$='/update'] button")
    asked = await page.inner_text("main")
    assert "Update anyway: 2 warnings" in asked
    assert "This image is cut off" in asked
    await page.click("button.go")
    assert "queued" in await page.inner_text("main")
    (image,) = site.world.read(firmwares.find)
    assert (image.override, image.description) == ("it runs on my desk", "for the hall")
    assert site.world.deployment(1).sha256 == image.sha256


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
